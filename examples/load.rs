//! An open-loop load generator for the dashboard's HTTP API: pages are polled at a rate or by viewers; event streams are read, or
//! opened and never read.
//!
//! Run: `cargo run --release -p axon-examples --example load -- --rate 200 http://127.0.0.1:8080/api/v1/dashboard/campaign/123`
//! You should see: each second a line of progress, and at the end rates, statuses and quantiles. Latency is measured from the
//! instant at which a request should have started (no coordinated omission).
//!
//! ```text
//! load --viewers 100 --every 2s --conditional URL        100 viewers who poll a page, with ETags
//! load --streams 10000 --ramp 10s URL/stream             10,000 viewers of a stream
//! load --streams 100 --stalled 50 URL/stream             and 50 who never read
//! load --rate 500 --max-p99 20ms --max-errors 0 URL      ends with code 1 if a bound is broken
//! load --rate 300 9*URL1 URL2 --json report.json         the first nine times as often
//! ```
//! Many streams need many open files: `ulimit -n`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example prints to its user")]

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context as _;
use axon_examples::{
    arguments::{number, time},
    load::{Arrivals, Bounds, Plan, Target},
};
use clap::{Parser, ValueHint};

/// Generates load on a dashboard, and reports the results. Targets whose path ends in `/stream` are streamed, the others polled.
#[derive(Debug, Parser)]
struct Args {
    /// URLs such as http://127.0.0.1:8080/api/v1/dashboard/campaign/1; 3*URL is requested three times as often as URL.
    #[arg(required = true, value_hint = ValueHint::Url)]
    targets: Vec<Target>,
    /// Requests a second, whether or not they are answered.
    #[arg(long, value_name = "PER_SECOND", conflicts_with = "viewers")]
    rate: Option<f64>,
    /// Viewers who poll a page every --every, with 10 % jitter.
    #[arg(long, value_name = "N", value_parser = number)]
    viewers: Option<u64>,
    /// Interval of a viewer's polls: 500ms, 2s.
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = time, requires = "viewers")]
    every: Duration,
    /// Send If-None-Match with the tag of the last answer.
    #[arg(long)]
    conditional: bool,
    /// The most connections with --rate; a request without a free one waits, which counts as latency.
    #[arg(long, value_name = "N", default_value = "256", value_parser = number)]
    connections: u64,
    /// Event streams to read.
    #[arg(long, value_name = "N", default_value = "0", value_parser = number)]
    streams: u64,
    /// Event streams to open and never read.
    #[arg(long, value_name = "N", default_value = "0", value_parser = number)]
    stalled: u64,
    /// The time over which streams are opened, evenly.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = time)]
    ramp: Duration,
    /// How long requests are started and streams are read.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time)]
    duration: Duration,
    /// Time at the start of the duration that is not reported.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = time)]
    warm_up: Duration,
    /// Time-out of a request, from its intended start; and the longest silence of a stream.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time)]
    timeout: Duration,
    /// Take targets in turn, one for each request at a rate, viewer or stream, instead of drawing them by their weights.
    #[arg(long)]
    in_turn: bool,
    /// Seed of the order of targets and of the jitter.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Also write the report as JSON.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    json: Option<PathBuf>,
    /// No line of progress each second.
    #[arg(long)]
    quiet: bool,
    /// Bound: 99 % of the requests take no longer.
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Bounds (code 1 if one is broken)")]
    max_p99: Option<Duration>,
    /// Bound: no request takes longer.
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Bounds (code 1 if one is broken)")]
    max_latency: Option<Duration>,
    /// Bound: no more requests and streams fail, or are answered with an error.
    #[arg(long, value_name = "N", value_parser = number, help_heading = "Bounds (code 1 if one is broken)")]
    max_errors: Option<u64>,
    /// Bound: 99 % of the streams have their first event within this time.
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Bounds (code 1 if one is broken)")]
    max_first_event: Option<Duration>,
    /// Bound: no stream is silent for longer between two events.
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Bounds (code 1 if one is broken)")]
    max_gap: Option<Duration>,
    /// Bound: the data of 99 % of the events is no older when it is read.
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Bounds (code 1 if one is broken)")]
    max_age: Option<Duration>,
    /// Bound: at least this many successful responses per second.
    #[arg(long, value_name = "PER_SECOND", help_heading = "Bounds (code 1 if one is broken)")]
    min_rate: Option<f64>,
}

impl Args {
    fn plan(&self) -> Plan {
        let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let mut plan = Plan::new(self.targets.clone())
            .with_streams(count(self.streams), self.ramp)
            .with_stalled(count(self.stalled))
            .with_duration(self.duration)
            .with_warm_up(self.warm_up)
            .with_timeout(self.timeout)
            .with_connections(count(self.connections))
            .with_conditional(self.conditional)
            .with_targets_in_turn(self.in_turn)
            .with_seed(self.seed);
        plan.arrivals = match (self.rate, self.viewers) {
            (Some(rate), _) => Some(Arrivals::Rate(rate)),
            (None, Some(viewers)) => Some(Arrivals::Viewers { count: count(viewers), every: self.every }),
            (None, None) => None,
        };
        plan
    }

    fn bounds(&self) -> Bounds {
        Bounds {
            p99: self.max_p99,
            longest: self.max_latency,
            errors: self.max_errors,
            first_event: self.max_first_event,
            gap: self.max_gap,
            age: self.max_age,
            goodput: self.min_rate,
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let quiet = args.quiet;
    let print_progress = |progress: &_| {
        if !quiet {
            eprintln!("{progress}");
        }
    };
    let report = args.plan().run(print_progress).await?;
    print!("{report}");
    if let Some(file) = &args.json {
        let json = serde_json::to_string_pretty(&report)?;
        std::fs::write(file, json + "\n").with_context(|| format!("cannot write {}", file.display()))?;
    }
    let broken = args.bounds().broken(&report);
    for bound in &broken {
        eprintln!("error: {bound}");
    }
    Ok(if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
