//! The source of what the business recorded.

use std::time::Duration;

use async_trait::async_trait;

use super::{error::SourceError, facts::LedgerFacts, probe::Probe, question::LedgerQuestion};
use crate::vocabulary::Timestamp;

/// What the business recorded: approved entries and purchases.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait LedgerSource: Send + Sync + 'static {
    /// The store's name in answers, logs and metrics: lower case, without blanks (`"mysql"`).
    fn name(&self) -> &'static str;

    /// Step counts, sales and history; each only where it is asked for, and history alone, too.
    /// - Unit: rows in [`Counting::Events`](super::Counting::Events), distinct users in
    ///   [`Counting::Subjects`](super::Counting::Subjects); money exact.
    /// - Window: `[from, to)`; entries by the time they were created, purchases by the time of purchase.
    /// - Status: approved entries; confirmed purchases. Cancelled and refunded ones stand beside, or are `None` where
    ///   the store has no status.
    /// - Promotion: purchases attributed to the scope's activities, whatever they sell. Regular: purchases of the
    ///   question's products attributed to no activity. Others: purchases of those products attributed to other activities.
    /// - No rows: a measured 0. No products: regular and others, or the history, are
    ///   [`NotMeasured`](crate::Missing::NotMeasured) with [`NoProducts`](crate::Reason::NoProducts).
    /// - History: confirmed regular purchases of its products in the buckets asked for, those without any left out; how far
    ///   back the ledger reaches, of any product. It may take long: a limit of the store's own that is shorter than the
    ///   question's budget must not end it.
    /// - Freshness: complete up to the time of the read.
    /// # Errors
    /// [`Unavailable`](SourceError::Unavailable) if no answer came within the budget,
    /// [`Lost`](SourceError::Lost) if there was no connection or it broke; if the source has tried again by itself,
    /// [`Unavailable`](SourceError::Unavailable),
    /// [`Malformed`](SourceError::Malformed) if the answer is not what was asked.
    async fn ledger(&self, question: &LedgerQuestion) -> Result<LedgerFacts, SourceError>;

    /// Whether the store answers, and what it can tell as of an instant: its newest record is one before `as_of`.
    /// # Errors
    /// As the question's.
    async fn probe(&self, as_of: Timestamp, budget: Duration) -> Result<Probe, SourceError>;
}
