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

/// A value, and until when it is kept; for ever where that is beyond every calendar.
type Kept = (Vec<u8>, Option<Instant>);

#[derive(Debug, Default)]
struct Map(Mutex<HashMap<String, Kept>>);

#[async_trait]
impl DashboardCache for Map {
    fn name(&self) -> &'static str {
        "map"
    }

    async fn get(&self, keys: &[String], _budget: Duration) -> Result<Vec<Option<Vec<u8>>>, CacheError> {
        let (map, now) = (self.0.lock().unwrap(), Instant::now());
        let kept = |key: &String| map.get(key).filter(|(_, until)| until.is_none_or(|until| now < until));
        Ok(keys.iter().map(|key| kept(key).map(|(value, _)| value.clone())).collect())
    }

    async fn put(&self, entries: &[CacheEntry], _budget: Duration) -> Result<(), CacheError> {
        let now = Instant::now();
        let kept = entries.iter().map(|entry| (entry.key.clone(), (entry.value.clone(), now.checked_add(entry.ttl))));
        self.0.lock().unwrap().extend(kept);
        Ok(())
    }
}

/// The library's own.
struct Embedded;

#[async_trait]
impl CacheStore for Embedded {
    type Cache = MemoryCache;

    async fn empty() -> Option<MemoryCache> {
        Some(MemoryCache::default())
    }
}

struct InMemory;

#[async_trait]
impl CacheStore for InMemory {
    type Cache = Map;

    async fn empty() -> Option<Map> {
        Some(Map::default())
    }
}

mod a_map {
    axon_metrics::dashboard_cache_conformance!(super::InMemory);
}
mod the_embedded_cache {
    axon_metrics::dashboard_cache_conformance!(super::Embedded);
}
