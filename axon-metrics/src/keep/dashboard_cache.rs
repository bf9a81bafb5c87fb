//! The interface of a shared cache. Lives elsewhere: lifetimes (`lifetimes`), keys (`cache_key`), the form of an entry
//! (`shared_entry`), and how failures of a cache are contained (`shared_cache`).

use std::time::Duration;

use async_trait::async_trait;

use crate::source::BoxError;

/// A cache that several processes share, or several dashboards of one process. It holds bytes under readable keys, drops
/// entries after their time to live, and may drop any entry earlier. Entries are checked when they are read: one that is
/// incomplete, of another schema or of another key is a miss, and so is a call that fails or exceeds its budget. An
/// implementation writes and removes nothing outside its own key prefix.
#[async_trait]
pub trait DashboardCache: Send + Sync + 'static {
    /// The store's name, as in logs and metrics: `redis`.
    fn name(&self) -> &'static str;

    /// One value per key, in the order of the keys, in one round trip; `None` for a key without an entry.
    /// # Errors
    /// [`CacheError`] if the cache fails, or does not answer within the budget.
    async fn get(&self, keys: &[String], budget: Duration) -> Result<Vec<Option<Vec<u8>>>, CacheError>;

    /// Writes entries, each with its time to live, in one round trip. An existing entry of the same key is replaced.
    /// # Errors
    /// [`CacheError`] if the cache fails, or does not confirm within the budget. Some entries may be written then.
    async fn put(&self, entries: &[CacheEntry], budget: Duration) -> Result<(), CacheError>;
}

/// An entry of a [`DashboardCache`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheEntry {
    /// The cache key, without the cache's own prefix.
    pub key: String,
    /// The value.
    pub value: Vec<u8>,
    /// The time to live, at least 1 ms.
    pub ttl: Duration,
}

/// A call to a cache that failed. The answer is loaded from the sources instead.
#[derive(Debug, thiserror::Error)]
#[error("the cache {cache_name} did not answer")]
#[non_exhaustive]
pub struct CacheError {
    /// The cache's [`name`](DashboardCache::name).
    pub cache_name: &'static str,
    /// The cause.
    pub source: BoxError,
}

impl CacheError {
    /// A failed call to the cache of this [`name`](DashboardCache::name), with its cause.
    pub fn new(cache_name: &'static str, source: impl Into<BoxError>) -> Self {
        Self { cache_name, source: source.into() }
    }
}
