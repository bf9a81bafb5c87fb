//! Campaigns and activities, as the catalog lists them.

use serde::{Deserialize, Serialize};

use super::{
    id::{ActivityId, CampaignId, ProductId},
    money::Money,
    timestamp::Timestamp,
};

/// A campaign: a name, dates, and its activities.
/// ```
/// use axon_metrics::catalog::{Activity, ActivityKind, Campaign, Catalog};
/// let activity = Activity::new(789, "Chair", ActivityKind::FirstComeFirstServe).with_limit(100);
/// let catalog = Catalog::new("KRW", vec![Campaign::new(123, "Spring", [activity])])?;
/// # Ok::<(), axon_metrics::catalog::CatalogError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
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

impl Campaign {
    /// A campaign with these activities, without dates and budget.
    pub fn new(
        id: impl Into<CampaignId>,
        name: impl Into<String>,
        activities: impl IntoIterator<Item = Activity>,
    ) -> Self {
        let (id, name, activities) = (id.into(), name.into(), activities.into_iter().collect());
        Self { id, name, start: None, end: None, budget: None, activities }
    }

    /// Sets when it starts. Defaults to `None`.
    #[must_use]
    pub fn with_start(self, start: impl Into<Option<Timestamp>>) -> Self {
        Self { start: start.into(), ..self }
    }

    /// Sets when it is over. Defaults to `None`.
    #[must_use]
    pub fn with_end(self, end: impl Into<Option<Timestamp>>) -> Self {
        Self { end: end.into(), ..self }
    }

    /// Sets its budget. Defaults to `None`.
    #[must_use]
    pub fn with_budget(self, budget: impl Into<Option<Money>>) -> Self {
        Self { budget: budget.into(), ..self }
    }
}

/// An activity: what visitors take part in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
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

impl Activity {
    /// An activity without dates, limit and product.
    pub fn new(id: impl Into<ActivityId>, name: impl Into<String>, kind: ActivityKind) -> Self {
        Self { id: id.into(), name: name.into(), kind, start: None, end: None, limit: None, product: None }
    }

    /// Sets when it opens. Defaults to `None`.
    #[must_use]
    pub fn with_start(self, start: impl Into<Option<Timestamp>>) -> Self {
        Self { start: start.into(), ..self }
    }

    /// Sets when it closes. Defaults to `None`.
    #[must_use]
    pub fn with_end(self, end: impl Into<Option<Timestamp>>) -> Self {
        Self { end: end.into(), ..self }
    }

    /// Sets the slots to give away. Defaults to `None`: no limit.
    #[must_use]
    pub fn with_limit(self, limit: impl Into<Option<u64>>) -> Self {
        Self { limit: limit.into(), ..self }
    }

    /// Sets the product it sells. Defaults to `None`.
    #[must_use]
    pub fn with_product(self, product: impl Into<Option<ProductId>>) -> Self {
        Self { product: product.into(), ..self }
    }
}

/// The kind of an activity, as the platform names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
#[non_exhaustive]
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
