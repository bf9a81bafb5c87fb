//! How each source did when it was asked.

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
    /// What it was asked about; one store may stand behind several.
    #[serde(rename = "seam")]
    pub kind: SourceKind,
    /// Whether it answered.
    pub status: SourceStatus,
    /// How long it took, in milliseconds; 0 for a kept catalog.
    pub latency_ms: f64,
    /// How far it is complete; null when it said nothing.
    pub as_of: Option<DateTime<Utc>>,
    /// The worst precision of its figures: `exact`, `within 0.05 %`, `within 1 %`; null when it said nothing.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub precision: Option<Precision>,
    /// Whether it was not asked, since too many were asking already.
    #[serde(skip)]
    pub(crate) shed: bool,
}

impl SourceState {
    /// How a source did over several loads that an answer is made of: the worst of them.
    pub(crate) fn merge(&mut self, other: &Self) {
        // Lost for another reason, too, it was not shed alone.
        let lost = |state: &Self| state.status == SourceStatus::Unavailable;
        self.shed = (lost(self) || lost(other)) && [&*self, other].iter().all(|state| state.shed || !lost(state));
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
