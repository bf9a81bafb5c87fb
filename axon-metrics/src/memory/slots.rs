//! Counters of slots, and the sets of users who hold one.
//! Readers see sizes alone; the sets themselves are the writer's. Lives elsewhere: the question (`realtime`).

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{
    records::{Slot, SlotChange},
    subjects::table,
};
use crate::{ActivityId, Reason};

/// A stored figure: there, not there, or no integer.
pub(super) type SlotFigure<T> = Result<T, Reason>;

/// The slots of one activity, as readers see them.
#[derive(Debug, Clone, Copy)]
pub(super) struct SlotCounts {
    pub(super) counter: SlotFigure<i64>,
    pub(super) members: SlotFigure<u64>,
}

/// The counters by activity; `None` while slots are derived.
pub(super) type Counters = Option<Arc<HashMap<ActivityId, SlotCounts>>>;

/// The slots of one activity, as stored.
pub(super) struct Holders {
    pub(super) counter: SlotFigure<i64>,
    pub(super) members: SlotFigure<HashSet<u64>>,
}

impl Holders {
    fn counts(&self) -> SlotCounts {
        let members = self.members.as_ref().map_err(|why| *why);
        SlotCounts { counter: self.counter, members: members.map(|members| members.len() as u64) }
    }

    /// As Redis does: what is not there begins at 0, what is no integer stays so.
    fn change(&mut self, user: u64, change: SlotChange) {
        if self.members == Err(Reason::KeyMissing) && change == SlotChange::Taken {
            self.members = Ok(HashSet::new());
        }
        let Ok(members) = &mut self.members else { return };
        let (moved, step) = match change {
            SlotChange::Taken => (members.insert(user), 1),
            SlotChange::Released => (members.remove(&user), -1),
        };
        if moved {
            let counter = if self.counter == Err(Reason::KeyMissing) { Ok(0) } else { self.counter };
            self.counter = counter.map(|counter| counter.saturating_add(step));
        }
    }
}

/// Who holds a slot of which activity; for writers alone.
#[derive(Default)]
pub(super) struct SlotBook {
    holders: HashMap<ActivityId, Holders>,
}

impl SlotBook {
    pub(super) fn new(holders: HashMap<ActivityId, Holders>) -> Self {
        Self { holders }
    }

    /// What readers see of all activities.
    pub(super) fn counters(&self) -> HashMap<ActivityId, SlotCounts> {
        self.holders.iter().map(|(activity, holders)| (*activity, holders.counts())).collect()
    }

    /// Moves slots, and what readers see of them.
    pub(super) fn change(&mut self, slots: &[Slot], counters: &mut Counters) {
        if slots.is_empty() {
            return;
        }
        let counters = Arc::make_mut(counters.get_or_insert_default());
        for slot in slots {
            let nothing = || Holders { counter: Err(Reason::KeyMissing), members: Err(Reason::KeyMissing) };
            self.holders.entry(slot.activity).or_insert_with(nothing).change(slot.user, slot.change);
        }
        for slot in slots {
            if let Some(holders) = self.holders.get(&slot.activity) {
                counters.insert(slot.activity, holders.counts());
            }
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let members = |holders: &Holders| holders.members.as_ref().map_or(0, HashSet::capacity);
        let members = self.holders.values().map(|holders| table(members(holders), size_of::<u64>()));
        // Readers have a table of their own with as many places.
        let activity = size_of::<(ActivityId, Holders)>() + size_of::<(ActivityId, SlotCounts)>();
        table(self.holders.capacity(), activity) + members.sum::<usize>()
    }
}
