//! Which searches answer a question, and from which of them each fact is read. Pure.
//! Lives here: one search per window and step, and which facts need no search. Lives elsewhere: which indices a
//! search reads (`index_groups`), how it is written (`query`), what its numbers become (`answer`).

use axon_metrics::{
    ActivityId, EventRule, MAX_ID, Reason, Timestamp, Window,
    source::{BehaviorQuestion, Counting, InflowQuestion, QueryScope},
};
use chrono::TimeDelta;

use crate::{
    index_groups::{self, IndexGroup, IndexGroups, SubjectFields},
    mapping::Mappings,
    time_encoding::{TimeEncoding, TimeStorage},
};

/// One search.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Search {
    pub(crate) indices: IndexGroups,
    /// In their order, each once.
    pub(crate) activities: Vec<u64>,
    /// In their order, each once; empty for all.
    pub(crate) definitions: Vec<i64>,
    pub(crate) window: Window,
    /// The window ends with the instant of the answer.
    pub(crate) open: bool,
    /// Distinct subjects, too.
    pub(crate) distinct: Option<SubjectFields>,
    /// Events per hour, too.
    pub(crate) hours: Option<HourWindows>,
    /// Events per activity, too.
    pub(crate) per_activity: bool,
}

/// Hours to count in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HourWindows {
    pub(crate) windows: Vec<Window>,
    pub(crate) whole: Window,
    pub(crate) open: bool,
    /// The time encoding of all indices, if it is one and the hours lie on a grid. Else each hour is a filter of its own.
    pub(crate) grid: Option<TimeEncoding>,
}

/// Where a fact is read from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum FactSource {
    /// No search: nothing can be counted, so the fact is zero.
    Zero,
    Missing(Reason),
    /// The search with this number.
    Search(usize),
}

/// The searches of a question, and where each fact comes from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    pub(crate) searches: Vec<Search>,
    pub(crate) current: Vec<FactSource>,
    pub(crate) previous: Vec<FactSource>,
    /// Those that steps are counted for one by one.
    pub(crate) activities: Vec<ActivityId>,
    /// With the number of hours asked for.
    pub(crate) inflow: Option<(FactSource, usize)>,
    pub(crate) active: Option<FactSource>,
}

/// A window shorter than this many steps of the time encoding is not measured: its bounds are off by up to half a step each.
const MIN_STEPS: i32 = 3;

pub(crate) fn plan(question: &BehaviorQuestion, mappings: &Mappings) -> Plan {
    let scope = &*question.scope;
    let mut planner = Planner { mappings, as_of: scope.as_of, searches: Vec::new() };
    let funnel = ids(&scope.funnel_activities);
    let activities = if scope.by_activity && !question.steps.is_empty() { &scope.funnel_activities[..] } else { &[] };
    let distinct = scope.counting == Counting::Subjects;
    let mut steps = |window: Window, per_activity: bool| -> Vec<FactSource> {
        let step = |rule: &EventRule| planner.step(rule, &funnel, window, distinct, per_activity);
        question.steps.iter().map(step).collect()
    };
    let current = steps(scope.current, !activities.is_empty());
    let previous = scope.previous.map(|window| steps(window, false)).unwrap_or_default();
    let inflow = question.inflow.as_ref();
    let inflow = inflow.map(|inflow| (planner.inflow(inflow, question, &current), inflow.hours.len()));
    let active = question.active.map(|window| planner.active(scope, window));
    Plan { searches: planner.searches, current, previous, activities: activities.to_vec(), inflow, active }
}

struct Planner<'a> {
    mappings: &'a Mappings,
    as_of: Timestamp,
    searches: Vec<Search>,
}

impl Planner<'_> {
    fn step(
        &mut self,
        rule: &EventRule,
        activities: &[u64],
        window: Window,
        distinct: bool,
        per_activity: bool,
    ) -> FactSource {
        let window = cut(window, self.as_of);
        if window.is_empty() || activities.is_empty() || rule.triggers.is_empty() {
            return FactSource::Zero;
        }
        let indices = index_groups::for_rule(rule, self.mappings).and_then(|indices| {
            let too_short = |group: &IndexGroup| {
                let times = group.fields.times;
                let step = times.step(&[window]).and_then(|step| TimeDelta::from_std(step).ok());
                times.most.storage == TimeStorage::Float && step.is_some_and(|step| window.length() < step * MIN_STEPS)
            };
            if indices.groups.iter().any(too_short) { Err(Reason::TimeResolution) } else { Ok(indices) }
        });
        self.add_search(indices, activities, &rule.definitions, window, distinct, per_activity)
    }

    /// Events per hour, with the first step's search where that counts the same events over more than these hours.
    fn inflow(&mut self, inflow: &InflowQuestion, question: &BehaviorQuestion, current: &[FactSource]) -> FactSource {
        let activities = ids(&question.scope.activities);
        let windows: Vec<Window> = inflow.hours.iter().map(|hour| cut(*hour, self.as_of)).collect();
        let (Some(first), Some(last)) = (windows.first(), windows.last()) else { return FactSource::Zero };
        let whole = Window { from: first.from, to: last.to };
        if windows.iter().all(Window::is_empty) || activities.is_empty() || inflow.rule.triggers.is_empty() {
            return FactSource::Zero;
        }
        let same = question.steps.iter().position(|rule| *rule == inflow.rule);
        let covering = same.and_then(|step| match current[step] {
            FactSource::Search(search) => Some(search).filter(|search| {
                let Search { activities: counted, window, .. } = &self.searches[*search];
                *counted == activities && window.from <= whole.from && whole.to <= window.to
            }),
            _ => None,
        });
        let source = match covering {
            Some(search) => FactSource::Search(search),
            None => {
                let indices = index_groups::for_rule(&inflow.rule, self.mappings);
                self.add_search(indices, &activities, &inflow.rule.definitions, whole, false, false)
            }
        };
        if let FactSource::Search(search) = source {
            let search = &mut self.searches[search];
            let encoding = search.indices.time_encoding().filter(|_| on_a_grid(&windows));
            search.hours = Some(HourWindows { open: whole.to >= self.as_of, windows, whole, grid: encoding });
        }
        source
    }

    fn active(&mut self, scope: &QueryScope, window: Window) -> FactSource {
        let (window, activities) = (cut(window, self.as_of), ids(&scope.activities));
        if window.is_empty() || activities.is_empty() {
            return FactSource::Zero;
        }
        let indices = index_groups::for_any_event(self.mappings).and_then(|indices| {
            let coarse = indices.groups.iter().any(|group| group.fields.times.most.storage == TimeStorage::Float);
            if coarse { Err(Reason::TimeResolution) } else { Ok(indices) }
        });
        self.add_search(indices, &activities, &[], window, true, false)
    }

    fn add_search(
        &mut self,
        indices: Result<IndexGroups, Reason>,
        activities: &[u64],
        definitions: &[i64],
        window: Window,
        distinct: bool,
        per_activity: bool,
    ) -> FactSource {
        let distinct = |indices: &IndexGroups| if distinct { indices.subject_fields().map(Some) } else { Ok(None) };
        match indices.and_then(|indices| Ok((distinct(&indices)?, indices))) {
            Err(reason) => FactSource::Missing(reason),
            Ok((distinct, indices)) => {
                let open = window.to >= self.as_of;
                let (activities, definitions) = (activities.to_vec(), sorted(definitions.to_vec()));
                self.searches.push(Search {
                    indices,
                    activities,
                    definitions,
                    window,
                    open,
                    distinct,
                    hours: None,
                    per_activity,
                });
                FactSource::Search(self.searches.len() - 1)
            }
        }
    }
}

/// Nothing at or after the answer's instant is used.
fn cut(window: Window, as_of: Timestamp) -> Window {
    Window { from: window.from, to: window.to.min(as_of).max(window.from) }
}

/// Ids in one order, so that equal questions are equal texts. Beyond a signed 64-bit number there is nothing to find.
fn ids(activities: &[ActivityId]) -> Vec<u64> {
    sorted(activities.iter().map(|id| id.0).filter(|id| *id <= MAX_ID).collect())
}

fn sorted<T: Ord>(mut list: Vec<T>) -> Vec<T> {
    list.sort_unstable();
    list.dedup();
    list
}

/// Whether each hour begins an hour after the one before, where that one ends. The last may be shorter.
fn on_a_grid(hours: &[Window]) -> bool {
    let hour = TimeDelta::hours(1);
    let follows = |pair: &[Window]| pair[0].to == pair[1].from && pair[0].length() == hour;
    hours.windows(2).all(follows) && hours.last().is_none_or(|last| last.length() <= hour)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(minutes: &[i64]) -> Vec<Window> {
        let at = |minute: i64| Timestamp::from_timestamp(minute * 60, 0).unwrap();
        minutes.windows(2).map(|pair| Window { from: at(pair[0]), to: at(pair[1]) }).collect()
    }

    #[test]
    fn hours_lie_on_a_grid_but_where_clocks_are_moved_by_less() {
        assert!(on_a_grid(&hours(&[45, 105, 165, 170])));
        assert!(on_a_grid(&hours(&[45, 105, 105])), "the last may be empty");
        assert!(!on_a_grid(&hours(&[0, 60, 90, 150])));
        assert!(!on_a_grid(&hours(&[0, 30, 90])), "the first may not be short");
        let [first, _, third] = hours(&[0, 60, 120, 180])[..] else { panic!("three hours") };
        assert!(!on_a_grid(&[first, third]), "a gap");
    }
}
