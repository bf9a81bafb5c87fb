//! The suite of caches is passed by a cache of a few lines, so that what it asks for can be done, and by the embedded one.

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

/// A value, and when it expires; `None` where that is beyond every calendar.
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
        let live = |key: &String| map.get(key).filter(|(_, until)| until.is_none_or(|until| now < until));
        Ok(keys.iter().map(|key| live(key).map(|(value, _)| value.clone())).collect())
    }

    async fn put(&self, entries: &[CacheEntry], _budget: Duration) -> Result<(), CacheError> {
        let now = Instant::now();
        let added = entries.iter().map(|entry| (entry.key.clone(), (entry.value.clone(), now.checked_add(entry.ttl))));
        self.0.lock().unwrap().extend(added);
        Ok(())
    }
}

/// The library's own.
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
