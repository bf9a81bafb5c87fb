//! Which searches answer a question, and which fact is read off which of them. Pure.
//! Lives here: one search per window and step, and what can be told without a search. Lives elsewhere: which indices a
//! search reads (`reading`), how it is written (`query`), what its numbers become (`answer`).

use axon_metrics::{
    ActivityId, EventRule, MAX_ID, Reason, Timestamp, Window,
    source::{BehaviorQuestion, Counting, InflowQuestion, QueryScope},
};
use chrono::TimeDelta;

use crate::{
    clock::{Clock, Kept},
    reading::{self, Distinct, Group, Reading},
    shape::Shapes,
};

/// One search.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Item {
    pub(crate) reading: Reading,
    /// In their order, each once.
    pub(crate) activities: Vec<u64>,
    /// In their order, each once; empty for all.
    pub(crate) definitions: Vec<i64>,
    pub(crate) window: Window,
    /// The window ends with the instant of the answer.
    pub(crate) open: bool,
    /// Distinct subjects, too.
    pub(crate) distinct: Option<Distinct>,
    /// Events per hour, too.
    pub(crate) hours: Option<Hours>,
    /// Events for each activity apart, too.
    pub(crate) apart: bool,
}

/// Hours to count in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Hours {
    pub(crate) windows: Vec<Window>,
    pub(crate) whole: Window,
    pub(crate) open: bool,
    /// The clock of all indices, if it is one and the hours lie on a grid. Else each hour is a filter of its own.
    pub(crate) grid: Option<Clock>,
}

/// Where a fact comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Place {
    /// Nothing can be in it.
    Zero,
    Missing(Reason),
    /// The search with this number.
    Item(usize),
}

/// The searches of a question, and where each fact comes from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    pub(crate) items: Vec<Item>,
    pub(crate) current: Vec<Place>,
    pub(crate) previous: Vec<Place>,
    pub(crate) apart: Vec<ActivityId>,
    /// With the number of hours asked for.
    pub(crate) inflow: Option<(Place, usize)>,
    pub(crate) active: Option<Place>,
}

/// A window shorter than this many steps of the clock is not measured: its bounds are off by up to half a step each.
const FEWEST_STEPS: i32 = 3;

pub(crate) fn plan(question: &BehaviorQuestion, shapes: &Shapes) -> Plan {
    let scope = &*question.scope;
    let mut planner = Planner { shapes, as_of: scope.as_of, items: Vec::new() };
    let funnel = ids(&scope.funnel_activities);
    let apart = if scope.by_activity && !question.steps.is_empty() { &scope.funnel_activities[..] } else { &[] };
    let distinct = scope.counting == Counting::Subjects;
    let mut steps = |window: Window, apart: bool| -> Vec<Place> {
        let step = |rule: &EventRule| planner.step(rule, &funnel, window, distinct, apart);
        question.steps.iter().map(step).collect()
    };
    let current = steps(scope.current, !apart.is_empty());
    let previous = scope.previous.map(|window| steps(window, false)).unwrap_or_default();
    let inflow = question.inflow.as_ref();
    let inflow = inflow.map(|inflow| (planner.inflow(inflow, question, &current), inflow.hours.len()));
    let active = question.active.map(|window| planner.active(scope, window));
    Plan { items: planner.items, current, previous, apart: apart.to_vec(), inflow, active }
}

struct Planner<'a> {
    shapes: &'a Shapes,
    as_of: Timestamp,
    items: Vec<Item>,
}

impl Planner<'_> {
    fn step(&mut self, rule: &EventRule, activities: &[u64], window: Window, distinct: bool, apart: bool) -> Place {
        let window = cut(window, self.as_of);
        if window.is_empty() || activities.is_empty() || rule.triggers.is_empty() {
            return Place::Zero;
        }
        let reading = reading::of_rule(rule, self.shapes).and_then(|reading| {
            let too_short = |group: &Group| {
                let times = group.shape.times;
                let step = times.step(&[window]).and_then(|step| TimeDelta::from_std(step).ok());
                times.most.kept == Kept::Float && step.is_some_and(|step| window.length() < step * FEWEST_STEPS)
            };
            if reading.groups.iter().any(too_short) { Err(Reason::TimeResolution) } else { Ok(reading) }
        });
        self.item(reading, activities, &rule.definitions, window, distinct, apart)
    }

    /// Events per hour, with the first step's search where that counts the same events over more than these hours.
    fn inflow(&mut self, inflow: &InflowQuestion, question: &BehaviorQuestion, current: &[Place]) -> Place {
        let activities = ids(&question.scope.activities);
        let windows: Vec<Window> = inflow.hours.iter().map(|hour| cut(*hour, self.as_of)).collect();
        let (Some(first), Some(last)) = (windows.first(), windows.last()) else { return Place::Zero };
        let whole = Window { from: first.from, to: last.to };
        if windows.iter().all(Window::is_empty) || activities.is_empty() || inflow.rule.triggers.is_empty() {
            return Place::Zero;
        }
        let same = question.steps.iter().position(|rule| *rule == inflow.rule);
        let covering = same.and_then(|step| match current[step] {
            Place::Item(item) => Some(item).filter(|item| {
                let Item { activities: counted, window, .. } = &self.items[*item];
                *counted == activities && window.from <= whole.from && whole.to <= window.to
            }),
            _ => None,
        });
        let place = match covering {
            Some(item) => Place::Item(item),
            None => {
                let reading = reading::of_rule(&inflow.rule, self.shapes);
                self.item(reading, &activities, &inflow.rule.definitions, whole, false, false)
            }
        };
        if let Place::Item(item) = place {
            let item = &mut self.items[item];
            let clock = item.reading.clock().filter(|_| on_a_grid(&windows));
            item.hours = Some(Hours { open: whole.to >= self.as_of, windows, whole, grid: clock });
        }
        place
    }

    fn active(&mut self, scope: &QueryScope, window: Window) -> Place {
        let (window, activities) = (cut(window, self.as_of), ids(&scope.activities));
        if window.is_empty() || activities.is_empty() {
            return Place::Zero;
        }
        let reading = reading::of_any(self.shapes).and_then(|reading| {
            let coarse = reading.groups.iter().any(|group| group.shape.times.most.kept == Kept::Float);
            if coarse { Err(Reason::TimeResolution) } else { Ok(reading) }
        });
        self.item(reading, &activities, &[], window, true, false)
    }

    fn item(
        &mut self,
        reading: Result<Reading, Reason>,
        activities: &[u64],
        definitions: &[i64],
        window: Window,
        distinct: bool,
        apart: bool,
    ) -> Place {
        let distinct = |reading: &Reading| if distinct { reading.distinct().map(Some) } else { Ok(None) };
        match reading.and_then(|reading| Ok((distinct(&reading)?, reading))) {
            Err(reason) => Place::Missing(reason),
            Ok((distinct, reading)) => {
                let open = window.to >= self.as_of;
                let (activities, definitions) = (activities.to_vec(), sorted(definitions.to_vec()));
                self.items.push(Item { reading, activities, definitions, window, open, distinct, hours: None, apart });
                Place::Item(self.items.len() - 1)
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
