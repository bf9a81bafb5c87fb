//! How an index keeps the time of an event, and how windows are written for it.
//! Lives here: instants as stored numbers, bounds, hours. Lives elsewhere: finding out which clock an index has (`probe`), several in one
//! index (`times`).
//!
//! A clock is the type of the field and the number of its units in a second. A date counts milliseconds; where a pipeline
//! let it take seconds for milliseconds, or milliseconds for seconds, its dates lie in 1970 or in the year 58143 and one
//! second of truth is 1 or 1,000,000 of them.

use std::time::Duration;

use axon_metrics::{Timestamp, Window};
use serde_json::{Value, json};

/// The field that holds the time.
pub(crate) const FIELD: &str = "occurredAt";

/// What kind of number a time is kept as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// `date` or `date_nanos`: milliseconds to whoever asks.
    Date,
    /// A whole number.
    Whole,
    /// A double: exact to the microsecond.
    Double,
    /// A float: 24 bits, so that seconds of this century are kept in steps of 128.
    Float,
}

/// How an index keeps times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clock {
    pub(crate) kept: Kept,
    /// Stored units in a second.
    pub(crate) per_second: Units,
}

/// Stored units in a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Units {
    Seconds,
    Millis,
    Micros,
}

impl Units {
    pub(crate) const ALL: [Self; 3] = [Self::Seconds, Self::Millis, Self::Micros];

    pub(crate) fn per_second(self) -> i64 {
        match self {
            Self::Seconds => 1,
            Self::Millis => 1_000,
            Self::Micros => 1_000_000,
        }
    }

    fn micros(self) -> i64 {
        1_000_000 / self.per_second()
    }
}

const HOUR: i64 = 3_600;

impl Clock {
    /// The query for times in a window. `open`: nothing that happened before the window's end may be left out, since it is
    /// the instant of the answer; a float then lets in what may have happened up to a step later, too.
    pub(crate) fn within(self, window: Window, open: bool) -> Value {
        let (lower, upper) = (self.bound(window.from), self.bound(window.to));
        let mut range = match (self.kept, open) {
            (Kept::Float, true) => json!({"gte": lower, "lte": Self::number(self.nearest(window.to))}),
            _ => json!({"gte": lower, "lt": upper}),
        };
        self.formatted(&mut range);
        json!({"range": {FIELD: range}})
    }

    /// The query for times before an instant.
    pub(crate) fn before(self, instant: Timestamp) -> Value {
        let mut range = json!({"lt": self.bound(instant)});
        self.formatted(&mut range);
        json!({"range": {FIELD: range}})
    }

    /// The query for times between two stored numbers.
    pub(crate) fn between(kept: Kept, from: i64, to: i64) -> Value {
        let mut range = json!({"gte": from, "lt": to});
        Self { kept, per_second: Units::Millis }.formatted(&mut range);
        json!({"range": {FIELD: range}})
    }

    /// Numbers are milliseconds to a date whatever its own format, if that is said.
    fn formatted(self, range: &mut Value) {
        if self.kept == Kept::Date {
            range["format"] = json!("epoch_millis");
        }
    }

    /// Events per hour from an instant on: the aggregation.
    pub(crate) fn hours_from(self, first: Timestamp) -> Value {
        let interval = HOUR * self.per_second.per_second();
        let offset = self.whole(first).rem_euclid(interval);
        match self.kept {
            Kept::Date => json!({"date_histogram": {
                "field": FIELD, "fixed_interval": format!("{interval}ms"), "offset": format!("+{offset}ms"),
                "format": "epoch_millis", "min_doc_count": 1,
            }}),
            _ => json!({"histogram": {"field": FIELD, "interval": interval, "offset": offset, "min_doc_count": 1}}),
        }
    }

    /// Which hour from an instant on a bucket of [`hours_from`](Self::hours_from) is; `None` if its key is none of theirs.
    pub(crate) fn hour(self, first: Timestamp, key: f64) -> Option<usize> {
        let interval = HOUR * self.per_second.per_second();
        let key = exact(key)?.checked_sub(self.whole(first))?;
        if key.rem_euclid(interval) != 0 { None } else { usize::try_from(key / interval).ok() }
    }

    /// The instant of a stored number, to the microsecond; `None` beyond the calendar's ends.
    pub(crate) fn instant(self, stored: f64) -> Option<Timestamp> {
        let micros = self.per_second.micros();
        #[expect(clippy::cast_precision_loss, reason = "at most a million")]
        let stored = (stored * micros as f64).round();
        Timestamp::from_timestamp_micros(exact(stored)?)
    }

    /// How coarsely times are kept, where that can move an event over one of these bounds.
    pub(crate) fn step(self, bounds: &[Window]) -> Option<Duration> {
        let instants = || bounds.iter().flat_map(|window| [window.from, window.to]);
        match self.kept {
            Kept::Double => None,
            Kept::Float => instants().map(|instant| self.float_step(instant)).max(),
            Kept::Date | Kept::Whole => {
                let micros = self.per_second.micros();
                let off = instants().any(|instant| instant.timestamp_micros().rem_euclid(micros) != 0);
                off.then(|| Duration::from_micros(micros.unsigned_abs()))
            }
        }
    }

    /// What an owner is told of the clock.
    pub(crate) fn finding(self) -> &'static str {
        match (self.kept, self.per_second) {
            (Kept::Date, Units::Millis) => "date",
            (Kept::Date, Units::Seconds) => "date in 1970: seconds stored as milliseconds",
            (Kept::Date, Units::Micros) => "date in the year 58143: milliseconds stored as seconds",
            (Kept::Whole, Units::Seconds) => "whole seconds",
            (Kept::Whole, Units::Millis) => "whole milliseconds",
            (Kept::Whole, Units::Micros) => "whole microseconds",
            (Kept::Double, Units::Seconds) => "double seconds",
            (Kept::Double, Units::Millis) => "double milliseconds",
            (Kept::Double, Units::Micros) => "double microseconds",
            (Kept::Float, Units::Seconds) => "float seconds: to 128 s",
            (Kept::Float, Units::Millis) => "float milliseconds: to 131 s",
            (Kept::Float, Units::Micros) => "float microseconds: to 134 s",
        }
    }

    /// The first stored number of what happened at or after an instant. A float's numbers are rounded to the nearest, so
    /// its bound lies within half a step of the instant.
    fn bound(self, instant: Timestamp) -> Value {
        match self.kept {
            Kept::Date | Kept::Whole => json!(self.whole(instant)),
            Kept::Double => Self::number(self.units(instant)),
            Kept::Float => {
                let (units, nearest) = (self.units(instant), to_float(self.units(instant)));
                Self::number(f64::from(if f64::from(nearest) < units { nearest.next_up() } else { nearest }))
            }
        }
    }

    fn nearest(self, instant: Timestamp) -> f64 {
        f64::from(to_float(self.units(instant)))
    }

    fn number(value: f64) -> Value {
        exact(value).map_or_else(|| json!(value), |whole| json!(whole))
    }

    /// Stored units since 1970, as a whole number: the first at or after the instant.
    fn whole(self, instant: Timestamp) -> i64 {
        let micros = self.per_second.micros();
        let instant = instant.timestamp_micros();
        instant.div_euclid(micros) + i64::from(instant.rem_euclid(micros) != 0)
    }

    /// Stored units since 1970. The quotient of two whole numbers is rounded as the number of a document's text is.
    #[expect(clippy::cast_precision_loss, reason = "microseconds of this age are below 2^53")]
    fn units(self, instant: Timestamp) -> f64 {
        instant.timestamp_micros() as f64 / self.per_second.micros() as f64
    }

    fn float_step(self, instant: Timestamp) -> Duration {
        let nearest = to_float(self.units(instant)).abs();
        #[expect(clippy::cast_precision_loss, reason = "at most a million")]
        let seconds = f64::from(nearest.next_up() - nearest) / self.per_second.per_second() as f64;
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the nearest float is what the index holds")]
fn to_float(value: f64) -> f32 {
    value as f32
}

/// A number as a whole one, if it is.
#[expect(clippy::cast_possible_truncation, reason = "checked to be whole and to fit")]
fn exact(value: f64) -> Option<i64> {
    const LARGEST: f64 = 9_007_199_254_740_992.0;
    (value.fract() == 0.0 && value.abs() <= LARGEST).then_some(value as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }
    fn clock(kept: Kept, per_second: Units) -> Clock {
        Clock { kept, per_second }
    }
    fn range(clock: Clock, open: bool) -> Value {
        let window = Window { from: at("2026-03-05T03:00:00Z"), to: at("2026-03-05T03:35:00.5Z") };
        clock.within(window, open)["range"][FIELD].clone()
    }
    const FLOAT: Clock = Clock { kept: Kept::Float, per_second: Units::Seconds };

    #[test]
    fn bounds_are_written_in_the_units_of_the_clock() {
        let date = |per_second| range(clock(Kept::Date, per_second), true);
        let millis = json!({"gte": 1_772_679_600_000_i64, "lt": 1_772_681_700_500_i64, "format": "epoch_millis"});
        assert_eq!(date(Units::Millis), millis);
        let micros =
            json!({"gte": 1_772_679_600_000_000_i64, "lt": 1_772_681_700_500_000_i64, "format": "epoch_millis"});
        assert_eq!(date(Units::Micros), micros);
        assert_eq!(date(Units::Seconds), json!({"gte": 1_772_679_600, "lt": 1_772_681_701, "format": "epoch_millis"}));
        let seconds = json!({"gte": 1_772_679_600, "lt": 1_772_681_701});
        assert_eq!(range(clock(Kept::Whole, Units::Seconds), true), seconds);
        assert_eq!(
            range(clock(Kept::Double, Units::Seconds), true),
            json!({"gte": 1_772_679_600, "lt": 1_772_681_700.5})
        );
    }

    #[test]
    fn a_floats_bound_is_the_first_step_at_or_after_it() {
        // Steps lie at 1772681600 and 1772681728.
        assert_eq!(range(FLOAT, false), json!({"gte": 1_772_679_680, "lt": 1_772_681_728}));
        let on_a_step = FLOAT.bound(Timestamp::from_timestamp(1_772_681_600, 0).unwrap());
        assert_eq!(on_a_step, json!(1_772_681_600));
    }

    #[test]
    fn a_floats_bound_lies_within_half_a_step_of_the_instant() {
        for second in 1_772_681_000..1_772_682_000 {
            let bound = FLOAT.bound(Timestamp::from_timestamp(second, 0).unwrap()).as_i64().unwrap();
            let counted = |second: i64| to_float(second as f64) >= to_float(bound as f64);
            assert!(!counted(second - 65) && counted(second + 65), "{second}");
        }
    }

    #[test]
    fn an_open_float_window_loses_nothing_that_happened_before_its_end() {
        for second in 1_772_681_000..1_772_682_000 {
            let window = Window { from: at("2026-03-05T03:00:00Z"), to: Timestamp::from_timestamp(second, 0).unwrap() };
            let last = FLOAT.within(window, true)["range"][FIELD]["lte"].as_f64().unwrap();
            assert!(f64::from(to_float((second - 1) as f64)) <= last, "{second}");
            assert!(f64::from(to_float((second + 129) as f64)) > last, "{second}");
        }
    }

    #[test]
    fn a_step_is_told_where_it_can_move_an_event() {
        let whole = Window { from: at("2026-03-05T03:00:00Z"), to: at("2026-03-05T04:00:00Z") };
        let broken = Window { from: at("2026-03-05T03:00:00Z"), to: at("2026-03-05T04:00:00.5Z") };
        let seconds = clock(Kept::Whole, Units::Seconds);
        assert_eq!(seconds.step(&[whole]), None);
        assert_eq!(seconds.step(&[whole, broken]), Some(Duration::from_secs(1)));
        assert_eq!(clock(Kept::Date, Units::Millis).step(&[broken]), None);
        assert_eq!(clock(Kept::Double, Units::Seconds).step(&[broken]), None);
        assert_eq!(FLOAT.step(&[whole]), Some(Duration::from_secs(128)));
        assert_eq!(clock(Kept::Float, Units::Millis).step(&[whole]), Some(Duration::from_micros(131_072_000)));
    }

    #[test]
    fn an_hours_bucket_is_known_by_its_key() {
        let first = at("2026-03-05T03:45:00Z");
        for per_second in Units::ALL {
            let clock = clock(Kept::Date, per_second);
            let key = |hours: i64| ((first.timestamp() + 3_600 * hours) * per_second.per_second()) as f64;
            assert_eq!(clock.hour(first, key(0)), Some(0));
            assert_eq!(clock.hour(first, key(23)), Some(23));
            assert_eq!(clock.hour(first, key(-1)), None);
            assert_eq!(clock.hour(first, key(1) + 1.0), None);
        }
        assert_eq!(FLOAT.hour(first, f64::INFINITY), None);
        assert_eq!(FLOAT.hour(first, 1e300), None);
    }

    #[test]
    fn hours_start_where_the_first_does() {
        let first = at("2026-03-05T03:45:00Z");
        let date = clock(Kept::Date, Units::Millis).hours_from(first);
        assert_eq!(date["date_histogram"]["offset"], "+2700000ms");
        let whole = clock(Kept::Whole, Units::Seconds).hours_from(first);
        assert_eq!((&whole["histogram"]["interval"], &whole["histogram"]["offset"]), (&json!(3_600), &json!(2_700)));
    }
}
