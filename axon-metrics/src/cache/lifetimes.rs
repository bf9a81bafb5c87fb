//! How long finished widgets are shown.

use std::time::Duration;

/// How long finished widgets are kept, by what they are about. Each time is shortened or lengthened by up to a tenth, so
/// that what was loaded together is not loaded again together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// Live figures and ranges still open. Defaults to 1 s.
    pub live: Duration,
    /// Ranges that are over. Defaults to 5 min.
    pub over: Duration,
    /// Ranges that ended longer ago than `lateness`. Defaults to 24 h.
    pub settled: Duration,
    /// How late an event may come and still change a range that is over. Defaults to 72 h.
    pub lateness: Duration,
    /// How much longer figures are shown while new ones are loaded. Defaults to 1 s.
    pub refresh: Duration,
    /// How old figures may be, flagged as stale, while a store does not answer. Defaults to 15 min.
    pub stale: Duration,
}

impl Lifetimes {
    /// Nothing is kept: each answer asks the sources, and no two answers share a load.
    pub const fn none() -> Self {
        let none = Duration::ZERO;
        Self { live: none, over: none, settled: none, lateness: none, refresh: none, stale: none }
    }
}

impl Default for Lifetimes {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            live: seconds(1),
            over: seconds(5 * 60),
            settled: seconds(24 * 3600),
            lateness: seconds(72 * 3600),
            refresh: seconds(1),
            stale: seconds(15 * 60),
        }
    }
}
