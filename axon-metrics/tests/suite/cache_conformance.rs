//! The conformance suite of caches passes for the embedded cache, and for a minimal cache of a few lines.

#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::HashMap,
    sync::Mutex,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use axon_metrics::{
    cache::{CacheEntry, CacheError, DashboardCache, MemoryCache},
    testing::CacheStore,
};

/// A value, and when it expires; `None` if that is beyond the range of [`Instant`].
type MapEntry = (Vec<u8>, Option<Instant>);

#[derive(Debug, Default)]
struct Map(Mutex<HashMap<String, MapEntry>>);

#[async_trait]
impl DashboardCache for Map {
    fn name(&self) -> &'static str {
        "map"
    }

    async fn get(&self, keys: &[String], _budget: Duration) -> Result<Vec<Option<Vec<u8>>>, CacheError> {
        let (map, now) = (self.0.lock().unwrap(), Instant::now());
        let get = |key: &String| map.get(key).filter(|(_, expiry)| expiry.is_none_or(|expiry| now < expiry));
        Ok(keys.iter().map(|key| get(key).map(|(value, _)| value.clone())).collect())
    }

    async fn put(&self, entries: &[CacheEntry], _budget: Duration) -> Result<(), CacheError> {
        let now = Instant::now();
        let added = entries.iter().map(|entry| (entry.key.clone(), (entry.value.clone(), now.checked_add(entry.ttl))));
        self.0.lock().unwrap().extend(added);
        Ok(())
    }
}

/// The embedded cache.
struct MemoryCacheStore;

#[async_trait]
impl CacheStore for MemoryCacheStore {
    type Cache = MemoryCache;

    async fn empty() -> Option<MemoryCache> {
        Some(MemoryCache::default())
    }
}

struct MapStore;

#[async_trait]
impl CacheStore for MapStore {
    type Cache = Map;

    async fn empty() -> Option<Map> {
        Some(Map::default())
    }
}

mod a_map {
    axon_metrics::dashboard_cache_conformance!(super::MapStore);
}
mod the_embedded_cache {
    axon_metrics::dashboard_cache_conformance!(super::MemoryCacheStore);
}
