//! The state of every source, for readiness.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::source_state::SourceState;
use crate::{
    call::SourceReport,
    source::{BreakerState, ErrorChain, LeftOutReason, Missing, Probe, SourceKind, SourceStatus, StoreLoss},
    vocabulary::Timestamp,
};

/// The state of every source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Health {
    /// Whether the catalog answers, or a cached copy of it can be used: without a catalog nothing can be answered.
    pub ready: bool,
    /// One entry per source connected.
    pub sources: Vec<SourceHealth>,
}

/// The state of a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SourceHealth {
    /// The store.
    pub name: String,
    /// What it is asked about.
    #[serde(rename = "seam")]
    pub kind: SourceKind,
    /// Whether it answered.
    pub status: SourceStatus,
    /// The state of its circuit breaker.
    pub breaker: BreakerState,
    /// How long it took, in milliseconds.
    pub latency_ms: f64,
    /// The age of its newest record, in milliseconds; null if it cannot tell.
    pub data_age_ms: Option<i64>,
    /// Findings of the health check, as name and text.
    pub probed: BTreeMap<String, String>,
    /// What makes figures missing or wrong until somebody mends it, each as a sentence that says what to do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// The records of the store that cannot be used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub losses: Vec<LossState>,
    /// Why it did not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub error: Option<String>,
}

/// Records of a store that cannot be used, for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct LossState {
    /// Why.
    pub reason: LeftOutReason,
    /// What they are: `events`, `entries`, `purchases`, `campaigns`, `activities`.
    pub what: String,
    /// How many.
    pub records: u64,
    /// All records of that kind in the store.
    pub of: u64,
    /// Where the first of them are: file and line, index and field, table, key and column.
    pub examples: Vec<String>,
    /// What to do about it.
    pub advice: String,
}

impl From<StoreLoss> for LossState {
    fn from(StoreLoss { reason, what, records, of, examples, advice }: StoreLoss) -> Self {
        Self { reason, what, records, of, examples, advice }
    }
}

impl SourceHealth {
    pub(crate) fn new(
        report: SourceReport,
        probed: Result<Probe, Missing>,
        breaker: BreakerState,
        now: Timestamp,
    ) -> Self {
        let state = SourceState::from(report);
        let (probe, error) = match probed {
            Ok(probe) => (probe, None),
            Err(Missing::Unavailable(error)) => (Probe::default(), Some(ErrorChain(&*error).to_string())),
            Err(_) => (Probe::default(), None),
        };
        Self {
            name: state.name,
            kind: state.kind,
            status: state.status,
            breaker,
            latency_ms: state.latency_ms,
            data_age_ms: probe.newest.map(|newest| (now - newest).num_milliseconds()),
            probed: probe.findings.into_iter().collect(),
            problems: probe.problems,
            losses: probe.losses.into_iter().map(LossState::from).collect(),
            error,
        }
    }
}
