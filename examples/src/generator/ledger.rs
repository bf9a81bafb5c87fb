//! Entries and purchases, as rows of MySQL.

use super::calendar;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// An entry of a user into an activity. The platform writes it at payment, not at admission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Row id, from 1.
    pub id: u32,
    /// The activity.
    pub activity_id: u32,
    /// The user, with at most one entry per activity.
    pub user_id: u32,
    /// Its state.
    pub status: EntryStatus,
    /// The time, in milliseconds since 1970.
    pub created_at: i64,
}

/// States of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EntryStatus {
    /// Not decided.
    Pending,
    /// Paid, or given for free.
    Approved,
    /// Too late.
    Rejected,
}

/// A purchase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    /// Row id, from 1.
    pub id: u32,
    /// The buyer.
    pub user_id: u32,
    /// The product.
    pub product_id: u32,
    /// The activity; `None` in the shop.
    pub activity_id: Option<u32>,
    /// Price of one piece, in hundredths.
    pub price: u64,
    /// The number of pieces.
    pub quantity: u32,
    /// Its state.
    pub status: PurchaseStatus,
    /// The time, in milliseconds since 1970.
    pub purchase_at: i64,
}

impl Entry {
    /// When, as a date-time.
    #[must_use]
    pub fn created(&self) -> DateTime<Utc> {
        calendar::instant(self.created_at)
    }
}

impl Purchase {
    /// Promotion or shop.
    #[must_use]
    pub fn purchase_type(&self) -> PurchaseType {
        match self.activity_id {
            Some(_) => PurchaseType::CampaignActivity,
            None => PurchaseType::Shop,
        }
    }

    /// When, as a date-time.
    #[must_use]
    pub fn purchased(&self) -> DateTime<Utc> {
        calendar::instant(self.purchase_at)
    }
}

/// The channel of a purchase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PurchaseType {
    /// Through an activity.
    #[serde(rename = "CAMPAIGNACTIVITY")]
    CampaignActivity,
    /// In the shop.
    #[serde(rename = "SHOP")]
    Shop,
}

/// States of purchases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PurchaseStatus {
    /// Valid.
    Confirmed,
    /// Cancelled before delivery.
    Cancelled,
    /// Refunded after delivery.
    Refunded,
}

impl EntryStatus {
    /// As in MySQL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Approved => "APPROVED",
            Self::Rejected => "REJECTED",
        }
    }
}

impl PurchaseType {
    /// As in MySQL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CampaignActivity => "CAMPAIGNACTIVITY",
            Self::Shop => "SHOP",
        }
    }
}

impl PurchaseStatus {
    /// As in MySQL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "CONFIRMED",
            Self::Cancelled => "CANCELLED",
            Self::Refunded => "REFUNDED",
        }
    }
}
