//! The outcome of a question to a source, and the state of its circuit breaker.

use serde::{Deserialize, Serialize};

/// The outcome of a question to a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SourceOutcome {
    /// Answered.
    Ok,
    /// A part of the store answered.
    Partial,
    /// No answer, or too late.
    Unavailable,
    /// The store replied that it is too busy.
    Overloaded,
    /// The answer did not fit the question.
    Malformed,
    /// The store refused.
    Denied,
    /// The connection was lost, and so was that of the retry.
    Lost,
    /// Not asked: the bulkhead is full.
    Shed,
    /// Not asked: the circuit breaker is open.
    Open,
}

impl SourceOutcome {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Partial => "partial",
            Self::Unavailable => "unavailable",
            Self::Overloaded => "overloaded",
            Self::Malformed => "malformed",
            Self::Denied => "denied",
            Self::Lost => "lost",
            Self::Shed => "shed",
            Self::Open => "open",
        }
    }
}

/// The state of a source's circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BreakerState {
    /// The source is asked.
    Closed,
    /// The source failed too often. The next question, or one in flight, is the trial.
    HalfOpen,
    /// The source failed too often. It is not asked until the next trial is due.
    Open,
}

/// Whether a source answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SourceStatus {
    /// It answered.
    Ok,
    /// It answered a part.
    Partial,
    /// It did not answer.
    Unavailable,
}
