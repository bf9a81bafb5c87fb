//! A circuit breaker: a store that fails again and again is not asked for a while, but for one trial each second.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::source::BreakerState;

/// So many failures in a row open it,
const IN_A_ROW: u32 = 5;

/// and so many of the last calls:
const FAILED: u32 = 10;

const LAST: u32 = 20;

/// How long after it opened, or after the last trial began, the next trial is let through.
const PAUSE: Duration = Duration::from_secs(1);

/// Whether one kind of question is put to a store, by how the last ones went.
#[derive(Debug)]
pub(crate) struct Breaker {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// While it is open: when the next trial is let through.
    next_trial: Option<Instant>,
    /// Whether one is under way.
    trial: bool,
    /// Counts openings and closings, so that a call that began before one has no say after it.
    generation: u64,
    in_a_row: u32,
    /// How the last calls went, the newest in the lowest bit, 1 for a failure.
    last: u32,
    seen: u32,
}

/// The right to call. Dropped without a word on how it went, nothing is known.
#[derive(Debug)]
pub(crate) struct Pass<'a> {
    breaker: &'a Breaker,
    generation: u64,
    trial: bool,
}

impl Breaker {
    pub(crate) fn new() -> Self {
        let inner = Inner { next_trial: None, trial: false, generation: 0, in_a_row: 0, last: 0, seen: 0 };
        Self { inner: Mutex::new(inner) }
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

    /// The right to call now; `None` if the store is not asked for now.
    pub(crate) fn enter(&self) -> Option<Pass<'_>> {
        let now = Instant::now();
        let mut inner = self.lock();
        let trial = match inner.next_trial {
            None => false,
            Some(next) if now < next => return None,
            // The next one does not wait for the end of this one: whoever makes it may go away.
            Some(_) => {
                inner.next_trial = Some(now + PAUSE);
                inner.trial = true;
                true
            }
        };
        Some(Pass { breaker: self, generation: inner.generation, trial })
    }

    /// The store gave a sign of life without having been asked a question: the next question is a trial.
    pub(crate) fn alive(&self) {
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
    fn heard(&mut self, failed: bool) {
        if self.next_trial.is_some() {
            if !failed {
                self.turn(None);
            }
            return;
        }
        self.in_a_row = if failed { self.in_a_row + 1 } else { 0 };
        self.last = (self.last << 1 | u32::from(failed)) & ((1 << LAST) - 1);
        self.seen = (self.seen + 1).min(LAST);
        if self.in_a_row >= IN_A_ROW || (self.seen == LAST && self.last.count_ones() >= FAILED) {
            self.turn(Some(Instant::now() + PAUSE));
        }
    }

    /// Opens or closes; what was before is forgotten.
    fn turn(&mut self, next_trial: Option<Instant>) {
        *self = Self { next_trial, trial: false, generation: self.generation + 1, in_a_row: 0, last: 0, seen: 0 };
    }
}

impl Pass<'_> {
    pub(crate) fn succeeded(self) {
        self.heard(false);
    }

    pub(crate) fn failed(self) {
        self.heard(true);
    }

    fn heard(&self, failed: bool) {
        let mut inner = self.breaker.lock();
        if inner.generation == self.generation {
            inner.heard(failed);
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.heard(true);
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

    fn opened() -> Breaker {
        let breaker = Breaker::new();
        (0..IN_A_ROW).for_each(|_| call(&breaker, true));
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
    async fn half_of_the_last_twenty_open_it_and_less_do_not() {
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
    async fn it_lets_one_trial_through_each_second() {
        let breaker = opened();
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
    async fn a_trial_that_succeeds_closes_it_and_all_is_forgotten() {
        let breaker = opened();
        advance(PAUSE).await;
        assert_eq!(breaker.state(), HalfOpen);
        call(&breaker, false);
        assert_eq!(breaker.state(), Closed);
        (1..IN_A_ROW).for_each(|_| call(&breaker, true));
        assert_eq!(breaker.state(), Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn a_trial_that_is_given_up_or_never_ends_does_not_keep_the_next_one_waiting() {
        let breaker = opened();
        advance(PAUSE).await;
        let hangs = breaker.enter().unwrap();
        assert!(breaker.enter().is_none());
        advance(PAUSE).await;
        drop(breaker.enter().unwrap());
        advance(PAUSE).await;
        call(&breaker, false);
        assert_eq!(breaker.state(), Closed);
        hangs.failed();
        assert_eq!(breaker.lock().in_a_row, 0, "word from before it closed");
    }

    #[tokio::test(start_paused = true)]
    async fn word_of_a_call_from_before_it_opened_does_not_close_it() {
        let breaker = Breaker::new();
        let early = breaker.enter().unwrap();
        (0..IN_A_ROW).for_each(|_| call(&breaker, true));
        early.succeeded();
        assert_eq!(breaker.state(), Open);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_is_given_up_says_nothing() {
        let breaker = Breaker::new();
        (0..100).for_each(|_| drop(breaker.enter().unwrap()));
        assert_eq!((breaker.state(), breaker.lock().seen), (Closed, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_sign_of_life_lets_the_next_question_through_and_that_one_decides() {
        let breaker = opened();
        breaker.alive();
        assert_eq!(breaker.state(), HalfOpen);
        call(&breaker, true);
        assert_eq!(breaker.state(), Open);
        breaker.alive();
        call(&breaker, false);
        assert_eq!(breaker.state(), Closed);
        breaker.alive();
        assert_eq!(breaker.state(), Closed);
    }
}
