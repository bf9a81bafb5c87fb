//! The source of what visitors did.

use std::time::Duration;

use async_trait::async_trait;

use super::{error::SourceError, facts::BehaviorFacts, probe::Probe, question::BehaviorQuestion};
use crate::vocabulary::Timestamp;

/// What visitors did, counted.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait BehaviorSource: Send + Sync + 'static {
    /// The store's name in answers, logs and metrics: lower case, without blanks (`"elasticsearch"`).
    fn name(&self) -> &'static str;

    /// Step counts, series and active subjects, all from the same round trip.
    /// - Unit: events in [`Counting::Events`](super::Counting::Events), distinct recorded subjects in
    ///   [`Counting::Subjects`](super::Counting::Subjects).
    /// - Scope: an event belongs to the activity it names; a step counts over the union of the funnel activities, so
    ///   distinct subjects of several activities are not a sum.
    /// - Window: `[from, to)` on the time the event occurred. Events at or after the scope's `as_of` are not used.
    /// - One count per step and window, in the order asked.
    /// - Series: events, whatever the counting, one count per cell and series, in the order asked. A cell without events is 0,
    ///   and so is one at or after `as_of`.
    /// - No events: a measured 0. No activities, or an empty window: a measured 0. Nothing to read them from:
    ///   [`NotMeasured`](crate::Missing::NotMeasured), never 0.
    /// - Freshness: each fact says how far it is complete.
    /// # Errors
    /// [`Unavailable`](SourceError::Unavailable) if no answer came within the budget,
    /// [`Lost`](SourceError::Lost) if there was no connection or it broke; if the source has tried again by itself,
    /// [`Unavailable`](SourceError::Unavailable),
    /// [`Malformed`](SourceError::Malformed) if the answer is not what was asked.
    async fn behavior(&self, question: &BehaviorQuestion) -> Result<BehaviorFacts, SourceError>;

    /// Whether the store answers, and what it can tell as of an instant: its newest record is one before `as_of`.
    /// # Errors
    /// As the question's.
    async fn probe(&self, as_of: Timestamp, budget: Duration) -> Result<Probe, SourceError>;
}
