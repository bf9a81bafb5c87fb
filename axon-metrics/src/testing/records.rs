//! The records that the conformance tests put into a store, independent of any store.

use crate::{ActivityId, Money, ProductId, Timestamp};

/// An event: something that a visitor did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// `PAGE_VIEW`, `CLICK`, `APPROVED`, `PURCHASE`, ...
    pub trigger: &'static str,
    /// The tracker definition (`eventId`).
    pub definition: Option<i64>,
    /// When it happened, in whole seconds.
    pub at: Timestamp,
    /// `properties.activityId`; `None` for an event that names no activity.
    pub activity: Option<ActivityId>,
    /// The user.
    pub user: Option<u64>,
    /// The session.
    pub session: Option<&'static str>,
    /// Whether a `PURCHASE` is stored where the store does not accept purchases.
    pub forged: bool,
}

/// A row of an activity's entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryRecord {
    /// Primary key.
    pub id: u64,
    /// The activity.
    pub activity: ActivityId,
    /// The user.
    pub user: u64,
    /// `APPROVED`, `PENDING`, ...
    pub status: &'static str,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A purchase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurchaseRecord {
    /// Primary key.
    pub id: u64,
    /// The user.
    pub user: u64,
    /// The product.
    pub product: ProductId,
    /// The activity; `None` for the shop.
    pub activity: Option<ActivityId>,
    /// Price of one unit.
    pub price: Money,
    /// Units.
    pub quantity: u32,
    /// `CONFIRMED`, `CANCELLED`, `REFUNDED` or another status. A store without a status gets only confirmed purchases.
    pub status: &'static str,
    /// When it was bought.
    pub at: Timestamp,
}

/// The stored slots of an activity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotRecord {
    /// The activity.
    pub activity: ActivityId,
    /// The counter, as text (`"45"`, `"-1"`, `"many"`); `None` if the key is missing.
    pub counter: Option<&'static str>,
    /// The users who hold a slot; `None` if the key is missing.
    pub members: Option<Vec<u64>>,
}
