//! The interface of a shared cache. Lives elsewhere: lifetimes (`lifetimes`), keys (`cache_key`), the form of an entry
//! (`shared_entry`), and how failures of a cache are contained (`shared_cache`).

use std::time::Duration;

use async_trait::async_trait;

use crate::source::BoxError;

/// A cache that several processes share, or several dashboards of one. It holds text under readable keys, forgets what is
/// over, and may forget anything at any time. What it answers is never trusted: an entry that is not whole, not of this
/// schema or of another key is a miss, and a cache that fails or is slow is a miss, too. A dashboard writes and removes
/// nothing outside the cache's own prefix.
#[async_trait]
pub trait DashboardCache: Send + Sync + 'static {
    /// The store's name, as in logs and metrics: `redis`.
    fn name(&self) -> &'static str;

    /// What is kept under these keys, in their order, in one round trip; `None` for what is not there.
    /// # Errors
    /// [`CacheError`] if the cache does not answer within the budget.
    async fn get(&self, keys: &[String], budget: Duration) -> Result<Vec<Option<Vec<u8>>>, CacheError>;

    /// Keeps each entry for its time, in one round trip; an entry that is there is replaced.
    /// # Errors
    /// [`CacheError`] if the cache does not take them within the budget.
    async fn put(&self, entries: &[CacheEntry], budget: Duration) -> Result<(), CacheError>;
}

/// Something to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheEntry {
    /// Where it is found again.
    pub key: String,
    /// What is kept.
    pub value: Vec<u8>,
    /// For how long; at least a millisecond.
    pub ttl: Duration,
}

/// A cache that did not answer. Costs nothing but the hit.
#[derive(Debug, thiserror::Error)]
#[error("the cache {cache_name} did not answer")]
pub struct CacheError {
    /// The store's name.
    pub cache_name: &'static str,
    /// What happened.
    pub source: BoxError,
}
