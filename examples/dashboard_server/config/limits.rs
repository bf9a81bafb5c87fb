//! Settings of bounds: concurrency, streams, connections, and time-outs of peers.

use std::time::Duration;

use anyhow::ensure;
use axon_metrics::{Concurrency, QuestionKind};
use serde::{Deserialize, Serialize};

use super::numbers::{Numbers, nothing_left, take};
use crate::serve::PeerTimeouts;

/// The section `limits`: numbers only, with `<kind>_questions` for each kind of question.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "Numbers", into = "Numbers")]
pub(crate) struct Limits {
    /// Concurrent loads of answers.
    pub(crate) max_loads: usize,
    /// Concurrent questions to a store (bulkheads), by kind of question.
    pub(crate) questions: Concurrency,
    /// Open streams.
    pub(crate) max_streams: usize,
    /// Distinct questions of open streams.
    pub(crate) max_stream_keys: usize,
    /// The interval at which the answer of a stream is loaded.
    stream_tick_ms: u64,
    /// Open connections; one more is answered with 503 and closed.
    pub(crate) connections: usize,
    /// The time-out of a request's head.
    header_timeout_ms: u64,
    /// The time-out of a connection without a request.
    idle_timeout_ms: u64,
    /// How long a peer may not read while bytes are waiting for it.
    stall_timeout_ms: u64,
    /// The size of each connection's send buffer in the kernel; Linux allocates twice as much.
    pub(crate) send_buffer_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_loads: 64,
            questions: Concurrency::default(),
            max_streams: 10_000,
            max_stream_keys: 1_000,
            stream_tick_ms: 1_000,
            connections: 12_000,
            header_timeout_ms: 5_000,
            idle_timeout_ms: 75_000,
            stall_timeout_ms: 10_000,
            send_buffer_bytes: 32 * 1024,
        }
    }
}

const QUESTIONS: &str = "_questions";

impl TryFrom<Numbers> for Limits {
    type Error = String;

    fn try_from(mut numbers: Numbers) -> Result<Self, String> {
        let count = |numbers: &mut Numbers, key: &str| {
            usize::try_from(take(numbers, key)?).map_err(|_| format!("{key} is too large"))
        };
        let mut questions = Concurrency::default();
        for kind in QuestionKind::ALL {
            questions = questions.with(kind, count(&mut numbers, &format!("{}{QUESTIONS}", kind.name()))?);
        }
        let limits = Self {
            max_loads: count(&mut numbers, "max_loads")?,
            questions,
            max_streams: count(&mut numbers, "max_streams")?,
            max_stream_keys: count(&mut numbers, "max_stream_keys")?,
            stream_tick_ms: take(&mut numbers, "stream_tick_ms")?,
            connections: count(&mut numbers, "connections")?,
            header_timeout_ms: take(&mut numbers, "header_timeout_ms")?,
            idle_timeout_ms: take(&mut numbers, "idle_timeout_ms")?,
            stall_timeout_ms: take(&mut numbers, "stall_timeout_ms")?,
            send_buffer_bytes: count(&mut numbers, "send_buffer_bytes")?,
        };
        nothing_left(&numbers)?;
        Ok(limits)
    }
}

impl From<Limits> for Numbers {
    fn from(limits: Limits) -> Self {
        let Limits { max_loads, questions, max_streams, max_stream_keys, stream_tick_ms, connections, .. } = limits;
        let Limits { header_timeout_ms, idle_timeout_ms, stall_timeout_ms, send_buffer_bytes, .. } = limits;
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let kinds = QuestionKind::ALL.map(|kind| (format!("{}{QUESTIONS}", kind.name()), count(questions.of(kind))));
        let others = [
            ("max_loads", count(max_loads)),
            ("max_streams", count(max_streams)),
            ("max_stream_keys", count(max_stream_keys)),
            ("stream_tick_ms", stream_tick_ms),
            ("connections", count(connections)),
            ("header_timeout_ms", header_timeout_ms),
            ("idle_timeout_ms", idle_timeout_ms),
            ("stall_timeout_ms", stall_timeout_ms),
            ("send_buffer_bytes", count(send_buffer_bytes)),
        ];
        others.map(|(key, number)| (key.to_owned(), number)).into_iter().chain(kinds).collect()
    }
}

impl Limits {
    /// # Errors
    /// A bound is too small to serve anything; the error names it.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        for kind in QuestionKind::ALL {
            ensure!(self.questions.of(kind) > 0, "{}{QUESTIONS} must be at least 1", kind.name());
        }
        for (key, count) in [("max_loads", self.max_loads), ("connections", self.connections)] {
            ensure!(count > 0, "{key} must be at least 1");
        }
        let times = [
            ("stream_tick_ms", self.stream_tick_ms),
            ("header_timeout_ms", self.header_timeout_ms),
            ("idle_timeout_ms", self.idle_timeout_ms),
            ("stall_timeout_ms", self.stall_timeout_ms),
        ];
        for (key, time) in times {
            ensure!(time >= 100, "{key} must be at least 100");
        }
        ensure!(self.send_buffer_bytes >= 4_096, "send_buffer_bytes must be at least 4096");
        Ok(())
    }

    pub(crate) fn stream_tick(&self) -> Duration {
        Duration::from_millis(self.stream_tick_ms)
    }

    /// The time-outs of peers.
    pub(crate) fn peer_timeouts(&self) -> PeerTimeouts {
        let ms = Duration::from_millis;
        PeerTimeouts {
            head: ms(self.header_timeout_ms),
            idle: ms(self.idle_timeout_ms),
            stall: ms(self.stall_timeout_ms),
        }
    }
}
