//! Slots: who holds one, in order, and what the counter says.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

/// What the realtime store holds for one activity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Slot {
    /// Of which activity.
    pub activity_id: u32,
    /// Slots given, by the counter.
    pub counter: u32,
    /// Who holds one, in order of admission. Fewer than the counter where rollbacks left drift.
    pub members: Vec<u32>,
}

/// Who was admitted to one activity.
#[derive(Debug, Default)]
pub(super) struct Slots {
    seen: HashSet<u32>,
    members: Vec<u32>,
}

impl Slots {
    /// Gives the user a slot and its order, if there is one and the user has none yet.
    pub(super) fn admit(&mut self, user: u32, limit: Option<u32>) -> Option<u32> {
        let held = u32::try_from(self.members.len()).unwrap_or(u32::MAX);
        if limit.is_some_and(|limit| held >= limit) || !self.seen.insert(user) {
            return None;
        }
        self.members.push(user);
        Some(held + 1)
    }

    /// Notes that the user came and got nothing; says whether that is news.
    pub(super) fn refuse(&mut self, user: u32) -> bool {
        self.seen.insert(user)
    }

    /// As the realtime store has it, the last `drift` members lost to rollbacks.
    pub(super) fn slot(&self, activity_id: u32, drift: u32) -> Slot {
        let counter = u32::try_from(self.members.len()).unwrap_or(u32::MAX);
        let kept = self.members.len().saturating_sub(drift as usize);
        Slot { activity_id, counter, members: self.members[..kept].to_vec() }
    }
}
