//! What is wrong with the store as a whole, as the last check found it: it moves all facts.
//! Lives elsewhere: the check (`store_check`).

use axon_metrics::{
    Timestamp,
    facts::{Coverage, LeftOutReason},
};
use chrono::TimeDelta;

use crate::store::schema::PURCHASES;

/// How the store stands. Defaults to nothing known, and so nothing wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Standing {
    /// How far a replica lags behind its source.
    pub(crate) lag: TimeDelta,
    /// The store is a replica that has stopped.
    pub(crate) is_behind: bool,
    /// The clock of purchases is known to be wrong.
    pub(crate) wrong_purchase: bool,
    /// The same of entries.
    pub(crate) wrong_created: bool,
    /// When it was checked.
    pub(crate) checked_at: Option<Timestamp>,
}

impl Standing {
    /// Adds what moves the facts of a table.
    pub(super) fn add_to(&self, coverage: Coverage, table: &str) -> Coverage {
        let wrong_offset = if table == PURCHASES { self.wrong_purchase } else { self.wrong_created };
        let reasons = [(self.is_behind, LeftOutReason::Behind), (wrong_offset, LeftOutReason::OffsetWrong)];
        let reasons: Vec<_> = reasons.into_iter().filter(|(is_so, _)| *is_so).collect();
        if reasons.is_empty() {
            return coverage;
        }
        let coverage = reasons.into_iter().fold(coverage, |coverage, (_, reason)| coverage.left_out_uncounted(reason));
        coverage.checked_at(self.checked_at)
    }
}
