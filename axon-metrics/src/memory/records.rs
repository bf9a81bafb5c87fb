//! The records that can be added to a store. Their debug output masks users and sessions.

use std::fmt;

use crate::{ActivityId, Money, ProductId, Timestamp};

/// An event: something that a visitor did on an activity.
#[derive(Clone, PartialEq, Eq)]
pub struct Event {
    /// The trigger type, as the platform names it (`PAGE_VIEW`).
    pub trigger: String,
    /// The tracker definition that recorded it (`eventId`); `None` if there is none.
    pub definition: Option<i64>,
    /// When it happened; stored in microseconds.
    pub at: Timestamp,
    /// The activity it belongs to.
    pub activity: ActivityId,
    /// The user, where known. 0 names nobody.
    pub user: Option<u64>,
    /// The session; used if no user is known. An empty session counts as `None`, and so does one of the texts of
    /// [`Files::anonymous_users`](super::Files::anonymous_users).
    pub session: Option<String>,
}

/// An entry of an activity. It replaces the entry with the same id.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its primary key.
    pub id: u64,
    /// The activity entered.
    pub activity: ActivityId,
    /// Who entered. 0 names nobody: the entry counts, and is no person.
    pub user: u64,
    /// `APPROVED` entries count; `PENDING`, `REJECTED` and `DUPLICATED` ones do not. Case does not matter. An entry with
    /// another status is left out. [`Files::entry_statuses`](super::Files::entry_statuses) sets other names.
    pub status: String,
    /// When it was created; stored in microseconds.
    pub created_at: Timestamp,
}

/// A purchase. It replaces the purchase with the same id.
#[derive(Clone, PartialEq, Eq)]
pub struct Purchase {
    /// Its primary key.
    pub id: u64,
    /// Who bought. 0 names nobody: the purchase counts, and is no buyer.
    pub user: u64,
    /// What was bought; `None` if unknown.
    pub product: Option<ProductId>,
    /// The activity it is attributed to; `None` for the shop.
    pub activity: Option<ActivityId>,
    /// Price of one unit, in the catalog's currency. If either price or quantity is negative, it is a refund.
    pub price: Money,
    /// Units.
    pub quantity: i64,
    /// `CONFIRMED` purchases count; `CANCELLED` and `REFUNDED` ones are counted separately. Case does not matter. A
    /// purchase with another status is left out. [`Files::purchase_statuses`](super::Files::purchase_statuses) sets other
    /// names.
    pub status: String,
    /// When it was bought; stored in microseconds.
    pub at: Timestamp,
}

/// A change of a slot: a user took or released it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// The activity.
    pub activity: ActivityId,
    /// Who took or released it.
    pub user: u64,
    /// Whether it was taken or released.
    pub change: SlotChange,
}

/// What happened to a slot. The counter changes only if the set of members changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SlotChange {
    /// Taken. No change if the user already holds one.
    Taken,
    /// Released. No change if the user holds none.
    Released,
}

/// The debug output of a user or session.
struct Mask;

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("trigger", &self.trigger)
            .field("definition", &self.definition)
            .field("at", &self.at)
            .field("activity", &self.activity)
            .field("user", &self.user.map(|_| Mask))
            .field("session", &self.session.as_ref().map(|_| Mask))
            .finish()
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("id", &self.id)
            .field("activity", &self.activity)
            .field("user", &Mask)
            .field("status", &self.status)
            .field("created_at", &self.created_at)
            .finish()
    }
}

impl fmt::Debug for Purchase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Purchase")
            .field("id", &self.id)
            .field("user", &Mask)
            .field("product", &self.product)
            .field("activity", &self.activity)
            .field("price", &self.price)
            .field("quantity", &self.quantity)
            .field("status", &self.status)
            .field("at", &self.at)
            .finish()
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot")
            .field("activity", &self.activity)
            .field("user", &Mask)
            .field("change", &self.change)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_debug_output_contains_a_user_or_session() {
        let (at, activity) = (Timestamp::UNIX_EPOCH, ActivityId(7));
        let event = Event {
            trigger: "CLICK".into(),
            definition: Some(1),
            at,
            activity,
            user: Some(424_242),
            session: Some("secret".into()),
        };
        let entry = Entry { id: 1, activity, user: 424_242, status: "APPROVED".into(), created_at: at };
        let purchase = Purchase {
            id: 1,
            user: 424_242,
            product: None,
            activity: Some(activity),
            price: Money::ONE,
            quantity: 1,
            status: "CONFIRMED".into(),
            at,
        };
        let slot = Slot { activity, user: 424_242, change: SlotChange::Taken };
        let text = format!("{event:?} {entry:?} {purchase:?} {slot:?}");
        assert!(!text.contains("424242") && !text.contains("secret"), "{text}");
    }
}
