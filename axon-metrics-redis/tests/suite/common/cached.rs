//! Caches over the server of the tests, with a prefix of the test's own.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use axon_metrics::cache::{CacheEntry, CacheError, DashboardCache as _};
use axon_metrics_redis::{RedisCache, RedisCacheOptions};

use super::{BUDGET, Data};

/// As the dashboard's keys begin.
pub(crate) const KEY: &str = "dashboard:c123:funnel:20240101-open:5f0c";

impl Data {
    pub(crate) fn cache_options(&self) -> RedisCacheOptions {
        RedisCacheOptions::default().with_prefix(self.prefix.as_str())
    }

    pub(crate) fn cache(&self) -> RedisCache {
        RedisCache::with_options(self.client.clone(), self.cache_options())
    }

    /// A cache that reaches the server by another address.
    pub(crate) fn cache_at(&self, address: SocketAddr) -> RedisCache {
        RedisCache::with_options(self.client_at(address), self.cache_options())
    }
}

pub(crate) fn entry(key: &str, value: &[u8]) -> CacheEntry {
    CacheEntry { key: key.to_owned(), value: value.to_vec(), ttl: Duration::from_secs(300) }
}

pub(crate) fn keys(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|&key| key.to_owned()).collect()
}

/// Looks for one key as a dashboard does.
pub(crate) async fn look(cache: &RedisCache, key: &str) -> Result<Option<Vec<u8>>, CacheError> {
    let mut found = cache.get(&keys(&[key]), BUDGET).await?;
    assert_eq!(found.len(), 1);
    Ok(found.remove(0))
}

/// Looks as a viewer's page does until the value is found; says how long that took.
pub(crate) async fn found_again(cache: &RedisCache, key: &str, value: &[u8]) -> Duration {
    let started = Instant::now();
    loop {
        if let Ok(Some(found)) = look(cache, key).await {
            assert_eq!(found, value);
            return started.elapsed();
        }
        assert!(started.elapsed() < Duration::from_secs(10), "never heals");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Puts until it is taken.
pub(crate) async fn taken(cache: &RedisCache, entries: &[CacheEntry]) {
    let started = Instant::now();
    while cache.put(entries, BUDGET).await.is_err() {
        assert!(started.elapsed() < Duration::from_secs(10), "never taken");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
