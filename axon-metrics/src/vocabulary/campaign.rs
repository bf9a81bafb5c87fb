//! Campaigns and activities, as the catalog lists them.

use serde::{Deserialize, Serialize};

use super::{
    id::{ActivityId, CampaignId, ProductId},
    money::Money,
    timestamp::Timestamp,
};

/// A campaign: a name, dates, and its activities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Campaign {
    /// Its id.
    pub id: CampaignId,
    /// Its name, as the marketer typed it.
    pub name: String,
    /// When it starts; `None` if it has no date.
    pub start: Option<Timestamp>,
    /// When it is over; `None` if it has no date.
    pub end: Option<Timestamp>,
    /// Its budget, in the catalog's currency; `None` if it has none.
    pub budget: Option<Money>,
    /// Its activities; may be empty.
    pub activities: Vec<Activity>,
}

/// An activity: what visitors take part in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// Its id.
    pub id: ActivityId,
    /// Its name, as the marketer typed it.
    pub name: String,
    /// What kind of activity it is.
    pub kind: ActivityKind,
    /// When it opens; `None` if it has no date.
    pub start: Option<Timestamp>,
    /// When it closes; `None` if it has no date.
    pub end: Option<Timestamp>,
    /// Slots to give away; `None` if there is no limit.
    pub limit: Option<u64>,
    /// The product it sells; `None` if it sells none.
    pub product: Option<ProductId>,
}

/// The kind of an activity, as the platform names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum ActivityKind {
    /// First come, first served: the only kind with a funnel.
    FirstComeFirstServe,
    /// Any other kind, by its name (`COUPON`, `GIVEAWAY`, `WEBHOOK`).
    Other(String),
}

const FCFS: &str = "FIRST_COME_FIRST_SERVE";

impl ActivityKind {
    /// Whether visitors of such an activity go through the funnel's steps.
    pub fn has_funnel(&self) -> bool {
        matches!(self, Self::FirstComeFirstServe)
    }

    /// The platform's name of the kind.
    pub fn as_str(&self) -> &str {
        match self {
            Self::FirstComeFirstServe => FCFS,
            Self::Other(name) => name,
        }
    }
}

impl From<String> for ActivityKind {
    fn from(name: String) -> Self {
        if name == FCFS { Self::FirstComeFirstServe } else { Self::Other(name) }
    }
}

impl From<ActivityKind> for String {
    fn from(kind: ActivityKind) -> Self {
        kind.as_str().to_owned()
    }
}
