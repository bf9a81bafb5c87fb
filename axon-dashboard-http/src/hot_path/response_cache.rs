//! The cache of encoded answers, bounded in bytes. All expiry is by the instant passed in.

use std::{fmt, future::Future, sync::Arc};

use axon_metrics::{
    AnswerError, Dashboard, DashboardRequest, Freshness, Timestamp,
    keep::{LoadError, LoadResult, RefreshCache},
    observe::{self, CacheLevel, CacheOutcome},
};
use chrono::SubsecRound as _;

use super::encoded_answer::EncodedAnswer;
use crate::problem::Problem;

/// The bytes an entry takes beside its bodies, roughly. Headers are half of it.
const ENTRY_OVERHEAD: u64 = 2048;
/// The bytes of a typical answer. Only the initial size of the table depends on it.
const TYPICAL_ANSWER: usize = 4096;

type Outcome = Result<Arc<EncodedAnswer>, Problem>;

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

/// An answer in the cache, with its weight there. The weight is that of when it was put there: an answer grows when it is
/// compressed, and is then put there again.
#[derive(Debug, Clone)]
struct CachedAnswer {
    answer: Arc<EncodedAnswer>,
    weight: u64,
}

impl From<Arc<EncodedAnswer>> for CachedAnswer {
    fn from(answer: Arc<EncodedAnswer>) -> Self {
        Self { weight: ENTRY_OVERHEAD + answer.encoded.weight(), answer }
    }
}

/// The response cache. Clones share everything.
#[derive(Clone)]
pub(crate) struct ResponseCache {
    dashboard: Dashboard,
    /// Whether callers may get answers compressed.
    compress: bool,
    cache: RefreshCache<Arc<DashboardRequest>, CachedAnswer, Problem, Timestamp>,
}

impl ResponseCache {
    pub(crate) fn new(dashboard: Dashboard, bytes: usize, compress: bool) -> Self {
        let answers = (bytes / TYPICAL_ANSWER).clamp(32, 16_384);
        let cache = RefreshCache::weighted(answers, bytes as u64, |_, cached: &CachedAnswer| cached.weight);
        Self { dashboard, compress, cache }
    }

    /// Weighs an answer anew whose body was compressed. One that was replaced meanwhile is left out.
    pub(super) fn weigh_anew(&self, request: &Arc<DashboardRequest>, answer: &Arc<EncodedAnswer>) {
        let anew = CachedAnswer::from(Arc::clone(answer));
        self.cache.replace(request, anew, |cached| Arc::ptr_eq(&cached.answer, answer));
    }

    /// The cached answer, while it is usable. A stale one starts a refresh in the background (stale-while-revalidate).
    pub(super) fn get(&self, request: &Arc<DashboardRequest>, now: Timestamp) -> Option<Lookup> {
        let refresh = || self.load(request, now, Freshness::MustBeFresh);
        let (CachedAnswer { answer, .. }, is_fresh) = self.cache.get_cached(request, now, refresh)?;
        let (outcome, status) = match is_fresh {
            true => (CacheOutcome::Hit, CacheStatus::Hit),
            false => (CacheOutcome::Refreshing, CacheStatus::Refreshing),
        };
        observe::cache(CacheLevel::Answer, outcome);
        Some(Lookup { answer, status })
    }

    /// The cached answer while it is usable, else a new one.
    pub(crate) async fn get_or_load(&self, request: &Arc<DashboardRequest>, now: Timestamp) -> Result<Lookup, Problem> {
        if let Some(lookup) = self.get(request, now) {
            return Ok(lookup);
        }
        observe::cache(CacheLevel::Answer, CacheOutcome::Miss);
        let answer = self.new_answer(request, now, Freshness::AllowStale).await?;
        Ok(Lookup { answer, status: CacheStatus::Miss })
    }

    /// The cached answer while it is fresh, else a new one.
    pub(crate) async fn get_fresh(&self, request: &Arc<DashboardRequest>, now: Timestamp) -> Outcome {
        if let Some(CachedAnswer { answer, .. }) = self.cache.get_if_fresh(request, now) {
            observe::cache(CacheLevel::Answer, CacheOutcome::Hit);
            return Ok(answer);
        }
        observe::cache(CacheLevel::Answer, CacheOutcome::Miss);
        self.new_answer(request, now, Freshness::MustBeFresh).await
    }

    /// A new answer. A load that another caller started may have allowed older figures, or have expired before this caller
    /// asked, at midnight for example; the answer is then loaded once more.
    async fn new_answer(&self, request: &Arc<DashboardRequest>, now: Timestamp, freshness: Freshness) -> Outcome {
        let load = || self.load(request, now, freshness);
        let (pending, started) = self.cache.reload(request, load);
        let CachedAnswer { answer, .. } = pending.result().await.unwrap_or_else(|| Err(Problem::internal()))?;
        let will_do = match freshness {
            Freshness::MustBeFresh => now < answer.fresh_until,
            Freshness::AllowStale => now < answer.usable_until || answer.timestamp >= now.trunc_subsecs(0),
        };
        if started || will_do {
            return Ok(answer);
        }
        let again = self.cache.reload(request, load).0.result().await;
        again.unwrap_or_else(|| Err(Problem::internal())).map(|cached| cached.answer)
    }

    /// Asks the dashboard.
    fn load(
        &self,
        request: &Arc<DashboardRequest>,
        now: Timestamp,
        freshness: Freshness,
    ) -> impl Future<Output = LoadResult<CachedAnswer, Problem, Timestamp>> + Send + use<> {
        let (dashboard, request, compress) = (self.dashboard.clone(), Arc::clone(request), self.compress);
        async move {
            let timed = dashboard.timed(&request, now, freshness).await.map_err(|error| {
                let is_gone = matches!(error, AnswerError::NotFound(_));
                let error = LoadError::new(Problem::from(error));
                if is_gone { error.drops_value() } else { error }
            })?;
            let answer = EncodedAnswer::new(timed, compress).map_err(LoadError::new)?;
            let expiry = answer.expiry(now);
            Ok((Arc::new(answer).into(), expiry))
        }
    }
}

impl fmt::Debug for ResponseCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseCache").field("entries", &self.cache.len()).finish_non_exhaustive()
    }
}
