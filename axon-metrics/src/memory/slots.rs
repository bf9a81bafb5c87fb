//! Slot counters, and the sets of users who hold a slot. Readers see only the sizes of the sets.
//! Lives elsewhere: the question (`realtime`).

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{
    records::{Slot, SlotChange},
    subjects::table_bytes,
};
use crate::{ActivityId, Reason};

/// A stored figure; [`Reason::KeyMissing`] if it is not stored, [`Reason::BadValue`] if it is not an integer.
pub(super) type SlotFigure<T> = Result<T, Reason>;

/// The slots of one activity for readers.
#[derive(Debug, Clone, Copy)]
pub(super) struct SlotCounts {
    pub(super) counter: SlotFigure<i64>,
    pub(super) members: SlotFigure<u64>,
}

/// The counters by activity; `None` while slots are derived.
pub(super) type Counters = Option<Arc<HashMap<ActivityId, SlotCounts>>>;

/// The slots of one activity for writers.
pub(super) struct ActivitySlots {
    pub(super) counter: SlotFigure<i64>,
    pub(super) members: SlotFigure<HashSet<u64>>,
}

impl ActivitySlots {
    fn counts(&self) -> SlotCounts {
        let members = self.members.as_ref().map_err(|why| *why);
        SlotCounts { counter: self.counter, members: members.map(|members| members.len() as u64) }
    }

    /// Behaves like Redis: a missing counter starts at 0, and a value that is not an integer stays.
    fn change(&mut self, user: u64, change: SlotChange) {
        if self.members == Err(Reason::KeyMissing) && change == SlotChange::Taken {
            self.members = Ok(HashSet::new());
        }
        let Ok(members) = &mut self.members else { return };
        let (is_change, step) = match change {
            SlotChange::Taken => (members.insert(user), 1),
            SlotChange::Released => (members.remove(&user), -1),
        };
        if is_change {
            let counter = if self.counter == Err(Reason::KeyMissing) { Ok(0) } else { self.counter };
            self.counter = counter.map(|counter| counter.saturating_add(step));
        }
    }
}

/// The slots of all activities, with the users who hold one; only writers use it.
#[derive(Default)]
pub(super) struct SlotTable {
    activities: HashMap<ActivityId, ActivitySlots>,
}

impl SlotTable {
    pub(super) fn new(activities: HashMap<ActivityId, ActivitySlots>) -> Self {
        Self { activities }
    }

    /// The slots of all activities for readers.
    pub(super) fn counters(&self) -> HashMap<ActivityId, SlotCounts> {
        self.activities.iter().map(|(activity, slots)| (*activity, slots.counts())).collect()
    }

    /// Applies changes of slots, here and in the counters for readers. No changes leave `counters` as it is.
    pub(super) fn change(&mut self, changes: &[Slot], counters: &mut Counters) {
        if changes.is_empty() {
            return;
        }
        let counters = Arc::make_mut(counters.get_or_insert_default());
        for slot in changes {
            let missing = || ActivitySlots { counter: Err(Reason::KeyMissing), members: Err(Reason::KeyMissing) };
            self.activities.entry(slot.activity).or_insert_with(missing).change(slot.user, slot.change);
        }
        for slot in changes {
            if let Some(slots) = self.activities.get(&slot.activity) {
                counters.insert(slot.activity, slots.counts());
            }
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let members = |slots: &ActivitySlots| slots.members.as_ref().map_or(0, HashSet::capacity);
        let members = self.activities.values().map(|slots| table_bytes(members(slots), size_of::<u64>()));
        // The table for readers has the same capacity.
        let activity = size_of::<(ActivityId, ActivitySlots)>() + size_of::<(ActivityId, SlotCounts)>();
        table_bytes(self.activities.capacity(), activity) + members.sum::<usize>()
    }
}
