//! The guard of a store: circuit breaker, bulkhead and retry around each question, so that a failing store neither
//! delays the other facts nor gets more load. Lives here: whether a question is asked, when, and whether it is retried.
//! Lives elsewhere: which question is asked, and what is done with the answer.
//!
//! Each kind of question to a store has its own circuit breaker and bulkhead: a missing right on one table, or one slow
//! statement, does not affect the store's other facts. The retry budget is shared by all questions to a store.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep, timeout_at};

use super::{
    breaker::{Breaker, Pass},
    budgets::Budgets,
    bulkhead::Bulkhead,
    concurrency::Concurrency,
    retry::{self, RetryBudget},
};
use crate::{
    observe::{self, LogLimiter},
    source::{BreakerState, PerQuestion, PerSource, QuestionKind, SourceError, SourceOutcome},
};

/// The circuit breaker, bulkhead and retry budget of one kind of question to a store.
#[derive(Debug)]
pub(crate) struct Guard {
    pub(crate) name: &'static str,
    pub(crate) kind: QuestionKind,
    /// The full budget of a question of this kind. A call may have less, if its answer's deadline is near.
    budget: Duration,
    breaker: Breaker,
    bulkhead: Bulkhead,
    /// Shared by all kinds of questions to the store.
    retries: Arc<RetryBudget>,
    log_limiter: LogLimiter<SourceOutcome>,
    /// The right that was missing at the last call; `None` if it was not denied. It outlives the calls that the breaker refuses.
    missing_right: Mutex<Option<String>>,
}

/// A call that failed, or was refused.
#[derive(Debug)]
pub(crate) struct CallFailure {
    pub(crate) error: SourceError,
    pub(crate) outcome: SourceOutcome,
}

/// The call did not end within its budget.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {} ms", .0.as_millis())]
struct TimedOut(Duration);

/// The call was refused, since the circuit breaker is open.
#[derive(Debug, thiserror::Error)]
#[error("circuit breaker open: not asked until the next trial")]
struct BreakerOpen;

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

/// Guards for the sources of these names. Sources of one name share a retry budget.
pub(crate) fn guards(names: PerSource<&'static str>, budgets: &Budgets, concurrency: &Concurrency) -> Guards {
    let mut stores: Vec<(&str, Arc<RetryBudget>)> = Vec::new();
    PerQuestion::from_fn(|kind| {
        let name = names[kind.source()];
        let shared = stores.iter().find(|(store, _)| *store == name).map(|(_, retries)| Arc::clone(retries));
        let retries = shared.unwrap_or_else(|| {
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
            log_limiter: LogLimiter::default(),
            missing_right: Mutex::default(),
        })
    })
}

impl Guard {
    /// Asks a question within a budget. The wait for a permit counts; the source gets the rest. A lost connection is
    /// retried once, since it says nothing about the question.
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
            return Err(self.breaker_open());
        }
        let Ok(_permit) = self.bulkhead.enter(deadline).await else { return Err(self.shed()) };
        let _in_flight = observe::InFlight::new(self.name, self.kind);
        // The breaker may have opened during the wait for a permit.
        let Some(pass) = self.breaker.enter() else { return Err(self.breaker_open()) };
        self.retries.add_call();
        let first = self.call_once(pass, budget, deadline, &mut question).await;
        match first {
            Err(failed) if failed.outcome == SourceOutcome::Lost => {
                let Some(pass) = self.await_retry(deadline).await else { return Err(failed) };
                observe::retried(self.name);
                self.call_once(pass, budget, deadline, &mut question).await
            }
            first => first,
        }
    }

    /// Probes the store. A probe is never refused, since its success is what allows the next trial.
    pub(crate) async fn probe<T>(
        &self,
        budget: Duration,
        probe: impl Future<Output = Result<T, SourceError>>,
    ) -> Result<T, CallFailure> {
        let result = timeout_at(Instant::now() + budget, probe).await;
        let result = result.unwrap_or_else(|_| Err(self.timed_out(budget)))?;
        self.breaker.allow_trial();
        self.observe_breaker();
        Ok(result)
    }

    /// The state of the circuit breaker.
    pub(crate) fn breaker(&self) -> BreakerState {
        self.breaker.state()
    }

    /// The error of a call that did not end within its budget.
    pub(crate) fn timed_out(&self, budget: Duration) -> SourceError {
        SourceError::Unavailable { source_name: self.name.into(), source: TimedOut(budget).into() }
    }

    /// Records a failure. `Some` if it should be logged, with the number of failures left out since the last line.
    pub(crate) fn log_failure(&self, outcome: SourceOutcome) -> Option<u64> {
        self.log_limiter.failure(outcome)
    }

    /// Records an answer. `Some` if it should be logged as the recovery, with the length of the outage.
    pub(crate) fn log_answer(&self) -> Option<Duration> {
        self.log_limiter.answer()
    }

    /// Makes one call, and records its outcome in the circuit breaker.
    async fn call_once<T, F>(
        &self,
        pass: Pass<'_>,
        budget: Duration,
        deadline: Instant,
        question: &mut impl FnMut(Duration) -> F,
    ) -> Result<T, CallFailure>
    where
        F: Future<Output = Result<T, SourceError>>,
    {
        self.observe_breaker();
        let left = deadline.saturating_duration_since(Instant::now());
        let result = match left.is_zero() {
            true => None,
            false => timeout_at(deadline, question(left)).await.ok(),
        };
        *self.missing_right.lock().unwrap_or_else(PoisonError::into_inner) = match &result {
            Some(Err(SourceError::Denied { missing, .. })) => Some(missing.clone()),
            _ => None,
        };
        match &result {
            Some(Ok(_)) => pass.succeeded(),
            // A time-out after less than half of the full budget is not held against the store. Adapters time calls
            // themselves, so their `Unavailable` may be such a time-out, too.
            None | Some(Err(SourceError::Unavailable { .. })) if left < self.budget / 2 => drop(pass),
            None | Some(Err(_)) => pass.failed(),
        }
        self.observe_breaker();
        Ok(result.unwrap_or_else(|| Err(self.timed_out(budget)))?)
    }

    /// Waits for the pause before a retry; `None` if there is no time, no retry budget, or the circuit breaker is open.
    async fn await_retry(&self, deadline: Instant) -> Option<Pass<'_>> {
        let pause = retry::pause(deadline.saturating_duration_since(Instant::now()), fastrand::f64())?;
        if self.breaker.refuses() || !self.retries.take() {
            return None;
        }
        sleep(pause).await;
        self.breaker.enter()
    }

    /// A missing right stays the reason: waiting for the next trial would not help.
    fn breaker_open(&self) -> CallFailure {
        let source_name = self.name.into();
        let error = match self.missing_right.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            Some(missing) => SourceError::Denied { source_name, missing },
            None => SourceError::Unavailable { source_name, source: BreakerOpen.into() },
        };
        CallFailure { error, outcome: SourceOutcome::Open }
    }

    fn shed(&self) -> CallFailure {
        CallFailure { error: SourceError::Overloaded { source_name: self.name.into() }, outcome: SourceOutcome::Shed }
    }

    fn observe_breaker(&self) {
        observe::breaker(self.name, self.kind, self.breaker.state());
    }
}

#[cfg(test)]
mod tests;
