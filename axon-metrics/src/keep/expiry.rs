//! How long a loaded value is used.

use std::ops::Range;

use tokio::time::Instant;

use crate::vocabulary::Timestamp;

/// A clock of values: the monotonic clock, or the instants that callers pass in.
pub trait Clock: Copy + Ord + Send + Sync + 'static {
    /// The instant by which a value is judged, for a caller that passed this one. The monotonic clock is read again: a load may
    /// end between the caller's reading and the lookup, and its value is used from then on. Other instants stay as they are.
    #[must_use]
    fn latest(self) -> Self {
        self
    }
}

impl Clock for Timestamp {}

impl Clock for Instant {
    fn latest(self) -> Self {
        self.max(Self::now())
    }
}

/// When a loaded value is used, as three windows of time that each hold the one before. `C` is the clock: the monotonic one,
/// or the instants that callers pass in. A window begins before the value was loaded where callers' clocks may differ, and so
/// ends the use of a value after a clock was set back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry<C> {
    /// It is as good as a new one.
    pub fresh: Range<C>,
    /// It is used while a new one is loaded in the background (stale-while-revalidate).
    pub usable: Range<C>,
    /// It is used while loads fail (stale-if-error).
    pub stale: Range<C>,
}

impl<C: Clock> Expiry<C> {
    /// From an instant on: fresh until the first of these, usable until the second, and never used beyond.
    pub fn new(from: C, fresh_until: C, usable_until: C) -> Self {
        let usable = from..usable_until.max(fresh_until);
        Self { fresh: from..fresh_until, stale: usable.clone(), usable }
    }

    /// The same, and used until a later instant while loads fail.
    #[must_use]
    pub fn stale_until(mut self, until: C) -> Self {
        self.stale.end = self.stale.end.max(until);
        self
    }

    /// Whether the value is ever used.
    pub(super) fn is_empty(&self) -> bool {
        self.usable.is_empty() && self.stale.is_empty()
    }
}
