//! The source of current slots.

use std::time::Duration;

use async_trait::async_trait;

use super::{error::SourceError, facts::RealtimeFacts, probe::Probe, question::RealtimeQuestion};
use crate::vocabulary::Timestamp;

/// Reads the current slots of activities: their counter, and the set of users who hold one.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait RealtimeSource: Send + Sync + 'static {
    /// The store's name in answers, logs and metrics: lower case, without blanks (`"redis"`).
    fn name(&self) -> &'static str;

    /// The settings that decide its numbers (the zone of stored times, the names of statuses), as text. They are a part of the
    /// definition's hash, and so of every cache key. Empty by default: nothing but the store decides.
    fn definition(&self) -> String {
        String::new()
    }

    /// Counter and member count of each activity of the question, in that order.
    /// - Unit: slots; members. Values are returned as stored, even if negative or over the limit.
    /// - A missing key: [`KeyMissing`](crate::Reason::KeyMissing), never 0. A value that is not an integer:
    ///   [`BadValue`](crate::Reason::BadValue).
    /// - Freshness: the time of the read.
    /// # Errors
    /// - [`Unavailable`](SourceError::Unavailable): no answer came within the budget; or the connection was lost, and
    ///   the source's own retry failed.
    /// - [`Lost`](SourceError::Lost): no connection could be made, or it broke, and the source did not retry.
    /// - [`Malformed`](SourceError::Malformed): the answer does not fit the question.
    async fn realtime(&self, question: &RealtimeQuestion) -> Result<RealtimeFacts, SourceError>;

    /// Checks the store for health: whether it answers, its newest record before `as_of`, and its findings.
    /// # Errors
    /// As [`realtime`](Self::realtime).
    async fn probe(&self, as_of: Timestamp, budget: Duration) -> Result<Probe, SourceError>;
}
