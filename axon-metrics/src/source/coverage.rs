//! Coverage: what a value was made from, and which records could not be used. A property of the data, not a failure: asking
//! again gives the same coverage.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use crate::vocabulary::LeftOutReason;
use crate::vocabulary::Timestamp;

/// How far it is known where left-out records belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LeftOutPlace {
    /// They are of the scope and the window asked for.
    Window,
    /// Known for the whole store only: at most so many belong to the figure.
    Store,
}

/// Records that were left out for one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct LeftOut {
    /// Why.
    pub reason: LeftOutReason,
    /// How many; `None` if the number is not known.
    pub records: Option<u64>,
    /// The records of that kind in the same place: the used ones and all left-out ones. `None` if not known.
    pub of: Option<u64>,
    /// Where they belong.
    pub place: LeftOutPlace,
}

/// Why a value of 0 is not believed: no record was used for it, and some were left out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NothingUsed {
    /// The store that gave the value.
    pub source: Arc<str>,
    /// The reason for most of the records.
    pub why: LeftOut,
    /// What the store said of the value.
    pub coverage: Coverage,
}

/// What a value was made from. Defaults to unknown: the source does not tell.
/// ```
/// use axon_metrics::facts::{Coverage, LeftOutReason};
/// let coverage = Coverage::of(995).left_out_in_window(LeftOutReason::BadAmount, 5);
/// assert_eq!(coverage.left_out()[0].of, Some(1_000));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Coverage {
    used: Option<u64>,
    left_out: Vec<LeftOut>,
    checked_at: Option<Timestamp>,
}

impl Coverage {
    /// All records that belong to the value were used: this many.
    pub fn of(used: u64) -> Self {
        Self { used: Some(used), ..Self::default() }
    }

    /// Adds records of the scope and window that were left out. None of them is no entry.
    #[must_use]
    pub fn left_out_in_window(mut self, reason: LeftOutReason, records: u64) -> Self {
        if records > 0 {
            self.left_out.push(LeftOut { reason, records: Some(records), of: None, place: LeftOutPlace::Window });
            let of = self.used.map(|used| used.saturating_add(self.records(LeftOutPlace::Window)));
            self.left_out.iter_mut().filter(|one| one.place == LeftOutPlace::Window).for_each(|one| one.of = of);
        }
        self
    }

    /// Adds records that were left out somewhere in the store, and may belong to the value. `of` is the number of all records
    /// of that kind in the store. None of them is no entry.
    #[must_use]
    pub fn left_out_in_store(mut self, reason: LeftOutReason, records: u64, of: u64) -> Self {
        if records > 0 {
            let place = LeftOutPlace::Store;
            self.left_out.push(LeftOut { reason, records: Some(records), of: Some(of), place });
        }
        self
    }

    /// Adds a reason that affects an unknown number of records: a store that is behind, times in a wrong zone.
    #[must_use]
    pub fn left_out_uncounted(mut self, reason: LeftOutReason) -> Self {
        self.left_out.push(LeftOut { reason, records: None, of: None, place: LeftOutPlace::Store });
        self
    }

    /// Sets when the store as a whole was last checked. Defaults to `None`: with each answer.
    #[must_use]
    pub fn checked_at(self, instant: impl Into<Option<Timestamp>>) -> Self {
        Self { checked_at: instant.into(), ..self }
    }

    /// The records in the value; `None` if the source does not tell.
    pub fn used(&self) -> Option<u64> {
        self.used
    }

    /// The records that were left out, by reason and place.
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// When the store as a whole was last checked; `None`: with each answer.
    pub fn last_check(&self) -> Option<Timestamp> {
        self.checked_at
    }

    /// Adds the coverage of a value that is made of other records of the same store. What is known for the whole store only is
    /// the same for both.
    pub(crate) fn add(&mut self, other: &Self) {
        self.used = self.used.zip(other.used).map(|(one, two)| one.saturating_add(two));
        for one in &other.left_out {
            let place = |known: &&mut LeftOut| known.reason == one.reason && known.place == one.place;
            match self.left_out.iter_mut().find(place) {
                None => self.left_out.push(*one),
                Some(known) if one.place == LeftOutPlace::Window => {
                    known.records = known.records.zip(one.records).map(|(one, two)| one.saturating_add(two));
                }
                Some(known) => known.widen(one),
            }
        }
        let in_window = self.records(LeftOutPlace::Window);
        let of = self.used.map(|used| used.saturating_add(in_window));
        self.left_out.iter_mut().filter(|one| one.place == LeftOutPlace::Window).for_each(|one| one.of = of);
        self.checked_at = [self.checked_at, other.checked_at].into_iter().flatten().min();
    }

    /// The number of left-out records of a place, as far as it is known.
    pub(crate) fn records(&self, place: LeftOutPlace) -> u64 {
        let of_place = self.left_out.iter().filter(|one| one.place == place);
        of_place.fold(0, |sum, one| sum.saturating_add(one.records.unwrap_or(0)))
    }

    /// Whether more records of a place were left out than are tolerated. An unknown number is more.
    pub(crate) fn exceeds(&self, tolerance: Tolerance, place: LeftOutPlace) -> bool {
        let of_place = || self.left_out.iter().filter(|one| one.place == place);
        let of = of_place().filter_map(|one| one.of).max();
        of_place().any(|one| one.records.is_none()) || tolerance.is_exceeded(self.records(place), of)
    }

    /// Why a value that no record was used for is not a measured 0; `None` if it is one.
    pub(crate) fn denies_zero(&self, tolerance: Tolerance) -> Option<LeftOut> {
        if self.used != Some(0) {
            return None;
        }
        let most = |place: LeftOutPlace| {
            let of_place = self.left_out.iter().filter(|one| one.place == place);
            // An unknown number is the greatest.
            of_place.max_by_key(|one| one.records.unwrap_or(u64::MAX)).copied()
        };
        let in_store = || most(LeftOutPlace::Store).filter(|_| self.exceeds(tolerance, LeftOutPlace::Store));
        most(LeftOutPlace::Window).or_else(in_store)
    }
}

impl LeftOut {
    /// What it says, as a sentence in English.
    pub(crate) fn message(&self) -> String {
        let number = |number: Option<u64>| number.map(|number| number.to_string());
        let (records, place) = match (number(self.records), number(self.of)) {
            (Some(records), Some(of)) => (format!("{records} of {of} records"), self.place),
            (Some(records), None) => (format!("{records} records"), self.place),
            (None, _) => ("records".to_owned(), LeftOutPlace::Window),
        };
        let place = match place {
            LeftOutPlace::Window => "",
            LeftOutPlace::Store => " of the store",
        };
        format!("{records}{place} were left out: {}", self.reason.en())
    }

    /// Takes the larger numbers of two statements about the same records. An unknown number is the largest.
    pub(crate) fn widen(&mut self, other: &Self) {
        let larger = |one: Option<u64>, two: Option<u64>| one.zip(two).map(|(one, two)| one.max(two));
        self.records = larger(self.records, other.records);
        self.of = larger(self.of, other.of);
    }
}

/// The share of left-out records up to which a figure counts as whole, in parts per million.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tolerance {
    pub(crate) parts_per_million: u32,
}

impl Tolerance {
    /// One in a thousand.
    pub(crate) const DEFAULT: Self = Self { parts_per_million: 1_000 };

    /// Whether `records` of `of` are more than tolerated. Of an unknown number, one is more.
    pub(crate) fn is_exceeded(self, records: u64, of: Option<u64>) -> bool {
        let tolerated = u128::from(self.parts_per_million) * u128::from(of.unwrap_or(0));
        u128::from(records) * 1_000_000 > tolerated
    }
}

impl Default for Tolerance {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use LeftOutReason::{BadAmount, Behind, NoTime};

    #[test]
    fn one_of_a_thousand_is_tolerated_and_one_of_fewer_is_not() {
        let one_of = |all: u64| Coverage::of(all - 1).left_out_in_window(BadAmount, 1);
        assert!(!one_of(1_000).exceeds(Tolerance::DEFAULT, LeftOutPlace::Window));
        assert!(one_of(999).exceeds(Tolerance::DEFAULT, LeftOutPlace::Window));
        let strict = Tolerance { parts_per_million: 0 };
        assert!(one_of(1_000_000).exceeds(strict, LeftOutPlace::Window));
        assert!(!Coverage::of(0).exceeds(strict, LeftOutPlace::Window));
    }

    #[test]
    fn every_reason_of_a_window_is_of_all_its_records() {
        let coverage = Coverage::of(6).left_out_in_window(BadAmount, 1).left_out_in_window(NoTime, 3);
        assert!(coverage.left_out().iter().all(|one| one.of == Some(10)), "{coverage:?}");
    }

    #[test]
    fn nothing_used_is_a_zero_only_if_nothing_was_left_out() {
        let reason = |coverage: Coverage| coverage.denies_zero(Tolerance::DEFAULT).map(|one| one.reason);
        assert_eq!(reason(Coverage::of(0)), None);
        assert_eq!(reason(Coverage::default()), None);
        assert_eq!(reason(Coverage::of(1).left_out_in_window(BadAmount, 9)), None);
        assert_eq!(reason(Coverage::of(0).left_out_in_window(BadAmount, 1)), Some(BadAmount));
        // Somewhere in the store, a share that is tolerated does not count.
        assert_eq!(reason(Coverage::of(0).left_out_in_store(NoTime, 1, 1_000)), None);
        assert_eq!(reason(Coverage::of(0).left_out_in_store(NoTime, 2, 1_000)), Some(NoTime));
        assert_eq!(reason(Coverage::of(0).left_out_uncounted(Behind)), Some(Behind));
    }

    #[test]
    fn the_records_of_two_windows_add_up_and_those_of_the_store_do_not() {
        let one = Coverage::of(5).left_out_in_window(BadAmount, 1).left_out_in_store(NoTime, 7, 100);
        let mut sum = one;
        sum.add(&Coverage::of(3).left_out_in_window(BadAmount, 2).left_out_in_store(NoTime, 7, 100));
        let expected = Coverage::of(8).left_out_in_window(BadAmount, 3);
        assert_eq!(sum.used(), Some(8));
        assert_eq!(sum.left_out(), expected.left_out_in_store(NoTime, 7, 100).left_out());
    }
}
