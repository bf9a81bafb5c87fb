//! Redis: a counter and a set of members for each activity.
//! Lives here: the keys of each layout, filling and deleting them. Lives elsewhere: the holders of slots (`generator`).

use std::collections::HashMap;

use redis::{Client, Pipeline, RedisResult, aio::MultiplexedConnection};

use super::Layout;
use crate::generator::{Catalog, Slot};

/// The most members that one command adds.
const MEMBERS: usize = 1_000;
/// The number of members in one pipeline.
const BATCH: usize = 20_000;

/// The placeholder of an activity's id in the name of a key.
const PLACEHOLDER: &str = "{activityId}";

/// The names of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    layout: Layout,
    prefix: String,
}

impl Keys {
    /// The keys of a layout.
    #[must_use]
    pub fn of(layout: Layout) -> Self {
        Self { layout, prefix: String::new() }
    }

    /// A prefix of all keys, so that several data sets fit in one server. Defaults to none.
    #[must_use]
    pub fn with_prefix(self, prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), ..self }
    }

    /// The name of an activity's counter, with `{activityId}` in it.
    #[must_use]
    pub fn counter(&self) -> String {
        let name = match self.layout {
            Layout::Dec2025 | Layout::Aug2026 | Layout::Rejected => "campaign:{activityId}:counter",
            Layout::Plan => "campaign:{activityId}:remaining",
        };
        format!("{}{name}", self.prefix)
    }

    /// The name of the set of an activity's members, with `{activityId}` in it.
    #[must_use]
    pub fn members(&self) -> String {
        let name = match self.layout {
            Layout::Dec2025 | Layout::Aug2026 | Layout::Rejected => "campaign:{activityId}:users",
            Layout::Plan => "campaignActivity:{activityId}:participants",
        };
        format!("{}{name}", self.prefix)
    }

    /// Whether the counter holds the free slots instead of the taken ones.
    #[must_use]
    pub fn counts_down(&self) -> bool {
        self.layout == Layout::Plan
    }
}

fn key(template: &str, activity: u32) -> String {
    template.replace(PLACEHOLDER, &activity.to_string())
}

/// Writes and deletes the keys of a server.
pub struct Loader {
    connection: MultiplexedConnection,
    keys: Keys,
}

impl std::fmt::Debug for Loader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loader").field("keys", &self.keys).finish_non_exhaustive()
    }
}

impl Loader {
    /// Connects to a server.
    /// # Errors
    /// If the server cannot be reached, or refuses the connection.
    pub async fn connect(client: &Client, keys: Keys) -> RedisResult<Self> {
        let config = redis::AsyncConnectionConfig::new().set_response_timeout(None);
        Ok(Self { connection: client.get_multiplexed_async_connection_with_config(&config).await?, keys })
    }

    /// Writes counters and members, replacing existing keys. `progress` receives the number of finished activities. An activity
    /// without a limit has no counter of free slots.
    /// # Errors
    /// The error of the server.
    pub async fn load(
        &mut self,
        catalog: &Catalog,
        slots: &[Slot],
        mut progress: impl FnMut(usize),
    ) -> RedisResult<()> {
        let limits = limits(catalog);
        let mut pipeline = Pipeline::new();
        let mut waiting = 0;
        for (index, slot) in slots.iter().enumerate() {
            let (counter, members) =
                (key(&self.keys.counter(), slot.activity_id), key(&self.keys.members(), slot.activity_id));
            pipeline.cmd("DEL").arg(&counter).arg(&members);
            let limit = limits.get(&slot.activity_id).copied().flatten();
            if let Some(count) = count(&self.keys, slot, limit) {
                pipeline.cmd("SET").arg(&counter).arg(count);
            }
            for chunk in slot.members.chunks(MEMBERS) {
                pipeline.cmd("SADD").arg(&members).arg(chunk);
                waiting += chunk.len();
                if waiting >= BATCH {
                    pipeline.exec_async(&mut self.connection).await?;
                    (pipeline, waiting) = (Pipeline::new(), 0);
                    progress(index);
                }
            }
            // An activity without members costs something, too.
            waiting += 10;
        }
        // The driver refuses an empty pipeline.
        if !pipeline.is_empty() {
            pipeline.exec_async(&mut self.connection).await?;
        }
        progress(slots.len());
        Ok(())
    }

    /// Deletes the keys of all activities of a catalog.
    /// # Errors
    /// The error of the server.
    pub async fn delete(&mut self, catalog: &Catalog) -> RedisResult<()> {
        let mut unlink = redis::cmd("UNLINK");
        // The command needs at least one name, even without activities: this one never exists.
        unlink.arg(self.keys.counter());
        for activity in limits(catalog).into_keys() {
            unlink.arg(key(&self.keys.counter(), activity)).arg(key(&self.keys.members(), activity));
        }
        unlink.exec_async(&mut self.connection).await
    }
}

/// The limits of all activities.
fn limits(catalog: &Catalog) -> HashMap<u32, Option<u32>> {
    let activities = catalog.campaigns.iter().flat_map(|campaign| &campaign.activities);
    activities.map(|activity| (activity.id, activity.limit_count)).collect()
}

/// The value of the counter; `None` for an activity without one.
fn count(keys: &Keys, slot: &Slot, limit: Option<u32>) -> Option<i64> {
    let held = i64::from(slot.counter);
    if keys.counts_down() { limit.map(|limit| i64::from(limit) - held) } else { Some(held) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot() -> Slot {
        Slot { activity_id: 789, counter: 45, members: vec![1, 2, 3] }
    }

    #[test]
    fn the_keys_are_those_of_the_layout() {
        let named = |layout| {
            let keys = Keys::of(layout).with_prefix("t1:");
            (key(&keys.counter(), 789), key(&keys.members(), 789))
        };
        let expected = |counter: &str, members: &str| (counter.to_owned(), members.to_owned());
        for layout in [Layout::Dec2025, Layout::Aug2026, Layout::Rejected] {
            assert_eq!(named(layout), expected("t1:campaign:789:counter", "t1:campaign:789:users"));
        }
        assert_eq!(named(Layout::Plan), expected("t1:campaign:789:remaining", "t1:campaignActivity:789:participants"));
    }

    #[test]
    fn the_plan_s_counter_holds_free_slots_and_needs_a_limit() {
        assert_eq!(count(&Keys::of(Layout::Dec2025), &slot(), None), Some(45));
        assert_eq!(count(&Keys::of(Layout::Plan), &slot(), Some(100)), Some(55));
        assert_eq!(count(&Keys::of(Layout::Plan), &slot(), Some(40)), Some(-5));
        assert_eq!(count(&Keys::of(Layout::Plan), &slot(), None), None);
    }
}
