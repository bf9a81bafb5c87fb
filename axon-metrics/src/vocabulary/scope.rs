//! What a question is about.

use super::id::{ActivityId, CampaignId};

/// What a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The union of a campaign's activities.
    Campaign(CampaignId),
    /// One activity.
    Activity(ActivityId),
}
