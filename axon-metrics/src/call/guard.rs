//! What stands between the dashboard and its stores, so that one in trouble costs neither the others nor itself more.
//! Lives here: how one question is put through: whether it is asked at all, when, and whether once more. Lives elsewhere:
//! what is asked, and what becomes of the answer.
//!
//! Each kind of question to a store has a circuit breaker and a bulkhead of its own: rights that are missing in one table,
//! or one heavy statement, say nothing of the store's other facts. Retries are counted per store.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, timeout_at};

use super::{
    breaker::{Breaker, Pass},
    budgets::Budgets,
    bulkhead::Bulkhead,
    concurrency::Concurrency,
    log_limiter::LogLimiter,
    retry::{self, RetryBudget},
};
use crate::{
    observe,
    source::{BreakerState, PerQuestion, PerSource, QuestionKind, SourceError, SourceOutcome},
};

/// What stands before one kind of question to a store.
#[derive(Debug)]
pub(crate) struct Guard {
    pub(crate) name: &'static str,
    pub(crate) kind: QuestionKind,
    /// The time a question of this kind has when nothing else has taken of it.
    budget: Duration,
    breaker: Breaker,
    bulkhead: Bulkhead,
    /// Shared by all kinds of questions to the store.
    retries: Arc<RetryBudget>,
    log_limiter: LogLimiter,
}

/// A question that was not answered.
#[derive(Debug)]
pub(crate) struct CallFailure {
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

impl From<SourceError> for CallFailure {
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

/// One guard for each kind of question.
pub(crate) type Guards = PerQuestion<Arc<Guard>>;

/// Guards for the sources of these names. The questions to one store share its budget of retries.
pub(crate) fn guards(names: PerSource<&'static str>, budgets: &Budgets, concurrency: &Concurrency) -> Guards {
    let mut stores: Vec<(&str, Arc<RetryBudget>)> = Vec::new();
    PerQuestion::from_fn(|kind| {
        let name = names[kind.source()];
        let known = stores.iter().find(|(store, _)| *store == name).map(|(_, retries)| Arc::clone(retries));
        let retries = known.unwrap_or_else(|| {
            let retries = Arc::new(RetryBudget::new());
            stores.push((name, Arc::clone(&retries)));
            retries
        });
        Arc::new(Guard {
            name,
            kind,
            budget: budgets.of(kind),
            breaker: Breaker::new(),
            bulkhead: Bulkhead::new(concurrency.of(kind)),
            retries,
            log_limiter: LogLimiter::new(),
        })
    })
}

impl Guard {
    /// Puts a question within a budget; the source is given what is left of it. Where the connection is lost, and nothing
    /// is known to be wrong with the question, it is put once more.
    pub(crate) async fn ask<T, F>(
        &self,
        budget: Duration,
        mut question: impl FnMut(Duration) -> F,
    ) -> Result<T, CallFailure>
    where
        F: Future<Output = Result<T, SourceError>>,
    {
        let deadline = Instant::now() + budget;
        if self.breaker.refuses() {
            return Err(self.not_asked());
        }
        let Ok(_place) = self.bulkhead.enter(deadline).await else { return Err(self.crowded()) };
        let _in_flight = observe::InFlight::new(self.name, self.kind);
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
    ) -> Result<T, CallFailure> {
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

    /// A failure. `Some` if it is to be logged, with how many were left out since the last time.
    pub(crate) fn failed(&self, outcome: SourceOutcome) -> Option<u64> {
        self.log_limiter.failure(outcome)
    }

    /// An answer. `Some` if it is to be logged that the store answers again, with how long it did not.
    pub(crate) fn answered(&self) -> Option<Duration> {
        self.log_limiter.answer()
    }

    /// One call, and what it says of the store.
    async fn once<T, F>(
        &self,
        pass: Pass<'_>,
        budget: Duration,
        deadline: Instant,
        question: &mut impl FnMut(Duration) -> F,
    ) -> Result<T, CallFailure>
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

    fn not_asked(&self) -> CallFailure {
        let error = SourceError::Unavailable { source_name: self.name.into(), source: NotAsked.into() };
        CallFailure { error, outcome: SourceOutcome::Open }
    }

    fn crowded(&self) -> CallFailure {
        CallFailure { error: SourceError::Overloaded { source_name: self.name.into() }, outcome: SourceOutcome::Shed }
    }

    fn tell_breaker(&self) {
        observe::breaker(self.name, self.kind, self.breaker.state());
    }
}

#[cfg(test)]
mod tests;
