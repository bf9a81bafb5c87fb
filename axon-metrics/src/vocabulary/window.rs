//! A span of time.

use chrono::Duration;

use super::timestamp::Timestamp;

/// A half-open span of time, `[from, to)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// The first instant inside.
    pub from: Timestamp,
    /// The first instant after it. Not after `from` if the window is empty.
    pub to: Timestamp,
}

impl Window {
    /// Whether an instant lies inside.
    pub fn contains(&self, instant: Timestamp) -> bool {
        self.from <= instant && instant < self.to
    }

    /// Whether it contains no instant.
    pub fn is_empty(&self) -> bool {
        self.to <= self.from
    }

    /// How long it lasts; zero when it is empty.
    pub fn length(&self) -> Duration {
        (self.to - self.from).max(Duration::zero())
    }
}
