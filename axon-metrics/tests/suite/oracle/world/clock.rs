//! A second implementation of the calendar. It reads the wall clock at many instants, without arithmetic on offsets.

use chrono::{Datelike, Days, Duration, NaiveDate, NaiveDateTime, Timelike};
use chrono_tz::Tz;

use super::{At, Bound, PeriodChoice, World};

pub(crate) const SECOND: i64 = 1000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;
/// In the zones and years of these worlds, clocks change and hours start only at whole quarters of an hour.
const QUARTER: i64 = 15 * MINUTE;

/// The wall clock of the zone at an instant.
pub(crate) fn local(at: At, zone: Tz) -> NaiveDateTime {
    at.instant().with_timezone(&zone).naive_local()
}

/// The first instant at which the wall clock shows this time, or a later one if it skips it.
pub(crate) fn first_at(wall: NaiveDateTime, zone: Tz) -> At {
    let reached = |at: At| local(at, zone) >= wall;
    // Start three hours before the wall clock would show it without a clock change.
    let mut at = At(wall.and_utc().timestamp_millis());
    at.0 -= (local(at, zone) - wall).num_milliseconds() + 3 * HOUR;
    while !reached(at) {
        at.0 += QUARTER;
    }
    // The time is skipped: go back to the minute of the clock change.
    while local(at, zone) > wall {
        let minute = At((at.0 - 1).div_euclid(MINUTE) * MINUTE);
        if !reached(minute) {
            break;
        }
        at = minute;
    }
    at
}

pub(crate) fn start_of_day(day: NaiveDate, zone: Tz) -> At {
    first_at(day.and_hms_opt(0, 0, 0).unwrap(), zone)
}

/// The wall clock where a range starts or ends: midnight where a day does, whatever the clock shows there.
fn wall_clock(at: At, zone: Tz) -> NaiveDateTime {
    let day = local(at, zone).date();
    if start_of_day(day, zone) == at { day.and_hms_opt(0, 0, 0).unwrap() } else { local(at, zone) }
}

/// The same time of the wall clock, this many calendar days earlier.
pub(crate) fn days_before(at: At, days: u64, zone: Tz) -> At {
    first_at(wall_clock(at, zone) - Days::new(days), zone)
}

/// The day of the week, from Monday, and the hour of the wall clock.
pub(crate) fn hour_of_week(at: At, zone: Tz) -> (usize, usize) {
    let wall = local(at, zone);
    (wall.weekday().num_days_from_monday() as usize, wall.hour() as usize)
}

/// Pieces of a span, each within one clock hour: their starts, and their lengths in milliseconds.
pub(crate) fn pieces(from: At, to: At) -> impl Iterator<Item = (At, i64)> {
    let mut at = from;
    std::iter::from_fn(move || {
        let next = At(((at.0.div_euclid(QUARTER) + 1) * QUARTER).min(to.0));
        (at < to).then(|| (std::mem::replace(&mut at, next), next))
    })
    .map(|(from, to)| (from, to.0 - from.0))
}

/// Whether a clock hour starts at an instant: the wall clock shows a full hour, or has just changed.
fn hour_begins(at: At, zone: Tz) -> bool {
    let (before, now) = (local(At(at.0 - 1), zone), local(at, zone));
    let full = now.minute() == 0 && now.second() == 0 && now.nanosecond() == 0;
    full || now - before != Duration::milliseconds(1)
}

/// The start of the clock hour of an instant.
pub(crate) fn start_of_hour(at: At, zone: Tz) -> At {
    let mut start = At(at.0.div_euclid(QUARTER) * QUARTER);
    while !hour_begins(start, zone) {
        start.0 -= QUARTER;
    }
    start
}

/// The end of the clock hour of an instant.
pub(crate) fn end_of_hour(at: At, zone: Tz) -> At {
    let mut end = At((at.0.div_euclid(QUARTER) + 1) * QUARTER);
    while !hour_begins(end, zone) {
        end.0 += QUARTER;
    }
    end
}

/// `[from, to)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: At,
    pub(crate) to: At,
}

impl Span {
    pub(crate) fn contains(self, at: At) -> bool {
        self.from <= at && at < self.to
    }
}

/// The whole period, the period clamped to the instant of the answer, and the period before it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Range {
    pub(crate) whole: Span,
    pub(crate) current: Span,
    pub(crate) previous: Span,
}

impl Range {
    pub(crate) fn in_progress(&self) -> bool {
        self.current.to < self.whole.to
    }
}

/// The range of the question's period; `None` if it is empty or too long.
pub(crate) fn range(world: &World) -> Option<Range> {
    let (zone, as_of) = (world.zone, world.as_of());
    let (from, to) = match world.question.period {
        PeriodChoice::LastDays(days) => {
            let today = local(as_of, zone).date();
            let first = today - Days::new(u64::from(days) - 1);
            (start_of_day(first, zone), start_of_day(today + Days::new(1), zone))
        }
        PeriodChoice::Custom(start, end) => {
            let from = match start {
                Bound::Day(day) => start_of_day(day, zone),
                Bound::Local(wall) => first_at(wall, zone),
                Bound::At(at) => at,
            };
            let to = match end {
                Bound::Day(day) => start_of_day(day + Days::new(1), zone),
                Bound::Local(wall) => first_at(wall, zone),
                Bound::At(at) => at,
            };
            (from, to)
        }
    };
    let length = wall_clock(to, zone) - wall_clock(from, zone);
    if from >= to || length > Duration::days(400) {
        return None;
    }
    let whole = Span { from, to };
    let current = Span { from, to: to.min(as_of).max(from) };
    // Shifted by a week, or by its length if that is longer, by the wall clock.
    let shift = length.max(Duration::days(7));
    let shifted = |at: At| first_at(wall_clock(at, zone) - shift, zone);
    let mut previous = Span { from: shifted(from), to: shifted(to) };
    if current.to < to {
        let elapsed = current.to.0 - from.0;
        previous.to = previous.to.min(At(previous.from.0 + elapsed));
    }
    Some(Range { whole, current, previous })
}
