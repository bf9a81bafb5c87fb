//! The wall clock of a column of times without a zone: an offset from UTC, or a zone with its changes. Pure.
//! Lives here: the wall time of an instant, the instant of a wall time, the pieces of a window with one offset each, and the
//! wall times that come twice.
//! Lives elsewhere: their text in a statement (`sql_literals`), the verdict on a configured clock (`offsets`).
//!
//! A wall time of an hour that comes twice counts for the first time. One of an hour that a change skips counts at the
//! change. So instants rise with wall times, and a window of instants is a window of wall times.

use std::fmt;

use axon_metrics::Timestamp;
use chrono::{FixedOffset, MappedLocalTime, NaiveDateTime, Offset as _, TimeDelta, TimeZone as _};
use chrono_tz::Tz;

use crate::sql_literals::Bound;

/// The wall clock of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clock {
    /// This far ahead of UTC.
    Offset(TimeDelta),
    Zone(Tz),
}

/// A part of a window in which a clock has one offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    /// The first wall time that belongs to it.
    pub(crate) from: Bound,
    /// The first wall time that the clock really shows in it: later than `from` after a change that skips an hour.
    pub(crate) first_shown: Bound,
    /// The wall time at the start of the whole window, had the clock had this offset already.
    pub(crate) base: Bound,
}

/// The step in which a window is searched for changes of the clock. No zone changes twice within it.
const SEARCH_STEP: TimeDelta = TimeDelta::hours(6);
/// The longest time that a change of a clock skips or repeats: a whole day, when a zone crossed the date line.
const LONGEST_CHANGE: TimeDelta = TimeDelta::hours(25);

impl Clock {
    pub(crate) const SEOUL: Self = Self::Offset(TimeDelta::hours(9));
    pub(crate) const UTC: Self = Self::Offset(TimeDelta::zero());

    pub(crate) fn at(offset: FixedOffset) -> Self {
        Self::Offset(TimeDelta::seconds(i64::from(offset.local_minus_utc())))
    }

    pub(crate) const fn ahead(ahead: TimeDelta) -> Self {
        Self::Offset(ahead)
    }

    /// How far the clock is ahead of UTC at an instant.
    pub(crate) fn offset_at(self, timestamp: Timestamp) -> TimeDelta {
        match self {
            Self::Offset(ahead) => ahead,
            Self::Zone(zone) => {
                let offset = zone.offset_from_utc_datetime(&timestamp.naive_utc()).fix();
                TimeDelta::seconds(i64::from(offset.local_minus_utc()))
            }
        }
    }

    /// The first wall time of an instant or later, as a bound in a statement. It is clamped to the range of a
    /// `DATETIME`. A fraction of a microsecond is rounded up, so that `[from, to)` contains the same stored times.
    pub(crate) fn bound(self, timestamp: Timestamp) -> Bound {
        let wall = rounded(timestamp).and_then(|timestamp| {
            let (shown, Self::Zone(zone)) = (self.shown(timestamp)?, self) else { return self.shown(timestamp) };
            match zone.from_local_datetime(&shown) {
                // The second time that it comes: all of this hour counted for the first time already.
                MappedLocalTime::Ambiguous(first, _) if first.to_utc() < timestamp => {
                    let change = self.change_between(first.to_utc(), timestamp);
                    change.naive_utc().checked_add_signed(self.offset_at(first.to_utc()))
                }
                // At the change that skips an hour, the skipped wall times count.
                _ => timestamp
                    .checked_sub_signed(TimeDelta::microseconds(1))
                    .map(|before| self.offset_at(before))
                    .filter(|before| *before < self.offset_at(timestamp))
                    .map_or(Some(shown), |before| timestamp.naive_utc().checked_add_signed(before)),
            }
        });
        Bound::clamped(wall.unwrap_or_else(|| outermost(timestamp)))
    }

    /// The instant at which the clock shows this time; `None` outside the calendar.
    pub(crate) fn timestamp(self, wall: NaiveDateTime) -> Option<Timestamp> {
        let zone = match self {
            Self::Offset(ahead) => return wall.checked_sub_signed(ahead).map(|utc| utc.and_utc()),
            Self::Zone(zone) => zone,
        };
        if let Some(first) = zone.from_local_datetime(&wall).earliest() {
            return Some(first.to_utc());
        }
        // A skipped wall time: the change lies between a shown time before and one after.
        let shown = |wall: Option<NaiveDateTime>| zone.from_local_datetime(&wall?).earliest().map(|time| time.to_utc());
        let before = shown(wall.checked_sub_signed(LONGEST_CHANGE))?;
        let after = shown(wall.checked_add_signed(LONGEST_CHANGE))?;
        Some(self.change_between(before, after))
    }

    /// The window `[from, to)` in pieces with one offset each, in order; at least one.
    pub(crate) fn pieces(self, from: Timestamp, to: Timestamp) -> Vec<Piece> {
        let piece = |at: Timestamp| {
            let offset = self.offset_at(at);
            let wall = |timestamp: Timestamp| {
                let wall = rounded(timestamp).and_then(|time| time.naive_utc().checked_add_signed(offset));
                Bound::clamped(wall.unwrap_or_else(|| outermost(timestamp)))
            };
            Piece { from: self.bound(at), first_shown: wall(at), base: wall(from) }
        };
        let changes = self.changes(from, to).into_iter().filter(|change| *change < to);
        [from].into_iter().chain(changes).map(piece).collect()
    }

    /// The wall times `[from, to)` that come twice and count for a window, in order; usually none. They may reach beyond the
    /// bounds of the window.
    pub(crate) fn ambiguous(self, from: Timestamp, to: Timestamp) -> Vec<[Bound; 2]> {
        // They count before the change that repeats them, so the change may lie after the window.
        let changes = self.changes(from, to.checked_add_signed(LONGEST_CHANGE).unwrap_or(to));
        let repeated = |change: Timestamp| {
            let before = self.offset_at(change.checked_sub_signed(TimeDelta::microseconds(1))?);
            let after = self.offset_at(change);
            let first_pass = change.checked_sub_signed(before - after)?;
            let wall = |offset: TimeDelta| change.naive_utc().checked_add_signed(offset).map(Bound::clamped);
            let counts = after < before && first_pass < to;
            if counts { Some([wall(after)?, wall(before)?]) } else { None }
        };
        changes.into_iter().filter_map(repeated).collect()
    }

    /// The instants in a window at which the offset changes, in order. The last one may be its end.
    fn changes(self, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
        let (mut changes, mut at) = (Vec::new(), from);
        while let (Self::Zone(_), true) = (self, at < to) {
            let next = at.checked_add_signed(SEARCH_STEP).map_or(to, |next| next.min(to));
            if self.offset_at(at) != self.offset_at(next) {
                changes.push(self.change_between(at, next));
            }
            at = next;
        }
        changes
    }

    fn shown(self, timestamp: Timestamp) -> Option<NaiveDateTime> {
        timestamp.naive_utc().checked_add_signed(self.offset_at(timestamp))
    }

    /// The instant of the change between two instants with different offsets, to the microsecond.
    fn change_between(self, before: Timestamp, after: Timestamp) -> Timestamp {
        let (mut before, mut after, old) = (before, after, self.offset_at(before));
        while after - before > TimeDelta::microseconds(1) {
            let middle = before + (after - before) / 2;
            if self.offset_at(middle) == old { before = middle } else { after = middle }
        }
        // Clocks change at whole seconds.
        Timestamp::from_timestamp(after.timestamp(), 0).filter(|second| *second > before).unwrap_or(after)
    }
}

/// The instant, up to whole microseconds; `None` outside the calendar.
fn rounded(timestamp: Timestamp) -> Option<Timestamp> {
    let fraction = i64::from(timestamp.timestamp_subsec_nanos() % 1_000);
    let rounding = if fraction == 0 { TimeDelta::zero() } else { TimeDelta::nanoseconds(1_000 - fraction) };
    timestamp.checked_add_signed(rounding)
}

/// The first or the last wall time of the calendar, for an instant beyond it.
fn outermost(timestamp: Timestamp) -> NaiveDateTime {
    if timestamp < Timestamp::UNIX_EPOCH { NaiveDateTime::MIN } else { NaiveDateTime::MAX }
}

/// `+09:00`, or the name of the zone.
impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zone(zone) => f.write_str(zone.name()),
            Self::Offset(ahead) => {
                let seconds = ahead.num_seconds();
                let (hours, minutes) = (seconds.abs() / 3_600, seconds.abs() / 60 % 60);
                write!(f, "{}{hours:02}:{minutes:02}", if seconds < 0 { '-' } else { '+' })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW_YORK: Clock = Clock::Zone(Tz::America__New_York);

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn wall(text: &str) -> NaiveDateTime {
        text.parse().expect("a time")
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
        for clock in [Clock::SEOUL, Clock::Zone(Tz::Asia__Seoul), NEW_YORK] {
            assert_eq!(clock.bound(Timestamp::MAX_UTC).to_string(), "TIMESTAMP'9999-12-31 23:59:59.000000'");
            assert_eq!(clock.bound(Timestamp::MIN_UTC).to_string(), "TIMESTAMP'1000-01-01 00:00:00.000000'");
        }
    }

    #[test]
    fn a_bound_is_read_back_as_its_instant() {
        let instant = at("2024-11-05T15:00:00.123456Z");
        let offsets = [-5, 0, 9, 18].map(|hours| Clock::ahead(TimeDelta::hours(hours)));
        for clock in offsets.into_iter().chain([NEW_YORK, Clock::Zone(Tz::Australia__Lord_Howe)]) {
            assert_eq!(clock.timestamp(clock.bound(instant).wall()), Some(instant), "{clock}");
        }
    }

    #[test]
    fn an_offset_is_formatted_with_its_sign_and_a_zone_by_its_name() {
        let text = |seconds| Clock::ahead(TimeDelta::seconds(seconds)).to_string();
        assert_eq!([text(64_800), text(0), text(-19_800)], ["+18:00", "+00:00", "-05:30"]);
        assert_eq!(NEW_YORK.to_string(), "America/New_York");
    }

    /// On 2024-11-03 at 06:00 UTC the clocks of New York go back from 02:00 to 01:00.
    #[test]
    fn an_hour_that_comes_twice_counts_for_the_first_time() {
        assert_eq!(NEW_YORK.timestamp(wall("2024-11-03T01:30:00")), Some(at("2024-11-03T05:30:00Z")));
        assert_eq!(NEW_YORK.timestamp(wall("2024-11-03T02:00:00")), Some(at("2024-11-03T07:00:00Z")));
        let bound = |instant: &str| NEW_YORK.bound(at(instant)).wall();
        assert_eq!(bound("2024-11-03T05:30:00Z"), wall("2024-11-03T01:30:00"));
        for second_time in ["2024-11-03T06:00:00Z", "2024-11-03T06:30:00Z", "2024-11-03T07:00:00Z"] {
            assert_eq!(bound(second_time), wall("2024-11-03T02:00:00"), "{second_time}");
        }
    }

    /// On 2024-03-10 at 07:00 UTC the clocks of New York go on from 02:00 to 03:00.
    #[test]
    fn a_skipped_hour_counts_at_the_change() {
        assert_eq!(NEW_YORK.timestamp(wall("2024-03-10T02:30:00")), Some(at("2024-03-10T07:00:00Z")));
        let bound = |instant: &str| NEW_YORK.bound(at(instant)).wall();
        assert_eq!(bound("2024-03-10T06:59:59Z"), wall("2024-03-10T01:59:59"));
        assert_eq!(bound("2024-03-10T07:00:00Z"), wall("2024-03-10T02:00:00"));
        assert_eq!(bound("2024-03-10T07:00:01Z"), wall("2024-03-10T03:00:01"));
        // A whole day was skipped here.
        let apia = Clock::Zone(Tz::Pacific__Apia);
        assert_eq!(apia.timestamp(wall("2011-12-30T12:00:00")), Some(at("2011-12-30T10:00:00Z")));
    }

    /// Every instant around a change: wall times rise with instants, and each wall time is on the right side of a bound.
    #[test]
    fn a_window_of_instants_is_a_window_of_wall_times() {
        let zones = [Tz::America__New_York, Tz::Australia__Lord_Howe, Tz::America__Santiago, Tz::Africa__Casablanca];
        for clock in zones.map(Clock::Zone) {
            for day in
                ["2024-03-10", "2024-11-03", "2024-04-06", "2024-10-05", "2024-09-08", "2024-04-07", "2024-04-14"]
            {
                let (start, first) = (at(&format!("{day}T00:00:00Z")), wall(&format!("{day}T00:00:00")));
                for minute in (0..48 * 60).step_by(15) {
                    let instant = start + TimeDelta::minutes(minute);
                    let bound = clock.bound(instant).wall();
                    for wall in (-24 * 60..72 * 60).step_by(30).map(|minute| first + TimeDelta::minutes(minute)) {
                        let is_later = clock.timestamp(wall).expect("an instant") >= instant;
                        assert_eq!(wall >= bound, is_later, "{clock} {instant} {wall} {bound}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_wall_times_that_come_twice_belong_to_the_windows_of_their_first_pass() {
        let ambiguous = |clock: Clock, from: &str, to: &str| -> Vec<[NaiveDateTime; 2]> {
            clock.ambiguous(at(from), at(to)).into_iter().map(|bounds| bounds.map(Bound::wall)).collect()
        };
        let hour = [["2024-11-03T01:00:00", "2024-11-03T02:00:00"].map(wall)];
        let day = ["2024-11-03T04:00:00Z", "2024-11-04T05:00:00Z"];
        assert_eq!(ambiguous(NEW_YORK, day[0], day[1]), hour, "the whole day");
        assert_eq!(
            ambiguous(NEW_YORK, "2024-11-03T05:30:00Z", "2024-11-03T05:45:00Z"),
            hour,
            "a part of the first pass"
        );
        assert_eq!(ambiguous(NEW_YORK, "2024-11-01T00:00:00Z", "2024-11-03T06:00:00Z"), hour, "up to the change");
        // What is stored of the second pass counts for the first one.
        assert!(ambiguous(NEW_YORK, "2024-11-03T06:00:00Z", "2024-11-03T08:00:00Z").is_empty());
        assert!(ambiguous(NEW_YORK, "2024-11-02T00:00:00Z", "2024-11-03T05:00:00Z").is_empty());
        // Clocks that go on, or never change, repeat nothing.
        assert!(ambiguous(NEW_YORK, "2024-03-01T00:00:00Z", "2024-04-01T00:00:00Z").is_empty());
        assert!(ambiguous(Clock::SEOUL, day[0], day[1]).is_empty());
        assert!(ambiguous(Clock::Zone(Tz::Asia__Seoul), day[0], day[1]).is_empty());
        assert_eq!(ambiguous(NEW_YORK, "2023-06-01T00:00:00Z", "2025-06-01T00:00:00Z").len(), 2, "two years");
        let half = ambiguous(Clock::Zone(Tz::Australia__Lord_Howe), "2024-04-06T00:00:00Z", "2024-04-08T00:00:00Z");
        assert_eq!(half, [["2024-04-07T01:30:00", "2024-04-07T02:00:00"].map(wall)]);
    }

    #[test]
    fn a_window_is_cut_at_the_changes_of_its_clock() {
        let pieces = |clock: Clock, from: &str, to: &str| clock.pieces(at(from), at(to));
        let one = pieces(Clock::SEOUL, "2024-03-01T00:00:00Z", "2024-12-01T00:00:00Z");
        assert_eq!(one.len(), 1);
        assert_eq!(one[0].base, one[0].from);
        let two = pieces(NEW_YORK, "2024-10-30T04:00:00Z", "2024-11-06T05:00:00Z");
        let walls: Vec<_> =
            two.iter().map(|piece| [piece.from, piece.first_shown, piece.base].map(Bound::wall)).collect();
        assert_eq!(walls[0], ["2024-10-30T00:00:00"; 3].map(wall));
        assert_eq!(walls[1], ["2024-11-03T02:00:00", "2024-11-03T01:00:00", "2024-10-29T23:00:00"].map(wall));
        let spring = pieces(NEW_YORK, "2024-03-09T05:00:00Z", "2024-03-11T04:00:00Z");
        let walls: Vec<_> = spring.iter().map(|piece| [piece.from, piece.first_shown].map(Bound::wall)).collect();
        assert_eq!(walls[1], ["2024-03-10T02:00:00", "2024-03-10T03:00:00"].map(wall));
        assert_eq!(pieces(NEW_YORK, "2024-03-09T05:00:00Z", "2025-03-09T05:00:00Z").len(), 3);
    }
}
