//! A circuit breaker: while a store keeps failing it is not asked, except for one trial per second.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::source::BreakerState;

/// This many consecutive failures open the breaker.
const FAILURES_TO_OPEN: u32 = 5;
/// This many failures among the last [`WINDOW`] calls open it, too.
const FAILURES_IN_WINDOW: u32 = 10;
/// The number of last calls whose outcomes are stored; at most 31.
const WINDOW: u32 = 20;
/// The time from opening to the first trial, and from the start of one trial to the next.
const TRIAL_INTERVAL: Duration = Duration::from_secs(1);

/// Refuses one kind of question to a store while its calls fail.
#[derive(Debug)]
pub(crate) struct Breaker {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// When the next trial is due; `None` while the breaker is closed.
    next_trial: Option<Instant>,
    /// Whether a trial is in progress.
    trial: bool,
    /// Counts openings and closings. The outcome of a call from an earlier generation is ignored.
    generation: u64,
    consecutive_failures: u32,
    /// The outcomes of the last calls: the newest in the lowest bit, 1 for a failure.
    outcomes: u32,
    /// How many outcomes are stored, up to [`WINDOW`].
    outcome_count: u32,
}

/// The right to make one call. Dropped without an outcome, it counts neither as a success nor as a failure, unless the
/// call panicked.
#[derive(Debug)]
pub(crate) struct Pass<'a> {
    breaker: &'a Breaker,
    generation: u64,
    trial: bool,
}

impl Breaker {
    pub(crate) fn new() -> Self {
        Self { inner: Mutex::new(Inner::new(None, 0)) }
    }

    pub(crate) fn state(&self) -> BreakerState {
        let inner = self.lock();
        match inner.next_trial {
            None => BreakerState::Closed,
            Some(next) if inner.trial || Instant::now() >= next => BreakerState::HalfOpen,
            Some(_) => BreakerState::Open,
        }
    }

    /// Whether a call would be refused now.
    pub(crate) fn refuses(&self) -> bool {
        self.lock().next_trial.is_some_and(|next| Instant::now() < next)
    }

    /// The right to make a call now; `None` while the breaker is open and no trial is due.
    pub(crate) fn enter(&self) -> Option<Pass<'_>> {
        let now = Instant::now();
        let mut inner = self.lock();
        let trial = match inner.next_trial {
            None => false,
            Some(next) if now < next => return None,
            // The next trial does not wait for the end of this one, whose caller may leave.
            Some(_) => {
                inner.next_trial = Some(now + TRIAL_INTERVAL);
                inner.trial = true;
                true
            }
        };
        Some(Pass { breaker: self, generation: inner.generation, trial })
    }

    /// A probe succeeded: the next question is a trial.
    pub(crate) fn allow_trial(&self) {
        let mut inner = self.lock();
        if inner.next_trial.is_some() {
            inner.next_trial = Some(Instant::now());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn new(next_trial: Option<Instant>, generation: u64) -> Self {
        Self { next_trial, trial: false, generation, consecutive_failures: 0, outcomes: 0, outcome_count: 0 }
    }

    fn record(&mut self, failed: bool) {
        if self.next_trial.is_some() {
            if !failed {
                self.reset(None);
            }
            return;
        }
        self.consecutive_failures = if failed { self.consecutive_failures + 1 } else { 0 };
        self.outcomes = (self.outcomes << 1 | u32::from(failed)) & ((1 << WINDOW) - 1);
        self.outcome_count = (self.outcome_count + 1).min(WINDOW);
        let window_failed = self.outcome_count == WINDOW && self.outcomes.count_ones() >= FAILURES_IN_WINDOW;
        if self.consecutive_failures >= FAILURES_TO_OPEN || window_failed {
            self.reset(Some(Instant::now() + TRIAL_INTERVAL));
        }
    }

    /// Opens the breaker until a trial, or closes it, and clears all outcomes.
    fn reset(&mut self, next_trial: Option<Instant>) {
        *self = Self::new(next_trial, self.generation + 1);
    }
}

impl Pass<'_> {
    pub(crate) fn succeeded(self) {
        self.record(false);
    }

    pub(crate) fn failed(self) {
        self.record(true);
    }

    fn record(&self, failed: bool) {
        let mut inner = self.breaker.lock();
        if inner.generation == self.generation {
            inner.record(failed);
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.record(true);
        }
        let mut inner = self.breaker.lock();
        if self.trial && inner.generation == self.generation {
            inner.trial = false;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use tokio::time::advance;

    use super::{
        BreakerState::{Closed, HalfOpen, Open},
        *,
    };

    fn call(breaker: &Breaker, failed: bool) {
        let pass = breaker.enter().unwrap();
        if failed { pass.failed() } else { pass.succeeded() }
    }

    fn open_breaker() -> Breaker {
        let breaker = Breaker::new();
        (0..FAILURES_TO_OPEN).for_each(|_| call(&breaker, true));
        assert_eq!(breaker.state(), Open);
        breaker
    }

    #[tokio::test(start_paused = true)]
    async fn five_failures_in_a_row_open_it_and_four_do_not() {
        let breaker = Breaker::new();
        for failed in [true, true, true, true, false, true, true, true, true] {
            call(&breaker, failed);
        }
        assert_eq!(breaker.state(), Closed);
        call(&breaker, true);
        assert_eq!(breaker.state(), Open);
        assert!(breaker.refuses() && breaker.enter().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn ten_failures_of_the_last_twenty_open_it_and_nine_do_not() {
        let breaker = Breaker::new();
        // 9 of 19, then 9 of 20, then 10 of the last 20.
        (0..19).for_each(|index| call(&breaker, index % 2 == 1));
        assert_eq!(breaker.state(), Closed);
        call(&breaker, false);
        assert_eq!(breaker.state(), Closed);
        call(&breaker, true);
        assert_eq!(breaker.state(), Open);
    }

    #[tokio::test(start_paused = true)]
    async fn an_open_breaker_allows_one_trial_per_second() {
        let breaker = open_breaker();
        let mut trials = 0;
        for _ in 0..100 {
            advance(Duration::from_millis(100)).await;
            for _ in 0..10 {
                if let Some(pass) = breaker.enter() {
                    trials += 1;
                    assert_eq!(breaker.state(), HalfOpen);
                    pass.failed();
                    assert_eq!(breaker.state(), Open);
                }
            }
        }
        assert_eq!(trials, 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_successful_trial_closes_it_and_clears_all_outcomes() {
        let breaker = open_breaker();
        advance(TRIAL_INTERVAL).await;
        assert_eq!(breaker.state(), HalfOpen);
        call(&breaker, false);
        assert_eq!(breaker.state(), Closed);
        (1..FAILURES_TO_OPEN).for_each(|_| call(&breaker, true));
        assert_eq!(breaker.state(), Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn a_trial_that_hangs_or_is_dropped_does_not_delay_the_next_one() {
        let breaker = open_breaker();
        advance(TRIAL_INTERVAL).await;
        let hangs = breaker.enter().unwrap();
        assert!(breaker.enter().is_none());
        advance(TRIAL_INTERVAL).await;
        drop(breaker.enter().unwrap());
        advance(TRIAL_INTERVAL).await;
        call(&breaker, false);
        assert_eq!(breaker.state(), Closed);
        hangs.failed();
        assert_eq!(breaker.lock().consecutive_failures, 0, "the outcome is of an earlier generation");
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_from_before_it_opened_does_not_close_it() {
        let breaker = Breaker::new();
        let early = breaker.enter().unwrap();
        (0..FAILURES_TO_OPEN).for_each(|_| call(&breaker, true));
        early.succeeded();
        assert_eq!(breaker.state(), Open);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_call_has_no_outcome() {
        let breaker = Breaker::new();
        (0..100).for_each(|_| drop(breaker.enter().unwrap()));
        assert_eq!((breaker.state(), breaker.lock().outcome_count), (Closed, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_successful_probe_makes_the_next_question_a_trial() {
        let breaker = open_breaker();
        breaker.allow_trial();
        assert_eq!(breaker.state(), HalfOpen);
        call(&breaker, true);
        assert_eq!(breaker.state(), Open);
        breaker.allow_trial();
        call(&breaker, false);
        assert_eq!(breaker.state(), Closed);
        breaker.allow_trial();
        assert_eq!(breaker.state(), Closed);
    }
}
