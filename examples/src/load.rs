//! An open-loop load generator for the dashboard's HTTP face. Requests start when the schedule says so, whether or not the
//! server keeps up, and their latency is measured from that instant: a server that stalls is seen as slow by all who would
//! have come meanwhile (no coordinated omission).
//!
//! Lives here: what is to be done, and doing it. Lives elsewhere: where it goes (`target`), when requests start
//! (`schedule`), one connection (`connection`) and the replies on it (`reply`), answers (`poll`), event streams (`stream`,
//! `events`), what was seen (`record`, `report`), what must not be exceeded (`bounds`).
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

/// How often progress is told.
const SECOND: Duration = Duration::from_secs(1);

/// What load to make, for how long.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Plan {
    /// Where to: targets whose path ends in `/stream` are streamed, the others polled.
    pub targets: Vec<Target>,
    /// When requests start. `None`: nothing is polled.
    pub arrivals: Option<Arrivals>,
    /// Event streams that are read.
    pub streams: usize,
    /// Event streams that are opened and never read.
    pub stalled: usize,
    /// The time over which streams are opened, evenly.
    pub ramp: Duration,
    /// For how long requests are started and streams are read.
    pub duration: Duration,
    /// The time at the beginning of which the report says nothing.
    pub warm_up: Duration,
    /// How long after its intended start a request is given up.
    pub timeout: Duration,
    /// The most connections for polling at a rate. Viewers and streams have one each.
    pub connections: usize,
    /// Whether polls say which answer they have, so that they can be answered with 304.
    pub conditional: bool,
    /// Whether targets are taken in turn, instead of drawn by their weights.
    pub in_turn: bool,
    /// Decides jitter and which target is next.
    pub seed: u64,
}

impl Plan {
    /// Nothing to do yet at these targets, for 10 s.
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

    /// So many requests a second, evenly. Defaults to none.
    #[must_use]
    pub fn with_rate(mut self, per_second: f64) -> Self {
        self.arrivals = Some(Arrivals::Rate(per_second));
        self
    }

    /// So many viewers who ask again after each `every`, a tenth more or less, each on a connection of its own. Defaults to
    /// none.
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

    /// For how long. Defaults to 10 s.
    #[must_use]
    pub fn with_duration(mut self, duration: Duration) -> Self {
        self.duration = duration;
        self
    }

    /// The time at the beginning that is not reported, as connections are made and caches are filled. It is part of the
    /// duration. Defaults to none.
    #[must_use]
    pub fn with_warm_up(mut self, warm_up: Duration) -> Self {
        self.warm_up = warm_up;
        self
    }

    /// When a request is given up, counted from its intended start. Defaults to 10 s.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The most connections for polling at a rate; who finds none free waits, and the wait is latency. Defaults to 256.
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

    /// Takes targets in turn, one for each request at a rate, viewer or stream, instead of drawing them by their weights: none
    /// is asked twice while there are enough. Defaults to off.
    #[must_use]
    pub fn with_targets_in_turn(mut self, in_turn: bool) -> Self {
        self.in_turn = in_turn;
        self
    }

    /// Another order of targets, and another jitter. Defaults to 1.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Makes the load, and tells of it each second.
    /// # Errors
    /// If there is nothing to do, a target has no use or no address. What goes wrong later is in the report.
    pub async fn run(&self, mut progress: impl FnMut(&Progress)) -> io::Result<Report> {
        let (streamed, polled) = self.resolved().await?;
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
        let telling = async {
            let mut tick = tokio::time::interval_at(start + SECOND, SECOND);
            loop {
                let now = tick.tick().await;
                progress(&recorder.progress(now - start));
            }
        };
        tokio::select! {
            _ = work => {}
            () = telling => {}
        }
        Ok(recorder.report(Instant::now().min(end)))
    }

    /// The targets with their addresses: those streamed, and those polled.
    async fn resolved(&self) -> io::Result<(Arc<[ResolvedTarget]>, Arc<[ResolvedTarget]>)> {
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
                return wrong("a target is a stream, and no streams are asked for");
            }
            () if !polls && !polled.is_empty() => return wrong("a target is no stream, and nothing is polled"),
            () => {}
        }
        let resolve = async |targets: Vec<&Target>| {
            let mut found = Vec::new();
            for target in targets {
                found.push(target.resolve().await?);
            }
            Ok::<Arc<[ResolvedTarget]>, io::Error>(found.into())
        };
        Ok((resolve(streamed).await?, resolve(polled).await?))
    }
}
