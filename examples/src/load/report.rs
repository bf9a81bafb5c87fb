//! The report of a run, as text and as JSON.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

/// Quantiles of times, in milliseconds; all 0 without values.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Quantiles {
    /// The number of values.
    pub count: u64,
    /// The median.
    pub p50: f64,
    /// 90 % took no longer.
    pub p90: f64,
    /// 99 % took no longer.
    pub p99: f64,
    /// 99.9 % took no longer.
    pub p999: f64,
    /// The longest.
    pub max: f64,
}

impl fmt::Display for Quantiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, p50, p90, p99, p999, max } = self;
        write!(f, "{count:8}  p50 {p50:9.3}  p90 {p90:9.3}  p99 {p99:9.3}  p99.9 {p999:9.3}  max {max:9.3} ms")
    }
}

/// The results of a run, without its warm-up.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Report {
    /// The reported time.
    pub seconds: f64,
    /// Requests started.
    pub started: u64,
    /// From the intended start of a request to the end of its response, or to its failure.
    pub latency: Quantiles,
    /// The same for requests with a response, by status.
    pub by_status: BTreeMap<u16, Quantiles>,
    /// Requests without a response, by reason.
    pub errors: BTreeMap<String, u64>,
    /// Bytes of bodies.
    pub bytes: u64,
    /// How much later than intended requests were started. If it is not small, the generator was too slow.
    pub late: Quantiles,
    /// The results of event streams, if there were any.
    pub streams: Option<StreamReport>,
}

/// The results of event streams. Counts of openings and ends include the warm-up.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StreamReport {
    /// The number of streams in the plan.
    pub wanted: u64,
    /// How often streams were opened, reconnects included.
    pub opened: u64,
    /// The most that were open at once.
    pub most_open: u64,
    /// The time until the number of first events was that of planned streams.
    pub all_after_ms: Option<f64>,
    /// From the intended opening to the first event.
    pub first_event: Quantiles,
    /// Between two events of a stream.
    pub gap: Quantiles,
    /// Between an event and the heartbeat after it.
    pub quiet: Quantiles,
    /// The age of an event's data when it was read: this machine's clock minus its `asOf`.
    pub age: Quantiles,
    /// Events by type.
    pub events: BTreeMap<String, u64>,
    /// Bytes of events.
    pub bytes: u64,
    /// Streams that the server ended, by its reason.
    pub ended: BTreeMap<String, u64>,
    /// Streams that were answered with another status than 200, by status.
    pub refused: BTreeMap<u16, u64>,
    /// Streams that failed, by reason.
    pub errors: BTreeMap<String, u64>,
    /// Streams that were opened and not read.
    pub stalled: u64,
    /// The times until the server ended streams that were not read. They are upper bounds.
    pub evicted: Quantiles,
}

impl Report {
    /// Responses with a status below 400, per second.
    #[must_use]
    pub fn goodput(&self) -> f64 {
        let good: u64 = self.by_status.range(..400).map(|(_, times)| times.count).sum();
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let good = good as f64;
        if self.seconds > 0.0 { good / self.seconds } else { 0.0 }
    }

    /// Requests and streams that failed or had an error status.
    #[must_use]
    pub fn failures(&self) -> u64 {
        let answered: u64 = self.by_status.range(400..).map(|(_, times)| times.count).sum();
        let streams = self
            .streams
            .iter()
            .map(|streams| streams.refused.values().sum::<u64>() + streams.errors.values().sum::<u64>());
        answered + self.errors.values().sum::<u64>() + streams.sum::<u64>()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seconds, started, latency, by_status, errors, bytes, late, streams } = self;
        if *started > 0 {
            writeln!(f, "{started} requests in {seconds:.1} s, {:.1} good answers/s, {bytes} bytes", self.goodput())?;
            writeln!(f, "  latency    {latency}")?;
            for (status, times) in by_status {
                writeln!(f, "  {status}        {times}")?;
            }
            for (why, count) in errors {
                writeln!(f, "  failed     {count:8}  {why}")?;
            }
            writeln!(f, "  sent late  {late}")?;
        }
        let Some(streams) = streams else { return Ok(()) };
        let StreamReport {
            wanted, opened, most_open, all_after_ms, first_event, gap, quiet, age, events, bytes, ..
        } = streams;
        write!(f, "{wanted} streams, opened {opened} times, {most_open} at once")?;
        match all_after_ms {
            Some(after) => writeln!(f, ", first events of all after {after:.0} ms")?,
            None if *wanted > 0 => writeln!(f, ", first events not of all")?,
            None => writeln!(f)?,
        }
        if *wanted > 0 {
            writeln!(f, "  first      {first_event}")?;
            writeln!(f, "  gap        {gap}")?;
            writeln!(f, "  heartbeat  {quiet}")?;
            writeln!(f, "  age        {age}")?;
            let events: Vec<String> = events.iter().map(|(kind, count)| format!("{count} x {kind}")).collect();
            writeln!(f, "  events     {}, {bytes} bytes", events.join(", "))?;
        }
        for (why, count) in &streams.ended {
            writeln!(f, "  ended      {count:8}  {why}")?;
        }
        for (status, count) in &streams.refused {
            writeln!(f, "  refused    {count:8}  {status}")?;
        }
        for (why, count) in &streams.errors {
            writeln!(f, "  failed     {count:8}  {why}")?;
        }
        if streams.stalled > 0 {
            writeln!(f, "  stalled    {:8}", streams.stalled)?;
            writeln!(f, "  evicted    {}", streams.evicted)?;
        }
        Ok(())
    }
}
