//! Where the HTTP API answers about a campaign or an activity. The core serves no paths: `axon-dashboard-http` does, and a
//! test there follows each link.

use serde::{Deserialize, Serialize};

use crate::vocabulary::{ActivityId, CampaignId};

/// Paths of the API about a campaign or an activity, relative to the root of its router: without a leading slash, so that
/// they hold wherever the router is nested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Links {
    /// Its answer, with the default parameters.
    #[serde(rename = "self")]
    #[cfg_attr(feature = "openapi", schema(example = "api/v1/dashboard/campaign/123"))]
    pub own: String,
    /// The answer of its campaign: the same as `self` for a campaign.
    #[cfg_attr(feature = "openapi", schema(example = "api/v1/dashboard/campaign/123"))]
    pub campaign: String,
    /// The answer with all activities of its campaign, one row each.
    #[cfg_attr(feature = "openapi", schema(example = "api/v1/dashboard/campaign/123?widgets=activities"))]
    pub activities: String,
    /// Its answers as they change, as server-sent events.
    #[cfg_attr(feature = "openapi", schema(example = "api/v1/dashboard/campaign/123/stream"))]
    pub stream: String,
}

impl Links {
    /// The links of a campaign, or of one of its activities.
    pub(crate) fn new(campaign: CampaignId, activity: Option<ActivityId>) -> Self {
        let campaign = format!("api/v1/dashboard/campaign/{campaign}");
        let own = activity.map_or_else(|| campaign.clone(), |activity| format!("api/v1/dashboard/activity/{activity}"));
        Self { activities: format!("{campaign}?widgets=activities"), stream: format!("{own}/stream"), own, campaign }
    }
}
