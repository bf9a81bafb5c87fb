//! The source of visitor events.

use std::time::Duration;

use async_trait::async_trait;

use super::{error::SourceError, facts::BehaviorFacts, probe::Probe, question::BehaviorQuestion};
use crate::vocabulary::Timestamp;

/// Counts what visitors did.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait BehaviorSource: Send + Sync + 'static {
    /// The store's name in answers, logs and metrics: lower case, without blanks (`"elasticsearch"`).
    fn name(&self) -> &'static str;

    /// The settings that decide its numbers (the zone of stored times, the names of statuses), as text. They are a part of the
    /// definition's hash, and so of every cache key. Empty by default: nothing but the store decides.
    fn definition(&self) -> String {
        String::new()
    }

    /// Step counts, series and active subjects, all from the same round trip.
    /// - Unit: events in [`Counting::Events`](super::Counting::Events), distinct recorded subjects in
    ///   [`Counting::Subjects`](super::Counting::Subjects).
    /// - Nobody: users of 0 or below, and texts such as `guest`, name nobody
    ///   ([`AnonymousUsers`](crate::definitions::AnonymousUsers)): the session counts, if it names somebody.
    /// - Scope: an event belongs to the activity it names. A step is counted over the union of the funnel activities:
    ///   distinct subjects of several activities are counted once.
    /// - Window: `[from, to)` on the time the event occurred. Events at or after the scope's `as_of` are not used.
    /// - One count per step and window, in the order of the question.
    /// - Series: events, whatever the counting; one count per cell and series, in the order of the question. A cell
    ///   without events, or at or after `as_of`, is 0.
    /// - No events, no activities, or an empty window: a measured 0. No index or table to read from:
    ///   [`NotMeasured`](crate::Missing::NotMeasured), never 0.
    /// - Freshness: each fact has the instant up to which it is complete.
    /// # Errors
    /// - [`Unavailable`](SourceError::Unavailable): no answer came within the budget; or the connection was lost, and
    ///   the source's own retry failed.
    /// - [`Lost`](SourceError::Lost): no connection could be made, or it broke, and the source did not retry.
    /// - [`Malformed`](SourceError::Malformed): the answer does not fit the question.
    async fn behavior(&self, question: &BehaviorQuestion) -> Result<BehaviorFacts, SourceError>;

    /// Checks the store for health: whether it answers, its newest record before `as_of`, and its findings.
    /// # Errors
    /// As [`behavior`](Self::behavior).
    async fn probe(&self, as_of: Timestamp, budget: Duration) -> Result<Probe, SourceError>;
}
