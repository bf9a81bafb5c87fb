//! The state of each source in an answer.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    call::SourceReport,
    source::{Precision, SourceKind, SourceStatus},
};

/// How a source did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SourceState {
    /// The store.
    pub name: String,
    /// What it was asked about; one store may be the source of several kinds.
    #[serde(rename = "seam")]
    pub kind: SourceKind,
    /// Whether it answered.
    pub status: SourceStatus,
    /// How long it took, in milliseconds; 0 for a cached catalog.
    pub latency_ms: f64,
    /// The instant up to which its figures are complete; null if it gave none.
    pub as_of: Option<DateTime<Utc>>,
    /// The worst precision of its figures: `exact`, `within 0.05 %`, `within 1 %`; null if it gave none.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub precision: Option<Precision>,
    /// Whether it was not asked, since its bulkhead was full.
    #[serde(skip)]
    pub(crate) shed: bool,
}

impl SourceState {
    /// Merges the states of a source from several loads of one answer: the worst of each field.
    pub(crate) fn merge(&mut self, other: &Self) {
        // Shed only if every failed load was shed: another failure is worse.
        let failed = |state: &Self| state.status == SourceStatus::Unavailable;
        self.shed = (failed(self) || failed(other)) && [&*self, other].iter().all(|state| state.shed || !failed(state));
        self.status = self.status.max(other.status);
        self.latency_ms = self.latency_ms.max(other.latency_ms);
        self.as_of = [self.as_of, other.as_of].into_iter().flatten().min();
        self.precision = self.precision.max(other.precision);
    }
}

impl From<SourceReport> for SourceState {
    fn from(report: SourceReport) -> Self {
        Self {
            name: report.name.to_owned(),
            kind: report.kind,
            status: report.status,
            latency_ms: (report.took.as_secs_f64() * 1e6).round() / 1e3,
            as_of: report.as_of,
            shed: report.shed,
            precision: report.precision,
        }
    }
}
