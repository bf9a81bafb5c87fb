//! The time encodings of one index. Mostly it is one. Where a pipeline was changed, older records store their times in another
//! unit than newer ones, and each is read in its own.
//! Lives here: which units an index has, and queries over all of them. Lives elsewhere: one encoding (`time_encoding`), how records
//! are counted by unit (`probe`).

use std::time::Duration;

use axon_metrics::{Timestamp, Window};
use serde_json::{Value, json};

use crate::time_encoding::{TimeEncoding, TimeStorage, Units};

/// The oldest and the newest second that a time can be taken for: 2001 and 2286. In other units the same digits mean times
/// a thousand times as far from 1970, so that units cannot be confused.
pub(crate) const VALID_SECONDS: (i64, i64) = (1_000_000_000, 10_000_000_000);

/// How an index stores times, in one unit or in several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    /// The encoding of most records.
    pub(crate) most: TimeEncoding,
    /// Whether there are records in each of [`Units::ALL`].
    present: [bool; 3],
}

impl Times {
    /// By the number of records in each of [`Units::ALL`]; `None` if there are none.
    pub(crate) fn new(storage: TimeStorage, counts: [u64; 3]) -> Option<Self> {
        let counted = counts.iter().zip(Units::ALL).filter(|(count, _)| **count > 0);
        let most = counted.fold(None, |most: Option<(u64, Units)>, (count, units)| match most {
            Some(most) if most.0 >= *count => Some(most),
            _ => Some((*count, units)),
        });
        let (_, per_second) = most?;
        Some(Self { most: TimeEncoding { storage, per_second }, present: counts.map(|count| count > 0) })
    }

    /// One encoding for each unit.
    pub(crate) fn encodings(self) -> impl Iterator<Item = TimeEncoding> {
        let present = Units::ALL.into_iter().zip(self.present).filter(|(_, present)| *present);
        present.map(move |(per_second, _)| TimeEncoding { per_second, ..self.most })
    }

    /// The encoding, if it is one.
    pub(crate) fn only(self) -> Option<TimeEncoding> {
        let mut encodings = self.encodings();
        encodings.next().filter(|_| encodings.next().is_none())
    }

    /// As [`TimeEncoding::within`], in each unit.
    pub(crate) fn within(self, window: Window, open: bool) -> Value {
        if let Some(encoding) = self.only() {
            return encoding.within(window, open);
        }
        // Beyond these the numbers of one unit are times in another.
        let second = |second| Timestamp::from_timestamp(second, 0).unwrap_or_default();
        let (first, last) = (second(VALID_SECONDS.0), second(VALID_SECONDS.1));
        let window = Window { from: window.from.clamp(first, last), to: window.to.clamp(first, last) };
        let each: Vec<Value> = self.encodings().map(|encoding| encoding.within(window, open)).collect();
        json!({"bool": {"should": each, "minimum_should_match": 1}})
    }

    /// As [`TimeEncoding::step`]: the coarsest.
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
    fn times_in_one_unit_are_asked_for_in_that_unit() {
        let times = Times::new(TimeStorage::Whole, [0, 7, 0]).unwrap();
        assert_eq!(times.only(), Some(times.most));
        assert_eq!(times.most.per_second, Units::Millis);
        let window = window(0, 1_772_681_701);
        assert_eq!(times.within(window, true), times.most.within(window, true));
        assert_eq!(Times::new(TimeStorage::Whole, [0, 0, 0]), None);
    }

    #[test]
    fn times_in_two_units_are_asked_for_in_each_and_told_apart() {
        let times = Times::new(TimeStorage::Whole, [7, 900, 0]).unwrap();
        assert_eq!((times.only(), times.most.per_second), (None, Units::Millis));
        let range = |from: i64, to: i64| json!({"range": {"occurredAt": {"gte": from, "lt": to}}});
        let each = |each: [Value; 2]| json!({"bool": {"should": each, "minimum_should_match": 1}});
        let all = [range(1_000_000_000, 10_000_000_000), range(1_000_000_000_000, 10_000_000_000_000)];
        assert_eq!(times.within(window(0, 100_000_000_000), false), each(all));
        let some = [range(1_772_679_600, 1_772_681_701), range(1_772_679_600_000, 1_772_681_701_000)];
        assert_eq!(times.within(window(1_772_679_600, 1_772_681_701), true), each(some));
    }
}
