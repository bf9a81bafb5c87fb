//! The envelope of an answer: what the widgets say, and what is needed to judge it. The wire contract, typed both ways.
//! Instants are spelt out as `DateTime<Utc>` in what goes over the wire: the schema generator knows no alias.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    ActivityId, CampaignId, Instant, Missing, Mode, Phase, Precision, Window,
    catalog::{ActivityKind, Catalog},
    facts::{BehaviorFacts, Fact, LedgerFacts, RealtimeFacts},
    source::Probe,
    widget::{Data, MissingFigure, Notes, Warning, Widget},
};

/// An answer: the widgets asked for, with what is needed to judge them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct DashboardAnswer {
    /// The campaign asked for, or that of the activity.
    pub campaign_id: CampaignId,
    /// The activity, when one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub activity_id: Option<ActivityId>,
    /// The period as asked: `1d`, `7d`, `30d` or `custom`.
    pub period: String,
    /// The one instant the answer was made for.
    pub timestamp: DateTime<Utc>,
    /// Where the campaign or activity stands by its dates.
    pub phase: Phase,
    /// The range the figures are about.
    pub range: AnswerRange,
    /// How the funnel was counted.
    pub mode: Mode,
    /// The widgets' data.
    pub data: Data,
    /// For each widget asked for how far it can be trusted.
    pub widgets: BTreeMap<Widget, WidgetState>,
    /// How each source did.
    pub sources: Vec<SourceState>,
    /// What decided the numbers.
    pub definition: DefinitionState,
    /// What a reader of the whole answer should know.
    pub warnings: Vec<Warning>,
}

/// The range of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct AnswerRange {
    /// The first instant counted.
    pub from: DateTime<Utc>,
    /// The first instant after it: the answer's own while the range is in progress.
    pub to: DateTime<Utc>,
    /// The first calendar day of the range in the zone.
    pub start_date: NaiveDate,
    /// The last calendar day of the range in the zone.
    pub end_date: NaiveDate,
    /// The business zone, by its IANA name.
    pub zone: String,
    /// Whether a part of the range is yet to come.
    pub in_progress: bool,
    /// The window compared with; only when it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub previous: Option<PreviousRange>,
}

/// The window compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PreviousRange {
    /// The first instant counted.
    pub from: DateTime<Utc>,
    /// The first instant after it.
    pub to: DateTime<Utc>,
}

impl From<Window> for PreviousRange {
    fn from(window: Window) -> Self {
        Self { from: window.from, to: window.to }
    }
}

/// How far a widget can be trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct WidgetState {
    /// Whether its figures are all there.
    pub status: WidgetStatus,
    /// How far the oldest fact used is complete; null when none was had.
    pub as_of: Option<DateTime<Utc>>,
    /// The answer's timestamp less `asOf`, in milliseconds.
    pub age_ms: Option<i64>,
    /// The figures that are null, with their reasons.
    pub missing: Vec<MissingFigure>,
    /// What a reader of the figures should know.
    pub warnings: Vec<Warning>,
}

/// Whether a widget's figures are all there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum WidgetStatus {
    /// No figure was lost.
    Fresh,
    /// From an earlier answer, since a source failed.
    Stale,
    /// Some figures were lost, or a source's reply was incomplete.
    Partial,
    /// All figures were lost.
    Unavailable,
}

impl WidgetState {
    pub(crate) fn new(notes: Notes, as_of: Instant) -> Self {
        let status = match (notes.had, notes.lost) {
            (0, 1..) => WidgetStatus::Unavailable,
            (_, 1..) => WidgetStatus::Partial,
            _ if notes.partial => WidgetStatus::Partial,
            _ => WidgetStatus::Fresh,
        };
        Self {
            status,
            as_of: notes.complete_to,
            age_ms: notes.complete_to.map(|complete_to| (as_of - complete_to).num_milliseconds()),
            missing: notes.missing,
            warnings: notes.warnings,
        }
    }
}

/// Which kind of fact a source owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Seam {
    /// What exists.
    Catalog,
    /// What visitors did.
    Behavior,
    /// What the business recorded.
    Ledger,
    /// What is true this second.
    Realtime,
}

impl Seam {
    /// Its word in answers and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Catalog => "catalog",
            Self::Behavior => "behavior",
            Self::Ledger => "ledger",
            Self::Realtime => "realtime",
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
    pub seam: Seam,
    /// Whether it answered.
    pub status: SourceStatus,
    /// How long it took, in milliseconds; 0 for a kept catalog.
    pub latency_ms: f64,
    /// How far it is complete; null when it said nothing.
    pub as_of: Option<DateTime<Utc>>,
    /// The worst precision of its figures: `exact`, `within 0.05 %`, `within 1 %`; null when it said nothing.
    pub precision: Option<String>,
}

/// Whether a source answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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

/// What decided the numbers: equal hashes mean comparable numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DefinitionState {
    /// The funnel's name.
    pub funnel: String,
    /// Hash over step rules, mode, zone and sources.
    pub hash: String,
    /// How subjects were told apart: `recorded` (user, else session, as each event says).
    pub identity: String,
}

/// How one question to a source went; becomes a [`SourceState`].
#[derive(Debug)]
pub(crate) struct SourceReport {
    name: &'static str,
    seam: Seam,
    took: Duration,
    status: SourceStatus,
    as_of: Option<Instant>,
    precision: Option<Precision>,
}

impl SourceReport {
    pub(crate) fn new(name: &'static str, seam: Seam, took: Duration) -> Self {
        Self { name, seam, took, status: SourceStatus::Ok, as_of: None, precision: None }
    }

    pub(crate) fn failed(mut self) -> Self {
        self.status = SourceStatus::Unavailable;
        self
    }

    /// A catalog read at this instant.
    pub(crate) fn read_at(mut self, instant: Instant) -> Self {
        self.as_of = Some(instant);
        self.precision = Some(Precision::Exact);
        self
    }

    /// Takes freshness, precision and gaps from what the source said.
    pub(crate) fn look_at_facts(
        &mut self,
        behavior: &Result<BehaviorFacts, Missing>,
        ledger: &Result<LedgerFacts, Missing>,
        realtime: &Result<RealtimeFacts, Missing>,
    ) {
        match (self.seam, behavior, ledger, realtime) {
            (Seam::Behavior, Ok(facts), _, _) => {
                facts.steps.all().for_each(|fact| self.look_at(fact));
                facts.inflow.iter().for_each(|fact| self.look_at(fact));
                facts.active.iter().for_each(|fact| self.look_at(fact));
            }
            (Seam::Ledger, _, Ok(facts), _) => {
                facts.steps.all().for_each(|fact| self.look_at(fact));
                if let Some(sales) = &facts.sales {
                    self.look_at(&sales.promotion);
                    self.look_at(&sales.regular);
                    self.look_at(&sales.others);
                    sales.history.iter().for_each(|fact| self.look_at(fact));
                }
            }
            (Seam::Realtime, _, _, Ok(facts)) => {
                for (_, slots) in &facts.slots {
                    self.look_at(&slots.stock);
                    self.look_at(&slots.members);
                }
            }
            _ => {}
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

impl From<SourceReport> for SourceState {
    fn from(report: SourceReport) -> Self {
        Self {
            name: report.name.to_owned(),
            seam: report.seam,
            status: report.status,
            latency_ms: (report.took.as_secs_f64() * 1e6).round() / 1e3,
            as_of: report.as_of,
            precision: report.precision.map(|precision| match precision {
                Precision::Exact => "exact".to_owned(),
                Precision::Within { parts_per_million } => format!("within {} %", f64::from(parts_per_million) / 1e4),
            }),
        }
    }
}

/// All campaigns with their activities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CampaignList {
    /// The campaigns, in the catalog's order.
    pub campaigns: Vec<CampaignEntry>,
}

/// A campaign of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CampaignEntry {
    /// Its id.
    pub campaign_id: CampaignId,
    /// Its name.
    pub name: String,
    /// Where it stands by its dates.
    pub phase: Phase,
    /// When it starts.
    pub start_at: Option<DateTime<Utc>>,
    /// When it is over.
    pub end_at: Option<DateTime<Utc>>,
    /// Its activities.
    pub activities: Vec<ActivityEntry>,
}

/// An activity of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ActivityEntry {
    /// Its id.
    pub activity_id: ActivityId,
    /// Its name.
    pub name: String,
    /// Its kind, in the platform's words.
    #[serde(rename = "type")]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub kind: ActivityKind,
    /// Where it stands by its dates.
    pub phase: Phase,
    /// When it opens.
    pub start_at: Option<DateTime<Utc>>,
    /// When it closes.
    pub end_at: Option<DateTime<Utc>>,
    /// Slots to give away; null without a limit.
    pub limit_count: Option<u64>,
}

impl CampaignList {
    pub(crate) fn new(catalog: &Catalog, as_of: Instant) -> Self {
        let campaigns = catalog.campaigns().iter().map(|campaign| CampaignEntry {
            campaign_id: campaign.id,
            name: campaign.name.clone(),
            phase: Phase::at(as_of, campaign.start, campaign.end),
            start_at: campaign.start,
            end_at: campaign.end,
            activities: campaign
                .activities
                .iter()
                .map(|activity| ActivityEntry {
                    activity_id: activity.id,
                    name: activity.name.clone(),
                    kind: activity.kind.clone(),
                    phase: Phase::at(as_of, activity.start, activity.end),
                    start_at: activity.start,
                    end_at: activity.end,
                    limit_count: activity.limit,
                })
                .collect(),
        });
        Self { campaigns: campaigns.collect() }
    }

    /// Only the campaigns of this phase.
    #[must_use]
    pub fn of_phase(mut self, phase: Phase) -> Self {
        self.campaigns.retain(|campaign| campaign.phase == phase);
        self
    }
}

/// The state of every source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Health {
    /// Whether the catalog, its kept copy included, answers: without it nothing can be answered.
    pub ready: bool,
    /// One entry per source connected.
    pub sources: Vec<SourceHealth>,
}

/// The state of a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SourceHealth {
    /// The store.
    pub name: String,
    /// What it is asked about.
    pub seam: Seam,
    /// Whether it answered.
    pub status: SourceStatus,
    /// How long it took, in milliseconds.
    pub latency_ms: f64,
    /// How old its newest record is, in milliseconds; null where it cannot tell.
    pub data_age_ms: Option<i64>,
    /// What was probed, as name and finding.
    pub probed: BTreeMap<String, String>,
    /// Why it did not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub error: Option<String>,
}

impl SourceHealth {
    pub(crate) fn new(report: SourceReport, probed: Result<Probe, Missing>, now: Instant) -> Self {
        let state = SourceState::from(report);
        let (probe, error) = match probed {
            Ok(probe) => (probe, None),
            Err(Missing::Unavailable(error)) => (Probe::default(), Some(error.to_string())),
            Err(_) => (Probe::default(), None),
        };
        Self {
            name: state.name,
            seam: state.seam,
            status: state.status,
            latency_ms: state.latency_ms,
            data_age_ms: probe.newest.map(|newest| (now - newest).num_milliseconds()),
            probed: probe.findings.into_iter().collect(),
            error,
        }
    }
}
