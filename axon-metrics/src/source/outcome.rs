//! How a question to a source went, and whether a source is asked.

use serde::{Deserialize, Serialize};

/// How a question to a source went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SourceOutcome {
    /// Answered.
    Ok,
    /// Answered in part.
    Partial,
    /// Not answered, or too late.
    Unavailable,
    /// The store said that it is too busy.
    Overloaded,
    /// Answered with something else.
    Malformed,
    /// Refused.
    Denied,
    /// The connection was lost, and no other one did.
    Lost,
    /// Not asked: too many wait for this store.
    Shed,
    /// Not asked: the store failed too often.
    Open,
}

impl SourceOutcome {
    pub(crate) const ALL: [Self; 9] = [
        Self::Ok,
        Self::Partial,
        Self::Unavailable,
        Self::Overloaded,
        Self::Malformed,
        Self::Denied,
        Self::Lost,
        Self::Shed,
        Self::Open,
    ];

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

/// Whether a store is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// It is asked.
    Closed,
    /// It failed too often; whether it is well again is being tried, or with the next question will be.
    HalfOpen,
    /// It failed too often, and is not asked for now.
    Open,
}

/// Whether a source answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SourceStatus {
    /// It answered.
    Ok,
    /// It answered a part.
    Partial,
    /// It did not answer.
    Unavailable,
}
