//! Limits log lines of frequent events: the first line at once, then one every ten seconds with the number of events.

use std::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_secs(10);

/// The limiter of one kind of event.
#[derive(Debug, Default)]
pub(super) struct LogLimiter {
    logged_at: Option<Instant>,
    unlogged: u64,
}

impl LogLimiter {
    /// Counts an event. Returns the number of events since the last log line, if a line is due.
    pub(super) fn count(&mut self) -> Option<u64> {
        self.unlogged += 1;
        if self.logged_at.is_some_and(|logged_at| logged_at.elapsed() < INTERVAL) {
            return None;
        }
        self.logged_at = Some(Instant::now());
        Some(std::mem::take(&mut self.unlogged))
    }
}
