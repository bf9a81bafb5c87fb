//! The event columns: one log per activity and kind of event, so that a count is two binary searches.
//! Lives here: kinds, partitions, adding. Lives elsewhere: questions (`behavior`), logs (`time_log`), `subjects`.

use std::{collections::BTreeMap, sync::Arc};

use ahash::HashMap;

use super::{
    subjects::{Code, table_bytes},
    time_log::{Pending, Span, TimeLog, arc_bytes},
};
use crate::{ActivityId, vocabulary::EventRule};

/// The code of a pair of trigger type and tracker definition.
pub(super) type Kind = u16;

/// The most kinds of events in a store: what [`Kind`] can number.
pub(super) const MAX_KINDS: usize = u16::MAX as usize;

/// The most activities, and sets of activities that share events, with events in a store. Bounds the time of adding a
/// batch: it copies one word for each of them.
pub(super) const MAX_ACTIVITIES: usize = 100_000;

/// The dictionary of kinds.
#[derive(Debug, Clone, Default)]
pub(super) struct Kinds {
    by_trigger: HashMap<Box<str>, BTreeMap<Option<i64>, Kind>>,
    count: Kind,
}

impl Kinds {
    pub(super) fn find(&self, trigger: &str, definition: Option<i64>) -> Option<Kind> {
        self.by_trigger.get(trigger)?.get(&definition).copied()
    }

    /// The kind, which is added if it is new. `None` if there are [`MAX_KINDS`] already.
    pub(super) fn find_or_add(this: &mut Arc<Self>, trigger: &str, definition: Option<i64>) -> Option<Kind> {
        if let Some(kind) = this.find(trigger, definition) {
            return Some(kind);
        }
        if usize::from(this.count) == MAX_KINDS {
            return None;
        }
        let kinds = Arc::make_mut(this);
        let kind = kinds.count;
        kinds.count += 1;
        kinds.by_trigger.entry(trigger.into()).or_default().insert(definition, kind);
        Some(kind)
    }

    /// The kinds that a rule matches, each once, sorted.
    pub(super) fn matching(&self, rule: &EventRule) -> Vec<Kind> {
        let of_rule = |definition: &Option<i64>| {
            rule.definitions.is_empty() || definition.is_some_and(|id| rule.definitions.contains(&id))
        };
        let of_triggers = rule.triggers.iter().filter_map(|trigger| self.by_trigger.get(trigger.as_str())).flatten();
        let mut kinds: Vec<Kind> =
            of_triggers.filter(|(definition, _)| of_rule(definition)).map(|(_, kind)| *kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }
}

/// The events of one activity, by kind.
#[derive(Debug, Clone, Default)]
pub(super) struct ActivityEvents {
    logs: Vec<(Kind, TimeLog<Code>)>,
}

impl ActivityEvents {
    /// The logs of these kinds, which must be sorted.
    fn of<'a>(&'a self, kinds: &'a [Kind]) -> impl Iterator<Item = &'a TimeLog<Code>> {
        self.logs.iter().filter(|(kind, _)| kinds.binary_search(kind).is_ok()).map(|(_, log)| log)
    }

    fn log_mut(&mut self, kind: Kind) -> &mut TimeLog<Code> {
        let index = self.logs.binary_search_by_key(&kind, |(kind, _)| *kind).unwrap_or_else(|index| {
            self.logs.insert(index, (kind, TimeLog::default()));
            index
        });
        &mut self.logs[index].1
    }
}

/// The activities that an event belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Owners {
    One(ActivityId),
    /// The activity that the event names, and those on whose pages it happened; sorted, each once, at least two.
    Several(Box<[ActivityId]>),
}

impl Owners {
    /// `None` if there are no activities.
    pub(super) fn of(mut activities: Vec<ActivityId>) -> Option<Self> {
        activities.sort_unstable();
        activities.dedup();
        match activities[..] {
            [] => None,
            [one] => Some(Self::One(one)),
            _ => Some(Self::Several(activities.into())),
        }
    }
}

/// Events of one batch, before they are added to the columns.
#[derive(Debug, Default)]
pub(super) struct PendingEvents {
    parts: HashMap<(Owners, Kind), Pending<Code>>,
    /// The time of the newest event; `None` if there is none.
    latest: Option<i64>,
}

impl PendingEvents {
    pub(super) fn push(&mut self, owners: Owners, kind: Kind, at: i64, subject: Code) {
        self.parts.entry((owners, kind)).or_default().push(at, subject);
        self.latest = self.latest.max(Some(at));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }
}

/// All events. Cloning is cheap, and a clone does not change.
#[derive(Debug, Clone, Default)]
pub(super) struct Events {
    by_activity: Arc<HashMap<ActivityId, Arc<ActivityEvents>>>,
    /// The events of several activities, in a separate map, so that a union of activities counts each once. Empty
    /// without page templates.
    shared: Arc<HashMap<Box<[ActivityId]>, Arc<ActivityEvents>>>,
    /// The time of the newest event; `None` if there is none.
    latest: Option<i64>,
}

impl Events {
    pub(super) fn add(&mut self, pending: PendingEvents) {
        self.latest = self.latest.max(pending.latest);
        let by_activity = Arc::make_mut(&mut self.by_activity);
        for ((owners, kind), rows) in pending.parts {
            let events = match owners {
                Owners::One(activity) => by_activity.entry(activity).or_default(),
                Owners::Several(activities) => Arc::make_mut(&mut self.shared).entry(activities).or_default(),
            };
            Arc::make_mut(events).log_mut(kind).append(rows);
        }
    }

    /// The logs of these activities and these kinds, which must be sorted.
    pub(super) fn of<'a>(
        &'a self,
        activities: &'a [ActivityId],
        kinds: &'a [Kind],
    ) -> impl Iterator<Item = &'a TimeLog<Code>> {
        self.in_activities(activities).flat_map(|events| events.of(kinds))
    }

    /// The logs of all events of these activities.
    pub(super) fn any<'a>(&'a self, activities: &'a [ActivityId]) -> impl Iterator<Item = &'a TimeLog<Code>> {
        self.in_activities(activities).flat_map(|events| events.logs.iter().map(|(_, log)| log))
    }

    fn in_activities<'a>(&'a self, activities: &'a [ActivityId]) -> impl Iterator<Item = &'a ActivityEvents> {
        let own = activities.iter().filter_map(|activity| self.by_activity.get(activity));
        let shared = self.shared.iter().filter(|(of, _)| of.iter().any(|activity| activities.contains(activity)));
        own.chain(shared.map(|(_, events)| events)).map(|events| &**events)
    }

    fn all(&self) -> impl Iterator<Item = &Arc<ActivityEvents>> {
        self.by_activity.values().chain(self.shared.values())
    }

    fn logs(&self) -> impl Iterator<Item = &TimeLog<Code>> {
        self.all().flat_map(|events| events.logs.iter().map(|(_, log)| log))
    }

    /// The number of events of all activities in a span.
    pub(super) fn count(&self, span: Span) -> u64 {
        self.logs().map(|log| log.count(span) as u64).sum()
    }

    /// Whether any event of the store is at or after this time.
    pub(super) fn reach(&self, time: i64) -> bool {
        self.latest.is_some_and(|latest| latest >= time)
    }

    /// The time of the newest event in a span.
    pub(super) fn newest(&self, span: Span) -> Option<i64> {
        self.logs().filter_map(|log| log.newest(span)).max()
    }

    /// The approximate memory of the columns and their containers, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let activity = |events: &Arc<ActivityEvents>| {
            arc_bytes::<ActivityEvents>() + events.logs.capacity() * size_of::<(Kind, TimeLog<Code>)>()
        };
        table_bytes(self.by_activity.capacity(), size_of::<(ActivityId, Arc<ActivityEvents>)>())
            + table_bytes(self.shared.capacity(), size_of::<(Box<[ActivityId]>, Arc<ActivityEvents>)>())
            + self.shared.keys().map(|of| size_of_val(&**of)).sum::<usize>()
            + self.all().map(activity).sum::<usize>()
            + self.logs().map(TimeLog::bytes).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_repeats_a_trigger_matches_each_kind_once() {
        let mut kinds = Arc::new(Kinds::default());
        for definition in [None, Some(1), Some(2)] {
            Kinds::find_or_add(&mut kinds, "CLICK", definition);
        }
        let twice = EventRule::any_of(["CLICK", "CLICK"]);
        assert_eq!(kinds.matching(&twice), [0, 1, 2]);
        assert_eq!(kinds.matching(&twice.clone().of_definitions([2, 2, 9])), [2]);
        assert_eq!(kinds.matching(&EventRule::trigger("VIEW")), [0; 0]);
    }

    #[test]
    fn the_number_of_kinds_is_limited_and_known_kinds_stay() {
        let mut kinds = Arc::new(Kinds::default());
        let limit = i64::try_from(MAX_KINDS).expect("small");
        for definition in 0..limit {
            assert!(Kinds::find_or_add(&mut kinds, "CLICK", Some(definition)).is_some());
        }
        assert_eq!(Kinds::find_or_add(&mut kinds, "CLICK", Some(limit)), None);
        assert_eq!(Kinds::find_or_add(&mut kinds, "CLICK", Some(0)), Some(0));
    }
}
