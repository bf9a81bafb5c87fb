//! Plans the searches of a question, and from which search each fact is read. Pure.
//! Lives here: one search per window and step, and which facts need no search. Lives elsewhere: the indices of a search
//! (`index_groups`), its text (`query`), the use of its numbers (`answer`).

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
    /// Sorted, without duplicates.
    pub(crate) activities: Vec<u64>,
    /// Sorted, without duplicates. Empty: no restriction.
    pub(crate) definitions: Vec<i64>,
    pub(crate) window: Window,
    /// The window ends at the answer's `as_of`.
    pub(crate) open: bool,
    /// Also counts distinct subjects, by these fields.
    pub(crate) distinct: Option<SubjectFields>,
    /// Also counts events per cell. At most [`MAX_SERIES`].
    pub(crate) series: Vec<CellWindows>,
    /// Also counts events per activity.
    pub(crate) per_activity: bool,
}

/// The most series of one search. A reply has names for as many.
pub(crate) const MAX_SERIES: usize = 4;

/// The cells of a series, clamped to `as_of`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CellWindows {
    pub(crate) windows: Vec<Window>,
    /// From the start of the first cell to the end of the last one.
    pub(crate) whole: Window,
    /// The last cell ends at the answer's `as_of`.
    pub(crate) open: bool,
    /// The time encoding and the length of a cell, if all indices share one encoding and the cells lie on a grid.
    /// `None`: each cell is a filter of its own.
    pub(crate) grid: Option<(TimeEncoding, TimeDelta)>,
}

/// The origin of a fact.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum FactSource {
    /// No search is needed: the window or the list of activities is empty, so the fact is 0.
    Zero,
    Missing(Reason),
    /// The search with this index.
    Search(usize),
}

/// The searches of a question, and the origin of each fact.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    pub(crate) searches: Vec<Search>,
    pub(crate) current: Vec<FactSource>,
    pub(crate) previous: Vec<FactSource>,
    /// The activities whose steps are counted one by one.
    pub(crate) activities: Vec<ActivityId>,
    /// For each series of the question: its origin, its index among the series of the search, and its number of cells.
    pub(crate) series: Vec<(FactSource, usize, usize)>,
    pub(crate) active: Option<FactSource>,
}

/// The shortest window that is measured, in steps of the time encoding. Each bound is off by up to half a step.
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
    for one_series in &question.series {
        let (source, index) = planner.series(one_series, question, &current);
        series.push((source, index, one_series.cells.count()));
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
        let window = clamp_to(self.as_of, window);
        if window.is_empty() || activities.is_empty() || rule.triggers.is_empty() {
            return FactSource::Zero;
        }
        let indices = self.indices(rule, &[window]);
        self.add_search(indices, activities, &rule.definitions, window, distinct, per_activity)
    }

    /// The indices that hold a rule's events, if they store times finely enough for windows as short as these.
    fn indices(&self, rule: &EventRule, windows: &[Window]) -> Result<IndexGroups, Reason> {
        let indices = index_groups::for_rule(rule, self.mappings)?;
        let is_too_short = |group: &IndexGroup, window: &Window| {
            let times = group.fields.times;
            let step = times.step(&[*window]).and_then(|step| TimeDelta::from_std(step).ok());
            !window.is_empty()
                && times.most.storage == TimeStorage::Float
                && step.is_some_and(|step| window.length() < step * MIN_STEPS)
        };
        let are_fine = indices.groups.iter().all(|group| !windows.iter().any(|window| is_too_short(group, window)));
        if are_fine { Ok(indices) } else { Err(Reason::TimeResolution) }
    }

    /// Adds a series to the search of a step if that counts the same events over a window that covers the cells, else
    /// to a new search. Returns the origin, and the index among the series of that search.
    fn series(&mut self, series: &Series, question: &BehaviorQuestion, current: &[FactSource]) -> (FactSource, usize) {
        let activities = ids(series.activities_of(&question.scope));
        let cells = series.cells.windows();
        let windows: Vec<Window> = cells.iter().map(|cell| clamp_to(self.as_of, *cell)).collect();
        let (Some(first), Some(last)) = (windows.first(), windows.last()) else { return (FactSource::Zero, 0) };
        // Cells after `as_of` are empty.
        let whole = Window { from: first.from, to: last.to.min(self.as_of).max(first.from) };
        if windows.iter().all(Window::is_empty) || activities.is_empty() || series.rule.triggers.is_empty() {
            return (FactSource::Zero, 0);
        }
        // Judged by whole cells: of a cell in progress only the beginning is coarse, however much of it is over.
        let indices = match self.indices(&series.rule, &cells) {
            Ok(indices) => indices,
            Err(reason) => return (FactSource::Missing(reason), 0),
        };
        let same_rule = question.steps.iter().position(|rule| *rule == series.rule);
        let covering = same_rule.and_then(|step| match current[step] {
            FactSource::Search(index) => Some(index).filter(|index| {
                let Search { activities: step_activities, window, series, .. } = &self.searches[*index];
                let covers = window.from <= whole.from && whole.to <= window.to;
                *step_activities == activities && covers && series.len() < MAX_SERIES
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
        let (window, activities) = (clamp_to(self.as_of, window), ids(&scope.activities));
        if window.is_empty() || activities.is_empty() {
            return FactSource::Zero;
        }
        let indices = index_groups::for_any_event(self.mappings).and_then(|indices| {
            let is_coarse = indices.groups.iter().any(|group| group.fields.times.most.storage == TimeStorage::Float);
            if is_coarse { Err(Reason::TimeResolution) } else { Ok(indices) }
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

/// The part of a window before `as_of`; empty if there is none.
fn clamp_to(as_of: Timestamp, window: Window) -> Window {
    Window { from: window.from, to: window.to.min(as_of).max(window.from) }
}

/// Sorted ids, so that equal questions have equal texts. Ids beyond [`MAX_ID`] are left out: no stored id is larger.
fn ids(activities: &[ActivityId]) -> Vec<u64> {
    sorted(activities.iter().map(|id| id.0).filter(|id| *id <= MAX_ID).collect())
}

fn sorted<T: Ord>(mut list: Vec<T>) -> Vec<T> {
    list.sort_unstable();
    list.dedup();
    list
}
