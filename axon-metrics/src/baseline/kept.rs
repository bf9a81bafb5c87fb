//! The weeks before promotions, kept: read in a task of its own, once for all who ask, and again behind them when old.
//! Lives here: what is kept, for how long, and when the ledger is asked again. Lives elsewhere: which weeks (`baseline`), how
//! they are asked for (`gather`), what is made of them (`widget`).
//!
//! What is kept is of a window that is over, so it is the same for every instant after it. Its age is by the instants that
//! answers are made for; only the pauses after a failure are by the machine's clock, since they spare the store.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use quick_cache::sync::Cache;
use tokio::{
    sync::watch,
    time::{Instant as Monotonic, timeout_at},
};
use tracing::Instrument;

use crate::{
    Fact, Instant, Missing, Reason,
    cache::Lifetimes,
    facts::History,
    gather,
    guard::Guard,
    source::{HistoryQuestion, LedgerSource},
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
pub(crate) struct Histories {
    source: Arc<dyn LedgerSource>,
    guard: Arc<Guard>,
    budget: Duration,
    lifetimes: Lifetimes,
    sets: Arc<Cache<HistoryQuestion, Arc<Slot>>>,
}

/// What the ledger said, shared by all who ask.
pub(crate) type Told = Fact<Arc<History>>;

/// What is known of one question.
#[derive(Default)]
struct Slot(Mutex<State>);

#[derive(Default)]
struct State {
    told: Option<(Told, Instant)>,
    /// Why the last attempt failed, and when the next may be made.
    failed: Option<(Missing, Monotonic)>,
    /// Where the attempt under way will say what came of it.
    under_way: Option<watch::Receiver<Option<Told>>>,
}

/// A look at what is kept.
pub(crate) enum Look {
    There(Told),
    UnderWay(watch::Receiver<Option<Told>>, &'static str),
}

impl Histories {
    pub(crate) fn new(
        source: Arc<dyn LedgerSource>,
        guard: Arc<Guard>,
        budget: Duration,
        lifetimes: Lifetimes,
    ) -> Self {
        Self { source, guard, budget, lifetimes, sets: Arc::new(Cache::new(SETS)) }
    }

    /// What is kept, or what is under way. What is missing or old begins to be read; what is old is good meanwhile.
    pub(crate) fn look(&self, question: &HistoryQuestion, as_of: Instant) -> Look {
        if question.products.is_empty() {
            return Look::There(Err(Missing::NotMeasured(Reason::NoProducts)));
        }
        let made = self.sets.get_or_insert_with(question, || Ok::<_, Infallible>(Arc::new(Slot::default())));
        let slot = match made {
            Ok(slot) => slot,
            Err(never) => match never {},
        };
        let mut state = slot.state();
        let told =
            state.told.as_ref().map(|(told, read)| (told.clone(), (as_of - *read).abs().to_std().unwrap_or_default()));
        let lasts = |told: &Told, good: Duration| if told.is_ok() { good } else { NOT_MEASURED.min(good) };
        if let Some((told, _)) = told.as_ref().filter(|(told, age)| *age < lasts(told, self.lifetimes.history)) {
            return Look::There(told.clone());
        }
        if state.may_ask() {
            state.under_way = Some(self.read(question.clone(), Arc::clone(&slot), as_of));
        }
        match (told.filter(|(told, age)| *age < lasts(told, self.lifetimes.history_stale)), &state.under_way) {
            (Some((told, _)), _) => Look::There(told),
            (None, Some(under_way)) if state.is_under_way() => Look::UnderWay(under_way.clone(), self.source.name()),
            _ => Look::There(state.failed.as_ref().map_or(Err(Missing::NoBaseline), |(why, _)| Err(why.clone()))),
        }
    }

    /// Asks the ledger, whoever goes away meanwhile.
    fn read(&self, question: HistoryQuestion, slot: Arc<Slot>, as_of: Instant) -> watch::Receiver<Option<Told>> {
        let (say, said) = watch::channel(None);
        let (source, guard, budget) = (Arc::clone(&self.source), Arc::clone(&self.guard), self.budget);
        let reading = async move {
            let began = Monotonic::now();
            let told =
                gather::history(source, &guard, question, as_of, budget).await.map(|measured| measured.map(Arc::new));
            let mut state = slot.state();
            match &told {
                Err(why @ Missing::Unavailable(_)) => {
                    let pause = began.elapsed().clamp(PAUSE[0], PAUSE[1]);
                    state.failed = Some((why.clone(), Monotonic::now() + pause));
                }
                _ => (state.told, state.failed) = (Some((told.clone(), as_of)), None),
            }
            state.under_way = None;
            say.send_replace(Some(told));
        };
        tokio::spawn(reading.in_current_span());
        said
    }
}

impl Slot {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A task that ended without a word, with its runtime, is under way no more.
    fn is_under_way(&self) -> bool {
        self.under_way.as_ref().is_some_and(|said| said.has_changed().is_ok())
    }

    fn may_ask(&self) -> bool {
        !self.is_under_way() && self.failed.as_ref().is_none_or(|(_, again)| *again <= Monotonic::now())
    }
}

impl Look {
    /// What is there by the deadline.
    pub(crate) async fn by(self, deadline: Monotonic) -> Told {
        match self {
            Self::There(told) => told,
            Self::UnderWay(mut said, name) => match timeout_at(deadline, said.wait_for(Option::is_some)).await {
                Ok(Ok(said)) => said.clone().unwrap_or_else(|| Err(Missing::Loading(name.into()))),
                _ => Err(Missing::Loading(name.into())),
            },
        }
    }
}

#[cfg(test)]
mod tests;
