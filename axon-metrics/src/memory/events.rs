//! The event columns: a log per activity and kind of event, so that counting is two binary searches.
//! Lives here: kinds, partitions, adding. Lives elsewhere: the questions (`behavior`), logs (`time_log`), who they are about (`subjects`).

use std::{collections::BTreeMap, sync::Arc};

use ahash::HashMap;

use super::{
    subjects::{Code, table},
    time_log::{Pending, Span, TimeLog, shared},
};
use crate::{ActivityId, vocabulary::EventRule};

/// The code of a trigger type with a tracker definition.
pub(super) type Kind = u16;

/// How many kinds of events a store distinguishes.
pub(super) const MAX_KINDS: usize = u16::MAX as usize;

/// How many activities, and sets of activities that share events, a store keeps events of. Adding copies a word for each.
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

    /// The kind, made if there is none yet. `None` when there are too many.
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

    /// The kinds a rule matches, each once, in order.
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
    /// The logs of some kinds, which are sorted.
    fn of<'a>(&'a self, kinds: &'a [Kind]) -> impl Iterator<Item = &'a TimeLog<Code>> {
        self.logs.iter().filter(|(kind, _)| kinds.binary_search(kind).is_ok()).map(|(_, log)| log)
    }

    fn log_mut(&mut self, kind: Kind) -> &mut TimeLog<Code> {
        let place = self.logs.binary_search_by_key(&kind, |(kind, _)| *kind).unwrap_or_else(|place| {
            self.logs.insert(place, (kind, TimeLog::default()));
            place
        });
        &mut self.logs[place].1
    }
}

/// The activities that an event belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Owners {
    One(ActivityId),
    /// One that it names and others on whose pages it happened; sorted, each once.
    Several(Box<[ActivityId]>),
}

impl Owners {
    /// `None` of none.
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

/// Events on their way into the columns.
#[derive(Debug, Default)]
pub(super) struct PendingEvents {
    parts: HashMap<(Owners, Kind), Pending<Code>>,
}

impl PendingEvents {
    pub(super) fn push(&mut self, owners: Owners, kind: Kind, at: i64, subject: Code) {
        self.parts.entry((owners, kind)).or_default().push(at, subject);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }
}

/// All events. Cloning is cheap and keeps what was there.
#[derive(Debug, Clone, Default)]
pub(super) struct Events {
    by_activity: Arc<HashMap<ActivityId, Arc<ActivityEvents>>>,
    /// Those of several activities, in a map of their own, so that a union of activities holds each once. None unless pages are looked at.
    of_several: Arc<HashMap<Box<[ActivityId]>, Arc<ActivityEvents>>>,
}

impl Events {
    pub(super) fn add(&mut self, pending: PendingEvents) {
        let by_activity = Arc::make_mut(&mut self.by_activity);
        for ((owners, kind), rows) in pending.parts {
            let events = match owners {
                Owners::One(activity) => by_activity.entry(activity).or_default(),
                Owners::Several(activities) => Arc::make_mut(&mut self.of_several).entry(activities).or_default(),
            };
            Arc::make_mut(events).log_mut(kind).append(rows);
        }
    }

    /// The logs of some activities' events of some kinds, which are sorted.
    pub(super) fn of<'a>(
        &'a self,
        activities: &'a [ActivityId],
        kinds: &'a [Kind],
    ) -> impl Iterator<Item = &'a TimeLog<Code>> {
        self.in_activities(activities).flat_map(|events| events.of(kinds))
    }

    /// The logs of all events of some activities.
    pub(super) fn any<'a>(&'a self, activities: &'a [ActivityId]) -> impl Iterator<Item = &'a TimeLog<Code>> {
        self.in_activities(activities).flat_map(|events| events.logs.iter().map(|(_, log)| log))
    }

    fn in_activities<'a>(&'a self, activities: &'a [ActivityId]) -> impl Iterator<Item = &'a ActivityEvents> {
        let alone = activities.iter().filter_map(|activity| self.by_activity.get(activity));
        let shared = self.of_several.iter().filter(|(of, _)| of.iter().any(|activity| activities.contains(activity)));
        alone.chain(shared.map(|(_, events)| events)).map(|events| &**events)
    }

    fn all(&self) -> impl Iterator<Item = &Arc<ActivityEvents>> {
        self.by_activity.values().chain(self.of_several.values())
    }

    fn logs(&self) -> impl Iterator<Item = &TimeLog<Code>> {
        self.all().flat_map(|events| events.logs.iter().map(|(_, log)| log))
    }

    /// Events of all activities in a span.
    pub(super) fn count(&self, span: Span) -> u64 {
        self.logs().map(|log| log.count(span) as u64).sum()
    }

    pub(super) fn newest(&self, span: Span) -> Option<i64> {
        self.logs().filter_map(|log| log.newest(span)).max()
    }

    /// Bytes the columns take, with what holds them, about.
    pub(super) fn bytes(&self) -> usize {
        let activity = |events: &Arc<ActivityEvents>| {
            shared::<ActivityEvents>() + events.logs.capacity() * size_of::<(Kind, TimeLog<Code>)>()
        };
        table(self.by_activity.capacity(), size_of::<(ActivityId, Arc<ActivityEvents>)>())
            + table(self.of_several.capacity(), size_of::<(Box<[ActivityId]>, Arc<ActivityEvents>)>())
            + self.of_several.keys().map(|of| size_of_val(&**of)).sum::<usize>()
            + self.all().map(activity).sum::<usize>()
            + self.logs().map(TimeLog::bytes).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_matches_a_rule_once_however_often_the_rule_names_its_trigger() {
        let mut kinds = Arc::new(Kinds::default());
        for definition in [None, Some(1), Some(2)] {
            Kinds::find_or_add(&mut kinds, "CLICK", definition);
        }
        let twice = EventRule { triggers: vec!["CLICK".into(), "CLICK".into()], definitions: vec![] };
        assert_eq!(kinds.matching(&twice), [0, 1, 2]);
        assert_eq!(kinds.matching(&twice.clone().of_definitions([2, 2, 9])), [2]);
        assert_eq!(kinds.matching(&EventRule::trigger("VIEW")), [0; 0]);
    }

    #[test]
    fn the_kinds_are_limited_and_those_known_stay_known() {
        let mut kinds = Arc::new(Kinds::default());
        let limit = i64::try_from(MAX_KINDS).expect("small");
        for definition in 0..limit {
            assert!(Kinds::find_or_add(&mut kinds, "CLICK", Some(definition)).is_some());
        }
        assert_eq!(Kinds::find_or_add(&mut kinds, "CLICK", Some(limit)), None);
        assert_eq!(Kinds::find_or_add(&mut kinds, "CLICK", Some(0)), Some(0));
    }
}
