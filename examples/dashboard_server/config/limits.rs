//! How much the server takes upon itself, and how long it waits for a peer.

use std::time::Duration;

use anyhow::ensure;
use serde::{Deserialize, Serialize};

use crate::serve::Patience;

/// Bounds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
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
        Self {
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
        let times = [self.header_timeout_ms, self.idle_timeout_ms, self.stall_timeout_ms];
        ensure!(self.connections > 0, "connections must be at least 1");
        ensure!(times.iter().all(|&time| time >= 100), "a time-out must be at least 100 ms");
        ensure!(self.send_buffer_bytes >= 4_096, "send_buffer_bytes must be at least 4096");
        Ok(())
    }

    /// How long peers are waited for.
    pub(crate) fn patience(&self) -> Patience {
        let ms = Duration::from_millis;
        Patience { head: ms(self.header_timeout_ms), idle: ms(self.idle_timeout_ms), stall: ms(self.stall_timeout_ms) }
    }
}
