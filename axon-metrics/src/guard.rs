//! What stands between the dashboard and its stores, so that one in trouble costs neither the others nor itself more.
//! Lives here: how one question is put through: whether it is asked at all, when, and whether once more. Lives elsewhere:
//! what is asked, and what becomes of the answer (`gather`, `catalog::kept`).
//!
//! Each seam of a store has a breaker and places of its own: rights that are missing in one table, or one heavy statement,
//! say nothing of the store's other facts. Retries are counted per store.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, timeout_at};

use crate::{
    answer::SourceKind,
    gather::Budgets,
    observe::{self, SourceOutcome},
    source::SourceError,
};

pub(crate) mod admission;
mod breaker;
mod bulkhead;
mod places;
mod retry;
mod told;

pub use breaker::BreakerState;
pub use bulkhead::Concurrency;

use breaker::{Breaker, Pass};
use places::Places;
use retry::RetryBudget;
use told::Told;

/// The guards of all seams.
#[derive(Debug, Clone)]
pub(crate) struct Guards {
    pub(crate) catalog: Arc<Guard>,
    pub(crate) behavior: Arc<Guard>,
    pub(crate) ledger: Arc<Guard>,
    pub(crate) realtime: Arc<Guard>,
    /// Of the ledger, for what it takes long to tell.
    pub(crate) history: Arc<Guard>,
}

/// What stands before one seam of a store.
#[derive(Debug)]
pub(crate) struct Guard {
    pub(crate) name: &'static str,
    pub(crate) seam: SourceKind,
    /// The time a question of this seam has when nothing else has taken of it.
    budget: Duration,
    breaker: Breaker,
    places: Places,
    /// Shared by all seams of the store.
    retries: Arc<RetryBudget>,
    told: Told,
}

/// A question that was not answered.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) error: SourceError,
    pub(crate) outcome: SourceOutcome,
}

/// A source that did not answer within its budget.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {} ms", .0.as_millis())]
struct TooSlow(Duration);

/// A store that is not asked, since it failed again and again.
#[derive(Debug, thiserror::Error)]
#[error("it failed too often, and is not asked for now")]
struct NotAsked;

impl From<SourceError> for Failed {
    fn from(error: SourceError) -> Self {
        let outcome = match error {
            SourceError::Unavailable { .. } => SourceOutcome::Unavailable,
            SourceError::Lost { .. } => SourceOutcome::Lost,
            SourceError::Overloaded { .. } => SourceOutcome::Overloaded,
            SourceError::Malformed { .. } => SourceOutcome::Malformed,
            SourceError::Denied { .. } => SourceOutcome::Denied,
        };
        Self { error, outcome }
    }
}

impl Guards {
    /// Guards for the catalog, behavior, ledger and realtime sources of these names.
    pub(crate) fn new(names: [&'static str; 4], budgets: &Budgets, concurrency: &Concurrency) -> Self {
        let mut stores: Vec<(&str, Arc<RetryBudget>)> = Vec::new();
        let [catalog, behavior, ledger, realtime] = names;
        let mut guard = |name, seam, budget, places| {
            let known = stores.iter().find(|(store, _)| *store == name).map(|(_, retries)| Arc::clone(retries));
            let retries = known.unwrap_or_else(|| {
                let retries = Arc::new(RetryBudget::new());
                stores.push((name, Arc::clone(&retries)));
                retries
            });
            let (breaker, places, told) = (Breaker::new(), Places::new(places), Told::new());
            Arc::new(Guard { name, seam, budget, breaker, places, retries, told })
        };
        Self {
            catalog: guard(catalog, SourceKind::Catalog, budgets.catalog, concurrency.catalog),
            behavior: guard(behavior, SourceKind::Behavior, budgets.behavior, concurrency.behavior),
            ledger: guard(ledger, SourceKind::Ledger, budgets.ledger, concurrency.ledger),
            realtime: guard(realtime, SourceKind::Realtime, budgets.realtime, concurrency.realtime),
            history: guard(ledger, SourceKind::History, budgets.history, concurrency.history),
        }
    }
}

impl Guard {
    /// Puts a question within a budget; the source is given what is left of it. Where the connection is lost, and nothing
    /// is known to be wrong with the question, it is put once more.
    pub(crate) async fn ask<T, F>(&self, budget: Duration, mut question: impl FnMut(Duration) -> F) -> Result<T, Failed>
    where
        F: Future<Output = Result<T, SourceError>>,
    {
        let deadline = Instant::now() + budget;
        if self.breaker.refuses() {
            return Err(self.not_asked());
        }
        let Ok(_place) = self.places.enter(deadline).await else { return Err(self.crowded()) };
        let _in_flight = observe::InFlight::new(self.name, self.seam);
        // While it waited for its place others may have found out that it is in vain.
        let Some(pass) = self.breaker.enter() else { return Err(self.not_asked()) };
        self.retries.called();
        let first = self.once(pass, budget, deadline, &mut question).await;
        match first {
            Err(failed) if failed.outcome == SourceOutcome::Lost => {
                let Some(pass) = self.again(deadline).await else { return Err(failed) };
                observe::retried(self.name);
                self.once(pass, budget, deadline, &mut question).await
            }
            first => first,
        }
    }

    /// Asks whether the store is there. Nothing refuses that: it is what tells that it is well again.
    pub(crate) async fn probe<T>(
        &self,
        budget: Duration,
        probe: impl Future<Output = Result<T, SourceError>>,
    ) -> Result<T, Failed> {
        let probed = timeout_at(Instant::now() + budget, probe).await;
        let probed = probed.unwrap_or_else(|_| Err(self.too_slow(budget)))?;
        self.breaker.alive();
        self.tell_breaker();
        Ok(probed)
    }

    /// How it stands with the breaker.
    pub(crate) fn breaker(&self) -> BreakerState {
        self.breaker.state()
    }

    /// An answer that did not come within its budget.
    pub(crate) fn too_slow(&self, budget: Duration) -> SourceError {
        SourceError::Unavailable { source_name: self.name.into(), source: TooSlow(budget).into() }
    }

    /// A failure. `Some` if the log is to be told, with how many were left out since the last time.
    pub(crate) fn failed(&self, outcome: SourceOutcome) -> Option<u64> {
        self.told.failure(outcome)
    }

    /// An answer. `Some` if the log is to be told that the store answers again, with how long it did not.
    pub(crate) fn answered(&self) -> Option<Duration> {
        self.told.answer()
    }

    /// One call, and what it says of the store.
    async fn once<T, F>(
        &self,
        pass: Pass<'_>,
        budget: Duration,
        deadline: Instant,
        question: &mut impl FnMut(Duration) -> F,
    ) -> Result<T, Failed>
    where
        F: Future<Output = Result<T, SourceError>>,
    {
        self.tell_breaker();
        let left = deadline.saturating_duration_since(Instant::now());
        let called = match left.is_zero() {
            true => None,
            false => timeout_at(deadline, question(left)).await.ok(),
        };
        match &called {
            Some(Ok(_)) => pass.succeeded(),
            // That a store cannot do it in a fraction of its time is not its fault, whoever finds that out: adapters keep
            // the time, too.
            None | Some(Err(SourceError::Unavailable { .. })) if left < self.budget / 2 => drop(pass),
            None | Some(Err(_)) => pass.failed(),
        }
        self.tell_breaker();
        Ok(called.unwrap_or_else(|| Err(self.too_slow(budget)))?)
    }

    /// Waits for the moment to ask once more, if that makes sense.
    async fn again(&self, deadline: Instant) -> Option<Pass<'_>> {
        let pause = retry::pause(deadline.saturating_duration_since(Instant::now()), fastrand::f64())?;
        if self.breaker.refuses() || !self.retries.take() {
            return None;
        }
        sleep(pause).await;
        self.breaker.enter()
    }

    fn not_asked(&self) -> Failed {
        let error = SourceError::Unavailable { source_name: self.name.into(), source: NotAsked.into() };
        Failed { error, outcome: SourceOutcome::Open }
    }

    fn crowded(&self) -> Failed {
        Failed { error: SourceError::Overloaded { source_name: self.name.into() }, outcome: SourceOutcome::Shed }
    }

    fn tell_breaker(&self) {
        observe::breaker(self.name, self.seam, self.breaker.state());
    }
}

#[cfg(test)]
mod tests;
