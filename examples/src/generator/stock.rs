//! Slots: their holders in order, and the counter.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

/// The data of one activity in the realtime store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Slot {
    /// The activity.
    pub activity_id: u32,
    /// The counter of slots.
    pub counter: u32,
    /// The holders in order of admission. They are fewer than the counter after rollbacks (drift).
    pub members: Vec<u32>,
}

/// The slots of one activity during a run.
#[derive(Debug, Default)]
pub(super) struct Slots {
    /// Users with a slot or a refusal.
    decided: HashSet<u32>,
    members: Vec<u32>,
}

impl Slots {
    /// Gives the user a slot and returns its order; `None` if no slot is free or the user was decided on before.
    pub(super) fn admit(&mut self, user: u32, limit: Option<u32>) -> Option<u32> {
        let held = u32::try_from(self.members.len()).unwrap_or(u32::MAX);
        if limit.is_some_and(|limit| held >= limit) || !self.decided.insert(user) {
            return None;
        }
        self.members.push(user);
        Some(held + 1)
    }

    /// Records a refusal, and returns whether it is the first decision on the user.
    pub(super) fn refuse(&mut self, user: u32) -> bool {
        self.decided.insert(user)
    }

    /// The data in the realtime store, without the last `drift` members, which rollbacks removed.
    pub(super) fn slot(&self, activity_id: u32, drift: u32) -> Slot {
        let counter = u32::try_from(self.members.len()).unwrap_or(u32::MAX);
        let remaining = self.members.len().saturating_sub(drift as usize);
        Slot { activity_id, counter, members: self.members[..remaining].to_vec() }
    }
}
