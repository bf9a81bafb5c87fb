//! The measurements of a run. Lives here: recording them. Lives elsewhere: their report (`report`).

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hdrhistogram::Histogram;
use tokio::time::Instant;

use super::{
    connection::{Answer, Failure},
    report::{Quantiles, Report, StreamReport},
};

/// Times in microseconds, to three digits.
#[derive(Debug, Clone)]
pub(super) struct Times(Histogram<u64>);

impl Default for Times {
    fn default() -> Self {
        // From a microsecond to an hour with three digits: the constructor accepts these constants.
        Self(Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("these bounds are fixed"))
    }
}

impl Times {
    pub(super) fn add(&mut self, time: Duration) {
        self.0.saturating_record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1));
    }

    pub(super) fn quantiles(&self) -> Quantiles {
        let millis = |micros: u64| Duration::from_micros(micros).as_secs_f64() * 1e3;
        let (count, max) = (self.0.len(), self.0.max());
        // A bucket's upper end may be larger than its largest value.
        let at = |quantile| millis(self.0.value_at_quantile(quantile).min(max));
        let max = millis(max);
        Quantiles { count, p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max }
    }
}

/// How a stream ended, or failed to open.
#[derive(Debug)]
pub(super) enum StreamEnd {
    Ended(String),
    Refused(u16),
    Failed(Failure),
}

/// Records the measurements of all tasks.
#[derive(Debug)]
pub(super) struct Recorder {
    /// The number of streams that are read.
    streams: usize,
    start: Instant,
    /// Earlier requests and events are not reported.
    report_from: Instant,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    in_flight: u64,
    polls: Polls,
    streams: Streams,
    opening: StreamCounts,
    last_second: LastSecond,
}

#[derive(Debug, Default)]
struct Polls {
    started: u64,
    late: Times,
    all: Times,
    by_status: BTreeMap<u16, Times>,
    failed: BTreeMap<Failure, u64>,
    bytes: u64,
}

/// Measurements of streams since the warm-up.
#[derive(Debug, Default)]
struct Streams {
    gaps: Times,
    quiet: Times,
    ages: Times,
    events: BTreeMap<String, u64>,
    bytes: u64,
}

/// Measurements of streams since the start: they are opened once, possibly during the warm-up.
#[derive(Debug, Default)]
struct StreamCounts {
    open: u64,
    most_open: u64,
    opened: u64,
    first_events: Times,
    all_after: Option<Duration>,
    ended: BTreeMap<String, u64>,
    refused: BTreeMap<u16, u64>,
    failed: BTreeMap<Failure, u64>,
    stalled: u64,
    evicted: Times,
}

#[derive(Debug, Default)]
struct LastSecond {
    started: u64,
    statuses: BTreeMap<u16, u64>,
    failed: u64,
    times: Times,
    events: u64,
}

impl Recorder {
    pub(super) fn new(streams: usize, start: Instant, warm_up: Duration) -> Self {
        Self { streams, start, report_from: start + warm_up, inside: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn started(&self, intended: Instant) {
        let late = intended.elapsed();
        let mut inside = self.lock();
        inside.in_flight += 1;
        inside.last_second.started += 1;
        if intended >= self.report_from {
            inside.polls.started += 1;
            inside.polls.late.add(late);
        }
    }

    /// Records the end of a request. The latency of a failed one is the time until its failure.
    pub(super) fn ended(&self, intended: Instant, outcome: Result<Answer, Failure>) {
        let took = intended.elapsed();
        let mut inside = self.lock();
        let Inside { in_flight, polls, last_second, .. } = &mut *inside;
        *in_flight -= 1;
        last_second.times.add(took);
        match &outcome {
            Ok(answer) => *last_second.statuses.entry(answer.head.status).or_default() += 1,
            Err(_) => last_second.failed += 1,
        }
        if intended < self.report_from {
            return;
        }
        polls.all.add(took);
        match outcome {
            Ok(answer) => {
                polls.bytes += answer.bytes;
                polls.by_status.entry(answer.head.status).or_default().add(took);
            }
            Err(why) => *polls.failed.entry(why).or_default() += 1,
        }
    }

    pub(super) fn stream_open(&self) {
        let opening = &mut self.lock().opening;
        opening.opened += 1;
        opening.open += 1;
        opening.most_open = opening.most_open.max(opening.open);
    }

    pub(super) fn stream_closed(&self) {
        self.lock().opening.open -= 1;
    }

    pub(super) fn first_event(&self, after: Duration) {
        let opening = &mut self.lock().opening;
        opening.first_events.add(after);
        if opening.first_events.0.len() == self.streams as u64 {
            opening.all_after = Some(self.start.elapsed());
        }
    }

    /// Whether events are reported now, after the warm-up.
    fn reports(&self) -> bool {
        Instant::now() >= self.report_from
    }

    pub(super) fn gap(&self, gap: Duration) {
        if self.reports() {
            self.lock().streams.gaps.add(gap);
        }
    }

    pub(super) fn quiet(&self, gap: Duration) {
        if self.reports() {
            self.lock().streams.quiet.add(gap);
        }
    }

    pub(super) fn event(&self, kind: &str, age: Option<Duration>) {
        let mut inside = self.lock();
        inside.last_second.events += 1;
        if !self.reports() {
            return;
        }
        match inside.streams.events.get_mut(kind) {
            Some(count) => *count += 1,
            None => {
                inside.streams.events.insert(kind.to_owned(), 1);
            }
        }
        if let Some(age) = age {
            inside.streams.ages.add(age);
        }
    }

    pub(super) fn stream_bytes(&self, bytes: usize) {
        if self.reports() {
            self.lock().streams.bytes += bytes as u64;
        }
    }

    pub(super) fn stream_over(&self, end: StreamEnd) {
        let opening = &mut self.lock().opening;
        match end {
            StreamEnd::Ended(reason) => *opening.ended.entry(reason).or_default() += 1,
            StreamEnd::Refused(status) => *opening.refused.entry(status).or_default() += 1,
            StreamEnd::Failed(why) => *opening.failed.entry(why).or_default() += 1,
        }
    }

    pub(super) fn stalled(&self) {
        self.lock().opening.stalled += 1;
    }

    pub(super) fn evicted(&self, after: Duration) {
        self.lock().opening.evicted.add(after);
    }

    /// The measurements since the last call.
    pub(super) fn progress(&self, at: Duration) -> Progress {
        let mut inside = self.lock();
        let LastSecond { started, statuses, failed, times, events } = std::mem::take(&mut inside.last_second);
        let latency = times.quantiles();
        Progress {
            at,
            started,
            statuses,
            failed,
            latency,
            in_flight: inside.in_flight,
            open: inside.opening.open,
            events,
        }
    }

    pub(super) fn report(&self, until: Instant) -> Report {
        let inside = self.lock();
        let Inside { polls, streams, opening, .. } = &*inside;
        let owned = |counts: &BTreeMap<Failure, u64>| {
            counts.iter().map(|(why, count)| ((*why).to_owned(), *count)).collect::<BTreeMap<_, _>>()
        };
        let seconds = until.saturating_duration_since(self.report_from).as_secs_f64();
        let streamed = self.streams > 0 || opening.stalled > 0;
        Report {
            seconds,
            started: polls.started,
            latency: polls.all.quantiles(),
            by_status: polls.by_status.iter().map(|(status, times)| (*status, times.quantiles())).collect(),
            errors: owned(&polls.failed),
            bytes: polls.bytes,
            late: polls.late.quantiles(),
            streams: streamed.then(|| StreamReport {
                wanted: self.streams as u64,
                opened: opening.opened,
                most_open: opening.most_open,
                all_after_ms: opening.all_after.map(|after| after.as_secs_f64() * 1e3),
                first_event: opening.first_events.quantiles(),
                gap: streams.gaps.quantiles(),
                quiet: streams.quiet.quantiles(),
                age: streams.ages.quantiles(),
                events: streams.events.clone(),
                bytes: streams.bytes,
                ended: opening.ended.clone(),
                refused: opening.refused.clone(),
                errors: owned(&opening.failed),
                stalled: opening.stalled,
                evicted: opening.evicted.quantiles(),
            }),
        }
    }
}

/// The measurements of the last second.
#[derive(Debug, Clone)]
pub struct Progress {
    /// Since the start.
    pub at: Duration,
    /// Requests started.
    pub started: u64,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Requests without an answer.
    pub failed: u64,
    /// The latency of requests that ended.
    pub latency: Quantiles,
    /// Requests in flight now.
    pub in_flight: u64,
    /// Streams open now.
    pub open: u64,
    /// Events of streams.
    pub events: u64,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:5.0} s", self.at.as_secs_f64())?;
        if self.started > 0 || self.latency.count > 0 || self.in_flight > 0 {
            write!(f, "  {} sent", self.started)?;
            for (status, count) in &self.statuses {
                write!(f, ", {count} x {status}")?;
            }
            write!(f, ", {} failed, p50 {:.1} p99 {:.1} ms", self.failed, self.latency.p50, self.latency.p99)?;
            write!(f, ", {} in flight", self.in_flight)?;
        }
        if self.open > 0 || self.events > 0 {
            write!(f, "  {} streams, {} events", self.open, self.events)?;
        }
        Ok(())
    }
}
