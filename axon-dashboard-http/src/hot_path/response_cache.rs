//! The cache of encoded answers, bounded in bytes, with a single flight for each request: concurrent loads of one request share
//! one task. All expiry is by the instant passed in.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use axon_metrics::{
    AnswerError, Dashboard, DashboardRequest, Freshness, Timestamp,
    observe::{self, CacheLevel, CacheOutcome},
};
use chrono::SubsecRound as _;
use futures_util::{FutureExt as _, future::BoxFuture, future::Shared};
use quick_cache::{Weighter, sync::Cache};
use tokio::sync::oneshot;
use tracing::{Instrument as _, instrument::WithSubscriber as _};

use super::encoded_answer::EncodedAnswer;
use crate::problem::Problem;

/// The bytes an entry takes beside its body, roughly. Headers are half of it.
const ENTRY_OVERHEAD: u64 = 2048;
/// The bytes of a typical answer. Only the initial size of the table depends on it.
const TYPICAL_ANSWER: usize = 4096;

#[derive(Debug, Clone)]
struct BodyWeighter;

impl Weighter<Arc<DashboardRequest>, Arc<EncodedAnswer>> for BodyWeighter {
    fn weight(&self, _: &Arc<DashboardRequest>, answer: &Arc<EncodedAnswer>) -> u64 {
        ENTRY_OVERHEAD + answer.body.len() as u64
    }
}

type Outcome = Result<Arc<EncodedAnswer>, Problem>;
/// The outcome of a load that may still run.
type Pending = Shared<BoxFuture<'static, Outcome>>;

/// What a load is for: a request, and whether the answer must be fresh.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct LoadKey {
    request: Arc<DashboardRequest>,
    fresh: bool,
}

/// How the cache served an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CacheStatus {
    /// Cached, and fresh.
    Hit,
    /// Cached and stale; a refresh runs in the background.
    Refreshing,
    /// Loaded for this caller, or for a concurrent one.
    Miss,
}

/// An answer, and how the cache served it.
#[derive(Debug)]
pub(crate) struct Lookup {
    pub(crate) answer: Arc<EncodedAnswer>,
    pub(super) status: CacheStatus,
}

/// The response cache. Clones share everything.
#[derive(Clone)]
pub(crate) struct ResponseCache(Arc<Inner>);

type Entries = Cache<Arc<DashboardRequest>, Arc<EncodedAnswer>, BodyWeighter>;

struct Inner {
    dashboard: Dashboard,
    entries: Entries,
    loads: Mutex<HashMap<LoadKey, Pending>>,
}

impl ResponseCache {
    pub(crate) fn new(dashboard: Dashboard, bytes: usize) -> Self {
        Self(Arc::new(Inner { dashboard, entries: empty_entries(bytes), loads: Mutex::default() }))
    }

    /// The cached answer, while it is usable. A stale one starts a refresh in the background (stale-while-revalidate).
    pub(super) fn get(&self, request: &Arc<DashboardRequest>, now: Timestamp) -> Option<Lookup> {
        let answer = self.0.entries.get(request).filter(|answer| answer.is_usable(now))?;
        let status = if answer.is_fresh(now) {
            observe::cache(CacheLevel::Answer, CacheOutcome::Hit);
            CacheStatus::Hit
        } else {
            observe::cache(CacheLevel::Answer, CacheOutcome::Refreshing);
            drop(self.join_or_start(request, now, Freshness::MustBeFresh));
            CacheStatus::Refreshing
        };
        Some(Lookup { answer, status })
    }

    /// The cached answer while it is usable, else a new one.
    pub(crate) async fn get_or_load(&self, request: &Arc<DashboardRequest>, now: Timestamp) -> Result<Lookup, Problem> {
        if let Some(lookup) = self.get(request, now) {
            return Ok(lookup);
        }
        observe::cache(CacheLevel::Answer, CacheOutcome::Miss);
        let answer = self.load(request, now, Freshness::AllowStale).await?;
        Ok(Lookup { answer, status: CacheStatus::Miss })
    }

    /// The cached answer while it is fresh, else a new one.
    pub(crate) async fn get_fresh(&self, request: &Arc<DashboardRequest>, now: Timestamp) -> Outcome {
        match self.0.entries.get(request).filter(|answer| answer.is_fresh(now)) {
            Some(answer) => {
                observe::cache(CacheLevel::Answer, CacheOutcome::Hit);
                Ok(answer)
            }
            None => {
                observe::cache(CacheLevel::Answer, CacheOutcome::Miss);
                self.load(request, now, Freshness::MustBeFresh).await
            }
        }
    }

    /// A new answer. A load that another caller started may have expired before this caller asked, at midnight for example;
    /// the answer is then loaded once more.
    async fn load(&self, request: &Arc<DashboardRequest>, now: Timestamp, freshness: Freshness) -> Outcome {
        let answer = self.join_or_start(request, now, freshness).await?;
        let until = if freshness == Freshness::MustBeFresh { answer.fresh_until } else { answer.usable_until };
        if now < until || answer.timestamp >= now.trunc_subsecs(0) {
            return Ok(answer);
        }
        self.join_or_start(request, now, freshness).await
    }

    /// The single flight of this answer, started unless it runs already. It runs to its end even if every caller leaves.
    fn join_or_start(&self, request: &Arc<DashboardRequest>, now: Timestamp, freshness: Freshness) -> Pending {
        let key = LoadKey { request: Arc::clone(request), fresh: freshness == Freshness::MustBeFresh };
        let mut loads = self.0.loads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pending) = loads.get(&key) {
            return pending.clone();
        }
        let (sender, receiver) = oneshot::channel();
        let pending = async { receiver.await.unwrap_or_else(|_| Err(Problem::internal())) }.boxed().shared();
        loads.insert(key.clone(), pending.clone());
        // Unlocked before the task is spawned: a runtime that shuts down drops the task at once, and the dropped task locks the
        // list to remove its entry.
        drop(loads);
        let entry = LoadEntry { cache: self.clone(), key };
        let task = async move {
            // The entry is removed before the outcome is sent, also after a panic: a caller who has the outcome can start
            // another load.
            let (sender, entry) = (sender, entry);
            let outcome = Self::run(&entry, now, freshness).await;
            drop(entry);
            let _ = sender.send(outcome);
        };
        tokio::spawn(task.in_current_span().with_current_subscriber());
        pending
    }

    async fn run(entry: &LoadEntry, now: Timestamp, freshness: Freshness) -> Outcome {
        let LoadEntry { cache: Self(inner), key: LoadKey { request, .. } } = entry;
        let timed = inner.dashboard.timed(request, now, freshness).await.inspect_err(|error| {
            if matches!(error, AnswerError::NotFound(_)) {
                inner.entries.remove(request);
            }
        })?;
        let answer = Arc::new(EncodedAnswer::new(timed)?);
        if now < answer.usable_until {
            insert(&inner.entries, request, &answer);
        }
        Ok(answer)
    }
}

fn empty_entries(bytes: usize) -> Entries {
    Cache::with_weighter((bytes / TYPICAL_ANSWER).clamp(32, 16_384), bytes as u64, BodyWeighter)
}

/// Caches an answer, unless a newer one is cached already.
fn insert(entries: &Entries, request: &Arc<DashboardRequest>, answer: &Arc<EncodedAnswer>) {
    if !entries.peek(request).is_some_and(|cached| answer.is_overtaken(cached.timestamp)) {
        entries.insert(Arc::clone(request), Arc::clone(answer));
    }
}

/// The entry of a running load in the list of loads. Dropping it removes the entry, however the task ends.
struct LoadEntry {
    cache: ResponseCache,
    key: LoadKey,
}

impl Drop for LoadEntry {
    fn drop(&mut self) {
        self.cache.0.loads.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

impl fmt::Debug for ResponseCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseCache").field("entries", &self.0.entries.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_answer_replaces_a_newer_one_only_if_the_clock_was_set_back() {
        let (entries, request) = (empty_entries(1 << 20), Arc::new(DashboardRequest::campaign(123)));
        let mut cached_after = |seconds| {
            let at = Timestamp::UNIX_EPOCH + chrono::TimeDelta::seconds(seconds);
            insert(&entries, &request, &Arc::new(EncodedAnswer::with_content("this", at)));
            entries.get(&request).map(|answer| answer.timestamp.timestamp())
        };
        assert_eq!([100, 99, 101, 40].map(&mut cached_after), [Some(100), Some(100), Some(101), Some(40)]);
    }
}
