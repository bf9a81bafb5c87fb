//! The weeks before promotions, cached: each is read by one task for all who need it, and again in the background when old.
//! Lives here: how long they are used, and when the ledger is asked again. Lives elsewhere: which weeks (`baseline`), how they
//! are asked for (`history_call`), what is computed from them (`widget`).
//!
//! A cached history is of a window that is over, so it is the same for every instant after it. Its age is by the instants that
//! answers are for, in both directions: a clock that is set back makes it old, not new.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    expiry::Expiry,
    history_call,
    lifetimes::{Lifetimes, later},
    refresh_cache::{LoadError, LoadResult, Lookup, RefreshCache},
    single_flight::Pending,
};
use crate::{
    call::Guard,
    source::{HistoryFact, HistoryQuestion, LedgerSource, Missing, Reason},
    vocabulary::Timestamp,
};

/// How many are cached. Four weeks of hours take some 30 KB.
const MAX_HISTORIES: usize = 256;
/// How long the answer that a history is not measured is cached, at most.
const NOT_MEASURED_FOR: Duration = Duration::from_secs(60);
/// The shortest and the longest back-off after a failure. Between them it is as long as the failed attempt took: a refused
/// connection heals soon, and a statement that takes too long is not repeated without end.
const BACK_OFF: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(10)];

/// The one place that asks for history. Clones share everything.
#[derive(Clone)]
pub(crate) struct BaselineCache {
    source: Arc<dyn LedgerSource>,
    guard: Arc<Guard>,
    budget: Duration,
    lifetimes: Lifetimes,
    cache: RefreshCache<Arc<HistoryQuestion>, HistoryFact, HistoryFact, Timestamp>,
}

/// A history, or the load that it will come from.
pub(crate) enum BaselineLookup {
    Ready(HistoryFact),
    /// With the name of the source.
    Pending(Pending<Result<HistoryFact, HistoryFact>>, &'static str),
}

impl BaselineCache {
    pub(crate) fn new(
        source: Arc<dyn LedgerSource>,
        guard: Arc<Guard>,
        budget: Duration,
        lifetimes: Lifetimes,
    ) -> Self {
        Self { source, guard, budget, lifetimes, cache: RefreshCache::entries(MAX_HISTORIES) }
    }

    /// The cached history, or the load in progress. A missing or stale one starts to be read; a stale one is used meanwhile.
    pub(crate) fn get(&self, question: &HistoryQuestion, as_of: Timestamp) -> BaselineLookup {
        if question.products.is_empty() {
            return BaselineLookup::Ready(Err(Missing::NotMeasured(Reason::NoProducts)));
        }
        let question = Arc::new(question.clone());
        match self.cache.get(&question, as_of, || self.read(&question, as_of)) {
            Lookup::Ready { value, .. } => BaselineLookup::Ready(value),
            Lookup::Failed(fact) => BaselineLookup::Ready(fact),
            Lookup::Pending(pending) => BaselineLookup::Pending(pending, self.source.name()),
        }
    }

    /// Asks the ledger. An answer that is partial, or none, is a failure: it never replaces a whole one.
    fn read(
        &self,
        question: &HistoryQuestion,
        as_of: Timestamp,
    ) -> impl Future<Output = LoadResult<HistoryFact, HistoryFact, Timestamp>> + Send + use<> {
        let Self { budget, lifetimes, .. } = *self;
        let (source, guard, question) = (Arc::clone(&self.source), Arc::clone(&self.guard), question.clone());
        async move {
            let began = Instant::now();
            let fact = history_call::history(source, &guard, question, as_of, budget).await;
            let fact: HistoryFact = fact.map(|measured| measured.map(Arc::new));
            let (fresh_for, stale_for) = match &fact {
                Ok(measured) if !measured.partial => (lifetimes.history, lifetimes.history_stale),
                Err(why) if !matches!(why, Missing::Unavailable(_)) => {
                    let time = NOT_MEASURED_FOR.min(lifetimes.history);
                    (time, time)
                }
                _ => {
                    let back_off = began.elapsed().clamp(BACK_OFF[0], BACK_OFF[1]);
                    return Err(LoadError::new(fact).retry_after(back_off));
                }
            };
            let around = |time: Duration| earlier(as_of, time)..later(as_of, time);
            let usable = around(stale_for.max(fresh_for));
            Ok((fact, Expiry { fresh: around(fresh_for), stale: usable.clone(), usable }))
        }
    }
}

/// The first instant at which a value of `at` is younger than `by`; the calendar's beginning where there is none.
fn earlier(at: Timestamp, by: Duration) -> Timestamp {
    let tick = chrono::Duration::nanoseconds(1);
    let start = chrono::Duration::from_std(by).ok().and_then(|by| at.checked_sub_signed(by - tick));
    start.unwrap_or(Timestamp::MIN_UTC)
}

impl BaselineLookup {
    /// The history that is there by the deadline.
    pub(crate) async fn by(self, deadline: Instant) -> HistoryFact {
        match self {
            Self::Ready(fact) => fact,
            Self::Pending(pending, name) => match pending.wait(deadline).await {
                Some(Ok(fact) | Err(fact)) => fact,
                None => Err(Missing::Loading(name.into())),
            },
        }
    }
}

#[cfg(test)]
mod tests;
