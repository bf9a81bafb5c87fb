//! What comes of a request: an answer with its times, or why there is none.

use std::time::Duration;

use super::request::RequestError;
use crate::{
    vocabulary::{Scope, Timestamp},
    wire::{DashboardAnswer, SourceState},
};

/// The most activities one answer is computed over.
pub const MAX_ACTIVITIES: usize = 1000;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// The request is wrong. The caller must change it.
    #[error(transparent)]
    Invalid(#[from] RequestError),
    /// The catalog lists no such campaign or activity.
    #[error("there is no such campaign or activity")]
    NotFound(Scope),
    /// The campaign has more activities than one answer is computed over.
    #[error("the campaign has {found} activities; at most {MAX_ACTIVITIES} are computed at once")]
    TooManyActivities {
        /// How many it has.
        found: usize,
    },
    /// Nothing that was asked could be answered. Asking again may work.
    #[error("nothing that was asked could be answered")]
    Unavailable {
        /// How each source did.
        sources: Vec<SourceState>,
    },
    /// More is asked than can be answered in time. Asking again later may work.
    #[error("more is asked than can be answered in time")]
    Overloaded {
        /// When to ask again.
        retry_after: Duration,
    },
}

/// An answer with how long it may be shown.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TimedAnswer {
    /// The answer.
    pub answer: DashboardAnswer,
    /// Until then it is as good as a new one.
    pub fresh_until: Timestamp,
    /// From `fresh_until` until then it may be shown while a new one is made.
    pub usable_until: Timestamp,
}

/// Whether a caller waits for fresh figures where kept ones may still be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Takes what may be shown; what is no longer fresh is loaded behind.
    AllowStale,
    /// Waits until what is shown is fresh.
    MustBeFresh,
}
