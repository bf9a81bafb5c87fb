//! The zone whose wall clock is stored in the time field as if it were UTC. Pure.
//!
//! A pipeline that writes local times without an offset stores `18:00` of Seoul as 18:00 UTC. Bounds of a window are
//! moved into that wall clock, and a stored time is moved back.
//!
//! Where clocks are set back, a wall clock shows an hour twice, and what is stored does not say which of the two it is.
//! The whole hour then belongs to its first occurrence.

use axon_metrics::{Timestamp, Window};
use chrono::{FixedOffset, LocalResult, NaiveDateTime, Offset as _, TimeDelta, TimeZone as _};
use chrono_tz::Tz;

/// The wall clock of stored times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum WallClock {
    /// Times are stored as they are.
    #[default]
    Utc,
    Offset(FixedOffset),
    Zone(Tz),
}

impl WallClock {
    /// Reads an offset (`+09:00`) or the name of a zone (`Asia/Seoul`). The empty text is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::Utc);
        }
        match text.parse::<FixedOffset>() {
            Ok(offset) => Some(Self::Offset(offset)),
            Err(_) => text.parse::<Tz>().ok().map(Self::Zone),
        }
    }

    fn offset(self, at: Timestamp) -> TimeDelta {
        let offset = match self {
            Self::Utc => return TimeDelta::zero(),
            Self::Offset(offset) => offset,
            Self::Zone(zone) => zone.offset_from_utc_datetime(&at.naive_utc()).fix(),
        };
        TimeDelta::seconds(offset.local_minus_utc().into())
    }

    /// The smallest stored time of an event at or after an instant. Never falls while the instant grows.
    pub(crate) fn stored(self, at: Timestamp) -> Timestamp {
        let Self::Zone(zone) = self else { return shifted(at, self.offset(at)) };
        let local = shifted(at, self.offset(at));
        match zone.from_local_datetime(&local.naive_utc()) {
            // In the second occurrence of an hour: all that is stored of this hour belongs to the first one.
            LocalResult::Ambiguous(first, _) if first < at => {
                let first = first.to_utc();
                let end = self.change_between(first, at) + (at - first);
                shifted(end, self.offset(end))
            }
            _ => local,
        }
    }

    /// The instant of a stored time; `None` outside the calendar.
    pub(crate) fn real(self, stored: Timestamp) -> Option<Timestamp> {
        let local: NaiveDateTime = stored.naive_utc();
        let Self::Zone(zone) = self else { return stored.checked_sub_signed(self.offset(stored)) };
        match zone.from_local_datetime(&local).earliest() {
            Some(at) => Some(at.to_utc()),
            // A time that the clock never showed, since it was set forward. It lies just before the change.
            None => stored.checked_sub_signed(self.offset(stored.checked_add_signed(TimeDelta::days(1))?)),
        }
    }

    /// A window in stored times.
    pub(crate) fn window(self, Window { from, to }: Window) -> Window {
        Window { from: self.stored(from), to: self.stored(to) }
    }

    /// Whether the clock is not set anywhere in a window, so that hours are as long in stored times as they are.
    pub(crate) fn is_steady(self, window: Window) -> bool {
        let Self::Zone(_) = self else { return true };
        let ahead = |at: Timestamp| self.stored(at) - at;
        let first = ahead(window.from);
        // No zone sets its clock twice within a day.
        let mut at = window.from;
        while at < window.to {
            if ahead(at) != first {
                return false;
            }
            at += TimeDelta::days(1);
        }
        ahead(window.to) == first
    }

    /// The instant, to a second, at which the clock is set between two instants with different offsets.
    fn change_between(self, mut before: Timestamp, mut after: Timestamp) -> Timestamp {
        let offset = self.offset(before);
        while after - before > TimeDelta::seconds(1) {
            let middle = before + (after - before) / 2;
            if self.offset(middle) == offset { before = middle } else { after = middle }
        }
        Timestamp::from_timestamp(after.timestamp(), 0).unwrap_or(after)
    }
}

fn shifted(at: Timestamp, by: TimeDelta) -> Timestamp {
    at.checked_add_signed(by).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }
    fn clock(text: &str) -> WallClock {
        WallClock::parse(text).unwrap()
    }

    #[test]
    fn an_offset_or_a_zone_is_read() {
        assert_eq!(WallClock::parse(""), Some(WallClock::Utc));
        assert_eq!(clock("Asia/Seoul"), WallClock::Zone(Tz::Asia__Seoul));
        assert_eq!(clock("+09:00").stored(at("2024-11-12T09:00:00Z")), at("2024-11-12T18:00:00Z"));
        assert_eq!(clock("Asia/Seoul").real(at("2024-11-12T18:00:00Z")), Some(at("2024-11-12T09:00:00Z")));
        for text in ["Seoul", "9", "KST+9", "+25:00", " "] {
            assert_eq!(WallClock::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_hour_that_comes_twice_belongs_to_its_first_occurrence() {
        // In New York the clock shows 01:00 to 02:00 from 05:00 to 06:00 UTC, and again from 06:00 to 07:00.
        let clock = clock("America/New_York");
        let stored = |text: &str| clock.stored(at(&format!("2024-11-03T{text}Z"))).format("%H:%M:%S").to_string();
        assert_eq!(stored("04:59:59"), "00:59:59");
        assert_eq!(stored("05:30:00"), "01:30:00");
        assert_eq!(stored("06:00:00"), "02:00:00", "nothing stored belongs to the second occurrence");
        assert_eq!(stored("06:59:59"), "02:00:00");
        assert_eq!(stored("07:00:00"), "02:00:00");
        assert_eq!(stored("07:30:00"), "02:30:00");
        assert_eq!(clock.real(at("2024-11-03T01:30:00Z")), Some(at("2024-11-03T05:30:00Z")));
    }

    #[test]
    fn a_stored_bound_never_falls() {
        for (zone, from) in
            [("America/New_York", "2024-11-03T00:00:00Z"), ("Australia/Lord_Howe", "2024-04-06T10:00:00Z")]
        {
            let (clock, from) = (clock(zone), at(from));
            let stored: Vec<_> = (0..48 * 12).map(|n| clock.stored(from + TimeDelta::minutes(5 * n))).collect();
            assert!(stored.windows(2).all(|pair| pair[0] <= pair[1]), "{zone}");
        }
    }

    #[test]
    fn a_day_on_which_the_clock_is_set_is_not_steady() {
        let day = |text: &str| Window { from: at(text), to: at(text) + TimeDelta::days(7) };
        let clock = clock("America/New_York");
        assert!(!clock.is_steady(day("2024-11-01T00:00:00Z")));
        assert!(!clock.is_steady(day("2024-03-08T00:00:00Z")));
        assert!(clock.is_steady(day("2024-11-04T00:00:00Z")));
        assert!(WallClock::parse("Asia/Seoul").unwrap().is_steady(day("2024-11-01T00:00:00Z")));
    }

    #[test]
    fn a_time_that_no_clock_showed_lies_just_before_the_change() {
        // In New York the clock is set from 02:00 to 03:00 at 07:00 UTC.
        let real = clock("America/New_York").real(at("2024-03-10T02:30:00Z")).unwrap();
        assert!(real < at("2024-03-10T07:00:00Z") && real > at("2024-03-10T06:00:00Z"), "{real}");
    }
}
