//! The source of what is true this second.

use std::time::Duration;

use async_trait::async_trait;

use super::{error::SourceError, facts::RealtimeFacts, probe::Probe, question::RealtimeQuestion};
use crate::vocabulary::Timestamp;

/// What is true this second: slots held and those who hold them.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait RealtimeSource: Send + Sync + 'static {
    /// The store's name in answers, logs and metrics: lower case, without blanks (`"redis"`).
    fn name(&self) -> &'static str;

    /// Counter and member count of each activity asked, in that order.
    /// - Unit: slots; members. Values are passed on as stored: negative ones and those over the limit, too.
    /// - A key that is not there: [`KeyMissing`](crate::Reason::KeyMissing), never 0. A value that is no integer:
    ///   [`BadValue`](crate::Reason::BadValue).
    /// - Freshness: the time of the read.
    /// # Errors
    /// [`Unavailable`](SourceError::Unavailable) if no answer came within the budget,
    /// [`Lost`](SourceError::Lost) if there was no connection or it broke; if the source has tried again by itself,
    /// [`Unavailable`](SourceError::Unavailable),
    /// [`Malformed`](SourceError::Malformed) if the answer is not what was asked.
    async fn realtime(&self, question: &RealtimeQuestion) -> Result<RealtimeFacts, SourceError>;

    /// Whether the store answers, and what it can tell as of an instant: its newest record is one before `as_of`.
    /// # Errors
    /// As the question's.
    async fn probe(&self, as_of: Timestamp, budget: Duration) -> Result<Probe, SourceError>;
}
