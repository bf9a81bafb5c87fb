//! Asking once more: how often all in all, and after which pause.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// A retry for each so many calls,
const CALLS: u32 = 10;
/// and so many in a burst.
const BURST: u32 = 10;
/// The longest pause before it.
const PAUSE: Duration = Duration::from_millis(50);

/// The retries of a store: at most a tenth of its calls, but for a burst. In tenths of a retry.
#[derive(Debug)]
pub(super) struct RetryBudget {
    tenths: Mutex<u32>,
}

impl RetryBudget {
    pub(super) fn new() -> Self {
        Self { tenths: Mutex::new(BURST * CALLS) }
    }

    /// A call was made that is no retry.
    pub(super) fn called(&self) {
        let mut tenths = self.tenths.lock().unwrap_or_else(PoisonError::into_inner);
        *tenths = (*tenths + 1).min(BURST * CALLS);
    }

    /// Whether one more may be made; then it is taken for made.
    pub(super) fn take(&self) -> bool {
        let mut tenths = self.tenths.lock().unwrap_or_else(PoisonError::into_inner);
        let left = tenths.checked_sub(CALLS);
        *tenths = left.unwrap_or(*tenths);
        left.is_some()
    }
}

/// How long to wait, by a random number in `0.0..1.0`, so that those who were cut off together do not come back together;
/// `None` if there is no time left to ask again.
pub(super) fn pause(left: Duration, random: f64) -> Option<Duration> {
    let pause = PAUSE.min(left / 2).mul_f64(random);
    (!left.is_zero()).then_some(pause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_of_the_calls_may_be_repeated_but_for_a_burst() {
        let budget = RetryBudget::new();
        let retries = (0..1_000).filter(|_| {
            budget.called();
            budget.take()
        });
        assert!((109..=110).contains(&retries.count()));
        (0..1_000).for_each(|_| budget.called());
        assert_eq!((0..100).filter(|_| budget.take()).count(), 10, "what is not used is not saved up");
    }

    #[test]
    fn a_pause_is_anything_up_to_its_longest_and_leaves_time_to_ask() {
        let ms = Duration::from_millis;
        assert_eq!(pause(ms(800), 0.0), Some(ms(0)));
        assert_eq!(pause(ms(800), 0.5), Some(ms(25)));
        assert!(pause(ms(800), 0.999).is_some_and(|pause| pause < ms(50)));
        assert!(pause(ms(20), 0.999).is_some_and(|pause| pause < ms(10)));
        assert_eq!(pause(Duration::ZERO, 0.0), None);
    }
}
