//! The records that the conformance tests put into a store, in no store's words.

use crate::{ActivityId, Money, ProductId, Timestamp};

/// Something a visitor did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// `PAGE_VIEW`, `CLICK`, `APPROVED`, `PURCHASE`, ...
    pub trigger: &'static str,
    /// The tracker definition (`eventId`).
    pub definition: Option<i64>,
    /// When; whole seconds.
    pub at: Timestamp,
    /// `properties.activityId`; `None` for an event that names no activity.
    pub activity: Option<ActivityId>,
    /// The user.
    pub user: Option<u64>,
    /// The session.
    pub session: Option<&'static str>,
    /// A `PURCHASE` that lies where the store does not believe purchases.
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
    /// `CONFIRMED`, `CANCELLED` or `REFUNDED`. A store that keeps no status is given confirmed ones only.
    pub status: &'static str,
    /// When.
    pub at: Timestamp,
}

/// What a store holds about the slots of an activity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotRecord {
    /// The activity.
    pub activity: ActivityId,
    /// The counter, as text (`"45"`, `"-1"`, `"many"`); `None` if it is not there.
    pub counter: Option<&'static str>,
    /// The users who hold a slot; `None` if the set is not there.
    pub members: Option<Vec<u64>>,
}
