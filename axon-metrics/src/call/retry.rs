//! Retries: how many a store may get, and the pause before one.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// This many calls earn one retry.
const CALLS_PER_RETRY: u32 = 10;
/// The most retries that are saved up.
const MAX_BURST: u32 = 10;
/// The longest pause before a retry.
const MAX_PAUSE: Duration = Duration::from_millis(50);

/// The retry budget of a store, in tenths of a retry. Retries are at most a tenth of the calls, and a burst.
#[derive(Debug)]
pub(super) struct RetryBudget {
    tenths: Mutex<u32>,
}

impl RetryBudget {
    pub(super) fn new() -> Self {
        Self { tenths: Mutex::new(MAX_BURST * CALLS_PER_RETRY) }
    }

    /// Adds a call that is no retry.
    pub(super) fn add_call(&self) {
        let mut tenths = self.tenths.lock().unwrap_or_else(PoisonError::into_inner);
        *tenths = (*tenths + 1).min(MAX_BURST * CALLS_PER_RETRY);
    }

    /// Whether a retry may be made. If so, it is subtracted from the budget.
    pub(super) fn take(&self) -> bool {
        let mut tenths = self.tenths.lock().unwrap_or_else(PoisonError::into_inner);
        let left = tenths.checked_sub(CALLS_PER_RETRY);
        *tenths = left.unwrap_or(*tenths);
        left.is_some()
    }
}

/// The pause before a retry: a random share, `0.0..1.0`, of the longest one, so that callers which lost their
/// connections together do not retry together. `None` if no time is left.
pub(super) fn pause(left: Duration, random: f64) -> Option<Duration> {
    let pause = MAX_PAUSE.min(left / 2).mul_f64(random);
    (!left.is_zero()).then_some(pause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_of_the_calls_and_a_burst_may_be_retried() {
        let budget = RetryBudget::new();
        let retries = (0..1_000).filter(|_| {
            budget.add_call();
            budget.take()
        });
        assert!((109..=110).contains(&retries.count()));
        (0..1_000).for_each(|_| budget.add_call());
        assert_eq!((0..100).filter(|_| budget.take()).count(), 10, "no more than a burst is saved up");
    }

    #[test]
    fn a_pause_is_bounded_and_leaves_time_for_the_retry() {
        let ms = Duration::from_millis;
        assert_eq!(pause(ms(800), 0.0), Some(ms(0)));
        assert_eq!(pause(ms(800), 0.5), Some(ms(25)));
        assert!(pause(ms(800), 0.999).is_some_and(|pause| pause < ms(50)));
        assert!(pause(ms(20), 0.999).is_some_and(|pause| pause < ms(10)));
        assert_eq!(pause(Duration::ZERO, 0.0), None);
    }
}
