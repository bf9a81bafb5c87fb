//! The schedule of requests. Pure.

use std::time::Duration;

/// When requests start, independent of earlier responses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Arrivals {
    /// Evenly spaced requests, per second.
    Rate(f64),
    /// Viewers who each poll at an interval with 10 % jitter, starting at a random phase of it.
    Viewers {
        /// The number of viewers.
        count: usize,
        /// The interval of one viewer.
        every: Duration,
    },
}

impl Arrivals {
    /// Whether there are any requests.
    pub(super) fn any(self) -> bool {
        match self {
            Self::Rate(rate) => rate > 0.0,
            Self::Viewers { count, .. } => count > 0,
        }
    }
}

/// The times of requests at a rate, from the start; endless.
pub(super) fn evenly(per_second: f64) -> impl Iterator<Item = Duration> {
    let mut number = 0.0;
    std::iter::from_fn(move || {
        let after = Duration::try_from_secs_f64(number / per_second).ok()?;
        number += 1.0;
        Some(after)
    })
}

/// The times of one viewer's requests, from the start; endless.
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
    fn viewers_poll_with_jitter_and_do_not_drift() {
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
