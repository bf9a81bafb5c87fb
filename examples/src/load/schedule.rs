//! When requests start. Pure.

use std::time::Duration;

/// When requests start, whatever becomes of those before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Arrivals {
    /// So many a second, evenly.
    Rate(f64),
    /// Viewers who each ask again after a time, a tenth more or less, having begun at any moment of it.
    Viewers {
        /// How many.
        count: usize,
        /// The time between two requests of one.
        every: Duration,
    },
}

impl Arrivals {
    /// Whether there is a single one.
    pub(super) fn any(self) -> bool {
        match self {
            Self::Rate(rate) => rate > 0.0,
            Self::Viewers { count, .. } => count > 0,
        }
    }
}

/// After the start, the instant of each request at a rate, for ever.
pub(super) fn evenly(per_second: f64) -> impl Iterator<Item = Duration> {
    let mut number = 0.0;
    std::iter::from_fn(move || {
        let after = Duration::try_from_secs_f64(number / per_second).ok()?;
        number += 1.0;
        Some(after)
    })
}

/// After the start, the instant of each request of one viewer, for ever.
pub(super) fn viewer(every: Duration, mut random: fastrand::Rng) -> impl Iterator<Item = Duration> {
    let first = every.mul_f64(random.f64());
    (0..).map(move |number: u32| {
        let jitter = if number == 0 { 0.0 } else { 0.1 * (2.0 * random.f64() - 1.0) };
        first + every.mul_f64((f64::from(number) + jitter).max(0.0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_does_not_drift() {
        let instants: Vec<_> = evenly(300.0).take(601).collect();
        assert_eq!(
            (instants[0], instants[300], instants[600]),
            (Duration::ZERO, Duration::from_secs(1), Duration::from_secs(2))
        );
    }

    #[test]
    fn viewers_ask_each_time_a_tenth_more_or_less_and_do_not_drift() {
        let every = Duration::from_secs(2);
        let instants: Vec<_> = viewer(every, fastrand::Rng::with_seed(3)).take(100).collect();
        assert!(instants[0] < every);
        for (number, pair) in instants.windows(2).enumerate() {
            assert!(pair[1].saturating_sub(pair[0]) > Duration::from_millis(1_500), "{number}: {pair:?}");
        }
        let whole = instants[99] - instants[0];
        assert!(whole.abs_diff(every * 99) <= every / 10, "{whole:?}");
    }
}
