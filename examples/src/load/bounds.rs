//! Bounds on the report of a run. Pure.

use std::{fmt, time::Duration};

use super::{Quantiles, Report};

/// Bounds on a report; `None` is no bound.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Bounds {
    /// The largest 99th percentile of latency.
    pub p99: Option<Duration>,
    /// The longest latency.
    pub longest: Option<Duration>,
    /// The most failures: requests and streams without a response, or with an error status.
    pub errors: Option<u64>,
    /// The largest 99th percentile of the time to a stream's first event.
    pub first_event: Option<Duration>,
    /// The longest time between two events of a stream.
    pub gap: Option<Duration>,
    /// The largest 99th percentile of the age of a stream's data.
    pub age: Option<Duration>,
    /// The fewest good answers per second.
    pub goodput: Option<f64>,
}

/// A bound that was exceeded.
#[derive(Debug, Clone, PartialEq)]
pub struct Violation {
    what: &'static str,
    value: String,
    bound: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} breaks the bound of {}", self.what, self.value, self.bound)
    }
}

impl Bounds {
    /// The bounds that a report breaks. A bound on times is also broken if the report has no such times.
    #[must_use]
    pub fn broken(&self, report: &Report) -> Vec<Violation> {
        let mut broken = Vec::new();
        let mut time = |what, bound: Option<Duration>, times: Option<Quantiles>, of: fn(&Quantiles) -> f64| {
            let Some(bound) = bound.map(|bound| bound.as_secs_f64() * 1e3) else { return };
            let value = times.filter(|times| times.count > 0).map(|times| of(&times));
            if value.is_none_or(|value| value > bound) {
                let value = value.map_or_else(|| "without a value".to_owned(), |value| format!("{value:.2} ms"));
                broken.push(Violation { what, value, bound: format!("{bound} ms") });
            }
        };
        let streams = report.streams.as_ref();
        time("latency p99", self.p99, Some(report.latency), |times| times.p99);
        time("longest latency", self.longest, Some(report.latency), |times| times.max);
        time("first event p99", self.first_event, streams.map(|streams| streams.first_event), |times| times.p99);
        time("longest gap", self.gap, streams.map(|streams| streams.gap), |times| times.max);
        time("age p99", self.age, streams.map(|streams| streams.age), |times| times.p99);
        if let Some(bound) = self.errors.filter(|bound| report.failures() > *bound) {
            broken.push(Violation { what: "failures", value: report.failures().to_string(), bound: bound.to_string() });
        }
        if let Some(bound) = self.goodput.filter(|bound| report.goodput() < *bound) {
            broken.push(Violation {
                what: "good answers/s",
                value: format!("{:.1}", report.goodput()),
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
        let texts: Vec<_> = bounds.broken(&report()).iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), 7, "{texts:?}");
        assert_eq!(texts[0], "latency p99 12.00 ms breaks the bound of 11 ms");
        assert_eq!(texts[2], "first event p99 without a value breaks the bound of 1 ms");
    }
}
