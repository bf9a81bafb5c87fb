//! The rows of the tables, and their conversion from the generator's records.

use chrono::{DateTime, Utc};

use super::Text;
use crate::generator;

/// A row of `campaigns`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignRow {
    /// Its id.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// When it starts.
    pub start: Option<DateTime<Utc>>,
    /// When it ends.
    pub end: Option<DateTime<Utc>>,
    /// Its budget, a decimal.
    pub budget: Option<String>,
}

/// A row of `campaign_activities`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityRow {
    /// Its id.
    pub id: u64,
    /// Its campaign.
    pub campaign: u64,
    /// The product that it sells, if any.
    pub product: Option<u64>,
    /// Its name.
    pub name: String,
    /// The number of slots; `None` without a limit.
    pub limit: Option<u64>,
    /// Its status, which staff set.
    pub status: Text,
    /// When it opens; the column wants a date.
    pub start: Option<DateTime<Utc>>,
    /// When it closes; the column wants a date.
    pub end: Option<DateTime<Utc>>,
    /// Its type.
    pub kind: Text,
    /// The price of one piece, a decimal.
    pub price: Text,
}

/// A row of `products`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductRow {
    /// Its id.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Its category.
    pub category: String,
    /// The price of one piece, a decimal.
    pub price: String,
}

/// A row of `campaign_activity_entries`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryRow {
    /// Its id.
    pub id: u64,
    /// The activity.
    pub activity: u64,
    /// The user.
    pub user: u64,
    /// Its status.
    pub status: &'static str,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

/// A row of `purchases`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurchaseRow {
    /// Its id.
    pub id: u64,
    /// The user.
    pub user: u64,
    /// The product.
    pub product: u64,
    /// The activity; `None` for a purchase in the shop.
    pub activity: Option<u64>,
    /// The price of one piece, a decimal.
    pub price: String,
    /// The number of pieces.
    pub quantity: i64,
    /// Its status.
    pub status: &'static str,
    /// When it was made.
    pub at: DateTime<Utc>,
}

impl From<&generator::Campaign> for CampaignRow {
    fn from(campaign: &generator::Campaign) -> Self {
        Self {
            id: campaign.id.into(),
            name: campaign.name.clone(),
            start: Some(campaign.start_at),
            end: Some(campaign.end_at),
            budget: Some(campaign.budget.clone()),
        }
    }
}

/// An activity with the id of its campaign.
impl From<(u32, &generator::Activity)> for ActivityRow {
    fn from((campaign, activity): (u32, &generator::Activity)) -> Self {
        let kind = match activity.kind {
            generator::ActivityType::FirstComeFirstServe => "FIRST_COME_FIRST_SERVE",
            generator::ActivityType::Coupon => "COUPON",
            generator::ActivityType::Giveaway => "GIVEAWAY",
        };
        let status = match activity.status {
            generator::ActivityStatus::Draft => "DRAFT",
            generator::ActivityStatus::Active => "ACTIVE",
            generator::ActivityStatus::Paused => "PAUSED",
            generator::ActivityStatus::Ended => "ENDED",
        };
        Self {
            id: activity.id.into(),
            campaign: campaign.into(),
            product: activity.product_id.map(Into::into),
            name: activity.name.clone(),
            limit: activity.limit_count.map(Into::into),
            status: status.into(),
            start: Some(activity.start_at),
            end: Some(activity.end_at),
            kind: kind.into(),
            price: activity.price.clone().into(),
        }
    }
}

impl From<&generator::Product> for ProductRow {
    fn from(product: &generator::Product) -> Self {
        Self {
            id: product.id.into(),
            name: product.name.clone(),
            category: product.category.clone(),
            price: product.price.clone(),
        }
    }
}

impl From<&generator::Entry> for EntryRow {
    fn from(entry: &generator::Entry) -> Self {
        Self {
            id: entry.id.into(),
            activity: entry.activity_id.into(),
            user: entry.user_id.into(),
            status: entry.status.as_str(),
            created_at: entry.created(),
        }
    }
}

impl From<&generator::Purchase> for PurchaseRow {
    fn from(purchase: &generator::Purchase) -> Self {
        Self {
            id: purchase.id.into(),
            user: purchase.user_id.into(),
            product: purchase.product_id.into(),
            activity: purchase.activity_id.map(Into::into),
            price: format!("{}.{:02}", purchase.price / 100, purchase.price % 100),
            quantity: purchase.quantity.into(),
            status: purchase.status.as_str(),
            at: purchase.purchased(),
        }
    }
}
