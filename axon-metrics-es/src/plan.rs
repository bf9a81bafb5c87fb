//! Plans the searches of a question, and from which search each fact is read. Pure.
//! Lives here: one search per window and step, the searches that count what a figure lacks, and which facts need no
//! search. Lives elsewhere: the indices of a search (`index_groups`), its text (`query`), the use of its numbers
//! (`answer`).

use axon_metrics::{
    ActivityId, EventRule, MAX_ID, Reason, Timestamp, Window,
    facts::{LeftOutPlace, LeftOutReason},
    source::{BehaviorQuestion, Cells, Counting, QueryScope, Series},
};
use chrono::TimeDelta;

use crate::{
    error::Fault,
    index_groups::{self, Gap, IndexGroup, IndexGroups, PURCHASE, SubjectFields},
    losses::{LossyField, MAX_SKEW},
    mapping::Mappings,
    reply::MAX_SERIES,
    time_encoding::{TimeEncoding, TimeStorage},
    times,
    wall_clock::WallClock,
};

/// One search.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Search {
    pub(crate) indices: IndexGroups,
    /// Sorted, without duplicates.
    pub(crate) activities: Vec<u64>,
    /// Sorted, without duplicates. Empty: no restriction.
    pub(crate) definitions: Vec<i64>,
    /// In stored times, as all windows of a search.
    pub(crate) window: Window,
    /// The window ends at the answer's `as_of`.
    pub(crate) open: bool,
    /// Which records are counted.
    pub(crate) records: Records,
    /// Counts what other searches lack, and is the origin of no fact.
    pub(crate) auxiliary: bool,
    /// What its figures lack.
    pub(crate) losses: Vec<Loss>,
    /// Also counts distinct subjects, by these fields.
    pub(crate) distinct: Option<SubjectFields>,
    /// Also counts events per cell. At most [`MAX_SERIES`].
    pub(crate) series: Vec<CellWindows>,
    /// Also counts events per activity.
    pub(crate) per_activity: bool,
}

/// Which records a search counts, of the events that it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Records {
    /// Those in the window.
    InWindow,
    /// Those in the window, of any activity.
    OfAnyActivity,
    /// At any time.
    AtAnyTime,
    WithoutTime,
    OutOfRange,
    /// Those in the window of which a field was ignored. Where that field says what they are about (the trigger, the
    /// activity), they are not limited by it.
    Ignored(LossyField),
    /// Those in the window that name a user or a session which was ignored.
    WithoutSubject,
}

/// Records that a figure lacks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Loss {
    pub(crate) reason: LeftOutReason,
    pub(crate) place: LeftOutPlace,
    /// The search that counts them.
    pub(crate) search: usize,
    /// The search that counts all records of that kind; `None` for a loss in the window.
    pub(crate) of: Option<usize>,
    /// The number in the whole store, from the last probe, for the case that the search fails.
    pub(crate) in_store: u64,
}

impl PartialEq for Loss {
    /// Whether both are counted in the same way.
    fn eq(&self, other: &Self) -> bool {
        let Self { reason, place, search, of, in_store: _ } = self;
        (reason, place, search, of) == (&other.reason, &other.place, &other.search, &other.of)
    }
}

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
    /// The server refuses to read the indices: the fault with this index.
    Refused(usize),
    /// The search with this index.
    Search(usize),
}

/// The searches of a question, and the origin of each fact.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) searches: Vec<Search>,
    pub(crate) current: Vec<FactSource>,
    pub(crate) previous: Vec<FactSource>,
    /// The activities whose steps are counted one by one.
    pub(crate) activities: Vec<ActivityId>,
    /// For each series of the question: its origin, its index among the series of the search, and its number of cells.
    pub(crate) series: Vec<(FactSource, usize, usize)>,
    pub(crate) active: Option<FactSource>,
    /// Why the server refuses to read indices.
    pub(crate) refusals: Vec<Fault>,
    /// The instant of the probe that the plan follows from.
    pub(crate) checked_at: Timestamp,
}

impl PartialEq for Plan {
    /// Whether both ask the same. The instants of their probes do not matter.
    fn eq(&self, other: &Self) -> bool {
        let Self { searches, current, previous, activities, series, active, refusals, checked_at: _ } = self;
        *searches == other.searches
            && (current, previous, series) == (&other.current, &other.previous, &other.series)
            && (activities, active, refusals) == (&other.activities, &other.active, &other.refusals)
    }
}

/// The shortest window that is measured, in steps of the time encoding. Each bound is off by up to half a step.
const MIN_STEPS: i32 = 3;

pub(crate) fn plan(question: &BehaviorQuestion, mappings: &Mappings, clock: WallClock) -> Plan {
    let scope = &*question.scope;
    let mut planner = Planner { mappings, clock, as_of: scope.as_of, searches: Vec::new(), refusals: Vec::new() };
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
    let Planner { searches, refusals, .. } = planner;
    let activities = activities.to_vec();
    Plan { searches, current, previous, activities, series, active, refusals, checked_at: mappings.checked_at }
}

struct Planner<'a> {
    mappings: &'a Mappings,
    /// The wall clock of stored times.
    clock: WallClock,
    as_of: Timestamp,
    searches: Vec<Search>,
    refusals: Vec<Fault>,
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
    fn indices(&self, rule: &EventRule, windows: &[Window]) -> Result<IndexGroups, Gap> {
        let indices = index_groups::for_rule(rule, self.mappings)?;
        let is_too_short = |group: &IndexGroup, window: &Window| {
            let times = group.fields.times;
            let step = times.step(&[*window]).and_then(|step| TimeDelta::from_std(step).ok());
            !window.is_empty()
                && times.most.storage == TimeStorage::Float
                && step.is_some_and(|step| window.length() < step * MIN_STEPS)
        };
        let are_fine = indices.groups.iter().all(|group| !windows.iter().any(|window| is_too_short(group, window)));
        if are_fine { Ok(indices) } else { Err(Gap::NotMeasured(Reason::TimeResolution)) }
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
            Err(gap) => return (self.gap(gap), 0),
        };
        let clock = self.clock;
        let (stored, is_steady) = (clock.window(whole), clock.is_steady(whole));
        let same_rule = question.steps.iter().position(|rule| *rule == series.rule);
        let covering = same_rule.and_then(|step| match current[step] {
            FactSource::Search(index) => Some(index).filter(|index| {
                let Search { activities: step_activities, window, series, .. } = &self.searches[*index];
                let covers = window.from <= stored.from && stored.to <= window.to;
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
            Cells::Grid(grid) if is_steady => search.indices.time_encoding().map(|encoding| (encoding, grid.step)),
            _ => None,
        };
        let windows = windows.into_iter().map(|window| clock.window(window)).collect();
        search.series.push(CellWindows { open: whole.to >= self.as_of, windows, whole: stored, grid });
        (source, search.series.len() - 1)
    }

    fn active(&mut self, scope: &QueryScope, window: Window) -> FactSource {
        let (window, activities) = (clamp_to(self.as_of, window), ids(&scope.activities));
        if window.is_empty() || activities.is_empty() {
            return FactSource::Zero;
        }
        let indices = index_groups::for_any_event(self.mappings).and_then(|indices| {
            let is_coarse = indices.groups.iter().any(|group| group.fields.times.most.storage == TimeStorage::Float);
            if is_coarse { Err(Gap::NotMeasured(Reason::TimeResolution)) } else { Ok(indices) }
        });
        self.add_search(indices, &activities, &[], window, true, false)
    }

    fn gap(&mut self, gap: Gap) -> FactSource {
        match gap {
            Gap::NotMeasured(reason) => FactSource::Missing(reason),
            Gap::Refused(fault) => {
                self.refusals.push(fault);
                FactSource::Refused(self.refusals.len() - 1)
            }
        }
    }

    fn add_search(
        &mut self,
        indices: Result<IndexGroups, Gap>,
        activities: &[u64],
        definitions: &[i64],
        window: Window,
        distinct: bool,
        per_activity: bool,
    ) -> FactSource {
        let distinct = |indices: &IndexGroups| {
            let fields = distinct.then(|| indices.subject_fields().map_err(Gap::NotMeasured));
            fields.transpose()
        };
        let (indices, distinct) = match indices.and_then(|indices| Ok((distinct(&indices)?, indices))) {
            Err(gap) => return self.gap(gap),
            Ok((distinct, indices)) => (indices, distinct),
        };
        let index = self.searches.len();
        let search = Search {
            indices,
            activities: activities.to_vec(),
            definitions: sorted(definitions.to_vec()),
            window: self.clock.window(window),
            open: window.to >= self.as_of,
            records: Records::InWindow,
            auxiliary: false,
            losses: Vec::new(),
            distinct,
            series: Vec::new(),
            per_activity,
        };
        self.searches.push(search.clone());
        self.searches[index].losses = self.losses(search);
        FactSource::Search(index)
    }

    /// The losses of a search, each with the searches that count them for its scope. None where the last probe found none.
    fn losses(&mut self, search: Search) -> Vec<Loss> {
        use LeftOutPlace::{Store, Window as InWindow};
        let found = search.indices.losses;
        let of_people = search.distinct.is_some();
        let template = Search { auxiliary: true, distinct: None, ..search };
        // Equal for both windows where the window does not matter.
        let nothing = Window { from: times::last(), to: times::last() };
        let with = |records: Records| match records {
            Records::AtAnyTime | Records::WithoutTime | Records::OutOfRange => {
                Search { records, window: nothing, open: false, ..template.clone() }
            }
            _ => Search { records, ..template.clone() },
        };
        let mut losses = Vec::new();
        let ignored = |fields: &[LossyField]| fields.iter().map(|field| found.ignored(*field)).sum::<u64>();
        for (in_store, records, reason) in [
            (found.no_time, Records::WithoutTime, LeftOutReason::NoTime),
            (found.out_of_range, Records::OutOfRange, LeftOutReason::TimeOutOfRange),
        ] {
            if in_store > 0 {
                let of = Some(self.auxiliary(with(Records::AtAnyTime)));
                losses.push(Loss { reason, place: Store, search: self.auxiliary(with(records)), of, in_store });
            }
        }
        if found.hours_ahead.is_none() && found.may_lie_after(self.as_of) {
            let future = Window { from: self.as_of + MAX_SKEW, to: times::last() };
            let window = self.clock.window(future);
            let of = Some(self.auxiliary(with(Records::AtAnyTime)));
            let search = self.auxiliary(Search { window, open: false, ..template.clone() });
            losses.push(Loss { reason: LeftOutReason::Future, place: Store, search, of, in_store: found.future });
        }
        let definition = !template.definitions.is_empty();
        for (field, concerned) in [(LossyField::Trigger, true), (LossyField::Definition, definition)] {
            let in_store = found.ignored(field);
            if concerned && in_store > 0 {
                let search = self.auxiliary(with(Records::Ignored(field)));
                let reason = field.reason();
                losses.push(Loss { reason, place: InWindow, search, of: None, in_store });
            }
        }
        let in_store = ignored(&[LossyField::Activity, LossyField::Page]);
        if in_store > 0 {
            let all = |records: Records| Search { activities: Vec::new(), per_activity: false, ..with(records) };
            let of = Some(self.auxiliary(all(Records::OfAnyActivity)));
            let search = self.auxiliary(all(Records::Ignored(LossyField::Activity)));
            losses.push(Loss { reason: LeftOutReason::NoActivity, place: Store, search, of, in_store });
        }
        let in_store = ignored(&[LossyField::User, LossyField::Session]);
        if of_people && in_store > 0 {
            let search = self.auxiliary(with(Records::WithoutSubject));
            losses.push(Loss { reason: LeftOutReason::NoSubject, place: InWindow, search, of: None, in_store });
        }
        let is_of_purchases = |group: &IndexGroup| group.triggers.names(PURCHASE);
        if template.indices.groups.iter().any(is_of_purchases)
            && let Some(indices) = index_groups::of_unbelieved_purchases(self.mappings)
        {
            let in_store = indices.losses.purchases;
            let search = self.auxiliary(Search { indices, ..template });
            losses.push(Loss { reason: LeftOutReason::NotBelieved, place: InWindow, search, of: None, in_store });
        }
        losses
    }

    /// Adds a search that counts what another one lacks. Two equal ones are one.
    fn auxiliary(&mut self, search: Search) -> usize {
        let same = self.searches.iter().position(|one| *one == search);
        same.unwrap_or_else(|| {
            self.searches.push(search);
            self.searches.len() - 1
        })
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
