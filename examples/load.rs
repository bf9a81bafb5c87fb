//! An open-loop load generator for the dashboard's HTTP face: pages polled at a rate or by viewers, event streams read, or
//! opened and never read.
//!
//! Run: `cargo run --release -p axon-examples --example load -- --rate 200 http://127.0.0.1:8080/api/v1/dashboard/campaign/123`
//! You should see: each second a line of progress, and at the end rates, statuses and quantiles. Latency is measured from
//! the instant at which a request should have started, so that a server that stalls cannot hide it.
//!
//! ```text
//! load --viewers 100 --every 2s --conditional URL        a hundred people who look at a page, with ETags
//! load --streams 10000 --ramp 10s URL/stream             ten thousand who let themselves be told
//! load --streams 100 --stalled 50 URL/stream             and fifty who never read
//! load --rate 500 --max-p99 20ms --max-errors 0 URL      ends with code 1 if a bound is broken
//! load --rate 300 9*URL1 URL2 --json report.json         the first nine times as often
//! ```
//! Many streams need many open files: `ulimit -n`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example speaks to whoever runs it")]

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context as _;
use axon_examples::{
    arguments::{number, time},
    load::{Arrivals, Bounds, Plan, Target},
};
use clap::{Parser, ValueHint};

/// Makes load on a dashboard and says what came of it. Targets whose path ends in `/stream` are streamed, the others polled.
#[derive(Debug, Parser)]
struct Args {
    /// Where to, such as http://127.0.0.1:8080/api/v1/dashboard/campaign/1; 3*URL is chosen three times as often as URL.
    #[arg(required = true, value_hint = ValueHint::Url)]
    targets: Vec<Target>,
    /// Requests a second, whether or not they are answered.
    #[arg(long, value_name = "PER_SECOND", conflicts_with = "viewers")]
    rate: Option<f64>,
    /// People who look at a page and ask again after each --every, a tenth more or less.
    #[arg(long, value_name = "N", value_parser = number)]
    viewers: Option<u64>,
    /// How often a viewer asks: 500ms, 2s.
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = time, requires = "viewers")]
    every: Duration,
    /// Send If-None-Match with the tag of the last answer.
    #[arg(long)]
    conditional: bool,
    /// The most connections with --rate; who finds none free waits, and the wait is latency.
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
    /// The part of the duration at its beginning that is not reported.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = time)]
    warm_up: Duration,
    /// When a request is given up, counted from when it should have started; and how long a stream may be silent.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time)]
    timeout: Duration,
    /// Take targets in turn, one for each request at a rate, viewer or stream, instead of drawing them by their weights.
    #[arg(long)]
    in_turn: bool,
    /// Another order of targets and another jitter.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Write the report as JSON, too.
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
    /// Bound: 99 % of the streams have their first event so soon.
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Bounds (code 1 if one is broken)")]
    max_first_event: Option<Duration>,
    /// Bound: no stream is silent for longer between two events.
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Bounds (code 1 if one is broken)")]
    max_gap: Option<Duration>,
    /// Bound: the data of 99 % of the events is no older when it is read.
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Bounds (code 1 if one is broken)")]
    max_age: Option<Duration>,
    /// Bound: so many good answers a second at least.
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
    let tell = |progress: &_| {
        if !quiet {
            eprintln!("{progress}");
        }
    };
    let report = args.plan().run(tell).await?;
    print!("{report}");
    if let Some(file) = &args.json {
        let json = serde_json::to_string_pretty(&report)?;
        std::fs::write(file, json + "\n").with_context(|| format!("writing {}", file.display()))?;
    }
    let broken = args.bounds().broken(&report);
    for bound in &broken {
        eprintln!("error: {bound}");
    }
    Ok(if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
