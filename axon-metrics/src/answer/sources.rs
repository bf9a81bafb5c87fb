//! How each source did when it was asked.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    Catalog, Missing, Precision, Timestamp,
    baseline::kept::Told,
    facts::{BehaviorFacts, Fact, LedgerFacts, RealtimeFacts},
    observe::{self, SourceOutcome},
    source::Probe,
};

/// Which kind of fact a source owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = Seam))]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// What exists.
    Catalog,
    /// What visitors did.
    Behavior,
    /// What the business recorded.
    Ledger,
    /// What is true this second.
    Realtime,
    /// What the business recorded in the weeks before a promotion. Asked beside the answers: in logs and metrics only.
    #[serde(skip)]
    History,
}

impl SourceKind {
    /// Its word in answers and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Catalog => "catalog",
            Self::Behavior => "behavior",
            Self::Ledger => "ledger",
            Self::Realtime => "realtime",
            Self::History => "history",
        }
    }
}

/// How a source did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SourceState {
    /// The store.
    pub name: String,
    /// What it was asked about; one store may stand behind several.
    pub seam: SourceKind,
    /// Whether it answered.
    pub status: SourceStatus,
    /// How long it took, in milliseconds; 0 for a kept catalog.
    pub latency_ms: f64,
    /// How far it is complete; null when it said nothing.
    pub as_of: Option<DateTime<Utc>>,
    /// The worst precision of its figures: `exact`, `within 0.05 %`, `within 1 %`; null when it said nothing.
    pub precision: Option<String>,
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
        if coarseness(other.precision.as_deref()) > coarseness(self.precision.as_deref()) {
            self.precision.clone_from(&other.precision);
        }
    }
}

/// A precision's words as a number: the larger is the worse.
fn coarseness(precision: Option<&str>) -> f64 {
    match precision.map(|words| words.trim_start_matches("within ").trim_end_matches(" %")) {
        None => -1.0,
        Some(percent) => percent.parse().unwrap_or(0.0),
    }
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

/// How one question to a source went; becomes a [`SourceState`].
#[derive(Debug)]
pub(crate) struct SourceReport {
    name: &'static str,
    seam: SourceKind,
    took: Duration,
    status: SourceStatus,
    as_of: Option<Timestamp>,
    precision: Option<Precision>,
    shed: bool,
}

impl SourceReport {
    pub(crate) fn new(name: &'static str, seam: SourceKind, took: Duration) -> Self {
        Self { name, seam, took, status: SourceStatus::Ok, as_of: None, precision: None, shed: false }
    }

    pub(crate) fn failed(mut self) -> Self {
        self.status = SourceStatus::Unavailable;
        self
    }

    /// Not asked, since too many were asking already.
    pub(crate) fn shed(mut self, shed: bool) -> Self {
        self.shed = shed;
        self
    }

    /// A catalog read at this instant.
    pub(crate) fn read_at(mut self, instant: Timestamp) -> Self {
        self.as_of = Some(instant);
        self.precision = Some(Precision::Exact);
        self
    }

    /// How it went, once the source has answered.
    pub(crate) fn outcome(&self) -> SourceOutcome {
        match self.status {
            SourceStatus::Ok => SourceOutcome::Ok,
            SourceStatus::Partial => SourceOutcome::Partial,
            SourceStatus::Unavailable => SourceOutcome::Unavailable,
        }
    }

    /// Tells how old what the source said is at this instant.
    pub(crate) fn observe_age(&self, as_of: Timestamp) {
        if let Some(complete_to) = self.as_of {
            observe::data_age(self.name, self.seam, as_of - complete_to);
        }
    }

    /// A ledger that did not tell what came before the promotion has told a part only.
    pub(crate) fn look_at_history(&mut self, history: &Told) {
        if self.seam == SourceKind::Ledger
            && self.status == SourceStatus::Ok
            && matches!(history, Err(Missing::Unavailable(_)))
        {
            self.status = SourceStatus::Partial;
        }
    }

    fn look_at<T>(&mut self, fact: &Fact<T>) {
        match fact {
            Ok(measured) => {
                self.as_of = Some(self.as_of.map_or(measured.complete_to, |oldest| oldest.min(measured.complete_to)));
                self.precision = self.precision.max(Some(measured.precision));
                if measured.partial {
                    self.status = SourceStatus::Partial;
                }
            }
            Err(Missing::Unavailable(_)) => self.status = SourceStatus::Partial,
            Err(_) => {}
        }
    }
}

/// What a source said, as far as its report tells of it: freshness, precision and gaps.
pub(crate) trait Said {
    fn look(&self, report: &mut SourceReport);
}
impl Said for BehaviorFacts {
    fn look(&self, report: &mut SourceReport) {
        self.steps.all().for_each(|fact| report.look_at(fact));
        self.inflow.iter().for_each(|fact| report.look_at(fact));
        self.active.iter().for_each(|fact| report.look_at(fact));
    }
}
impl Said for LedgerFacts {
    fn look(&self, report: &mut SourceReport) {
        self.steps.all().for_each(|fact| report.look_at(fact));
        if let Some(sales) = &self.sales {
            report.look_at(&sales.promotion);
            report.look_at(&sales.regular);
            report.look_at(&sales.others);
        }
        self.history.iter().for_each(|fact| report.look_at(fact));
    }
}
impl Said for RealtimeFacts {
    fn look(&self, report: &mut SourceReport) {
        for (_, slots) in &self.slots {
            report.look_at(&slots.stock);
            report.look_at(&slots.members);
        }
    }
}
/// Whole or not at all.
impl Said for Catalog {
    fn look(&self, _: &mut SourceReport) {}
}
impl Said for Probe {
    fn look(&self, _: &mut SourceReport) {}
}

impl From<SourceReport> for SourceState {
    fn from(report: SourceReport) -> Self {
        Self {
            name: report.name.to_owned(),
            seam: report.seam,
            status: report.status,
            latency_ms: (report.took.as_secs_f64() * 1e6).round() / 1e3,
            as_of: report.as_of,
            shed: report.shed,
            precision: report.precision.map(|precision| match precision {
                Precision::Exact => "exact".to_owned(),
                Precision::Within { parts_per_million } => format!("within {} %", f64::from(parts_per_million) / 1e4),
            }),
        }
    }
}
