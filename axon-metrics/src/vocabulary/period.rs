//! The time range of an answer: the requested period, and the half-open windows it resolves to at an instant in a zone.

use chrono::{Days, Duration, NaiveDate, NaiveDateTime};
use chrono_tz::Tz;

use super::{calendar, timestamp::Timestamp, window::Window};

/// The range a caller asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Period {
    /// `1d`: today.
    Today,
    /// `7d`: today and the six days before.
    Last7Days,
    /// `30d`: today and the 29 days before.
    Last30Days,
    /// `custom`: from one bound to another.
    Custom {
        /// The first instant, or the first day.
        start: Bound,
        /// The first instant after it, or the last day, which is included.
        end: Bound,
    },
}

impl Period {
    /// The period's name in requests and answers.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Today => "1d",
            Self::Last7Days => "7d",
            Self::Last30Days => "30d",
            Self::Custom { .. } => "custom",
        }
    }

    /// The windows of this period at an instant in a zone.
    /// # Errors
    /// [`RangeError`] for a custom range that is empty or too long.
    pub fn resolve(&self, as_of: Timestamp, zone: Tz) -> Result<Range, RangeError> {
        let whole = self.whole(as_of, zone)?;
        if whole.to <= whole.from {
            return Err(RangeError::Empty);
        }
        let local_length = calendar::local_end(whole.to, zone) - calendar::local_start(whole.from, zone);
        if local_length > Duration::days(MAX_DAYS) {
            return Err(RangeError::TooLong);
        }
        let window = Window { from: whole.from, to: whole.to.min(as_of).max(whole.from) };
        Ok(Range { whole, window, local_length, zone })
    }

    fn whole(&self, as_of: Timestamp, zone: Tz) -> Result<Window, RangeError> {
        let days = match *self {
            Self::Today => 1,
            Self::Last7Days => 7,
            Self::Last30Days => 30,
            Self::Custom { start, end } => {
                return Ok(Window {
                    from: start.first_instant(zone).ok_or(RangeError::Empty)?,
                    to: end.instant_after(zone).ok_or(RangeError::Empty)?,
                });
            }
        };
        let today = calendar::date(as_of, zone);
        let first = today.checked_sub_days(Days::new(days - 1)).ok_or(RangeError::Empty)?;
        Ok(Window {
            from: calendar::start_of_day(first, zone).ok_or(RangeError::Empty)?,
            to: Bound::Date(today).instant_after(zone).ok_or(RangeError::Empty)?,
        })
    }
}

/// The longest range, in days.
pub const MAX_DAYS: i64 = 400;

/// One end of a custom range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bound {
    /// A day of the business zone; as an end it is included.
    Date(NaiveDate),
    /// A wall-clock time of the business zone; as an end it is excluded.
    Local(NaiveDateTime),
    /// An instant; as an end it is excluded.
    At(Timestamp),
}

impl Bound {
    /// The first instant of a range that starts here.
    fn first_instant(self, zone: Tz) -> Option<Timestamp> {
        match self {
            Self::Date(date) => calendar::start_of_day(date, zone),
            Self::Local(local) => calendar::instant(local, zone),
            Self::At(instant) => Some(instant),
        }
    }

    /// The first instant after a range that ends here.
    fn instant_after(self, zone: Tz) -> Option<Timestamp> {
        match self {
            Self::Date(date) => calendar::start_of_day(date.succ_opt()?, zone),
            other => other.first_instant(zone),
        }
    }
}

/// Why a custom range is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RangeError {
    /// It ends where it starts, or before.
    #[error("the range must end after it starts")]
    Empty,
    /// It is longer than [`MAX_DAYS`].
    #[error("the range must not be longer than {MAX_DAYS} days")]
    TooLong,
}

/// A period resolved at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The whole range, including the part in the future.
    pub whole: Window,
    /// The part in the past: clamped to the instant of the answer. Empty for a range in the future.
    pub window: Window,
    /// By the wall clock of the zone: whole days for a range of days, also where a midnight does not exist.
    local_length: Duration,
    zone: Tz,
}

impl Range {
    /// Whether a part of the range is in the future.
    pub fn in_progress(&self) -> bool {
        self.window.to < self.whole.to
    }

    /// The first calendar day of the range.
    pub fn first_day(&self) -> NaiveDate {
        calendar::date(self.whole.from, self.zone)
    }

    /// The last calendar day of the range.
    pub fn last_day(&self) -> NaiveDate {
        calendar::date(self.whole.to - Duration::nanoseconds(1), self.zone)
    }

    /// The window to compare with: the range, shifted back by the wall clock. A range of up to seven days is shifted by
    /// a week, so that weekdays match; a longer one by its own length. A range of days becomes a range of days, also
    /// where a midnight does not exist. While the range is in progress, the window is clamped to the same elapsed time.
    /// `None` only before the range of the calendar library.
    pub fn previous(&self) -> Option<Window> {
        let Self { whole, local_length, zone, .. } = *self;
        let shift = local_length.max(Duration::days(7));
        let back = |local: NaiveDateTime| calendar::instant(local.checked_sub_signed(shift)?, zone);
        let from = back(calendar::local_start(whole.from, zone))?;
        let mut to = back(calendar::local_end(whole.to, zone))?;
        if self.in_progress() {
            to = to.min(from + self.window.length());
        }
        Some(Window { from, to })
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::{
        America::{Los_Angeles, Santiago},
        Asia::Seoul,
        Australia::Lord_Howe,
        Pacific::Apia,
    };

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }
    fn window(from: &str, to: &str) -> Window {
        Window { from: at(from), to: at(to) }
    }
    fn day(text: &str) -> Bound {
        Bound::Date(text.parse().expect("a date"))
    }
    fn days(start: &str, end: &str) -> Period {
        Period::Custom { start: day(start), end: day(end) }
    }

    #[test]
    fn seven_days_are_today_and_the_six_before_up_to_the_answer() {
        let range = Period::Last7Days.resolve(at("2024-11-12T10:30:00Z"), Seoul).unwrap();
        assert_eq!(range.window, window("2024-11-05T15:00:00Z", "2024-11-12T10:30:00Z"));
        assert_eq!(range.previous(), Some(window("2024-10-29T15:00:00Z", "2024-11-05T10:30:00Z")));
        assert!(range.in_progress());
        assert_eq!(
            (range.first_day().to_string(), range.last_day().to_string()),
            ("2024-11-06".into(), "2024-11-12".into())
        );
    }

    #[test]
    fn today_compares_with_the_same_weekday_a_week_ago() {
        let range = Period::Today.resolve(at("2024-11-12T10:30:00Z"), Seoul).unwrap();
        assert_eq!(range.window, window("2024-11-11T15:00:00Z", "2024-11-12T10:30:00Z"));
        assert_eq!(range.previous(), Some(window("2024-11-04T15:00:00Z", "2024-11-05T10:30:00Z")));
    }

    #[test]
    fn a_longer_range_compares_with_its_own_length_before() {
        let range = Period::Last30Days.resolve(at("2024-11-12T10:30:00Z"), Seoul).unwrap();
        assert_eq!(range.window.from, at("2024-10-13T15:00:00Z"));
        assert_eq!(range.previous(), Some(window("2024-09-13T15:00:00Z", "2024-10-13T10:30:00Z")));
        let over = days("2024-01-01", "2024-01-31").resolve(at("2024-11-12T10:30:00Z"), Seoul).unwrap();
        assert_eq!(over.window, window("2023-12-31T15:00:00Z", "2024-01-31T15:00:00Z"));
        assert_eq!(over.previous(), Some(window("2023-11-30T15:00:00Z", "2023-12-31T15:00:00Z")));
        assert!(!over.in_progress());
    }

    #[test]
    fn a_day_may_last_23_or_25_hours() {
        let after = at("2024-12-31T00:00:00Z");
        let hours = |day: &str, zone| days(day, day).resolve(after, zone).unwrap().window.length().num_minutes();
        assert_eq!(hours("2024-03-10", Los_Angeles), 23 * 60);
        assert_eq!(hours("2024-11-03", Los_Angeles), 25 * 60);
        assert_eq!(hours("2024-04-07", Lord_Howe), 24 * 60 + 30);
        assert_eq!(hours("2024-10-06", Lord_Howe), 24 * 60 - 30);
    }

    #[test]
    fn a_midnight_that_does_not_exist_is_the_first_valid_instant() {
        // Santiago went from 23:59:59 on the 7th to 01:00 on the 8th of September 2024.
        let range = days("2024-09-08", "2024-09-08").resolve(at("2024-12-31T00:00:00Z"), Santiago).unwrap();
        assert_eq!(range.window, window("2024-09-08T04:00:00Z", "2024-09-09T03:00:00Z"));
    }

    #[test]
    fn a_midnight_that_exists_twice_is_the_earlier() {
        // Santiago went back from 24:00 to 23:00 on the 6th of April 2024: 23:30 exists twice.
        let half_past = Bound::Local("2024-04-06T23:30:00".parse().expect("a local time"));
        let range = Period::Custom { start: half_past, end: day("2024-04-07") };
        assert_eq!(
            range.resolve(at("2024-12-31T00:00:00Z"), Santiago).unwrap().window.from,
            at("2024-04-07T02:30:00Z")
        );
    }

    #[test]
    fn the_previous_window_keeps_the_wall_clock_over_a_clock_change() {
        let range = days("2024-11-04", "2024-11-10").resolve(at("2024-12-31T00:00:00Z"), Los_Angeles).unwrap();
        assert_eq!(range.window, window("2024-11-04T08:00:00Z", "2024-11-11T08:00:00Z"));
        assert_eq!(range.previous(), Some(window("2024-10-28T07:00:00Z", "2024-11-04T08:00:00Z")));
    }

    #[test]
    fn a_range_that_ends_at_a_skipped_midnight_is_shifted_by_days() {
        // Santiago goes from 23:59:59 on the 5th to 01:00 on the 6th of September 2026.
        let previous = |start, end| days(start, end).resolve(at("2026-12-31T00:00:00Z"), Santiago).unwrap().previous();
        let week = window("2026-08-23T04:00:00Z", "2026-08-30T04:00:00Z");
        assert_eq!(previous("2026-08-30", "2026-09-05"), Some(week));
        assert_eq!(
            previous("2026-08-07", "2026-09-05"),
            Some(window("2026-07-08T04:00:00Z", "2026-08-07T04:00:00Z")),
            "30 days"
        );
        let starts_there = window("2026-08-30T04:00:00Z", "2026-09-06T04:00:00Z");
        assert_eq!(previous("2026-09-06", "2026-09-12"), Some(starts_there));
        // The same range as instants.
        let [start, end] = ["2026-08-30T04:00:00Z", "2026-09-06T04:00:00Z"].map(|text| Bound::At(at(text)));
        let instants = Period::Custom { start, end }.resolve(at("2026-12-31T00:00:00Z"), Santiago).unwrap();
        assert_eq!(instants.previous(), Some(week));
    }

    #[test]
    fn a_day_that_was_skipped_does_not_lengthen_a_range() {
        // Apia had no 30th of December 2011.
        let range = days("2011-12-23", "2011-12-29").resolve(at("2024-01-01T00:00:00Z"), Apia).unwrap();
        assert_eq!(range.whole, window("2011-12-23T10:00:00Z", "2011-12-30T10:00:00Z"));
        assert_eq!(range.previous(), Some(window("2011-12-16T10:00:00Z", "2011-12-23T10:00:00Z")));
        let after = days("2011-12-31", "2012-01-06").resolve(at("2024-01-01T00:00:00Z"), Apia).unwrap();
        assert_eq!(after.previous(), Some(window("2011-12-24T10:00:00Z", "2011-12-30T10:00:00Z")));
    }

    /// The days from 1970 to 2037 that have no midnight, since clocks went forward over it. A day that was skipped as a
    /// whole is not among them.
    fn days_without_midnight(zone: Tz) -> Vec<NaiveDate> {
        const STEP: i64 = 7 * 24 * 3600;
        let instant = |seconds| Timestamp::from_timestamp(seconds, 0).expect("an instant");
        let local = |seconds| calendar::local(instant(seconds), zone);
        let offset = |seconds| (local(seconds) - instant(seconds).naive_utc()).num_seconds();
        let mut days = Vec::new();
        let (mut from, end) = (0, at("2038-01-01T00:00:00Z").timestamp());
        while from < end {
            let to = from + STEP;
            if offset(from) < offset(to) {
                let (mut before, mut after) = (from, to);
                while after - before > 1 {
                    let middle = i64::midpoint(before, after);
                    if offset(middle) == offset(from) { before = middle } else { after = middle }
                }
                let day = local(after).date();
                if local(before).date() < day && local(after) > day.and_time(chrono::NaiveTime::MIN) {
                    days.push(day);
                }
            }
            from = to;
        }
        days
    }

    #[test]
    fn ranges_at_a_skipped_midnight_are_shifted_by_days_in_every_zone() {
        let now = at("2100-01-01T00:00:00Z");
        let mut found = 0;
        for zone in chrono_tz::TZ_VARIANTS {
            for day in days_without_midnight(zone) {
                found += 1;
                for length in [1, 6, 7, 8, 30, MAX_DAYS] {
                    let ends_there = day - Duration::days(length);
                    for first in [ends_there, day] {
                        let last = first + Duration::days(length - 1);
                        let range = Period::Custom { start: Bound::Date(first), end: Bound::Date(last) };
                        let range = range.resolve(now, zone).expect("a range");
                        let shift = Duration::days(length.max(7));
                        let day = |day: NaiveDate| calendar::start_of_day(day - shift, zone).expect("a day");
                        let expected = Window { from: day(first), to: day(last + Duration::days(1)) };
                        assert_eq!(range.previous(), Some(expected), "{zone}, {first} to {last}");
                    }
                }
            }
        }
        assert!(found > 1000, "{found}");
    }

    #[test]
    fn a_future_range_is_empty_and_in_progress() {
        let range = days("2030-01-01", "2030-01-02").resolve(at("2024-11-12T10:30:00Z"), Seoul).unwrap();
        assert!(range.window.is_empty() && range.in_progress());
        assert!(range.previous().is_some_and(|previous| previous.is_empty()));
    }

    #[test]
    fn a_range_must_end_after_it_starts_and_last_at_most_400_days() {
        let now = at("2024-11-12T10:30:00Z");
        assert_eq!(days("2024-01-02", "2024-01-01").resolve(now, Seoul), Err(RangeError::Empty));
        let instant = Bound::At(now);
        assert_eq!(Period::Custom { start: instant, end: instant }.resolve(now, Seoul), Err(RangeError::Empty));
        assert!(days("2023-01-01", "2024-02-04").resolve(now, Seoul).is_ok());
        assert_eq!(days("2023-01-01", "2024-02-05").resolve(now, Seoul), Err(RangeError::TooLong));
    }
}
