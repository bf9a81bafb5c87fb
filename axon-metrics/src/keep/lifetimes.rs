//! How long cached widgets are used: fresh, then stale-while-revalidate, then stale-if-error.

use std::time::Duration;

use crate::Timestamp;

/// Times to live of cached widgets, by the range of their figures. Zero is none; a time too long for the calendar never
/// ends.
/// ```
/// use std::time::Duration;
/// use axon_metrics::Lifetimes;
/// let lifetimes = Lifetimes::default().with_live(Duration::from_secs(3)).with_jitter_percent(20);
/// assert_eq!((lifetimes.live, lifetimes.refresh), (Duration::from_secs(3), Duration::from_secs(1)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lifetimes {
    /// Time to live of live figures, of open ranges, and of ended ranges until their store is complete. Answers have a
    /// resolution of one second, so a positive time below 1 s is raised to 1 s, and jitter never shortens it below
    /// that. Defaults to 1 s.
    pub live: Duration,
    /// Time to live of ranges that have ended. Defaults to 5 min.
    pub over: Duration,
    /// Time to live of ranges that ended longer ago than `lateness`. Defaults to 24 h.
    pub settled: Duration,
    /// How late an event may be recorded and still change a range that has ended. Defaults to 72 h.
    pub lateness: Duration,
    /// Stale-while-revalidate: how long past their time to live figures are used while new ones are loaded. Defaults to
    /// 1 s.
    pub refresh: Duration,
    /// Stale-if-error, with the status `stale`: the greatest age of live figures, and the time past their time to live
    /// of figures of ranges that have ended. Defaults to 15 min.
    pub stale: Duration,
    /// Time to live of the weeks before a promotion; older ones are used while they are read again. Defaults to 1 h.
    pub history: Duration,
    /// The greatest age of the weeks before a promotion while the ledger does not answer. Defaults to 24 h.
    pub history_stale: Duration,
    /// The most percent by which the time to live of a widget is shortened or lengthened, so that scopes do not expire
    /// together. The cache key decides by how much, so it is always the same for a widget. More than 100 is taken as
    /// 100. Defaults to 10.
    pub jitter_percent: u8,
}

impl Lifetimes {
    /// Nothing is cached: each answer asks the sources, and no two answers share a load. The HTTP router still answers
    /// equal requests that are in progress at the same time with one answer.
    pub const fn none() -> Self {
        let none = Duration::ZERO;
        Self {
            live: none,
            over: none,
            settled: none,
            lateness: none,
            refresh: none,
            stale: none,
            history: none,
            history_stale: none,
            jitter_percent: 0,
        }
    }

    /// Sets the field [`live`](Self::live).
    #[must_use]
    pub fn with_live(self, live: Duration) -> Self {
        Self { live, ..self }
    }

    /// Sets the field [`over`](Self::over).
    #[must_use]
    pub fn with_over(self, over: Duration) -> Self {
        Self { over, ..self }
    }

    /// Sets the field [`settled`](Self::settled).
    #[must_use]
    pub fn with_settled(self, settled: Duration) -> Self {
        Self { settled, ..self }
    }

    /// Sets the field [`lateness`](Self::lateness).
    #[must_use]
    pub fn with_lateness(self, lateness: Duration) -> Self {
        Self { lateness, ..self }
    }

    /// Sets the field [`refresh`](Self::refresh).
    #[must_use]
    pub fn with_refresh(self, refresh: Duration) -> Self {
        Self { refresh, ..self }
    }

    /// Sets the field [`stale`](Self::stale).
    #[must_use]
    pub fn with_stale(self, stale: Duration) -> Self {
        Self { stale, ..self }
    }

    /// Sets the field [`history`](Self::history).
    #[must_use]
    pub fn with_history(self, history: Duration) -> Self {
        Self { history, ..self }
    }

    /// Sets the field [`history_stale`](Self::history_stale).
    #[must_use]
    pub fn with_history_stale(self, history_stale: Duration) -> Self {
        Self { history_stale, ..self }
    }

    /// Sets the field [`jitter_percent`](Self::jitter_percent).
    #[must_use]
    pub fn with_jitter_percent(self, jitter_percent: u8) -> Self {
        Self { jitter_percent, ..self }
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
            history: seconds(3600),
            history_stale: seconds(24 * 3600),
            jitter_percent: 10,
        }
    }
}

/// Whether the range of figures has ended, which decides their time to live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RangeState {
    /// Figures without a range, or of one that is still open.
    Live,
    /// A range that has ended.
    Over {
        /// The first instant after it.
        ended: Timestamp,
    },
}

/// Until when a cached widget is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Validity {
    /// Until then it is as good as a new one.
    pub(crate) fresh_until: Timestamp,
    /// Until then it is used while a new one is loaded (stale-while-revalidate).
    pub(crate) usable_until: Timestamp,
    /// Until then it is used, with the status `stale`, if a new load fails (stale-if-error).
    pub(crate) stale_until: Timestamp,
}

/// The resolution of an answer's instant, and so the shortest positive time to live.
const TICK: Duration = Duration::from_secs(1);

/// The hash of a cache key, which decides by how much a time to live is shortened or lengthened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Jitter(pub(crate) u64);

impl Jitter {
    /// The share of the time to live in thousandths: with 10 percent, 900 to 1100.
    fn share(self, percent: u8) -> u32 {
        let most = 10 * u32::from(percent.min(100));
        let steps = u64::from(2 * most + 1);
        1000 - most + u32::try_from(self.0 % steps).unwrap_or(most)
    }
}

impl Lifetimes {
    /// Whether no widget is cached. The weeks before promotions may be.
    pub(crate) fn caches_no_widgets(&self) -> bool {
        let Self { history, history_stale, jitter_percent, .. } = *self;
        *self == Self { history, history_stale, jitter_percent, ..Self::none() }
    }

    /// Until when figures of `as_of` are used. Times count from that instant and not from the end of the load, so that
    /// the age of figures is bounded however long the load took.
    pub(crate) fn validity(&self, range: RangeState, as_of: Timestamp, jitter: Jitter) -> Validity {
        let time = match range {
            RangeState::Live => self.live,
            RangeState::Over { ended } if later(ended, self.lateness) < as_of => self.settled,
            RangeState::Over { .. } => self.over,
        };
        let (fresh, refresh) = if time.is_zero() {
            (time, time)
        } else {
            ((time / 1000).saturating_mul(jitter.share(self.jitter_percent)).max(TICK), self.refresh)
        };
        let fresh_until = later(as_of, fresh);
        let usable_until = later(fresh_until, refresh);
        let stale_from = if range == RangeState::Live { as_of } else { fresh_until };
        Validity { fresh_until, usable_until, stale_until: later(stale_from, self.stale).max(usable_until) }
    }

    /// The time to live of an entry in the shared cache: as long as figures of `as_of` can be used in any way.
    pub(crate) fn shared_ttl(validity: Validity, as_of: Timestamp, stale: Duration) -> Duration {
        (later(validity.usable_until, stale) - as_of).to_std().unwrap_or(Duration::ZERO)
    }
}

/// The instant this much later; the end of the calendar if that is beyond it.
pub(crate) fn later(at: Timestamp, by: Duration) -> Timestamp {
    chrono::Duration::from_std(by).ok().and_then(|by| at.checked_add_signed(by)).unwrap_or(Timestamp::MAX_UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_within_its_percent() {
        let shares = |percent| [0, 1, 7, 200, 201, u64::MAX].map(|hash| Jitter(hash).share(percent));
        assert_eq!(shares(0), [1000; 6]);
        assert_eq!(shares(10)[..5], [900, 901, 907, 1100, 900]);
        assert!((0..5_000).all(|hash| (700..=1300).contains(&Jitter(hash).share(30))));
        assert_eq!([Jitter(0).share(100), Jitter(2_000).share(255)], [0, 2000]);
    }
}
