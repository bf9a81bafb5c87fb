//! What the figures of a source were made from.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::source::{Coverage, LeftOut, LeftOutPlace, LeftOutReason};

/// What the figures of a source were made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CoverageState {
    /// The records that were used for its counts and sums of the range; null if the source does not tell.
    pub used: Option<u64>,
    /// The records that may belong to its figures, and were left out. Empty: none.
    pub left_out: Vec<LeftOutState>,
    /// When the store as a whole was last checked; null: with the answer.
    pub checked_at: Option<DateTime<Utc>>,
}

/// Records that were left out for one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LeftOutState {
    /// Why.
    pub reason: LeftOutReason,
    /// How many; null if the number is not known.
    pub records: Option<u64>,
    /// The records of that kind in the same place, with those that were left out; null if not known.
    pub of: Option<u64>,
    /// Whether they are of the scope and the range asked for, or at most so many of the whole store are.
    #[serde(rename = "where")]
    pub place: LeftOutPlace,
}

impl From<&Coverage> for CoverageState {
    fn from(coverage: &Coverage) -> Self {
        let left_out = coverage.left_out().iter().map(|&LeftOut { reason, records, of, place }| LeftOutState {
            reason,
            records,
            of,
            place,
        });
        Self { used: coverage.used(), left_out: left_out.collect(), checked_at: coverage.last_check() }
    }
}

impl CoverageState {
    /// Merges what two loads of one answer say: the larger numbers. An unknown number is the largest.
    pub(crate) fn merge(&mut self, other: &Self) {
        let larger = |one: Option<u64>, two: Option<u64>| one.zip(two).map(|(one, two)| one.max(two));
        self.used = self.used.max(other.used);
        for one in &other.left_out {
            let same = |known: &&mut LeftOutState| known.reason == one.reason && known.place == one.place;
            match self.left_out.iter_mut().find(same) {
                Some(known) => {
                    (known.records, known.of) = (larger(known.records, one.records), larger(known.of, one.of))
                }
                None => self.left_out.push(*one),
            }
        }
        self.checked_at = [self.checked_at, other.checked_at].into_iter().flatten().min();
    }
}
