//! Which searches answer a question, and from which of them each fact is read. Pure.
//! Lives here: one search per window and step, and which facts need no search. Lives elsewhere: which indices a
//! search reads (`index_groups`), how it is written (`query`), what its numbers become (`answer`).

use axon_metrics::{
    ActivityId, EventRule, MAX_ID, Reason, Timestamp, Window,
    source::{BehaviorQuestion, Cells, Counting, QueryScope, Series},
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
    /// Events per cell of these, too. At most [`MAX_SERIES`].
    pub(crate) series: Vec<CellWindows>,
    /// Events per activity, too.
    pub(crate) per_activity: bool,
}

/// How many series one search carries; its reply has names for so many.
pub(crate) const MAX_SERIES: usize = 4;

/// Cells to count in, cut at the instant of the answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CellWindows {
    pub(crate) windows: Vec<Window>,
    pub(crate) whole: Window,
    pub(crate) open: bool,
    /// The time encoding of all indices, if it is one and the cells lie on a grid, and how long a cell is. Else each cell is
    /// a filter of its own.
    pub(crate) grid: Option<(TimeEncoding, TimeDelta)>,
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
    /// For each series asked for: its search, which of the search's series it is, and the number of its cells.
    pub(crate) series: Vec<(FactSource, usize, usize)>,
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
    let mut series = Vec::with_capacity(question.series.len());
    for asked in &question.series {
        let (source, index) = planner.series(asked, question, &current);
        series.push((source, index, asked.cells.count()));
    }
    let active = question.active.map(|window| planner.active(scope, window));
    Plan { searches: planner.searches, current, previous, activities: activities.to_vec(), series, active }
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
        let indices = self.indices(rule, &[window]);
        self.add_search(indices, activities, &rule.definitions, window, distinct, per_activity)
    }

    /// The indices that hold a rule's events, if they store times finely enough for windows as short as these.
    fn indices(&self, rule: &EventRule, windows: &[Window]) -> Result<IndexGroups, Reason> {
        let indices = index_groups::for_rule(rule, self.mappings)?;
        let too_short = |group: &IndexGroup, window: &Window| {
            let times = group.fields.times;
            let step = times.step(&[*window]).and_then(|step| TimeDelta::from_std(step).ok());
            !window.is_empty()
                && times.most.storage == TimeStorage::Float
                && step.is_some_and(|step| window.length() < step * MIN_STEPS)
        };
        let fine = indices.groups.iter().all(|group| !windows.iter().any(|window| too_short(group, window)));
        if fine { Ok(indices) } else { Err(Reason::TimeResolution) }
    }

    /// Events per cell, with a step's search where that counts the same events over more than these cells. The search, and
    /// which of its series it is.
    fn series(&mut self, series: &Series, question: &BehaviorQuestion, current: &[FactSource]) -> (FactSource, usize) {
        let activities = ids(series.activities_of(&question.scope));
        let cells = series.cells.windows();
        let windows: Vec<Window> = cells.iter().map(|cell| cut(*cell, self.as_of)).collect();
        let (Some(first), Some(last)) = (windows.first(), windows.last()) else { return (FactSource::Zero, 0) };
        // Cells after the instant of the answer are empty.
        let whole = Window { from: first.from, to: last.to.min(self.as_of).max(first.from) };
        if windows.iter().all(Window::is_empty) || activities.is_empty() || series.rule.triggers.is_empty() {
            return (FactSource::Zero, 0);
        }
        // Judged by whole cells: the one in progress is as coarse at its beginning only, however much of it is over.
        let indices = match self.indices(&series.rule, &cells) {
            Ok(indices) => indices,
            Err(reason) => return (FactSource::Missing(reason), 0),
        };
        let same = question.steps.iter().position(|rule| *rule == series.rule);
        let covering = same.and_then(|step| match current[step] {
            FactSource::Search(index) => Some(index).filter(|index| {
                let Search { activities: counted, window, series, .. } = &self.searches[*index];
                let covers = window.from <= whole.from && whole.to <= window.to;
                *counted == activities && covers && series.len() < MAX_SERIES
            }),
            _ => None,
        });
        let source = match covering {
            Some(index) => FactSource::Search(index),
            None => self.add_search(Ok(indices), &activities, &series.rule.definitions, whole, false, false),
        };
        let FactSource::Search(index) = source else { return (source, 0) };
        let search = &mut self.searches[index];
        let grid = match &series.cells {
            Cells::Grid(grid) => search.indices.time_encoding().map(|encoding| (encoding, grid.step)),
            _ => None,
        };
        search.series.push(CellWindows { open: whole.to >= self.as_of, windows, whole, grid });
        (source, search.series.len() - 1)
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
                    series: Vec::new(),
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
