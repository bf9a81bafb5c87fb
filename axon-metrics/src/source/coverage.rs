//! Coverage: what a value was made from, and which records could not be used. A property of the data, not a failure: asking
//! again gives the same coverage.

use serde::{Deserialize, Serialize};

use crate::vocabulary::Timestamp;

/// Why a record was left out of a figure that it may belong to. Duplicates are not left out: they are in the figure once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LeftOutReason {
    /// The line or row cannot be read at all.
    Unreadable,
    /// It has no time, or none that can be read.
    NoTime,
    /// Its time is beyond what the store takes.
    TimeOutOfRange,
    /// Its time is more than five minutes after now.
    Future,
    /// It names an activity in a form that is not read. A record that names none belongs to none, and is used.
    NoActivity,
    /// It names a user or a session that the store dropped or cannot search. It counts as a record, and not as a person.
    NoSubject,
    /// A `PURCHASE` event outside the indices that purchases are accepted from.
    NotBelieved,
    /// Its status is none that the settings name.
    UnknownStatus,
    /// Its price or its quantity is missing, or is no number, or both are negative.
    BadAmount,
    /// The store says that it ignored a field of the record.
    FieldDropped,
    /// The store has not applied all records that it received.
    Behind,
    /// The store's times are known to be read in a wrong zone or unit.
    OffsetWrong,
    /// A limit of this library was reached.
    NoRoom,
}

impl LeftOutReason {
    /// All reasons.
    pub const ALL: [Self; 13] = [
        Self::Unreadable,
        Self::NoTime,
        Self::TimeOutOfRange,
        Self::Future,
        Self::NoActivity,
        Self::NoSubject,
        Self::NotBelieved,
        Self::UnknownStatus,
        Self::BadAmount,
        Self::FieldDropped,
        Self::Behind,
        Self::OffsetWrong,
        Self::NoRoom,
    ];

    /// Its code on the wire (`no_time`).
    pub fn code(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::NoTime => "no_time",
            Self::TimeOutOfRange => "time_out_of_range",
            Self::Future => "future",
            Self::NoActivity => "no_activity",
            Self::NoSubject => "no_subject",
            Self::NotBelieved => "not_believed",
            Self::UnknownStatus => "unknown_status",
            Self::BadAmount => "bad_amount",
            Self::FieldDropped => "field_dropped",
            Self::Behind => "behind",
            Self::OffsetWrong => "offset_wrong",
            Self::NoRoom => "no_room",
        }
    }
}

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
    fn a_reason_serializes_as_its_code() {
        for reason in LeftOutReason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.code());
        }
    }
}
