//! Times and ids as literals of a statement.
//! Lives here: the only values that enter the text of a statement, each with a type that formats it. Lives elsewhere:
//! the statements (`ledger::statement`, `catalog`), the verdict on an offset (`offsets`).
//!
//! Statements use the text protocol. With prepared statements each length of a list of ids would be another statement
//! on every connection, and its first use would cost a second round trip. Only whole numbers and times enter a text,
//! both formatted here, so nothing needs escaping.

use std::fmt;

use axon_metrics::Timestamp;
use chrono::{FixedOffset, NaiveDateTime, TimeDelta};

/// The wall clock at an offset from UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clock {
    ahead: TimeDelta,
}

impl Clock {
    pub(crate) const SEOUL: Self = Self { ahead: TimeDelta::hours(9) };
    pub(crate) const UTC: Self = Self { ahead: TimeDelta::zero() };

    pub(crate) fn at(offset: FixedOffset) -> Self {
        Self::ahead(TimeDelta::seconds(i64::from(offset.local_minus_utc())))
    }

    pub(crate) const fn ahead(ahead: TimeDelta) -> Self {
        Self { ahead }
    }

    /// A bound in a statement, clamped to the range of a `DATETIME`. A fraction of a microsecond is rounded up, so that
    /// `[from, to)` contains the same stored times.
    pub(crate) fn bound(self, timestamp: Timestamp) -> Bound {
        let fraction = i64::from(timestamp.timestamp_subsec_nanos() % 1_000);
        let rounding = if fraction == 0 { TimeDelta::zero() } else { TimeDelta::nanoseconds(1_000 - fraction) };
        let wall =
            timestamp.naive_utc().checked_add_signed(rounding).and_then(|utc| utc.checked_add_signed(self.ahead));
        Bound(wall.unwrap_or(LAST).clamp(FIRST, LAST))
    }

    /// The instant at which the clock shows this time; `None` outside the calendar.
    pub(crate) fn timestamp(self, wall: NaiveDateTime) -> Option<Timestamp> {
        wall.checked_sub_signed(self.ahead).map(|utc| utc.and_utc())
    }
}

/// `+09:00`.
impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.ahead.num_seconds();
        let (hours, minutes) = (seconds.abs() / 3_600, seconds.abs() / 60 % 60);
        write!(f, "{}{hours:02}:{minutes:02}", if seconds < 0 { '-' } else { '+' })
    }
}

/// The earliest time of a `DATETIME`.
const FIRST: NaiveDateTime = wall(1000, 1, 1, (0, 0, 0));
/// The latest one.
const LAST: NaiveDateTime = wall(9999, 12, 31, (23, 59, 59));

const fn wall(year: i32, month: u32, day: u32, (hour, minute, second): (u32, u32, u32)) -> NaiveDateTime {
    let date = chrono::NaiveDate::from_ymd_opt(year, month, day).expect("a date of the calendar");
    date.and_hms_opt(hour, minute, second).expect("a time of the day")
}

/// A time in a statement: `TIMESTAMP'2024-11-06 00:00:00.000000'`. The literal is typed, so the server parses it once
/// and not per row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bound(NaiveDateTime);

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TIMESTAMP'{}'", self.0.format("%Y-%m-%d %H:%M:%S%.6f"))
    }
}

/// The condition that a column is one of these ids: `(c IN (1,2) OR c IN (3))`. Without ids it is `FALSE`.
///
/// Workaround: MariaDB turns a long list into a subquery and then reads the whole table
/// (`in_predicate_conversion_threshold`, 1,000 by default; MDEV-12176), so lists are split. Shown by `ledger::plans`.
/// Can go once MariaDB uses the index of a subquery's column.
#[derive(Debug, Clone)]
pub(crate) struct IdList {
    column: &'static str,
    ids: Vec<u64>,
}

/// The longest list of one `IN`. Below the threshold of MariaDB.
const MAX_IDS_PER_IN: usize = 500;

impl IdList {
    pub(crate) fn new(column: &'static str, ids: impl IntoIterator<Item = u64>) -> Self {
        let mut ids: Vec<u64> = ids.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        Self { column, ids }
    }
}

impl fmt::Display for IdList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ids.is_empty() {
            return f.write_str("FALSE");
        }
        for (index, part) in self.ids.chunks(MAX_IDS_PER_IN).enumerate() {
            write!(f, "{}{} IN (", if index == 0 { "(" } else { " OR " }, self.column)?;
            for (index, id) in part.iter().enumerate() {
                write!(f, "{}{id}", if index == 0 { "" } else { "," })?;
            }
            f.write_str(")")?;
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    #[test]
    fn a_bound_is_the_wall_clock_of_its_offset_to_the_microsecond() {
        let text = |instant: &str| Clock::SEOUL.bound(at(instant)).to_string();
        assert_eq!(text("2024-11-05T15:00:00Z"), "TIMESTAMP'2024-11-06 00:00:00.000000'");
        assert_eq!(text("2024-11-05T15:00:00.000001Z"), "TIMESTAMP'2024-11-06 00:00:00.000001'");
        assert_eq!(text("2024-11-05T15:00:00.000001001Z"), "TIMESTAMP'2024-11-06 00:00:00.000002'");
        assert_eq!(text("2024-12-31T14:59:59.999999999Z"), "TIMESTAMP'2025-01-01 00:00:00.000000'");
    }

    #[test]
    fn bounds_are_clamped_to_the_range_of_a_column() {
        assert_eq!(Clock::SEOUL.bound(Timestamp::MAX_UTC).to_string(), "TIMESTAMP'9999-12-31 23:59:59.000000'");
        assert_eq!(Clock::SEOUL.bound(Timestamp::MIN_UTC).to_string(), "TIMESTAMP'1000-01-01 00:00:00.000000'");
    }

    #[test]
    fn a_bound_is_read_back_as_its_instant() {
        let instant = at("2024-11-05T15:00:00.123456Z");
        for hours in [-5, 0, 9, 18] {
            let clock = Clock::ahead(TimeDelta::hours(hours));
            assert_eq!(clock.timestamp(clock.bound(instant).0), Some(instant), "{clock}");
        }
    }

    #[test]
    fn an_offset_is_formatted_with_its_sign() {
        let text = |seconds| Clock::ahead(TimeDelta::seconds(seconds)).to_string();
        assert_eq!([text(64_800), text(0), text(-19_800)], ["+18:00", "+00:00", "-05:30"]);
    }

    #[test]
    fn ids_are_listed_once_and_in_short_lists() {
        let list = |ids: &[u64]| IdList::new("c", ids.iter().copied()).to_string();
        assert_eq!(list(&[]), "FALSE");
        assert_eq!(list(&[3, 1, 3]), "(c IN (1,3))");
        let many = IdList::new("c", 1..=1_001).to_string();
        assert_eq!(many.matches(" IN (").count(), 3);
        assert!(many.contains("500) OR c IN (501,") && many.ends_with("1001))"), "{many}");
    }
}
