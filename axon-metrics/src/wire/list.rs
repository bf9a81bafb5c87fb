//! The list of campaigns, for menus and overviews.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::links::Links;
use crate::{
    ActivityId, CampaignId, Phase, Timestamp,
    vocabulary::{ActivityKind, Catalog, IdText},
};

/// All campaigns with their activities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct CampaignList {
    /// The campaigns, in the catalog's order.
    pub campaigns: Vec<CampaignEntry>,
    /// The business zone, by its IANA name: the zone of all days and hours.
    pub zone: String,
}

/// A campaign of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CampaignEntry {
    /// Its id.
    pub campaign_id: CampaignId,
    /// Its id as text.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "123"))]
    pub campaign_key: IdText<CampaignId>,
    /// Its name.
    pub name: String,
    /// Where it stands by its dates.
    pub phase: Phase,
    /// When it starts.
    pub start_at: Option<DateTime<Utc>>,
    /// When it is over.
    pub end_at: Option<DateTime<Utc>>,
    /// Where its figures are.
    pub links: Links,
    /// Its activities.
    pub activities: Vec<ActivityEntry>,
}

/// An activity of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ActivityEntry {
    /// Its id.
    pub activity_id: ActivityId,
    /// Its id as text.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "789"))]
    pub activity_key: IdText<ActivityId>,
    /// Its name.
    pub name: String,
    /// Its kind, as the platform names it.
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
    /// Where its figures are.
    pub links: Links,
}

impl CampaignList {
    pub(crate) fn new(catalog: &Catalog, zone: Tz, as_of: Timestamp) -> Self {
        let campaigns = catalog.campaigns().iter().map(|campaign| CampaignEntry {
            campaign_id: campaign.id,
            campaign_key: IdText(campaign.id),
            name: campaign.name.clone(),
            phase: Phase::at(as_of, campaign.start, campaign.end),
            start_at: campaign.start,
            end_at: campaign.end,
            links: Links::new(campaign.id, None),
            activities: campaign
                .activities
                .iter()
                .map(|activity| ActivityEntry {
                    activity_id: activity.id,
                    activity_key: IdText(activity.id),
                    name: activity.name.clone(),
                    kind: activity.kind.clone(),
                    phase: Phase::at(as_of, activity.start, activity.end),
                    start_at: activity.start,
                    end_at: activity.end,
                    limit_count: activity.limit,
                    links: Links::new(campaign.id, Some(activity.id)),
                })
                .collect(),
        });
        Self { campaigns: campaigns.collect(), zone: zone.name().to_owned() }
    }

    /// Only the campaigns of this phase.
    #[must_use]
    pub fn of_phase(mut self, phase: Phase) -> Self {
        self.campaigns.retain(|campaign| campaign.phase == phase);
        self
    }
}
