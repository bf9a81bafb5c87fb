//! Encoded answers, kept in process up to a number of bytes, and made once for all who ask at the same time.
//! All expiry is by the instant passed in.

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

use super::Encoded;
use crate::problem::Problem;

/// What an entry takes beside its bytes, roughly: half of it are its headers.
const OVERHEAD: u64 = 2048;
/// What an answer takes, roughly; only the size of the first tables depends on it.
const USUAL: usize = 4096;

#[derive(Debug, Clone)]
struct ByBytes;

impl Weighter<Arc<DashboardRequest>, Arc<Encoded>> for ByBytes {
    fn weight(&self, _: &Arc<DashboardRequest>, answer: &Arc<Encoded>) -> u64 {
        OVERHEAD + answer.body.len() as u64
    }
}

type Outcome = Result<Arc<Encoded>, Problem>;
type Flight = Shared<BoxFuture<'static, Outcome>>;

/// What is being made: a request, and whether fresh figures are waited for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Sought {
    request: Arc<DashboardRequest>,
    fresh: bool,
}

/// Where an answer came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Kept, and fresh.
    Hit,
    /// Kept, and shown while a new one is made.
    Refreshing,
    /// Made for this caller, or for another one who asked a moment before.
    Miss,
}

/// An answer, and where it came from.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) answer: Arc<Encoded>,
    pub(crate) way: Way,
}

/// The kept answers. Clones share everything.
#[derive(Clone)]
pub(crate) struct KeptAnswers(Arc<Inner>);

type Kept = Cache<Arc<DashboardRequest>, Arc<Encoded>, ByBytes>;

struct Inner {
    dashboard: Dashboard,
    kept: Kept,
    flights: Mutex<HashMap<Sought, Flight>>,
}

impl KeptAnswers {
    pub(crate) fn new(dashboard: Dashboard, bytes: usize) -> Self {
        Self(Arc::new(Inner { dashboard, kept: room(bytes), flights: Mutex::default() }))
    }

    /// The kept answer, if it may still be sent. Where it is no longer fresh, a new one is made behind.
    pub(crate) fn at_hand(&self, request: &Arc<DashboardRequest>, now: Timestamp) -> Option<Found> {
        let answer = self.0.kept.get(request).filter(|answer| answer.is_usable(now))?;
        let way = if answer.is_fresh(now) {
            observe::cache(CacheLevel::Answer, CacheOutcome::Hit);
            Way::Hit
        } else {
            observe::cache(CacheLevel::Answer, CacheOutcome::Refreshing);
            drop(self.flight(request, now, Freshness::MustBeFresh));
            Way::Refreshing
        };
        Some(Found { answer, way })
    }

    /// The kept answer, or a new one.
    pub(crate) async fn find(&self, request: &Arc<DashboardRequest>, now: Timestamp) -> Result<Found, Problem> {
        if let Some(found) = self.at_hand(request, now) {
            return Ok(found);
        }
        observe::cache(CacheLevel::Answer, CacheOutcome::Miss);
        let answer = self.made(request, now, Freshness::AllowStale).await?;
        Ok(Found { answer, way: Way::Miss })
    }

    /// The kept answer if it is fresh, or a new one.
    pub(crate) async fn fresh(&self, request: &Arc<DashboardRequest>, now: Timestamp) -> Outcome {
        match self.0.kept.get(request).filter(|answer| answer.is_fresh(now)) {
            Some(answer) => {
                observe::cache(CacheLevel::Answer, CacheOutcome::Hit);
                Ok(answer)
            }
            None => {
                observe::cache(CacheLevel::Answer, CacheOutcome::Miss);
                self.made(request, now, Freshness::MustBeFresh).await
            }
        }
    }

    /// A new answer. One that another began to make may be over before this caller asked, at midnight say: it is then made
    /// once more.
    async fn made(&self, request: &Arc<DashboardRequest>, now: Timestamp, patience: Freshness) -> Outcome {
        let answer = self.flight(request, now, patience).await?;
        let until = if patience == Freshness::MustBeFresh { answer.fresh_until } else { answer.usable_until };
        if now < until || answer.timestamp >= now.trunc_subsecs(0) {
            return Ok(answer);
        }
        self.flight(request, now, patience).await
    }

    /// The one making of this answer, begun unless it is under way. It goes on when whoever asked is gone.
    fn flight(&self, request: &Arc<DashboardRequest>, now: Timestamp, patience: Freshness) -> Flight {
        let sought = Sought { request: Arc::clone(request), fresh: patience == Freshness::MustBeFresh };
        let mut flights = self.0.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(&sought) {
            return flight.clone();
        }
        let (land, landed) = oneshot::channel();
        let flight = async { landed.await.unwrap_or_else(|_| Err(Problem::internal())) }.boxed().shared();
        flights.insert(sought.clone(), flight.clone());
        // A runtime that shuts down drops what is given to it, and a making that is dropped takes itself off the list.
        drop(flights);
        let landing = Landing { answers: self.clone(), sought };
        let making = async move {
            // Off the list first, also where it panics: who learns that it is over can begin another.
            let (land, landing) = (land, landing);
            let outcome = Self::make(&landing, now, patience).await;
            drop(landing);
            let _ = land.send(outcome);
        };
        tokio::spawn(making.in_current_span().with_current_subscriber());
        flight
    }

    async fn make(landing: &Landing, now: Timestamp, patience: Freshness) -> Outcome {
        let Landing { answers: Self(inner), sought: Sought { request, .. } } = landing;
        let timed = inner.dashboard.timed(request, now, patience).await.inspect_err(|error| {
            if matches!(error, AnswerError::NotFound(_)) {
                inner.kept.remove(request);
            }
        })?;
        let answer = Arc::new(Encoded::new(timed)?);
        if now < answer.usable_until {
            keep(&inner.kept, request, &answer);
        }
        Ok(answer)
    }
}

fn room(bytes: usize) -> Kept {
    Cache::with_weighter((bytes / USUAL).clamp(32, 16_384), bytes as u64, ByBytes)
}

/// Keeps an answer, unless one that was begun later came before it.
fn keep(kept: &Kept, request: &Arc<DashboardRequest>, answer: &Arc<Encoded>) {
    if !kept.peek(request).is_some_and(|kept| answer.is_overtaken(kept.timestamp)) {
        kept.insert(Arc::clone(request), Arc::clone(answer));
    }
}

/// Takes a flight off the list when its task ends, however it ends.
struct Landing {
    answers: KeptAnswers,
    sought: Sought,
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.answers.0.flights.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.sought);
    }
}

impl fmt::Debug for KeptAnswers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptAnswers").field("kept", &self.0.kept.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_answer_does_not_take_the_place_of_a_newer_one_unless_the_clock_was_set_back() {
        let (kept, request) = (room(1 << 20), Arc::new(DashboardRequest::campaign(123)));
        let mut keeps = |seconds| {
            let at = Timestamp::UNIX_EPOCH + chrono::TimeDelta::seconds(seconds);
            keep(&kept, &request, &Arc::new(Encoded::saying("this", at)));
            kept.get(&request).map(|answer| answer.timestamp.timestamp())
        };
        assert_eq!([100, 99, 101, 40].map(&mut keeps), [Some(100), Some(100), Some(101), Some(40)]);
    }
}
