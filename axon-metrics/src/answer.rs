//! The envelope of an answer: what the widgets say, and what is needed to judge it. The wire contract, typed both ways.
//! Instants are spelt out as `DateTime<Utc>` in what goes over the wire: the schema generator knows no alias.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    ActivityId, CampaignId, Mode, Phase, Timestamp, Window,
    catalog::Resolved,
    widget::{Data, MissingFigure, Notes, Warning, Widget},
};

mod health;
mod list;
mod sources;
pub use health::{Health, SourceHealth};
pub use list::{ActivityEntry, CampaignEntry, CampaignList};
pub(crate) use sources::{Said, SourceReport};
pub use sources::{SourceKind, SourceState, SourceStatus};

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
    /// What the catalog says of it.
    pub scope: ScopeState,
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

/// What the catalog says of the campaign or activity asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ScopeState {
    /// Its name.
    pub name: String,
    /// The name of its campaign; only of an activity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub campaign_name: Option<String>,
    /// When it starts.
    pub start_at: Option<DateTime<Utc>>,
    /// When it is over.
    pub end_at: Option<DateTime<Utc>>,
}

impl From<Resolved<'_>> for ScopeState {
    fn from(scope: Resolved<'_>) -> Self {
        let campaign = scope.campaign;
        match scope.activity() {
            Some(activity) => Self {
                name: activity.name.clone(),
                campaign_name: Some(campaign.name.clone()),
                start_at: activity.start,
                end_at: activity.end,
            },
            None => Self {
                name: campaign.name.clone(),
                campaign_name: None,
                start_at: campaign.start,
                end_at: campaign.end,
            },
        }
    }
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
    pub(crate) fn new(notes: Notes, as_of: Timestamp) -> Self {
        let status = match (notes.had, notes.lost) {
            (0, 1..) => WidgetStatus::Unavailable,
            (_, 1..) => WidgetStatus::Partial,
            _ if notes.partial => WidgetStatus::Partial,
            _ => WidgetStatus::Fresh,
        };
        let complete_to = notes.complete_to;
        let age_ms = complete_to.map(|complete_to| (as_of - complete_to).num_milliseconds());
        let (missing, warnings) = notes.into_warnings();
        Self { status, as_of: complete_to, age_ms, missing, warnings }
    }
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
