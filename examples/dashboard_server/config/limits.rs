//! How much the server takes upon itself, and how long it waits for a peer.

use std::time::Duration;

use anyhow::ensure;
use axon_metrics::Concurrency;
use serde::{Deserialize, Serialize};

use crate::serve::Freshness;

/// Bounds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    /// Loads of answers at the same time.
    pub(crate) max_loads: usize,
    /// Questions to a store at the same time, by what is asked for.
    catalog_questions: usize,
    behavior_questions: usize,
    ledger_questions: usize,
    realtime_questions: usize,
    history_questions: usize,
    /// Streams that may be open.
    pub(crate) max_streams: usize,
    /// Different questions that may be streamed.
    pub(crate) max_stream_keys: usize,
    /// How often a streamed question is asked anew.
    stream_tick_ms: u64,
    /// Connections at the same time; one more is told so and closed.
    pub(crate) connections: usize,
    /// How long the head of a request may take.
    header_timeout_ms: u64,
    /// How long a connection may be idle between requests.
    idle_timeout_ms: u64,
    /// How long a peer may leave unread what is written to it.
    stall_timeout_ms: u64,
    /// The send buffer that each connection asks the kernel for; Linux gives twice that.
    pub(crate) send_buffer_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let questions = Concurrency::default();
        Self {
            max_loads: 64,
            catalog_questions: questions.catalog,
            behavior_questions: questions.behavior,
            ledger_questions: questions.ledger,
            realtime_questions: questions.realtime,
            history_questions: questions.history,
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

impl Limits {
    /// # Errors
    /// Names a bound with which nothing could be served.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let counts = [
            ("max_loads", self.max_loads),
            ("catalog_questions", self.catalog_questions),
            ("behavior_questions", self.behavior_questions),
            ("ledger_questions", self.ledger_questions),
            ("realtime_questions", self.realtime_questions),
            ("history_questions", self.history_questions),
            ("connections", self.connections),
        ];
        for (key, count) in counts {
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

    /// How many questions each store is asked at once.
    pub(super) fn concurrency(&self) -> Concurrency {
        Concurrency {
            catalog: self.catalog_questions,
            behavior: self.behavior_questions,
            ledger: self.ledger_questions,
            realtime: self.realtime_questions,
            history: self.history_questions,
        }
    }

    pub(crate) fn stream_tick(&self) -> Duration {
        Duration::from_millis(self.stream_tick_ms)
    }

    /// How long peers are waited for.
    pub(crate) fn patience(&self) -> Freshness {
        let ms = Duration::from_millis;
        Freshness { head: ms(self.header_timeout_ms), idle: ms(self.idle_timeout_ms), stall: ms(self.stall_timeout_ms) }
    }
}
