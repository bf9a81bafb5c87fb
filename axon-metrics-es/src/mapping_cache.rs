//! The cache of the mapping of the indices: how long it is used, and how long a probe may take.
//! Lives elsewhere: the probe itself (`behavior`, `probe`), what it finds (`mapping`).

use std::{future::Future, sync::Arc, time::Duration};

use axon_metrics::keep::{Expiry, LoadError, LoadResult, Lookup, RefreshCache};
use tokio::time::Instant;
use tracing::warn;

use crate::{error::Fault, mapping::Mappings, probe};

/// The longest time to live of a mapping that is about to change, whatever interval is configured.
const UNSETTLED_FRESH_FOR: Duration = Duration::from_secs(5);

/// The longest time to live of a mapping that explains an answer without any event.
const RECENT_FOR: Duration = Duration::from_secs(5);

/// The longest time to live of a mapping that a refused search has cast doubt on.
const SUSPECT_FRESH_FOR: Duration = Duration::from_secs(1);

/// The longest back-off after a failed refresh.
const MAX_BACK_OFF: Duration = Duration::from_secs(5);

/// How long a probe may take, whatever time the question that waits for it has left.
pub(crate) const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// The cache. A mapping is fresh for one interval and usable for about two. Beyond that a question waits for a probe: after a
/// silence the indices may be others.
#[derive(Debug)]
pub(crate) struct MappingCache {
    interval: Duration,
    cache: RefreshCache<(), Probed, Fault>,
}

#[derive(Debug, Clone)]
struct Probed {
    mappings: Arc<Mappings>,
    at: Instant,
}

impl MappingCache {
    /// An empty cache. The mapping is probed again after each interval, of a day at most.
    pub(crate) fn new(interval: Duration) -> Self {
        Self { interval: interval.min(MAX_STALE), cache: RefreshCache::single() }
    }

    /// The cached mapping; where there is none, or it has expired, the one that `probe` finds by the deadline.
    pub(crate) async fn get<F>(&self, deadline: Instant, probe: impl FnOnce() -> F) -> Result<Arc<Mappings>, Fault>
    where
        F: Future<Output = Result<Mappings, Fault>> + Send + 'static,
    {
        self.get_younger(Duration::MAX, deadline, probe).await
    }

    /// The same, but of the last seconds. For an answer without any event: it would look the same if an index had changed.
    pub(crate) async fn get_recent<F>(
        &self,
        deadline: Instant,
        probe: impl FnOnce() -> F,
    ) -> Result<Arc<Mappings>, Fault>
    where
        F: Future<Output = Result<Mappings, Fault>> + Send + 'static,
    {
        self.get_younger(RECENT_FOR, deadline, probe).await
    }

    async fn get_younger<F>(
        &self,
        age: Duration,
        deadline: Instant,
        probe: impl FnOnce() -> F,
    ) -> Result<Arc<Mappings>, Fault>
    where
        F: Future<Output = Result<Mappings, Fault>> + Send + 'static,
    {
        let (began, interval) = (Instant::now(), self.interval);
        let young = |probed: &Probed| probed.at.elapsed() < age;
        let has_mapping = self.cache.get_stale(&(), began).is_some();
        match self.cache.get_if(&(), began, young, || load(probe(), interval, has_mapping)) {
            Lookup::Ready { value, .. } => Ok(value.mappings),
            Lookup::Failed(fault) => Err(fault),
            Lookup::Pending(pending) => match pending.wait(deadline).await {
                Some(probed) => probed.map(|probed| probed.mappings),
                None if Instant::now() < deadline => Err(Fault::Broken),
                None => Err(Fault::TooSlow(began.elapsed())),
            },
        }
    }

    /// Caches a mapping that was probed outside the cache.
    pub(crate) fn replace(&self, mappings: Arc<Mappings>) {
        let (probed, expiry) = probed(mappings, self.interval);
        self.cache.insert(&(), probed, expiry);
    }

    /// Drops a mapping that an answer has proved wrong, so that the next question waits for a probe. Does nothing if another one
    /// is cached by now.
    pub(crate) fn invalidate(&self, wrong: &Arc<Mappings>) {
        self.cache.invalidate(&(), |probed| Arc::ptr_eq(&probed.mappings, wrong));
    }

    /// Shortens the time to live of a mapping that may be wrong. Questions use it meanwhile.
    pub(crate) fn refresh_soon(&self, suspect: &Arc<Mappings>) {
        let by = Instant::now() + SUSPECT_FRESH_FOR;
        self.cache.refresh_by(&(), by, |probed| Arc::ptr_eq(&probed.mappings, suspect));
    }
}

/// A probe, and how long its result is used.
async fn load(
    probe: impl Future<Output = Result<Mappings, Fault>>,
    interval: Duration,
    has_mapping: bool,
) -> LoadResult<Probed, Fault> {
    match probe.await {
        Ok(mappings) => Ok(probed(Arc::new(mappings), interval)),
        Err(fault) => {
            // Without a cached mapping a question waits for the probe, and reports the fault itself.
            if has_mapping {
                warn!(cause = %fault, "elasticsearch index probe failed; the cached mapping is used until it expires");
            }
            let back_off = interval.min(MAX_BACK_OFF);
            // Some shards did not answer. The cached mapping, which is of all shards, is used on.
            let partial = fault == probe::PARTIAL_PROBE;
            let stale_for = if partial { back_off + interval + PROBE_TIMEOUT } else { Duration::ZERO };
            Err(LoadError::new(fault).refresh_after(back_off).stale_for(stale_for))
        }
    }
}

fn probed(mappings: Arc<Mappings>, interval: Duration) -> (Probed, Expiry<Instant>) {
    let fresh_for = if mappings.is_settled() { interval } else { interval.min(UNSETTLED_FRESH_FOR) };
    let at = Instant::now();
    let expiry = Expiry::new(at, at + fresh_for, at + 2 * fresh_for + PROBE_TIMEOUT);
    (Probed { mappings, at }, expiry.stale_until(at + MAX_STALE))
}

/// The greatest age of a mapping that is used while probes are answered by some shards only.
const MAX_STALE: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Counts the probes.
    #[derive(Default)]
    struct FakeIndices(Arc<AtomicU32>);

    impl FakeIndices {
        fn probe(&self, settled: bool) -> impl Future<Output = Result<Mappings, Fault>> + Send + use<> {
            let probes = Arc::clone(&self.0);
            async move {
                tokio::time::sleep(Duration::from_millis(100)).await;
                probes.fetch_add(1, Ordering::Relaxed);
                let missing = crate::mapping::IndexMapping {
                    label: "a".to_owned(),
                    name: "a".to_owned(),
                    indices: Vec::new(),
                    events: true,
                    purchases: true,
                    state: crate::mapping::IndexState::Missing,
                };
                Ok(mappings(if settled { Vec::new() } else { vec![missing] }))
            }
        }
        fn probes(&self) -> u32 {
            self.0.load(Ordering::Relaxed)
        }
    }

    fn mappings(indices: Vec<crate::mapping::IndexMapping>) -> Mappings {
        Mappings { indices, names: Vec::new(), checked_at: axon_metrics::Timestamp::UNIX_EPOCH }
    }

    const MINUTE: Duration = Duration::from_secs(60);

    async fn ask(
        cache: &MappingCache,
        indices: &FakeIndices,
        settled: bool,
        budget: u64,
    ) -> Result<Arc<Mappings>, Fault> {
        let deadline = Instant::now() + Duration::from_millis(budget);
        cache.get(deadline, || indices.probe(settled)).await
    }

    #[tokio::test(start_paused = true)]
    async fn concurrent_questions_share_one_probe() {
        let (cache, indices) = (MappingCache::new(MINUTE), FakeIndices::default());
        let (a, b) = tokio::join!(ask(&cache, &indices, true, 800), ask(&cache, &indices, true, 800));
        assert!(Arc::ptr_eq(&a.unwrap(), &b.unwrap()));
        assert_eq!(indices.probes(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_that_gives_up_does_not_cancel_the_probe() {
        let (cache, indices) = (MappingCache::new(MINUTE), FakeIndices::default());
        assert_eq!(ask(&cache, &indices, true, 50).await, Err(Fault::TooSlow(Duration::from_millis(50))));
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert!(ask(&cache, &indices, true, 0).await.is_ok());
        assert_eq!(indices.probes(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stale_mapping_is_used_while_it_is_refreshed() {
        let (cache, indices) = (MappingCache::new(MINUTE), FakeIndices::default());
        let first = ask(&cache, &indices, true, 800).await.unwrap();
        tokio::time::sleep(MINUTE).await;
        let began = Instant::now();
        assert!(Arc::ptr_eq(&first, &ask(&cache, &indices, true, 0).await.unwrap()));
        assert_eq!(began.elapsed(), Duration::ZERO);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(indices.probes(), 2);
        assert!(!Arc::ptr_eq(&first, &ask(&cache, &indices, true, 0).await.unwrap()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_waits_where_the_mapping_has_expired() {
        let (cache, indices) = (MappingCache::new(MINUTE), FakeIndices::default());
        let first = ask(&cache, &indices, true, 800).await.unwrap();
        tokio::time::sleep(2 * MINUTE + PROBE_TIMEOUT).await;
        assert_eq!(ask(&cache, &indices, true, 50).await, Err(Fault::TooSlow(Duration::from_millis(50))));
        assert!(!Arc::ptr_eq(&first, &ask(&cache, &indices, true, 800).await.unwrap()));
        assert_eq!(indices.probes(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_recent_mapping_is_probed_at_most_every_few_seconds() {
        let (cache, indices) = (MappingCache::new(MINUTE), FakeIndices::default());
        let confirm = async || cache.get_recent(Instant::now() + PROBE_TIMEOUT, || indices.probe(true)).await.unwrap();
        let first = ask(&cache, &indices, true, 800).await.unwrap();
        assert!(Arc::ptr_eq(&first, &confirm().await), "just probed");
        tokio::time::sleep(RECENT_FOR).await;
        let second = confirm().await;
        assert!(!Arc::ptr_eq(&first, &second));
        assert!(Arc::ptr_eq(&second, &confirm().await));
        assert_eq!(indices.probes(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_mapping_that_was_probed_elsewhere_is_used() {
        let (cache, indices) = (MappingCache::new(MINUTE), FakeIndices::default());
        ask(&cache, &indices, true, 800).await.unwrap();
        let newer = Arc::new(mappings(Vec::new()));
        cache.replace(Arc::clone(&newer));
        assert!(Arc::ptr_eq(&newer, &ask(&cache, &indices, true, 0).await.unwrap()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_missing_index_is_probed_again_soon() {
        let (cache, indices) = (MappingCache::new(MINUTE), FakeIndices::default());
        for _ in 0..3 {
            ask(&cache, &indices, false, 800).await.unwrap();
            tokio::time::sleep(UNSETTLED_FRESH_FOR + Duration::from_secs(1)).await;
        }
        assert_eq!(indices.probes(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn an_invalidated_mapping_is_probed_again() {
        let (cache, indices) = (MappingCache::new(MINUTE), FakeIndices::default());
        let wrong = ask(&cache, &indices, true, 800).await.unwrap();
        cache.invalidate(&wrong);
        ask(&cache, &indices, true, 800).await.unwrap();
        assert_eq!(indices.probes(), 2);
    }
}
