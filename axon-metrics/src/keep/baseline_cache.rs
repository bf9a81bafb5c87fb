//! The weeks before promotions, kept: read in a task of its own, once for all who ask, and again behind them when old.
//! Lives here: what is kept, for how long, and when the ledger is asked again. Lives elsewhere: which weeks (`baseline`), how
//! they are asked for (`history_call`), what is made of them (`widget`).
//!
//! What is kept is of a window that is over, so it is the same for every instant after it. Its age is by the instants that
//! answers are made for; only the pauses after a failure are by the machine's clock, since they spare the store.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use quick_cache::sync::Cache;
use tokio::time::Instant;

use super::{
    history_call,
    lifetimes::Lifetimes,
    single_flight::{Pending, SingleFlight},
};
use crate::{
    call::Guard,
    source::{HistoryFact, HistoryQuestion, LedgerSource, Missing, Reason},
    vocabulary::Timestamp,
};

/// How many are kept: sets of products that are looked at. Four weeks of hours take some 30 KB.
const SETS: usize = 256;
/// How long it is believed that the ledger cannot tell.
const NOT_MEASURED: Duration = Duration::from_secs(60);
/// The shortest and the longest pause after a failure. Between them it is as long as the failed attempt took, so that a
/// refused connection heals soon, and reading that takes too long does not go on and on.
const PAUSE: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(10)];

/// The one place that asks for history. Clones share what is kept.
#[derive(Clone)]
pub(crate) struct BaselineCache {
    source: Arc<dyn LedgerSource>,
    guard: Arc<Guard>,
    budget: Duration,
    lifetimes: Lifetimes,
    sets: Arc<Cache<String, Arc<Slot>>>,
    single_flight: Arc<SingleFlight<HistoryFact>>,
}

/// What is known of one question.
#[derive(Default)]
struct Slot(Mutex<State>);

#[derive(Default)]
struct State {
    told: Option<(HistoryFact, Timestamp)>,
    /// What there is instead since the last attempt failed or told a part only, and when the next may be made.
    failed: Option<(HistoryFact, Instant)>,
}

/// A look at what is kept.
pub(crate) enum BaselineLookup {
    There(HistoryFact),
    UnderWay(Pending<HistoryFact>, &'static str),
}

impl BaselineCache {
    pub(crate) fn new(
        source: Arc<dyn LedgerSource>,
        guard: Arc<Guard>,
        budget: Duration,
        lifetimes: Lifetimes,
    ) -> Self {
        Self { source, guard, budget, lifetimes, sets: Arc::new(Cache::new(SETS)), single_flight: Arc::default() }
    }

    /// What is kept, or what is under way. What is missing or old begins to be read; what is old is good meanwhile.
    pub(crate) fn get(&self, question: &HistoryQuestion, as_of: Timestamp) -> BaselineLookup {
        if question.products.is_empty() {
            return BaselineLookup::There(Err(Missing::NotMeasured(Reason::NoProducts)));
        }
        let key = key(question);
        let Ok(slot) = self.sets.get_or_insert_with(&key, || Ok::<_, Infallible>(Arc::new(Slot::default())));
        if let Some(told) = slot.state().younger_than(self.lifetimes.history, as_of) {
            return BaselineLookup::There(told);
        }
        let keys = [key];
        self.single_flight.exclusively(|single_flight| {
            // What was under way a moment ago may be there now.
            let state = slot.state();
            if let Some(told) = state.younger_than(self.lifetimes.history, as_of) {
                return BaselineLookup::There(told);
            }
            let under_way = single_flight.join(&keys, |_| true).or_else(|| {
                let reading = || self.read(question.clone(), Arc::clone(&slot), as_of);
                state.may_ask().then(|| single_flight.start(keys.to_vec(), as_of, reading()))
            });
            match (state.younger_than(self.lifetimes.history_stale, as_of), under_way, &state.failed) {
                (Some(told), ..) => BaselineLookup::There(told),
                (None, Some(under_way), _) => BaselineLookup::UnderWay(under_way, self.source.name()),
                (None, None, Some((told, _))) => BaselineLookup::There(told.clone()),
                (None, None, None) => BaselineLookup::There(Err(Missing::Loading(self.source.name().into()))),
            }
        })
    }

    /// Asks the ledger, and keeps what came of it.
    fn read(
        &self,
        question: HistoryQuestion,
        slot: Arc<Slot>,
        as_of: Timestamp,
    ) -> impl Future<Output = HistoryFact> + Send + use<> {
        let (source, guard, budget) = (Arc::clone(&self.source), Arc::clone(&self.guard), self.budget);
        async move {
            let began = Instant::now();
            let told = history_call::history(source, &guard, question, as_of, budget).await;
            let told: HistoryFact = told.map(|measured| measured.map(Arc::new));
            let mut state = slot.state();
            let good = match &told {
                Ok(measured) => !measured.partial,
                Err(why) => !matches!(why, Missing::Unavailable(_)),
            };
            if good {
                *state = State { told: Some((told.clone(), as_of)), failed: None };
            } else {
                let pause = began.elapsed().clamp(PAUSE[0], PAUSE[1]);
                state.failed = Some((told.clone(), Instant::now() + pause));
            }
            drop(state);
            told
        }
    }
}

/// The same for the same question.
fn key(HistoryQuestion { products, window, bucket }: &HistoryQuestion) -> String {
    let products: Vec<String> = products.iter().map(|product| product.0.to_string()).collect();
    let (from, to) = (window.from.timestamp_micros(), window.to.timestamp_micros());
    format!("{from}-{to}/{}:{}", bucket.as_micros(), products.join(","))
}

impl Slot {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What was told, if it is young enough. That the ledger cannot tell is not believed for long.
    fn younger_than(&self, good: Duration, as_of: Timestamp) -> Option<HistoryFact> {
        let (told, read) = self.told.as_ref()?;
        let most = if told.is_ok() { good } else { NOT_MEASURED.min(good) };
        let age = (as_of - *read).abs().to_std().unwrap_or_default();
        (age < most).then(|| told.clone())
    }

    fn may_ask(&self) -> bool {
        self.failed.as_ref().is_none_or(|(_, again)| *again <= Instant::now())
    }
}

impl BaselineLookup {
    /// What is there by the deadline.
    pub(crate) async fn by(self, deadline: Instant) -> HistoryFact {
        match self {
            Self::There(told) => told,
            Self::UnderWay(waiting, name) => {
                waiting.wait(deadline).await.unwrap_or_else(|| Err(Missing::Loading(name.into())))
            }
        }
    }
}

#[cfg(test)]
mod tests;
