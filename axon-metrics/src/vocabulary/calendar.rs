//! Calendar days and clock hours of the business zone as instants. The only module that does zone arithmetic.
//!
//! A local time that does not exist (clocks went forward) is the first valid instant after the gap; one that exists
//! twice (clocks went back) is the earlier.

use chrono::{DateTime, Days, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone, Utc};
use chrono_tz::{GapInfo, Tz};

use std::time::Duration;

use super::{divisor::gcd, timestamp::Timestamp, window::Window};

/// The instant of a local date-time; `None` only outside the range of the calendar library.
pub(crate) fn instant(local: NaiveDateTime, zone: Tz) -> Option<Timestamp> {
    let resolved = match zone.from_local_datetime(&local) {
        LocalResult::Single(instant) => instant,
        LocalResult::Ambiguous(earlier, _) => earlier,
        LocalResult::None => GapInfo::new(&local, &zone)?.end?,
    };
    Some(resolved.with_timezone(&Utc))
}

/// The wall clock of the zone at an instant.
pub(crate) fn local(instant: Timestamp, zone: Tz) -> NaiveDateTime {
    instant.with_timezone(&zone).naive_local()
}

/// The calendar date of the zone at an instant.
pub(crate) fn date(instant: Timestamp, zone: Tz) -> NaiveDate {
    local(instant, zone).date()
}

/// The first instant of a calendar day; `None` only outside the range of the calendar library.
pub(crate) fn start_of_day(date: NaiveDate, zone: Tz) -> Option<Timestamp> {
    instant(date.and_time(NaiveTime::MIN), zone)
}

/// The wall clock at the start of a range. Where a calendar day starts it is the midnight of that day, also of one whose
/// midnight does not exist: the clock then shows 01:00, for example.
pub(crate) fn local_start(from: Timestamp, zone: Tz) -> NaiveDateTime {
    let local = local(from, zone);
    midnight(local.date(), from, zone).unwrap_or(local)
}

/// The wall clock at the end of a range. Where a calendar day ends it is the midnight after that day, also one that does
/// not exist.
pub(crate) fn local_end(to: Timestamp, zone: Tz) -> NaiveDateTime {
    let last_day = date(to - chrono::Duration::nanoseconds(1), zone);
    let midnight = last_day.succ_opt().and_then(|next| midnight(next, to, zone));
    midnight.unwrap_or_else(|| local(to, zone))
}

/// The midnight of a calendar day, if the day starts at this instant.
fn midnight(day: NaiveDate, at: Timestamp, zone: Tz) -> Option<NaiveDateTime> {
    (start_of_day(day, zone) == Some(at)).then(|| day.and_time(NaiveTime::MIN))
}

/// The end of a range, this many calendar days earlier: the instant at which the wall clock showed the same time. The
/// end of a day becomes the end of a day.
pub(crate) fn days_before(end: Timestamp, days: u64, zone: Tz) -> Option<Timestamp> {
    instant(local_end(end, zone).checked_sub_days(Days::new(days))?, zone)
}

pub(crate) const HOURS_OF_WEEK: usize = 7 * 24;

/// A clock hour of the zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hour {
    /// The whole hour. A clock change by half an hour makes it shorter or splits it in two.
    pub(crate) whole: Window,
    /// The part of the hour inside the requested window.
    pub(crate) inside: Window,
    /// The hour of the week that the wall clock shows: 0 is the first hour of Monday.
    pub(crate) of_week: usize,
}

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// The clock hours that overlap a window, oldest first and without gaps. Hours start at local :00, so they are not UTC
/// hours in zones with an offset of 30 or 45 minutes. Empty for an empty window.
pub(crate) fn hours(window: Window, zone: Tz) -> Vec<Hour> {
    let mut hours = Vec::new();
    each_hour(window, zone, |from, to, of_week| {
        let whole = Window { from: seconds(from), to: seconds(to) };
        let inside = Window { from: whole.from.max(window.from), to: whole.to.min(window.to) };
        hours.push(Hour { whole, inside, of_week });
    });
    hours
}

/// Calls `visit` for each of the [`hours`] of a window, with the part inside the window (`from` and `to`, in
/// microseconds since 1970) and the hour of the week. Allocates nothing per hour, unlike [`hours`].
pub(crate) fn each_part(window: Window, zone: Tz, mut visit: impl FnMut(i64, i64, usize)) {
    let (first, last) = (window.from.timestamp_micros(), window.to.timestamp_micros());
    each_hour(window, zone, |from, to, of_week| {
        visit((from * MICROS).max(first), (to * MICROS).min(last), of_week);
    });
}

const MICROS: i64 = 1_000_000;

/// Calls `visit` for each clock hour that overlaps a window: its first second, its end, and the hour of the week.
fn each_hour(window: Window, zone: Tz, mut visit: impl FnMut(i64, i64, usize)) {
    if window.is_empty() {
        return;
    }
    let (first, last) =
        (window.from.timestamp(), window.to.timestamp() + i64::from(window.to.timestamp_subsec_nanos() > 0));
    for span in spans(first - 2 * HOUR, last + 2 * HOUR, zone) {
        let mut clock = (span.from.max(first - HOUR) + span.offset).div_euclid(HOUR);
        let mut from = (clock * HOUR - span.offset).max(span.from);
        while from < span.to.min(last) {
            clock += 1;
            let to = (clock * HOUR - span.offset).min(span.to);
            if to > first {
                visit(from, to, hour_of_week(clock - 1));
            }
            from = to;
        }
    }
}

/// The calendar days that overlap a window, oldest first and without gaps, each clamped to the window. Empty for an
/// empty window.
pub(crate) fn days(window: Window, zone: Tz) -> Vec<Window> {
    let mut days = Vec::new();
    let mut from = window.from;
    while from < window.to {
        let next = date(from, zone).succ_opt().and_then(|day| start_of_day(day, zone));
        let to = next.map_or(window.to, |next| next.min(window.to));
        days.push(Window { from, to });
        from = to;
    }
    days
}

/// The longest bucket that divides every clock hour of a window: one hour, or less where a clock change in the window
/// is by less than an hour.
pub(crate) fn hour_bucket(window: Window, zone: Tz) -> Duration {
    let spans = spans(window.from.timestamp(), window.to.timestamp(), zone);
    let changes = spans.windows(2).map(|pair| i128::from(pair[1].offset - pair[0].offset).abs());
    let seconds = changes.fold(i128::from(HOUR), gcd);
    Duration::from_secs(u64::try_from(seconds).unwrap_or(1))
}

/// The clock hour an instant lies in.
pub(crate) fn hour(at: Timestamp, zone: Tz) -> Hour {
    let one_nanosecond = Window { from: at, to: at + chrono::Duration::nanoseconds(1) };
    hours(one_nanosecond, zone)[0]
}

/// The hour of the week, from a number of clock hours since 1970. 1970 began on a Thursday.
fn hour_of_week(clock_hours: i64) -> usize {
    usize::try_from((clock_hours + 3 * 24).rem_euclid(7 * 24)).unwrap_or_default()
}

fn seconds(timestamp: i64) -> Timestamp {
    DateTime::from_timestamp(timestamp, 0).unwrap_or(if timestamp < 0 {
        Timestamp::MIN_UTC
    } else {
        Timestamp::MAX_UTC
    })
}

/// A span of time with one offset of the zone. All fields are in seconds.
struct Span {
    from: i64,
    to: i64,
    offset: i64,
}

/// The spans of one offset each that cover `[from, to)`, oldest first; at least one.
fn spans(from: i64, to: i64, zone: Tz) -> Vec<Span> {
    let offset_at = |timestamp: i64| {
        i64::from(zone.offset_from_utc_datetime(&seconds(timestamp).naive_utc()).fix().local_minus_utc())
    };
    let mut spans = Vec::new();
    let mut span = Span { from, to, offset: offset_at(from) };
    let mut at = from;
    while at < to {
        let next = (at + DAY).min(to);
        let offset = offset_at(next);
        if offset != span.offset {
            let change = first_where(at, next, |timestamp| offset_at(timestamp) != span.offset);
            spans.push(Span { to: change, ..span });
            span = Span { from: change, to, offset };
        }
        at = next;
    }
    spans.push(span);
    spans
}

/// The first second in `(from, to]` at which `holds` is true. Once true, `holds` must stay true up to `to`.
fn first_where(mut from: i64, mut to: i64, holds: impl Fn(i64) -> bool) -> i64 {
    while to - from > 1 {
        let middle = from + (to - from) / 2;
        if holds(middle) { to = middle } else { from = middle }
    }
    to
}

#[cfg(test)]
mod tests {
    use chrono_tz::{
        America::{Los_Angeles, Santiago},
        Asia::{Kathmandu, Seoul},
        Australia::Lord_Howe,
        Pacific::Apia,
    };

    use super::*;

    fn window(from: &str, to: &str) -> Window {
        let at = |text: &str| text.parse().expect("an instant");
        Window { from: at(from), to: at(to) }
    }

    #[test]
    fn hours_are_clamped_to_the_window_and_know_their_hour_of_the_week() {
        // A Tuesday in Seoul, 19:30 to 21:15.
        let hours = hours(window("2024-11-12T10:30:00Z", "2024-11-12T12:15:00Z"), Seoul);
        assert_eq!(hours.iter().map(|hour| hour.of_week).collect::<Vec<_>>(), [24 + 19, 24 + 20, 24 + 21]);
        assert_eq!(hours.iter().map(|hour| hour.inside.length().num_minutes()).collect::<Vec<_>>(), [30, 60, 15]);
        assert_eq!(hours[0].whole, window("2024-11-12T10:00:00Z", "2024-11-12T11:00:00Z"));
    }

    #[test]
    fn hours_start_at_local_full_hours() {
        let first = hour("2024-11-12T10:30:00Z".parse().expect("an instant"), Kathmandu); // +05:45
        assert_eq!(first.whole, window("2024-11-12T10:15:00Z", "2024-11-12T11:15:00Z"));
    }

    #[test]
    fn a_skipped_hour_is_left_out_and_a_repeated_one_comes_twice() {
        let of_day = |day: &str, zone| {
            let date: NaiveDate = day.parse().expect("a date");
            let window = Window {
                from: start_of_day(date, zone).expect("a day"),
                to: start_of_day(date.succ_opt().expect("a day"), zone).expect("a day"),
            };
            hours(window, zone).iter().map(|hour| hour.of_week % 24).collect::<Vec<_>>()
        };
        assert_eq!(of_day("2024-03-10", Los_Angeles), [vec![0, 1], (3..24).collect()].concat());
        assert_eq!(of_day("2024-11-03", Los_Angeles), [vec![0, 1, 1], (2..24).collect()].concat());
        // Half an hour: the hour from 2 is short in spring, and the one from 1 has two parts in autumn.
        assert_eq!(of_day("2024-10-06", Lord_Howe), (0..24).collect::<Vec<_>>());
        assert_eq!(of_day("2024-04-07", Lord_Howe), [vec![0, 1, 1], (2..24).collect()].concat());
    }

    #[test]
    fn a_skipped_midnight_ends_one_day_and_starts_the_next() {
        // Santiago goes from 23:59:59 on the 5th to 01:00 on the 6th of September 2026.
        let at: Timestamp = "2026-09-06T04:00:00Z".parse().expect("an instant");
        let midnight = "2026-09-06T00:00:00".parse().expect("a local time");
        assert_eq!((local_start(at, Santiago), local_end(at, Santiago)), (midnight, midnight));
        assert_eq!(days_before(at, 7, Santiago), "2026-08-30T04:00:00Z".parse().ok());
        let later = at + chrono::Duration::seconds(1);
        assert_eq!(local_end(later, Santiago), local(later, Santiago));
        // Apia had no 30th of December 2011.
        let at: Timestamp = "2011-12-30T10:00:00Z".parse().expect("an instant");
        let day = |day| NaiveDate::from_ymd_opt(2011, 12, day).expect("a date").and_time(NaiveTime::MIN);
        assert_eq!((local_end(at, Apia), local_start(at, Apia)), (day(30), day(31)));
    }

    #[test]
    fn hours_follow_each_other_without_gaps() {
        for zone in [Seoul, Los_Angeles, Kathmandu, Lord_Howe] {
            let year = window("2024-01-01T00:20:30Z", "2025-01-01T00:00:00Z");
            let hours = hours(year, zone);
            assert_eq!((hours[0].inside.from, hours[hours.len() - 1].inside.to), (year.from, year.to));
            assert!(hours.windows(2).all(|pair| pair[0].inside.to == pair[1].inside.from), "{zone}");
        }
    }
}
