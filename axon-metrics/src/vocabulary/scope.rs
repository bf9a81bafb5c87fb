//! The scope of a request.

use super::id::{ActivityId, CampaignId};

/// What a request is about: a campaign or an activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scope {
    /// All activities of a campaign, as a union.
    Campaign(CampaignId),
    /// One activity.
    Activity(ActivityId),
}
