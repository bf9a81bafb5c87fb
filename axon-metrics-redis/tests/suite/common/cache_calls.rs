//! Caches over the server of the tests, with the test's own prefix.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use axon_metrics::cache::{CacheEntry, CacheError, DashboardCache as _};
use axon_metrics_redis::{RedisCache, RedisCacheOptions};

use super::{BUDGET, Data};

/// A key in the form of the dashboard's keys.
pub(crate) const KEY: &str = "dashboard:c123:funnel:20240101-open:5f0c";

impl Data {
    pub(crate) fn cache_options(&self) -> RedisCacheOptions {
        RedisCacheOptions::default().with_prefix(self.prefix.as_str())
    }

    pub(crate) fn cache(&self) -> RedisCache {
        RedisCache::with_options(self.client.clone(), self.cache_options())
    }

    /// A cache that connects to this address.
    pub(crate) fn cache_at(&self, address: SocketAddr) -> RedisCache {
        RedisCache::with_options(self.client_at(address), self.cache_options())
    }
}

pub(crate) fn entry(key: &str, value: &[u8]) -> CacheEntry {
    CacheEntry::new(key, value, Duration::from_secs(300))
}

pub(crate) fn keys(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|&key| key.to_owned()).collect()
}

/// Gets one key, within a dashboard's budget.
pub(crate) async fn get_one(cache: &RedisCache, key: &str) -> Result<Option<Vec<u8>>, CacheError> {
    let mut values = cache.get(&keys(&[key]), BUDGET).await?;
    assert_eq!(values.len(), 1);
    Ok(values.remove(0))
}

/// Gets the key every 50 ms until it is a hit. Checks the value. Returns the time it took.
pub(crate) async fn get_until_hit(cache: &RedisCache, key: &str, value: &[u8]) -> Duration {
    let started = Instant::now();
    loop {
        if let Ok(Some(hit)) = get_one(cache, key).await {
            assert_eq!(hit, value);
            return started.elapsed();
        }
        assert!(started.elapsed() < Duration::from_secs(10), "no hit within 10 s");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Puts the entries every 50 ms until it succeeds.
pub(crate) async fn put_until_ok(cache: &RedisCache, entries: &[CacheEntry]) {
    let started = Instant::now();
    while cache.put(entries, BUDGET).await.is_err() {
        assert!(started.elapsed() < Duration::from_secs(10), "no successful put within 10 s");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
