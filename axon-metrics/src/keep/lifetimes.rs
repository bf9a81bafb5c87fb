//! How long finished widgets are shown.

use std::time::Duration;

use crate::Timestamp;

/// How long finished widgets are kept, by what they are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// Live figures, ranges still open, and those that are over while not all of them is in. Answers tell instants apart by
    /// the second: what is below one, but for zero, counts as one, and one is only ever lengthened. Defaults to 1 s.
    pub live: Duration,
    /// Ranges that are over. Defaults to 5 min.
    pub over: Duration,
    /// Ranges that ended longer ago than `lateness`. Defaults to 24 h.
    pub settled: Duration,
    /// How late an event may come and still change a range that is over. Defaults to 72 h.
    pub lateness: Duration,
    /// How much longer figures are shown while new ones are loaded. Defaults to 1 s.
    pub refresh: Duration,
    /// While a store does not answer: how old live figures may be that are shown all the same, flagged as stale, and how
    /// long past their time those of ranges that are over. Defaults to 15 min.
    pub stale: Duration,
    /// When the weeks before a promotion are read again, behind the answers that use them. Defaults to 1 h.
    pub history: Duration,
    /// How old they may be while the ledger does not answer. Defaults to 24 h.
    pub history_stale: Duration,
    /// By up to how many percent the time of a widget is shortened or lengthened, so that not all scopes are loaded again
    /// together; by how much is not left to chance, but follows from the key. More than 100 are 100. Defaults to 10.
    pub jitter_percent: u8,
}

impl Lifetimes {
    /// Nothing is kept: each answer asks the sources, and no two answers share a load. A router in front may still answer
    /// requests that are alike and under way at the same time with one answer.
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

/// What figures are about, which decides how long they hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// What is true this second, or a range still open.
    Live,
    /// A range that is over.
    Over {
        /// The first instant after it.
        ended: Timestamp,
    },
}

/// Until when figures of an instant are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Life {
    /// Until then they are as good as new ones.
    pub(crate) fresh_until: Timestamp,
    /// Until then they are shown while new ones are loaded.
    pub(crate) usable_until: Timestamp,
    /// Until then they are shown, flagged as stale, if new ones cannot be had.
    pub(crate) stale_until: Timestamp,
}

/// How finely answers tell instants apart: a load within the same second would be for the same instant.
const TICK: Duration = Duration::from_secs(1);

/// What decides which share of its time a widget is fresh: its key's hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Jitter(pub(crate) u64);

impl Jitter {
    /// The share in thousandths: of 10 percent, 900 to 1100.
    fn share(self, percent: u8) -> u32 {
        let most = 10 * u32::from(percent.min(100));
        let steps = u64::from(2 * most + 1);
        1000 - most + u32::try_from(self.0 % steps).unwrap_or(most)
    }
}

impl Lifetimes {
    /// Whether each answer asks the sources.
    pub(crate) fn keep_nothing(&self) -> bool {
        let Self { history, history_stale, jitter_percent, .. } = *self;
        *self == Self { history, history_stale, jitter_percent, ..Self::none() }
    }

    /// Until when figures of `as_of` are shown. What was loaded for an instant lives from that instant on, so that its age
    /// is bounded however long the load took.
    pub(crate) fn life(&self, about: About, as_of: Timestamp, jitter: Jitter) -> Life {
        let time = match about {
            About::Live => self.live,
            About::Over { ended } if later(ended, self.lateness) < as_of => self.settled,
            About::Over { .. } => self.over,
        };
        let (fresh, refresh) = if time.is_zero() {
            (time, time)
        } else {
            ((time / 1000).saturating_mul(jitter.share(self.jitter_percent)).max(TICK), self.refresh)
        };
        let fresh_until = later(as_of, fresh);
        let usable_until = later(fresh_until, refresh);
        let good = if about == About::Live { as_of } else { fresh_until };
        Life { fresh_until, usable_until, stale_until: later(good, self.stale).max(usable_until) }
    }

    /// The longest that figures of `as_of` can be of use, for a cache that forgets by itself.
    pub(crate) fn longest(life: Life, as_of: Timestamp, stale: Duration) -> Duration {
        (later(life.usable_until, stale) - as_of).to_std().unwrap_or(Duration::ZERO)
    }
}

/// An instant so much later; the calendar's end where there is none.
pub(crate) fn later(at: Timestamp, by: Duration) -> Timestamp {
    chrono::Duration::from_std(by).ok().and_then(|by| at.checked_add_signed(by)).unwrap_or(Timestamp::MAX_UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shortened_or_lengthened_by_as_much_as_is_set() {
        let shares = |percent| [0, 1, 7, 200, 201, u64::MAX].map(|hash| Jitter(hash).share(percent));
        assert_eq!(shares(0), [1000; 6]);
        assert_eq!(shares(10)[..5], [900, 901, 907, 1100, 900]);
        assert!((0..5_000).all(|hash| (700..=1300).contains(&Jitter(hash).share(30))));
        assert_eq!([Jitter(0).share(100), Jitter(2_000).share(255)], [0, 2000]);
    }
}
