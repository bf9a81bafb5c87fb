//! The state of each source in an answer.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::coverage::CoverageState;
use crate::{
    call::SourceReport,
    source::{Coverage, LeftOutPlace, Precision, SourceKind, SourceStatus, Tolerance},
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
    /// Whether it answered, and whether its figures are whole.
    pub status: SourceStatus,
    /// How long it took, in milliseconds; 0 for a cached catalog.
    pub latency_ms: f64,
    /// The instant up to which its figures are complete; null if it gave none.
    pub as_of: Option<DateTime<Utc>>,
    /// The worst precision of its figures: `exact`, `within 0.05 %`, `within 1 %`; null if it gave none.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub precision: Option<Precision>,
    /// What its figures were made from; absent if it gave none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub coverage: Option<CoverageState>,
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
        match (&mut self.coverage, &other.coverage) {
            (Some(coverage), Some(other)) => coverage.merge(other),
            (None, other) => self.coverage.clone_from(other),
            (Some(_), None) => {}
        }
    }

    /// The state of a source that was asked for figures. It is partial, too, where values are missing for what the store holds,
    /// or more records were left out than are tolerated.
    pub(crate) fn new(report: SourceReport, tolerance: Tolerance) -> Self {
        let places = [LeftOutPlace::Window, LeftOutPlace::Store];
        let exceeds = |coverage: &Coverage| places.iter().any(|place| coverage.exceeds(tolerance, *place));
        let is_partial = report.has_gap || report.coverage.as_ref().is_some_and(exceeds);
        let mut state = Self::from(report);
        if is_partial && state.status == SourceStatus::Ok {
            state.status = SourceStatus::Partial;
        }
        state
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
            coverage: report.coverage.as_ref().map(CoverageState::from),
            shed: report.shed,
            precision: report.precision,
        }
    }
}
