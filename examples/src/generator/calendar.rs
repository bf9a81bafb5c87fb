//! The calendar: local midnights and hours, and the ranges `1d`, `7d`, `30d` with the periods they
//! are compared with. Everything else counts milliseconds since 1970.

use chrono::{DateTime, Datelike, Days, Duration, NaiveDate, NaiveTime, TimeZone, Timelike, Utc};
use chrono_tz::Tz;

pub(super) const SECOND: i64 = 1_000;
pub(super) const MINUTE: i64 = 60 * SECOND;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

/// A half-open range of instants, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: i64,
    pub(super) to: i64,
}

impl Span {
    pub(super) fn contains(self, instant: i64) -> bool {
        self.from <= instant && instant < self.to
    }

    /// The intersection; empty (`from == to`) if there is none.
    pub(super) fn intersect(self, other: Self) -> Self {
        let from = self.from.max(other.from);
        let to = self.to.min(other.to).max(from);
        Self { from, to }
    }
}

/// The six ranges of a dashboard: for `1d`, `7d` and `30d` the current and the previous one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ranges {
    pub(super) current: [Span; 3],
    pub(super) previous: [Span; 3],
}

/// The days of each range, and by how many days the previous one is earlier.
const LENGTHS: [(u64, u64); 3] = [(1, 7), (7, 7), (30, 30)];

impl Ranges {
    /// As of `as_of`: today and the days before, the previous ones cut at the same elapsed time.
    pub(super) fn new(zone: Tz, as_of: i64) -> Self {
        let today = date(zone, as_of);
        let current = LENGTHS.map(|(days, _)| Span { from: midnight(zone, back(today, days - 1)), to: as_of });
        let mut previous = current;
        for ((span, now), (days, shift)) in previous.iter_mut().zip(current).zip(LENGTHS) {
            span.from = midnight(zone, back(today, days - 1 + shift));
            span.to = span.from + (now.to - now.from);
        }
        Self { current, previous }
    }

    /// One bit per range that holds the instant: 0 to 2 the current ones, 3 to 5 the previous.
    pub(super) fn mask(&self, instant: i64) -> u8 {
        let mut mask = 0;
        for (bit, span) in self.current.iter().chain(&self.previous).enumerate() {
            mask |= u8::from(span.contains(instant)) << bit;
        }
        mask
    }
}

/// The instant as a date-time.
pub(super) fn instant(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}

/// The local date of an instant.
pub(super) fn date(zone: Tz, millis: i64) -> NaiveDate {
    instant(millis).with_timezone(&zone).date_naive()
}

/// Weekday (0 is Monday) and hour of an instant on the local clock.
pub(super) fn weekday_and_hour(zone: Tz, millis: i64) -> (usize, usize) {
    let local = instant(millis).with_timezone(&zone);
    (local.weekday().num_days_from_monday() as usize, local.hour() as usize)
}

/// The date `days` earlier.
pub(super) fn back(date: NaiveDate, days: u64) -> NaiveDate {
    date.checked_sub_days(Days::new(days)).unwrap_or(date)
}

/// The date `days` later, or earlier if negative.
pub(super) fn shift(date: NaiveDate, days: i64) -> NaiveDate {
    date.checked_add_signed(Duration::days(days)).unwrap_or(date)
}

/// First instant of a local date. A midnight that does not exist moves to the first one that
/// does, one that comes twice is the earlier.
pub(super) fn midnight(zone: Tz, date: NaiveDate) -> i64 {
    at_hour(zone, date, 0)
}

/// The full hour of a local date, with the same two rules.
pub(super) fn at_hour(zone: Tz, date: NaiveDate, hour: u32) -> i64 {
    let mut local = date.and_time(NaiveTime::MIN) + Duration::hours(i64::from(hour));
    for _ in 0..=24 * 60 {
        if let Some(instant) = zone.from_local_datetime(&local).earliest() {
            return instant.timestamp_millis();
        }
        local += Duration::minutes(1);
    }
    local.and_utc().timestamp_millis()
}

/// Start of the local hour that holds the instant.
pub(super) fn hour_start(zone: Tz, millis: i64) -> i64 {
    let local = instant(millis).with_timezone(&zone);
    let into = i64::from(local.minute()) * MINUTE + i64::from(local.second()) * SECOND;
    millis - into - millis.rem_euclid(SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<DateTime<Utc>>().expect(text).timestamp_millis()
    }

    #[test]
    fn the_plans_week_and_the_one_before() {
        let ranges = Ranges::new(chrono_tz::Asia::Seoul, at("2024-11-12T10:30:00Z"));
        assert_eq!(ranges.current[1].from, at("2024-11-05T15:00:00Z"));
        assert_eq!(ranges.previous[1].from, at("2024-10-29T15:00:00Z"));
        assert_eq!(ranges.previous[1].to, at("2024-11-05T10:30:00Z"));
    }

    #[test]
    fn today_is_compared_with_the_same_weekday() {
        let ranges = Ranges::new(chrono_tz::Asia::Seoul, at("2024-11-12T10:30:00Z"));
        assert_eq!(ranges.previous[0].from, at("2024-11-04T15:00:00Z"));
        assert_eq!(ranges.previous[2].from, at("2024-09-13T15:00:00Z"));
    }

    #[test]
    fn a_midnight_that_does_not_exist_moves_forward() {
        let date = NaiveDate::from_ymd_opt(2024, 9, 8).expect("a date");
        let zone = chrono_tz::America::Santiago;
        assert_eq!(midnight(zone, date), at("2024-09-08T04:00:00Z"));
    }

    #[test]
    fn hours_start_at_local_zero_minutes() {
        let start = hour_start(chrono_tz::Asia::Kathmandu, at("2024-11-12T10:30:05Z"));
        assert_eq!(start, at("2024-11-12T10:15:00Z"));
    }
}
