//! Campaigns, activities and products, as in the catalog file.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The catalog file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Catalog {
    /// Currency of every amount, ISO 4217.
    pub currency: String,
    /// All campaigns, by id.
    pub campaigns: Vec<Campaign>,
    /// All products, by id.
    pub products: Vec<Product>,
}

/// A campaign; its promotion runs from its first activity's start to its last one's end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Campaign {
    /// Campaign id.
    pub id: u32,
    /// Name, Korean or English.
    pub name: String,
    /// First instant of the campaign.
    pub start_at: DateTime<Utc>,
    /// First instant after the campaign.
    pub end_at: DateTime<Utc>,
    /// Budget, two decimals.
    pub budget: String,
    /// At least one.
    pub activities: Vec<Activity>,
}

/// One activity of a campaign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Activity {
    /// Activity id.
    pub id: u32,
    /// Name, Korean or English.
    pub name: String,
    /// Its kind.
    #[serde(rename = "type")]
    pub kind: ActivityType,
    /// Its state as the platform's staff set it.
    pub status: ActivityStatus,
    /// First instant at which it admits.
    pub start_at: DateTime<Utc>,
    /// First instant at which it admits no more.
    pub end_at: DateTime<Utc>,
    /// Slots; `None` is without limit.
    pub limit_count: Option<u32>,
    /// Price of one, two decimals.
    pub price: String,
    /// Budget, two decimals.
    pub budget: String,
    /// What it sells or gives away; `None` for coupons.
    pub product_id: Option<u32>,
}

/// Kinds of activities. Only the first has a funnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ActivityType {
    /// First come, first served.
    FirstComeFirstServe,
    /// A coupon.
    Coupon,
    /// A gift.
    Giveaway,
}

/// States of activities, as in MySQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ActivityStatus {
    /// Not published.
    Draft,
    /// Published.
    Active,
    /// Stopped for a while.
    Paused,
    /// Over.
    Ended,
}

/// A product of the shop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Product {
    /// Product id.
    pub id: u32,
    /// Name, Korean or English.
    pub name: String,
    /// Category, in Korean.
    pub category: String,
    /// Regular price of one, two decimals.
    pub price: String,
}

impl Catalog {
    /// The activities of all campaigns, by id.
    pub fn activities(&self) -> impl Iterator<Item = &Activity> {
        self.campaigns.iter().flat_map(|campaign| &campaign.activities)
    }
}

/// An amount in hundredths as text with two decimals.
pub(super) fn money(hundredths: u64) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}
