//! A cache of the mapping of the indices. A single flight probes them; questions read the cache.
//! Lives here: when a probe runs and who waits for it. Lives elsewhere: the probe itself (`behavior`, `probe`), what it finds
//! (`mapping`).
//!
//! - Up to its time to live the cached mapping is used as it is.
//! - Up to about twice that it is used while a task refreshes it in the background (stale-while-revalidate).
//! - Beyond that, and with an empty cache, a question waits for the probe: after a silence the indices may be others.
//!
//! The probe runs in a task of its own, so a question that gives up does not cancel it.

use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};
use tracing::warn;

use crate::{error::Fault, mapping::Mappings, probe};

/// The result of a running probe; `None` until it ends.
type ProbeResult = Option<Result<Arc<Mappings>, Fault>>;

/// The cache.
#[derive(Debug, Default)]
pub(crate) struct MappingCache {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    cached: Option<Entry>,
    /// The one probe in flight.
    probe: Option<watch::Receiver<ProbeResult>>,
}

#[derive(Debug, Clone)]
struct Entry {
    mappings: Arc<Mappings>,
    probed_at: Instant,
    /// From when on the next question starts a refresh in the background.
    refresh_at: Instant,
    /// From when on questions wait for the refresh.
    expires_at: Instant,
}

impl Entry {
    fn new(mappings: Arc<Mappings>, interval: Duration) -> Self {
        let ttl = if mappings.is_settled() { interval } else { interval.min(UNSETTLED_FRESH_FOR) };
        let probed_at = Instant::now();
        Self { mappings, probed_at, refresh_at: probed_at + ttl, expires_at: probed_at + 2 * ttl + PROBE_TIMEOUT }
    }
}

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

impl MappingCache {
    /// The cached mapping; where there is none, or it has expired, the one that `probe` finds.
    pub(crate) async fn get<F>(
        self: &Arc<Self>,
        interval: Duration,
        deadline: Instant,
        probe: impl FnOnce() -> F,
    ) -> Result<Arc<Mappings>, Fault>
    where
        F: Future<Output = Result<Mappings, Fault>> + Send + 'static,
    {
        let now = Instant::now();
        self.get_if(|entry| now < entry.expires_at, interval, deadline, probe).await
    }

    /// The same, but of the last seconds. For an answer without any event: it would look the same if an index had changed.
    pub(crate) async fn get_recent<F>(
        self: &Arc<Self>,
        interval: Duration,
        deadline: Instant,
        probe: impl FnOnce() -> F,
    ) -> Result<Arc<Mappings>, Fault>
    where
        F: Future<Output = Result<Mappings, Fault>> + Send + 'static,
    {
        let now = Instant::now();
        self.get_if(|entry| now < entry.probed_at + RECENT_FOR, interval, deadline, probe).await
    }

    /// The cached mapping, if it is `usable`, else the one that `probe` finds.
    async fn get_if<F>(
        self: &Arc<Self>,
        usable: impl Fn(&Entry) -> bool,
        interval: Duration,
        deadline: Instant,
        probe: impl FnOnce() -> F,
    ) -> Result<Arc<Mappings>, Fault>
    where
        F: Future<Output = Result<Mappings, Fault>> + Send + 'static,
    {
        let began = Instant::now();
        let mut running = {
            let mut state = self.state();
            let cached = state.cached.clone().filter(usable);
            let due = cached.as_ref().is_none_or(|entry| entry.refresh_at <= began);
            let in_flight = state.probe.clone();
            let running = match in_flight {
                Some(running) => Some(running),
                None if due => {
                    let (sender, running) = watch::channel(None);
                    state.probe = Some(running.clone());
                    drop(tokio::spawn(Arc::clone(self).run(sender, interval, probe())));
                    Some(running)
                }
                None => None,
            };
            match (cached, running) {
                (Some(entry), _) => return Ok(entry.mappings),
                (None, Some(running)) => running,
                (None, None) => return Err(Fault::Broken),
            }
        };
        let result = timeout_at(deadline, running.wait_for(Option::is_some)).await;
        let result = result.map_err(|_| Fault::TooSlow(began.elapsed()))?;
        // The sender is dropped without a result only if the task panics.
        let result = result.map_err(|_| Fault::Broken)?.clone();
        result.unwrap_or(Err(Fault::Broken))
    }

    /// Runs a probe and caches its result.
    async fn run(
        self: Arc<Self>,
        sender: watch::Sender<ProbeResult>,
        interval: Duration,
        probe: impl Future<Output = Result<Mappings, Fault>> + Send,
    ) {
        let _guard = InFlight(Arc::clone(&self));
        let result = probe.await.map(Arc::new);
        {
            let mut state = self.state();
            match &result {
                Ok(mappings) => state.cached = Some(Entry::new(Arc::clone(mappings), interval)),
                Err(fault) => {
                    // With an empty cache a question waits for the result, and reports the fault itself.
                    if let Some(entry) = &mut state.cached {
                        warn!(cause = %fault, "elasticsearch's indices could not be looked at again");
                        entry.refresh_at = Instant::now() + interval.min(MAX_BACK_OFF);
                        if *fault == probe::PARTIAL_PROBE {
                            entry.expires_at = entry.refresh_at + interval + PROBE_TIMEOUT;
                        }
                    }
                }
            }
        }
        sender.send_replace(Some(result));
    }

    /// Caches a mapping that was probed outside the cache.
    pub(crate) fn replace(&self, mappings: Arc<Mappings>, interval: Duration) {
        self.state().cached = Some(Entry::new(mappings, interval));
    }

    /// Drops a mapping that an answer has proved wrong, so that the next question waits for a probe. Does nothing if another one
    /// is cached by now.
    pub(crate) fn invalidate(&self, wrong: &Arc<Mappings>) {
        let mut state = self.state();
        if state.cached.as_ref().is_some_and(|entry| Arc::ptr_eq(&entry.mappings, wrong)) {
            state.cached = None;
        }
    }

    /// Shortens the time to live of a mapping that may be wrong. Questions use it meanwhile.
    pub(crate) fn refresh_soon(&self, suspect: &Arc<Mappings>) {
        let mut state = self.state();
        if let Some(entry) = state.cached.as_mut().filter(|entry| Arc::ptr_eq(&entry.mappings, suspect)) {
            entry.refresh_at = entry.refresh_at.min(Instant::now() + SUSPECT_FRESH_FOR);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code panics between two writes, so a poisoned lock still guards a consistent state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the flight when it is dropped, also if the task panics or is cancelled.
struct InFlight(Arc<MappingCache>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.state().probe = None;
    }
}

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
                    name: "a".to_owned(),
                    events: true,
                    purchases: true,
                    state: crate::mapping::IndexState::Missing,
                };
                Ok(Mappings { indices: if settled { Vec::new() } else { vec![missing] } })
            }
        }
        fn probes(&self) -> u32 {
            self.0.load(Ordering::Relaxed)
        }
    }

    const MINUTE: Duration = Duration::from_secs(60);

    async fn ask(
        cache: &Arc<MappingCache>,
        indices: &FakeIndices,
        settled: bool,
        budget: u64,
    ) -> Result<Arc<Mappings>, Fault> {
        let deadline = Instant::now() + Duration::from_millis(budget);
        cache.get(MINUTE, deadline, || indices.probe(settled)).await
    }

    #[tokio::test(start_paused = true)]
    async fn concurrent_questions_share_one_probe() {
        let (cache, indices) = (Arc::new(MappingCache::default()), FakeIndices::default());
        let (a, b) = tokio::join!(ask(&cache, &indices, true, 800), ask(&cache, &indices, true, 800));
        assert!(Arc::ptr_eq(&a.unwrap(), &b.unwrap()));
        assert_eq!(indices.probes(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_that_gives_up_does_not_cancel_the_probe() {
        let (cache, indices) = (Arc::new(MappingCache::default()), FakeIndices::default());
        assert_eq!(ask(&cache, &indices, true, 50).await, Err(Fault::TooSlow(Duration::from_millis(50))));
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert!(ask(&cache, &indices, true, 0).await.is_ok());
        assert_eq!(indices.probes(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stale_mapping_is_used_while_it_is_refreshed() {
        let (cache, indices) = (Arc::new(MappingCache::default()), FakeIndices::default());
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
        let (cache, indices) = (Arc::new(MappingCache::default()), FakeIndices::default());
        let first = ask(&cache, &indices, true, 800).await.unwrap();
        tokio::time::sleep(2 * MINUTE + PROBE_TIMEOUT).await;
        assert_eq!(ask(&cache, &indices, true, 50).await, Err(Fault::TooSlow(Duration::from_millis(50))));
        assert!(!Arc::ptr_eq(&first, &ask(&cache, &indices, true, 800).await.unwrap()));
        assert_eq!(indices.probes(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_recent_mapping_is_probed_at_most_every_few_seconds() {
        let (cache, indices) = (Arc::new(MappingCache::default()), FakeIndices::default());
        let confirm =
            async || cache.get_recent(MINUTE, Instant::now() + PROBE_TIMEOUT, || indices.probe(true)).await.unwrap();
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
        let (cache, indices) = (Arc::new(MappingCache::default()), FakeIndices::default());
        ask(&cache, &indices, true, 800).await.unwrap();
        let newer = Arc::new(Mappings { indices: Vec::new() });
        cache.replace(Arc::clone(&newer), MINUTE);
        assert!(Arc::ptr_eq(&newer, &ask(&cache, &indices, true, 0).await.unwrap()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_missing_index_is_probed_again_soon() {
        let (cache, indices) = (Arc::new(MappingCache::default()), FakeIndices::default());
        for _ in 0..3 {
            ask(&cache, &indices, false, 800).await.unwrap();
            tokio::time::sleep(UNSETTLED_FRESH_FOR + Duration::from_secs(1)).await;
        }
        assert_eq!(indices.probes(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn an_invalidated_mapping_is_probed_again() {
        let (cache, indices) = (Arc::new(MappingCache::default()), FakeIndices::default());
        let wrong = ask(&cache, &indices, true, 800).await.unwrap();
        cache.invalidate(&wrong);
        ask(&cache, &indices, true, 800).await.unwrap();
        assert_eq!(indices.probes(), 2);
    }
}
