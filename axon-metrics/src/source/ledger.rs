//! The source of entries and purchases.

use std::time::Duration;

use async_trait::async_trait;

use super::{error::SourceError, facts::LedgerFacts, probe::Probe, question::LedgerQuestion};
use crate::vocabulary::Timestamp;

/// Counts and sums what the business recorded: approved entries and purchases.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait LedgerSource: Send + Sync + 'static {
    /// The store's name in answers, logs and metrics: lower case, without blanks (`"mysql"`).
    fn name(&self) -> &'static str;

    /// The settings that decide its numbers (the zone of stored times, the names of statuses), as text. They are a part of the
    /// definition's hash, and so of every cache key. Empty by default: nothing but the store decides.
    fn definition(&self) -> String {
        String::new()
    }

    /// Step counts, sales and history, each only if the question asks for it. History may be asked for alone.
    /// - Unit: rows in [`Counting::Events`](super::Counting::Events), distinct users in
    ///   [`Counting::Subjects`](super::Counting::Subjects); money exact.
    /// - Window: `[from, to)`; entries by their time of creation, purchases by their time of purchase.
    /// - Nobody: rows of users of 0 or below, or of texts such as `guest`, are rows, and no users
    ///   ([`AnonymousUsers`](crate::definitions::AnonymousUsers)).
    /// - Clocks: stored times that come twice, since a clock was set back, count for the first time, and are counted
    ///   ([`Measured::ambiguous`](crate::Measured::ambiguous)).
    /// - Status: approved entries; confirmed purchases. Cancelled and refunded purchases are counted separately, or are
    ///   `None` if the store has no status.
    /// - Promotion: purchases attributed to the scope's activities, whatever they sell. Regular: purchases of the
    ///   question's products attributed to no activity. Others: purchases of these products by other activities.
    /// - No rows: a measured 0. No products: regular and others, or the history, are
    ///   [`NotMeasured`](crate::Missing::NotMeasured) with [`NoProducts`](crate::Reason::NoProducts).
    /// - History: confirmed regular purchases of its products per bucket, without the empty buckets; and the time of
    ///   the ledger's oldest purchase, of any product. The question may take long: a time limit of the store that is
    ///   shorter than the question's budget must not end it.
    /// - Freshness: complete up to the time of the read.
    /// # Errors
    /// - [`Unavailable`](SourceError::Unavailable): no answer came within the budget; or the connection was lost, and
    ///   the source's own retry failed.
    /// - [`Lost`](SourceError::Lost): no connection could be made, or it broke, and the source did not retry.
    /// - [`Malformed`](SourceError::Malformed): the answer does not fit the question.
    async fn ledger(&self, question: &LedgerQuestion) -> Result<LedgerFacts, SourceError>;

    /// Checks the store for health: whether it answers, its newest record before `as_of`, and its findings.
    /// # Errors
    /// As [`ledger`](Self::ledger).
    async fn probe(&self, as_of: Timestamp, budget: Duration) -> Result<Probe, SourceError>;
}
