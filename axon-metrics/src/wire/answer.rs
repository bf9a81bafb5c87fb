//! The envelope of an answer: the widgets' data, and what is needed to judge it.
//! Instants are written as `DateTime<Utc>` here, since the schema generator does not resolve the alias `Timestamp`.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::{links::Links, source_state::SourceState, warning::Warning, widget_state::WidgetState};
use crate::{
    vocabulary::{ActivityId, CampaignId, IdText, Mode, Phase, ResolvedScope, Window},
    widget::{Data, Widget},
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
    /// The campaign's id as text.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "123"))]
    pub campaign_key: IdText<CampaignId>,
    /// The activity's id as text, when an activity was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "789", nullable = false, required = false))]
    pub activity_key: Option<IdText<ActivityId>>,
    /// Where to ask for more.
    pub links: Links,
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
#[non_exhaustive]
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

impl From<ResolvedScope<'_>> for ScopeState {
    fn from(scope: ResolvedScope<'_>) -> Self {
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
#[non_exhaustive]
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
#[non_exhaustive]
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

/// What decided the numbers: equal hashes mean comparable numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct DefinitionState {
    /// The funnel's name.
    pub funnel: String,
    /// Hash over step rules, mode, zone and sources.
    pub hash: String,
    /// How subjects are identified: `recorded` (by user, else by session, as recorded in each event).
    pub identity: String,
}
