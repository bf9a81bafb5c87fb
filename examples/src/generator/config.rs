//! The configuration of the generator, with defaults, and its errors.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

/// What to generate. Two equal configurations give the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Start of the random stream. Defaults to 1.
    pub seed: u64,
    /// Lines of events, repeated documents included; at least 1,000. Defaults to 200,000.
    pub events: u64,
    /// The instant at which the data ends and at which the totals hold. Defaults to
    /// 2024-11-12T10:30:00Z, the instant of the plan's example.
    pub now: DateTime<Utc>,
    /// Whole days of history before the day of `now`, 1 to 400. Defaults to 42. With fewer than
    /// 42 the campaigns move closer to `now`.
    pub days: u32,
    /// Campaigns, 1 to 60. Defaults to 6, which is one of each kind.
    pub campaigns: u32,
    /// Zone of calendar days and hours. Defaults to Asia/Seoul.
    pub zone: Tz,
    /// The format of `occurredAt`. Defaults to [`TimeFormat::Scientific`].
    pub time_format: TimeFormat,
    /// Whether documents have ids (`_index`, `_id`). With ids, a repeated document counts once, and
    /// a purchase in the wrong index does not count. Without ids, equal lines are two events, and
    /// there are no such purchases. Set it also when a [`Sink`](super::Sink) loads a store that
    /// has ids. Defaults to `false`.
    pub export: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seed: 1,
            events: 200_000,
            now: DateTime::from_timestamp(1_731_407_400, 0).unwrap_or_default(),
            days: 42,
            campaigns: 6,
            zone: chrono_tz::Asia::Seoul,
            time_format: TimeFormat::Scientific,
            export: false,
        }
    }
}

/// The format of `occurredAt` in an event line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimeFormat {
    /// Seconds with nine digits after the point, as on the topic: `1772681696.789000000`.
    Seconds,
    /// As the sink writes it into the index: `1.772681696789E9`.
    Scientific,
    /// Whole milliseconds: `1772681696789`.
    Millis,
    /// RFC 3339 in UTC: `"2026-03-05T03:34:56.789Z"`.
    Iso,
    /// RFC 3339 with the zone's offset: `"2026-03-05T12:34:56.789+09:00"`.
    IsoOffset,
    /// Local time of the zone: `"2026-03-05T12:34:56.789"`. Of an hour that occurs twice, the
    /// second one is written with its offset.
    Local,
    /// Each line one of the above.
    Mixed,
}

/// What is wrong with a [`Config`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Too few lines for a campaign, or more than there are ids for.
    #[error("events must be between 1,000 and 1,000,000,000, not {0}")]
    Events(u64),
    /// No history, or more than the dashboard looks back.
    #[error("days must be between 1 and 400, not {0}")]
    Days(u32),
    /// None, or more than there are names for.
    #[error("campaigns must be between 1 and 60, not {0}")]
    Campaigns(u32),
    /// Outside the years that every time format can express.
    #[error("now must lie between 2002 and 2200, not at {0}")]
    Now(DateTime<Utc>),
}

impl Config {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if !(1_000..=1_000_000_000).contains(&self.events) {
            return Err(ConfigError::Events(self.events));
        }
        if !(1..=400).contains(&self.days) {
            return Err(ConfigError::Days(self.days));
        }
        if !(1..=60).contains(&self.campaigns) {
            return Err(ConfigError::Campaigns(self.campaigns));
        }
        // Ten-digit seconds, one 400-day history included.
        if !(1_040_000_000..7_250_000_000).contains(&self.now.timestamp()) {
            return Err(ConfigError::Now(self.now));
        }
        Ok(())
    }
}
