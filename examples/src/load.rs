//! An open-loop load generator for the dashboard's HTTP API. Requests start by a schedule, whether or not the server keeps up, and
//! their latency is measured from the scheduled instant: a stall of the server is counted for all requests that were due meanwhile
//! (no coordinated omission).
//!
//! Lives here: the plan of a run, and the run. Lives elsewhere: targets (`target`), the schedule of requests (`schedule`),
//! connections (`connection`) and their replies (`reply`), polling (`poll`), event streams (`stream`, `events`), measurements
//! (`record`, `report`), bounds on them (`bounds`).
//!
//! ```
//! use axon_examples::load::{Plan, Target};
//! use std::time::Duration;
//!
//! # async fn drill() -> Result<(), Box<dyn std::error::Error>> {
//! let page: Target = "http://127.0.0.1:8080/api/v1/dashboard/campaign/123".parse()?;
//! let plan = Plan::new([page]).with_rate(200.0).with_duration(Duration::from_secs(10));
//! let report = plan.run(|progress| eprintln!("{progress}")).await?;
//! println!("{report}");
//! # Ok(())
//! # }
//! ```

mod bounds;
mod connection;
mod events;
mod poll;
mod record;
mod reply;
mod report;
mod schedule;
mod stream;
mod target;

#[cfg(test)]
mod tests;

use std::{io, sync::Arc, time::Duration};

use tokio::time::Instant;

pub use self::{
    bounds::{Bounds, Violation},
    record::Progress,
    report::{Quantiles, Report, StreamReport},
    schedule::Arrivals,
    target::{Target, TargetError},
};
use self::{
    connection::Connections,
    poll::Poller,
    record::Recorder,
    stream::{ReadMode, StreamReaders},
    target::ResolvedTarget,
};

/// The interval of progress reports.
const SECOND: Duration = Duration::from_secs(1);

/// The load of a run, and its duration.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Plan {
    /// The targets: those whose path ends in `/stream` are streamed, the others polled.
    pub targets: Vec<Target>,
    /// When requests start. `None`: nothing is polled.
    pub arrivals: Option<Arrivals>,
    /// Event streams that are read.
    pub streams: usize,
    /// Event streams that are opened and never read.
    pub stalled: usize,
    /// The time over which streams are opened, evenly.
    pub ramp: Duration,
    /// The time in which requests are started and streams are read.
    pub duration: Duration,
    /// The time at the start that is not in the report.
    pub warm_up: Duration,
    /// The time-out of a request, from its intended start.
    pub timeout: Duration,
    /// The most connections for polling at a rate. Viewers and streams have one each.
    pub connections: usize,
    /// Whether polls carry the tag of the last answer, so that they can be answered with 304.
    pub conditional: bool,
    /// Whether targets are taken in turn, instead of drawn by their weights.
    pub in_turn: bool,
    /// The seed of jitter and of the choice of targets.
    pub seed: u64,
}

impl Plan {
    /// A plan for these targets of 10 s, without any load yet.
    #[must_use]
    pub fn new(targets: impl IntoIterator<Item = Target>) -> Self {
        Self {
            targets: targets.into_iter().collect(),
            arrivals: None,
            streams: 0,
            stalled: 0,
            ramp: Duration::ZERO,
            duration: Duration::from_secs(10),
            warm_up: Duration::ZERO,
            timeout: Duration::from_secs(10),
            connections: 256,
            conditional: false,
            in_turn: false,
            seed: 1,
        }
    }

    /// Sets a rate of evenly spaced requests. Defaults to none.
    #[must_use]
    pub fn with_rate(mut self, per_second: f64) -> Self {
        self.arrivals = Some(Arrivals::Rate(per_second));
        self
    }

    /// Sets a number of viewers who each poll at an interval with 10 % jitter, on connections of their own. Defaults to none.
    #[must_use]
    pub fn with_viewers(mut self, count: usize, every: Duration) -> Self {
        self.arrivals = Some(Arrivals::Viewers { count, every });
        self
    }

    /// Event streams that are read, opened over a time. Defaults to none.
    #[must_use]
    pub fn with_streams(mut self, count: usize, ramp: Duration) -> Self {
        (self.streams, self.ramp) = (count, ramp);
        self
    }

    /// Event streams that are never read. Defaults to none.
    #[must_use]
    pub fn with_stalled(mut self, count: usize) -> Self {
        self.stalled = count;
        self
    }

    /// Sets the duration. Defaults to 10 s.
    #[must_use]
    pub fn with_duration(mut self, duration: Duration) -> Self {
        self.duration = duration;
        self
    }

    /// The time at the start that is not reported, while connections are made and caches are filled. It is part of the duration.
    /// Defaults to none.
    #[must_use]
    pub fn with_warm_up(mut self, warm_up: Duration) -> Self {
        self.warm_up = warm_up;
        self
    }

    /// The time-out of a request, from its intended start. Defaults to 10 s.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The most connections for polling at a rate. A request without a free one waits, which counts as latency. Defaults to 256.
    #[must_use]
    pub fn with_connections(mut self, connections: usize) -> Self {
        self.connections = connections.max(1);
        self
    }

    /// Sends `If-None-Match` with the tag of the last answer. Defaults to off.
    #[must_use]
    pub fn with_conditional(mut self, conditional: bool) -> Self {
        self.conditional = conditional;
        self
    }

    /// Takes targets in turn, one for each request at a rate, viewer or stream, instead of drawing them by their weights. No target
    /// is used twice while there are enough. Defaults to off.
    #[must_use]
    pub fn with_targets_in_turn(mut self, in_turn: bool) -> Self {
        self.in_turn = in_turn;
        self
    }

    /// The seed of jitter and of the choice of targets. Defaults to 1.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Runs the plan, and reports progress each second.
    /// # Errors
    /// The plan has no load, or a target is unused or has no address. Later failures are in the report.
    pub async fn run(&self, mut progress: impl FnMut(&Progress)) -> io::Result<Report> {
        let (streamed, polled) = self.resolve().await?;
        let start = Instant::now();
        let recorder = Arc::new(Recorder::new(self.streams, start, self.warm_up));
        let end = start + self.duration;
        let connections = Connections::new(self.connections);
        let poller = Poller {
            targets: polled,
            timeout: self.timeout,
            conditional: self.conditional,
            in_turn: self.in_turn,
            seed: self.seed,
            start,
            end,
        };
        let readers = StreamReaders {
            targets: streamed,
            ramp: self.ramp,
            timeout: self.timeout,
            in_turn: self.in_turn,
            seed: self.seed,
            start,
            end,
        };
        let work = async {
            tokio::join!(
                async {
                    if let Some(arrivals) = self.arrivals {
                        poller.run(arrivals, &connections, &recorder).await;
                    }
                },
                readers.run(self.streams, ReadMode::All, &recorder),
                readers.run(self.stalled, ReadMode::Nothing, &recorder),
            )
        };
        let reporting = async {
            let mut tick = tokio::time::interval_at(start + SECOND, SECOND);
            loop {
                let now = tick.tick().await;
                progress(&recorder.progress(now - start));
            }
        };
        tokio::select! {
            _ = work => {}
            () = reporting => {}
        }
        Ok(recorder.report(Instant::now().min(end)))
    }

    /// The targets with their addresses: those to stream, and those to poll.
    async fn resolve(&self) -> io::Result<(Arc<[ResolvedTarget]>, Arc<[ResolvedTarget]>)> {
        let (streamed, polled): (Vec<_>, Vec<_>) = self.targets.iter().partition(|target| target.is_stream());
        let wrong = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, what.to_owned()));
        let (streams, polls) = (self.streams + self.stalled > 0, self.arrivals.is_some_and(|arrivals| arrivals.any()));
        match () {
            () if !streams && !polls => return wrong("nothing to do: give a rate, viewers or streams"),
            () if streams && streamed.is_empty() => return wrong("streams need a target whose path ends in /stream"),
            () if polls && polled.is_empty() => {
                return wrong("polling needs a target whose path does not end in /stream");
            }
            () if !streams && !streamed.is_empty() => {
                return wrong("a target is a stream, but no streams are configured");
            }
            () if !polls && !polled.is_empty() => {
                return wrong("a target is no stream, but neither a rate nor viewers are configured");
            }
            () => {}
        }
        let resolve = async |targets: Vec<&Target>| {
            let mut resolved = Vec::new();
            for target in targets {
                resolved.push(target.resolve().await?);
            }
            Ok::<Arc<[ResolvedTarget]>, io::Error>(resolved.into())
        };
        Ok((resolve(streamed).await?, resolve(polled).await?))
    }
}
