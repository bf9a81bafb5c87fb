//! The state of every source, for readiness.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::source_state::SourceState;
use crate::{
    call::SourceReport,
    source::{BreakerState, ErrorChain, Missing, Probe, SourceKind, SourceStatus},
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
    /// Why it did not answer, with its causes. For operators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub error: Option<String>,
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
            error,
        }
    }
}
