//! How an index encodes the time of an event, and how windows are written in that encoding.
//! Lives here: instants as stored numbers, bounds, cells. Lives elsewhere: probing the encoding of an index (`probe`),
//! several encodings in one index (`times`).
//!
//! An encoding is the type of the field and its number of units per second. A date counts milliseconds. If a pipeline
//! stored seconds as milliseconds, the dates lie in 1970 and a second of real time is 1 unit. If it stored milliseconds
//! as seconds, they lie in the year 58143 and a second of real time is 1,000,000 units.

use std::time::Duration;

use axon_metrics::{Timestamp, Window};
use chrono::TimeDelta;
use serde_json::{Value, json};

/// The field that holds the time.
pub(crate) const FIELD: &str = "occurredAt";

/// The type of number that a time is stored as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeStorage {
    /// `date`: queries and replies use milliseconds.
    Date,
    /// `date_nanos`: the same, from 1970 to 2262. A bound outside of these years fails the whole search.
    DateNanos,
    /// A whole number.
    Whole,
    /// A double. Exact to the microsecond.
    Double,
    /// A float. Its 24 bits store seconds of this century in steps of 128.
    Float,
}

/// The last millisecond of a `date_nanos`, in April 2262.
const LAST_OF_NANOS: i64 = i64::MAX / 1_000_000;

impl TimeStorage {
    /// Whether it is a date, whose bounds are milliseconds.
    pub(crate) fn is_date(self) -> bool {
        matches!(self, Self::Date | Self::DateNanos)
    }

    /// The stored numbers that can be searched.
    fn clamp(self, stored: i64) -> i64 {
        if self == Self::DateNanos { stored.clamp(0, LAST_OF_NANOS) } else { stored }
    }
}

/// How an index stores times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeEncoding {
    pub(crate) storage: TimeStorage,
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

impl TimeEncoding {
    /// The query for times in a window. `open`: the window ends at the answer's `as_of` and must lose no event before
    /// its end. An open float window therefore also matches events up to one step after its end.
    pub(crate) fn within(self, window: Window, open: bool) -> Value {
        let (lower, upper) = (self.bound(window.from), self.bound(window.to));
        let mut range = match (self.storage, open) {
            (TimeStorage::Float, true) => json!({"gte": lower, "lte": Self::number(self.nearest(window.to))}),
            _ => json!({"gte": lower, "lt": upper}),
        };
        self.add_format(&mut range);
        json!({"range": {FIELD: range}})
    }

    /// The query for times before an instant.
    pub(crate) fn before(self, timestamp: Timestamp) -> Value {
        let mut range = json!({"lt": self.bound(timestamp)});
        self.add_format(&mut range);
        json!({"range": {FIELD: range}})
    }

    /// The query for stored numbers in `[from, to)`.
    pub(crate) fn between(storage: TimeStorage, from: i64, to: i64) -> Value {
        let (from, to) = (storage.clamp(from), storage.clamp(to));
        if from >= to {
            return json!({"match_none": {}});
        }
        let mut range = json!({"gte": from, "lt": to});
        Self { storage, per_second: Units::Millis }.add_format(&mut range);
        json!({"range": {FIELD: range}})
    }

    /// Makes a date field read the bounds as milliseconds. Without it the field's own format applies.
    fn add_format(self, range: &mut Value) {
        if self.storage.is_date() {
            range["format"] = json!("epoch_millis");
        }
    }

    /// The aggregation of events per cell. Cells are `step` long, and one of them starts at `first`.
    pub(crate) fn cells_from(self, first: Timestamp, step: TimeDelta) -> Value {
        let interval = self.interval(step);
        let offset = self.whole(first).rem_euclid(interval);
        match self.storage {
            TimeStorage::Date | TimeStorage::DateNanos => json!({"date_histogram": {
                "field": FIELD, "fixed_interval": format!("{interval}ms"), "offset": format!("+{offset}ms"),
                "format": "epoch_millis", "min_doc_count": 1,
            }}),
            _ => json!({"histogram": {"field": FIELD, "interval": interval, "offset": offset, "min_doc_count": 1}}),
        }
    }

    /// The index of the cell whose bucket in [`cells_from`](Self::cells_from) has this key; `None` if no cell starts
    /// there.
    pub(crate) fn cell(self, first: Timestamp, step: TimeDelta, key: f64) -> Option<usize> {
        let interval = self.interval(step);
        let distance = exact_integer(key)?.checked_sub(self.whole(first))?;
        if distance.rem_euclid(interval) != 0 { None } else { usize::try_from(distance / interval).ok() }
    }

    /// A length of whole seconds in stored units. At least 1.
    fn interval(self, step: TimeDelta) -> i64 {
        step.num_seconds().saturating_mul(self.per_second.per_second()).max(1)
    }

    /// The instant of a stored number, to the microsecond; `None` outside the calendar.
    pub(crate) fn timestamp(self, stored: f64) -> Option<Timestamp> {
        let micros = self.per_second.micros();
        #[expect(clippy::cast_precision_loss, reason = "at most a million")]
        let stored = (stored * micros as f64).round();
        Timestamp::from_timestamp_micros(exact_integer(stored)?)
    }

    /// The resolution of stored times, if rounding to it can move an event across one of these bounds; else `None`.
    pub(crate) fn step(self, bounds: &[Window]) -> Option<Duration> {
        let ends = || bounds.iter().flat_map(|window| [window.from, window.to]);
        match self.storage {
            TimeStorage::Double => None,
            TimeStorage::Float => ends().map(|bound| self.float_step(bound)).max(),
            TimeStorage::Date | TimeStorage::DateNanos | TimeStorage::Whole => {
                let micros = self.per_second.micros();
                let is_between_units = ends().any(|bound| bound.timestamp_micros().rem_euclid(micros) != 0);
                is_between_units.then(|| Duration::from_micros(micros.unsigned_abs()))
            }
        }
    }

    /// The text of the encoding in a health report.
    pub(crate) fn finding(self) -> &'static str {
        match (self.storage, self.per_second) {
            (TimeStorage::Date, Units::Millis) => "date",
            (TimeStorage::Date, Units::Seconds) => "date in 1970: seconds stored as milliseconds",
            (TimeStorage::Date, Units::Micros) => "date in the year 58143: milliseconds stored as seconds",
            (TimeStorage::DateNanos, Units::Millis | Units::Micros) => "date_nanos",
            (TimeStorage::DateNanos, Units::Seconds) => "date_nanos in 1970: seconds stored as milliseconds",
            (TimeStorage::Whole, Units::Seconds) => "whole seconds",
            (TimeStorage::Whole, Units::Millis) => "whole milliseconds",
            (TimeStorage::Whole, Units::Micros) => "whole microseconds",
            (TimeStorage::Double, Units::Seconds) => "double seconds",
            (TimeStorage::Double, Units::Millis) => "double milliseconds",
            (TimeStorage::Double, Units::Micros) => "double microseconds",
            (TimeStorage::Float, Units::Seconds) => "float seconds, resolution 128 s",
            (TimeStorage::Float, Units::Millis) => "float milliseconds, resolution 131 s",
            (TimeStorage::Float, Units::Micros) => "float microseconds, resolution 134 s",
        }
    }

    /// The smallest stored number of an event at or after an instant. Floats are rounded to the nearest, so their bound
    /// lies within half a step of the instant.
    fn bound(self, timestamp: Timestamp) -> Value {
        match self.storage {
            TimeStorage::Date | TimeStorage::DateNanos | TimeStorage::Whole => {
                json!(self.storage.clamp(self.whole(timestamp)))
            }
            TimeStorage::Double => Self::number(self.units(timestamp)),
            TimeStorage::Float => {
                let (units, nearest) = (self.units(timestamp), to_float(self.units(timestamp)));
                Self::number(f64::from(if f64::from(nearest) < units { nearest.next_up() } else { nearest }))
            }
        }
    }

    fn nearest(self, timestamp: Timestamp) -> f64 {
        f64::from(to_float(self.units(timestamp)))
    }

    fn number(value: f64) -> Value {
        exact_integer(value).map_or_else(|| json!(value), |whole| json!(whole))
    }

    /// Whole stored units since 1970, rounded up.
    fn whole(self, timestamp: Timestamp) -> i64 {
        let micros = self.per_second.micros();
        let elapsed = timestamp.timestamp_micros();
        elapsed.div_euclid(micros) + i64::from(elapsed.rem_euclid(micros) != 0)
    }

    /// Stored units since 1970. Dividing two whole numbers rounds exactly as parsing the number in a document does.
    #[expect(clippy::cast_precision_loss, reason = "microseconds of this age are below 2^53")]
    fn units(self, timestamp: Timestamp) -> f64 {
        timestamp.timestamp_micros() as f64 / self.per_second.micros() as f64
    }

    fn float_step(self, timestamp: Timestamp) -> Duration {
        let nearest = to_float(self.units(timestamp)).abs();
        #[expect(clippy::cast_precision_loss, reason = "at most a million")]
        let seconds = f64::from(nearest.next_up() - nearest) / self.per_second.per_second() as f64;
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the nearest float is what the index holds")]
fn to_float(value: f64) -> f32 {
    value as f32
}

/// The number as an integer; `None` if it has a fraction or is too large for a double to be exact.
#[expect(clippy::cast_possible_truncation, reason = "checked to be whole and to fit")]
fn exact_integer(value: f64) -> Option<i64> {
    const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
    (value.fract() == 0.0 && value.abs() <= MAX_EXACT).then_some(value as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: TimeDelta = TimeDelta::hours(1);

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }
    fn encoding(storage: TimeStorage, per_second: Units) -> TimeEncoding {
        TimeEncoding { storage, per_second }
    }
    fn range(encoding: TimeEncoding, open: bool) -> Value {
        let window = Window { from: at("2026-03-05T03:00:00Z"), to: at("2026-03-05T03:35:00.5Z") };
        encoding.within(window, open)["range"][FIELD].clone()
    }
    const FLOAT: TimeEncoding = TimeEncoding { storage: TimeStorage::Float, per_second: Units::Seconds };

    #[test]
    fn bounds_are_written_in_the_units_of_the_encoding() {
        let date = |per_second| range(encoding(TimeStorage::Date, per_second), true);
        let millis = json!({"gte": 1_772_679_600_000_i64, "lt": 1_772_681_700_500_i64, "format": "epoch_millis"});
        assert_eq!(date(Units::Millis), millis);
        let micros =
            json!({"gte": 1_772_679_600_000_000_i64, "lt": 1_772_681_700_500_000_i64, "format": "epoch_millis"});
        assert_eq!(date(Units::Micros), micros);
        assert_eq!(date(Units::Seconds), json!({"gte": 1_772_679_600, "lt": 1_772_681_701, "format": "epoch_millis"}));
        let seconds = json!({"gte": 1_772_679_600, "lt": 1_772_681_701});
        assert_eq!(range(encoding(TimeStorage::Whole, Units::Seconds), true), seconds);
        assert_eq!(
            range(encoding(TimeStorage::Double, Units::Seconds), true),
            json!({"gte": 1_772_679_600, "lt": 1_772_681_700.5})
        );
    }

    #[test]
    fn no_bound_of_a_date_nanos_lies_outside_its_years() {
        const NANOS: TimeStorage = TimeStorage::DateNanos;
        let range = |from: &str, to: &str| {
            let window = Window { from: at(from), to: at(to) };
            let range = encoding(NANOS, Units::Millis).within(window, false)["range"][FIELD].clone();
            (range["gte"].as_i64().unwrap(), range["lt"].as_i64().unwrap())
        };
        assert_eq!(range("2026-03-05T03:00:00Z", "2026-03-05T04:00:00Z"), (1_772_679_600_000, 1_772_683_200_000));
        assert_eq!(range("1950-01-01T00:00:00Z", "2567-01-01T00:00:00Z"), (0, 9_223_372_036_854));
        let seconds = TimeEncoding::between(NANOS, 1_000_000_000_000, 10_000_000_000_000);
        assert_eq!(seconds["range"][FIELD]["lt"], 9_223_372_036_854_i64);
        let micros = TimeEncoding::between(NANOS, 1_000_000_000_000_000, 10_000_000_000_000_000);
        assert_eq!(micros, json!({"match_none": {}}));
        assert_eq!(TimeEncoding::between(TimeStorage::Date, 1, 1 << 60)["range"][FIELD]["lt"], 1_i64 << 60);
    }

    #[test]
    fn a_floats_bound_is_the_first_step_at_or_after_it() {
        // Two neighbouring floats are 1772681600 and 1772681728.
        assert_eq!(range(FLOAT, false), json!({"gte": 1_772_679_680, "lt": 1_772_681_728}));
        let bound_on_step = FLOAT.bound(Timestamp::from_timestamp(1_772_681_600, 0).unwrap());
        assert_eq!(bound_on_step, json!(1_772_681_600));
    }

    #[test]
    fn a_floats_bound_lies_within_half_a_step_of_the_instant() {
        for second in 1_772_681_000..1_772_682_000 {
            let bound = FLOAT.bound(Timestamp::from_timestamp(second, 0).unwrap()).as_i64().unwrap();
            let is_counted = |second: i64| to_float(second as f64) >= to_float(bound as f64);
            assert!(!is_counted(second - 65) && is_counted(second + 65), "{second}");
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
    fn a_resolution_is_reported_where_it_can_move_an_event() {
        let whole = Window { from: at("2026-03-05T03:00:00Z"), to: at("2026-03-05T04:00:00Z") };
        let fractional = Window { from: at("2026-03-05T03:00:00Z"), to: at("2026-03-05T04:00:00.5Z") };
        let seconds = encoding(TimeStorage::Whole, Units::Seconds);
        assert_eq!(seconds.step(&[whole]), None);
        assert_eq!(seconds.step(&[whole, fractional]), Some(Duration::from_secs(1)));
        assert_eq!(encoding(TimeStorage::Date, Units::Millis).step(&[fractional]), None);
        assert_eq!(encoding(TimeStorage::Double, Units::Seconds).step(&[fractional]), None);
        assert_eq!(FLOAT.step(&[whole]), Some(Duration::from_secs(128)));
        assert_eq!(
            encoding(TimeStorage::Float, Units::Millis).step(&[whole]),
            Some(Duration::from_micros(131_072_000))
        );
    }

    #[test]
    fn a_bucket_belongs_to_the_cell_that_starts_at_its_key() {
        let first = at("2026-03-05T03:45:00Z");
        for per_second in Units::ALL {
            let encoding = encoding(TimeStorage::Date, per_second);
            let key = |hours: i64| ((first.timestamp() + 3_600 * hours) * per_second.per_second()) as f64;
            assert_eq!(encoding.cell(first, HOUR, key(0)), Some(0));
            assert_eq!(encoding.cell(first, HOUR, key(23)), Some(23));
            assert_eq!(encoding.cell(first, HOUR, key(-1)), None);
            assert_eq!(encoding.cell(first, HOUR, key(1) + 1.0), None);
        }
        assert_eq!(FLOAT.cell(first, HOUR, f64::INFINITY), None);
        assert_eq!(FLOAT.cell(first, HOUR, 1e300), None);
    }

    #[test]
    fn cells_are_offset_to_the_start_of_the_first_one() {
        let first = at("2026-03-05T03:45:00Z");
        let date = encoding(TimeStorage::Date, Units::Millis).cells_from(first, HOUR);
        assert_eq!(date["date_histogram"]["offset"], "+2700000ms");
        let whole = encoding(TimeStorage::Whole, Units::Seconds).cells_from(first, HOUR);
        assert_eq!((&whole["histogram"]["interval"], &whole["histogram"]["offset"]), (&json!(3_600), &json!(2_700)));
    }
}
