//! The records one can add to a store. Whom they name is kept out of their debug form.

use std::fmt;

use crate::{ActivityId, Money, ProductId, Timestamp};

/// Something a visitor did on an activity.
#[derive(Clone, PartialEq, Eq)]
pub struct Event {
    /// What happened, in the platform's words (`PAGE_VIEW`).
    pub trigger: String,
    /// The tracker definition that made it (`eventId`); `None` if there is none.
    pub definition: Option<i64>,
    /// When it happened; kept to the microsecond.
    pub at: Timestamp,
    /// The activity it belongs to.
    pub activity: ActivityId,
    /// The user, where known.
    pub user: Option<u64>,
    /// The session; used where no user is known. An empty one is none.
    pub session: Option<String>,
}

/// A row of an activity's entries. Its id is its identity: the same id again replaces it.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its primary key.
    pub id: u64,
    /// The activity entered.
    pub activity: ActivityId,
    /// Who entered.
    pub user: u64,
    /// `APPROVED` ones count.
    pub status: String,
    /// When it was created; kept to the microsecond.
    pub created_at: Timestamp,
}

/// A purchase. Its id is its identity: the same id again replaces it.
#[derive(Clone, PartialEq, Eq)]
pub struct Purchase {
    /// Its primary key.
    pub id: u64,
    /// Who bought.
    pub user: u64,
    /// What was bought.
    pub product: Option<ProductId>,
    /// The activity it is attributed to; `None` for the shop.
    pub activity: Option<ActivityId>,
    /// Price of one unit, in the catalog's currency; not negative.
    pub price: Money,
    /// Units.
    pub quantity: u64,
    /// `CONFIRMED` ones count; `CANCELLED` and `REFUNDED` ones are counted beside them.
    pub status: String,
    /// When it was bought; kept to the microsecond.
    pub at: Timestamp,
}

/// A slot of an activity that was taken or released.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// The activity.
    pub activity: ActivityId,
    /// Who took or released it.
    pub user: u64,
    /// Which of the two.
    pub change: SlotChange,
}

/// What happened to a slot. The counter moves only if the set of those who hold one does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SlotChange {
    /// Taken. Nothing changes if the user holds one.
    Taken,
    /// Given back. Nothing changes if the user holds none.
    Released,
}

/// Stands for a user or session in a debug form.
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
    fn no_debug_form_names_a_user_or_session() {
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
