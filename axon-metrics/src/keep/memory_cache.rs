//! A shared cache in memory, for several dashboards of one process and for tests.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use quick_cache::{Weighter, sync::Cache};
use tokio::time::Instant;

use super::{
    bounded_cache::bounded_cache,
    dashboard_cache::{CacheEntry, CacheError, DashboardCache},
};

/// The default bound, in bytes of keys and values.
const DEFAULT_MAX_BYTES: u64 = 64 << 20;
/// The usual size of an entry. With the bound it gives the expected number of entries.
const USUAL_BYTES: u64 = 2 << 10;

/// A [`DashboardCache`] in memory, bounded in bytes; each entry expires after its time to live. It never fails. Clones
/// share their entries.
/// ```
/// # use axon_metrics::{Dashboard, MemoryCache};
/// let cache = MemoryCache::default();
/// let of = |tenant: &str| Dashboard::builder().tenant(tenant).shared_cache(cache.clone());
/// # (of("spring"), of("autumn"));
/// ```
#[derive(Debug, Clone)]
pub struct MemoryCache {
    entries: Arc<Cache<String, Entry, ByteWeight>>,
}

#[derive(Debug, Clone)]
struct Entry {
    value: Arc<[u8]>,
    /// `None` if it never expires.
    expires_at: Option<Instant>,
}

/// Weighs an entry in bytes.
#[derive(Debug, Clone, Copy)]
struct ByteWeight;

impl Weighter<String, Entry> for ByteWeight {
    fn weight(&self, key: &String, entry: &Entry) -> u64 {
        u64::try_from(key.len() + entry.value.len()).unwrap_or(u64::MAX)
    }
}

impl Default for MemoryCache {
    /// A cache of at most 64 MiB.
    fn default() -> Self {
        Self::new(DEFAULT_MAX_BYTES)
    }
}

impl MemoryCache {
    /// A cache whose keys and values take at most `max_bytes` together. Entries that exceed the bound are evicted. One that
    /// takes more than an eighth of `max_bytes` by itself may not be cached.
    pub fn new(max_bytes: u64) -> Self {
        let items = usize::try_from(max_bytes / USUAL_BYTES).unwrap_or(usize::MAX).max(1);
        Self { entries: Arc::new(bounded_cache(items, max_bytes, max_bytes / 8, ByteWeight)) }
    }
}

#[async_trait]
impl DashboardCache for MemoryCache {
    fn name(&self) -> &'static str {
        "memory"
    }

    async fn get(&self, keys: &[String], _: Duration) -> Result<Vec<Option<Vec<u8>>>, CacheError> {
        let now = Instant::now();
        let value = |key: &String| {
            let entry = self.entries.get(key)?;
            entry.expires_at.is_none_or(|expires_at| now < expires_at).then(|| entry.value.to_vec())
        };
        Ok(keys.iter().map(value).collect())
    }

    async fn put(&self, entries: &[CacheEntry], _: Duration) -> Result<(), CacheError> {
        for CacheEntry { key, value, ttl } in entries {
            let expires_at = Instant::now().checked_add(*ttl);
            self.entries.insert(key.clone(), Entry { value: value.as_slice().into(), expires_at });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: Duration = Duration::from_millis(50);

    fn entry(key: &str, value: &str, ttl: u64) -> CacheEntry {
        CacheEntry { key: key.to_owned(), value: value.into(), ttl: Duration::from_secs(ttl) }
    }
    async fn get(cache: &MemoryCache, keys: &[&str]) -> Vec<Option<String>> {
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        let values = cache.get(&keys, BUDGET).await.unwrap();
        values.into_iter().map(|value| value.map(|value| String::from_utf8(value).unwrap())).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn entries_expire_and_values_are_in_the_order_of_the_keys() {
        let cache = MemoryCache::default();
        cache.put(&[entry("a", "1", 1), entry("b", "2", 2)], BUDGET).await.unwrap();
        assert_eq!(get(&cache, &["b", "x", "a"]).await, [Some("2".into()), None, Some("1".into())]);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(get(&cache, &["a", "b"]).await, [None, Some("2".into())]);
        cache.put(&[entry("b", "3", 2)], BUDGET).await.unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(get(&cache.clone(), &["b"]).await, [Some("3".into())]);
    }

    #[tokio::test]
    async fn an_entry_of_an_eighth_of_the_bound_is_cached() {
        let cache = MemoryCache::default();
        let value = "x".repeat(usize::try_from(DEFAULT_MAX_BYTES / 8).unwrap() - 2);
        for key in ["k1", "k2", "k3", "k4"] {
            cache.put(&[entry(key, &value, 60)], BUDGET).await.unwrap();
            assert!(get(&cache, &[key]).await[0].is_some(), "{key}");
        }
    }

    #[tokio::test]
    async fn entries_are_bounded_in_bytes() {
        let cache = MemoryCache::new(100_000);
        for number in 0..1_000 {
            cache.put(&[entry(&number.to_string(), &"x".repeat(1_000), 60)], BUDGET).await.unwrap();
        }
        assert!(cache.entries.weight() <= 100_000 && cache.entries.weight() > 10_000, "{}", cache.entries.weight());
    }
}
