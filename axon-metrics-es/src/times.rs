//! The time encodings of one index. Usually there is one. After a change of the pipeline, older records store their
//! times in another unit than newer ones, and each record is read in its own unit.
//! Lives here: which units an index has, and queries over all of them. Lives elsewhere: one encoding (`time_encoding`),
//! counting records by unit (`probe`).

use std::time::Duration;

use axon_metrics::{Timestamp, Window};
use serde_json::{Value, json};

use crate::time_encoding::{TimeEncoding, TimeStorage, Units};

/// The range of plausible times, in seconds since 1970: from 2001 to 2286. The ranges of the three units are disjoint,
/// so a stored number is plausible in one unit at most.
pub(crate) const VALID_SECONDS: (i64, i64) = (1_000_000_000, 10_000_000_000);

/// The instant after all plausible times.
pub(crate) fn last() -> Timestamp {
    Timestamp::from_timestamp(VALID_SECONDS.1, 0).unwrap_or_default()
}

/// How an index stores times, in one unit or in several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    /// The encoding of most records.
    pub(crate) most: TimeEncoding,
    /// Whether records use each of [`Units::ALL`].
    present: [bool; 3],
}

impl Times {
    /// From the number of records in each of [`Units::ALL`]; `None` if all are 0.
    pub(crate) fn new(storage: TimeStorage, counts: [u64; 3]) -> Option<Self> {
        let present = counts.iter().zip(Units::ALL).filter(|(count, _)| **count > 0);
        let most = present.fold(None, |most: Option<(u64, Units)>, (count, units)| match most {
            Some(most) if most.0 >= *count => Some(most),
            _ => Some((*count, units)),
        });
        let (_, per_second) = most?;
        Some(Self { most: TimeEncoding { storage, per_second }, present: counts.map(|count| count > 0) })
    }

    /// Dates of which no one is plausible: perhaps each was malformed. The next one that is written is a date.
    pub(crate) fn of_no_record(storage: TimeStorage) -> Option<Self> {
        let most = TimeEncoding { storage, per_second: Units::Millis };
        storage.is_date().then_some(Self { most, present: Units::ALL.map(|units| units == Units::Millis) })
    }

    /// The query for plausible times in one of the units.
    pub(crate) fn plausible_in(storage: TimeStorage, units: Units) -> Value {
        let (from, to) = (VALID_SECONDS.0 * units.per_second(), VALID_SECONDS.1 * units.per_second());
        TimeEncoding::between(storage, from, to)
    }

    /// The query for plausible times in any unit.
    pub(crate) fn plausible(self) -> Value {
        let each = Units::ALL.map(|units| Self::plausible_in(self.most.storage, units));
        json!({"bool": {"should": each, "minimum_should_match": 1}})
    }

    /// The instant of a stored number, read in the unit in which it is plausible; `None` if it is in none.
    pub(crate) fn timestamp(self, stored: f64) -> Option<Timestamp> {
        let timestamps = self.encodings().filter_map(|encoding| encoding.timestamp(stored));
        let mut plausible = timestamps.filter(|at| (VALID_SECONDS.0..VALID_SECONDS.1).contains(&at.timestamp()));
        plausible.next()
    }

    /// One encoding for each unit.
    pub(crate) fn encodings(self) -> impl Iterator<Item = TimeEncoding> {
        let present = Units::ALL.into_iter().zip(self.present).filter(|(_, present)| *present);
        present.map(move |(per_second, _)| TimeEncoding { per_second, ..self.most })
    }

    /// The encoding, if all records share it.
    pub(crate) fn only(self) -> Option<TimeEncoding> {
        let mut encodings = self.encodings();
        encodings.next().filter(|_| encodings.next().is_none())
    }

    /// As [`TimeEncoding::within`], in each unit.
    pub(crate) fn within(self, window: Window, open: bool) -> Value {
        if let Some(encoding) = self.only() {
            return encoding.within(window, open);
        }
        // Outside these bounds a number in one unit is a plausible time in another one.
        let second = |second| Timestamp::from_timestamp(second, 0).unwrap_or_default();
        let (first, last) = (second(VALID_SECONDS.0), second(VALID_SECONDS.1));
        let window = Window { from: window.from.clamp(first, last), to: window.to.clamp(first, last) };
        let each: Vec<Value> = self.encodings().map(|encoding| encoding.within(window, open)).collect();
        json!({"bool": {"should": each, "minimum_should_match": 1}})
    }

    /// As [`TimeEncoding::step`]: the coarsest of all encodings.
    pub(crate) fn step(self, bounds: &[Window]) -> Option<Duration> {
        self.encodings().filter_map(|encoding| encoding.step(bounds)).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: i64, to: i64) -> Window {
        let at = |second| Timestamp::from_timestamp(second, 0).unwrap();
        Window { from: at(from), to: at(to) }
    }

    #[test]
    fn times_in_one_unit_are_queried_in_that_unit() {
        let times = Times::new(TimeStorage::Whole, [0, 7, 0]).unwrap();
        assert_eq!(times.only(), Some(times.most));
        assert_eq!(times.most.per_second, Units::Millis);
        let window = window(0, 1_772_681_701);
        assert_eq!(times.within(window, true), times.most.within(window, true));
        assert_eq!(Times::new(TimeStorage::Whole, [0, 0, 0]), None);
    }

    #[test]
    fn a_stored_number_is_read_in_the_unit_in_which_it_is_plausible() {
        let times = Times::new(TimeStorage::Whole, [7, 900, 0]).unwrap();
        let second = |second| Timestamp::from_timestamp(second, 0);
        assert_eq!(times.timestamp(1_772_681_701.0), second(1_772_681_701));
        assert_eq!(times.timestamp(1_772_681_701_000.0), second(1_772_681_701));
        assert_eq!((times.timestamp(17.0), times.timestamp(1e16)), (None, None));
        assert_eq!(Times::of_no_record(TimeStorage::Double), None);
        assert_eq!(Times::of_no_record(TimeStorage::Date).unwrap().most.per_second, Units::Millis);
    }

    #[test]
    fn times_in_two_units_are_queried_in_each_without_overlap() {
        let times = Times::new(TimeStorage::Whole, [7, 900, 0]).unwrap();
        assert_eq!((times.only(), times.most.per_second), (None, Units::Millis));
        let range = |from: i64, to: i64| json!({"range": {"occurredAt": {"gte": from, "lt": to}}});
        let either = |ranges: [Value; 2]| json!({"bool": {"should": ranges, "minimum_should_match": 1}});
        let all = [range(1_000_000_000, 10_000_000_000), range(1_000_000_000_000, 10_000_000_000_000)];
        assert_eq!(times.within(window(0, 100_000_000_000), false), either(all));
        let some = [range(1_772_679_600, 1_772_681_701), range(1_772_679_600_000, 1_772_681_701_000)];
        assert_eq!(times.within(window(1_772_679_600, 1_772_681_701), true), either(some));
    }
}
