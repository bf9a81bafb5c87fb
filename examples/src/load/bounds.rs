//! What a run must not exceed. Pure.

use std::{fmt, time::Duration};

use super::{Quantiles, Report};

/// Bounds on a report; those not given bound nothing.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Bounds {
    /// On the 99th percentile of latency.
    pub p99: Option<Duration>,
    /// On the longest latency.
    pub longest: Option<Duration>,
    /// On failures: requests and streams without an answer, or answered with an error.
    pub errors: Option<u64>,
    /// On the 99th percentile of the time to a stream's first event.
    pub first_event: Option<Duration>,
    /// On the longest time between two events of a stream.
    pub gap: Option<Duration>,
    /// On the 99th percentile of the age of a stream's data.
    pub age: Option<Duration>,
    /// The fewest good answers per second.
    pub goodput: Option<f64>,
}

/// A bound that did not hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Violation {
    what: &'static str,
    found: String,
    bound: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} breaks the bound of {}", self.what, self.found, self.bound)
    }
}

impl Bounds {
    /// The bounds that a report breaks. A bound on times of which there are none is broken, too: nothing was shown.
    #[must_use]
    pub fn broken(&self, report: &Report) -> Vec<Violation> {
        let mut broken = Vec::new();
        let mut time = |what, bound: Option<Duration>, times: Option<Quantiles>, of: fn(&Quantiles) -> f64| {
            let Some(bound) = bound.map(|bound| bound.as_secs_f64() * 1e3) else { return };
            let found = times.filter(|times| times.count > 0).map(|times| of(&times));
            if found.is_none_or(|found| found > bound) {
                let found = found.map_or_else(|| "without a value".to_owned(), |found| format!("{found:.2} ms"));
                broken.push(Violation { what, found, bound: format!("{bound} ms") });
            }
        };
        let streams = report.streams.as_ref();
        time("latency p99", self.p99, Some(report.latency), |times| times.p99);
        time("longest latency", self.longest, Some(report.latency), |times| times.max);
        time("first event p99", self.first_event, streams.map(|streams| streams.first_event), |times| times.p99);
        time("longest gap", self.gap, streams.map(|streams| streams.gap), |times| times.max);
        time("age p99", self.age, streams.map(|streams| streams.age), |times| times.p99);
        if let Some(bound) = self.errors.filter(|bound| report.failures() > *bound) {
            broken.push(Violation { what: "failures", found: report.failures().to_string(), bound: bound.to_string() });
        }
        if let Some(bound) = self.goodput.filter(|bound| report.goodput() < *bound) {
            broken.push(Violation {
                what: "good answers/s",
                found: format!("{:.1}", report.goodput()),
                bound: bound.to_string(),
            });
        }
        broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let latency = Quantiles { count: 100, p50: 1.0, p90: 2.0, p99: 12.0, p999: 20.0, max: 25.0 };
        Report {
            seconds: 10.0,
            started: 100,
            latency,
            by_status: [(200, Quantiles { count: 98, ..latency }), (503, Quantiles { count: 1, ..latency })].into(),
            errors: [("reset".to_owned(), 1)].into(),
            ..Report::default()
        }
    }

    #[test]
    fn bounds_that_hold_are_silent() {
        let ms = |ms| Some(Duration::from_millis(ms));
        let bounds = Bounds { p99: ms(12), longest: ms(25), errors: Some(2), goodput: Some(9.8), ..Bounds::default() };
        assert_eq!(bounds.broken(&report()), []);
    }

    #[test]
    fn every_bound_that_is_broken_is_named() {
        let ms = |ms| Some(Duration::from_millis(ms));
        let bounds = Bounds {
            p99: ms(11),
            longest: ms(24),
            errors: Some(1),
            first_event: ms(1),
            gap: ms(1),
            age: ms(1),
            goodput: Some(9.9),
        };
        let said: Vec<_> = bounds.broken(&report()).iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), 7, "{said:?}");
        assert_eq!(said[0], "latency p99 12.00 ms breaks the bound of 11 ms");
        assert_eq!(said[2], "first event p99 without a value breaks the bound of 1 ms");
    }
}
