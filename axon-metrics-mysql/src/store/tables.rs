//! The names of the tables that are read.

pub(crate) const PURCHASES: &str = "purchases";
pub(crate) const ENTRIES: &str = "campaign_activity_entries";
pub(crate) const CAMPAIGNS: &str = "campaigns";
pub(crate) const ACTIVITIES: &str = "campaign_activities";
