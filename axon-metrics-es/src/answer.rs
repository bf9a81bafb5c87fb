//! Turns the replies of the searches into facts. Pure.
//! Lives here: the checks of a reply against its search, and the precision of each number. Lives elsewhere: reading a
//! reply (`reply`), what a fact was made from (`coverage`).

use std::{collections::HashMap, sync::Arc, time::Duration};

use axon_metrics::{
    Fact, Measured, Missing, Precision, Reason, SourceError, Timestamp, Window,
    facts::{BehaviorFacts, Coverage, StepCounts},
};

use crate::{
    coverage::{self, Part},
    error::{Fault, NAME, QueryError},
    index_groups::IndexGroups,
    plan::{CellWindows, FactSource, Plan, Search},
    reply::{self, Outcome, SearchReply},
    search_figures::SearchFigures,
};

/// The ingest lag: how long an event takes to become visible to a search.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lag {
    pub(crate) lag: Duration,
    /// It was not measured by the owner.
    pub(crate) assumed: bool,
}

/// The name of the searches in errors.
pub(crate) const QUERY: &str = "event search";

/// What the replies imply about the cached mapping. The worst verdict of all searches applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum MappingVerdict {
    Valid,
    /// No search found an event, which is also how a changed mapping looks.
    Unconfirmed,
    /// A search or one of its shards rejected the request, perhaps because a mapping changed.
    Suspect,
    /// The indices differ from the mapping.
    Invalid,
}

/// The replies to the searches of a plan, each checked against its search.
pub(crate) struct CheckedReplies<'a> {
    plan: &'a Plan,
    /// In the order of the searches.
    results: Vec<Result<SearchFigures, QueryError>>,
}

impl<'a> CheckedReplies<'a> {
    pub(crate) fn new(plan: &'a Plan, outcomes: Vec<Outcome<SearchReply>>) -> Self {
        let results = plan.searches.iter().zip(outcomes).map(|(search, outcome)| {
            outcome.and_then(|reply| check(search, reply)).map_err(|fault| QueryError { query: QUERY, fault })
        });
        Self { plan, results: results.collect() }
    }

    /// What the replies imply about the cached mapping.
    pub(crate) fn verdict(&self) -> MappingVerdict {
        let verdicts = of_events(self.plan, &self.results).map(|(_, result)| match result {
            Err(QueryError { fault: Fault::Changed(_) | Fault::Blocked(_), .. }) => MappingVerdict::Invalid,
            Err(error) if reply::is_missing_index(&error.fault) => MappingVerdict::Invalid,
            Err(QueryError { fault: Fault::Rejected { .. }, .. }) => MappingVerdict::Suspect,
            Ok(figures) if figures.changed => MappingVerdict::Invalid,
            Ok(figures) if figures.failed => MappingVerdict::Suspect,
            _ => MappingVerdict::Valid,
        });
        let is_without_events = is_without_events(self.plan, &self.results);
        let no_event = if is_without_events { MappingVerdict::Unconfirmed } else { MappingVerdict::Valid };
        verdicts.max().unwrap_or(MappingVerdict::Valid).max(no_event)
    }

    /// Fails each search that found no event, since the probe that would confirm its zero failed with this error. A zero is
    /// kept if another search of the same indices found an event.
    pub(crate) fn fail_zeros(&mut self, error: &QueryError) {
        let plan = self.plan;
        let found = of_events(plan, &self.results);
        let found = found.filter(|(_, result)| result.as_ref().is_ok_and(|figures| figures.total > 0));
        let found: Vec<&IndexGroups> = found.map(|(search, _)| &search.indices).collect();
        let results = plan.searches.iter().zip(&mut self.results);
        for (search, result) in results.filter(|(search, _)| !search.auxiliary) {
            if result.as_ref().is_ok_and(|figures| figures.total == 0) && !found.contains(&&search.indices) {
                *result = Err(error.clone());
            }
        }
    }

    /// The facts.
    /// # Errors
    /// The first error if every search failed.
    pub(crate) fn facts(self, as_of: Timestamp, lag: Lag) -> Result<BehaviorFacts, QueryError> {
        let Self { plan, results } = self;
        // Over several indices a missing one is a fault: the others were not counted.
        let has_no_index = |search: &Search, error: &QueryError| {
            error.query == QUERY && reply::is_missing_index(&error.fault) && search.indices.names.len() == 1
        };
        let errors = of_events(plan, &results).map(|(search, result)| match result {
            Err(error) if !has_no_index(search, error) => Some(error),
            _ => None,
        });
        let errors: Option<Vec<&QueryError>> = errors.collect();
        if let (Some([]), [first, ..]) = (errors.as_deref(), &plan.refusals[..]) {
            return Err(QueryError { query: QUERY, fault: first.clone() });
        }
        if let Some(first) = errors.and_then(|errors| errors.first().copied().cloned()) {
            return Err(first);
        }
        let results = plan.searches.iter().zip(results).map(|(search, result)| {
            result.map_err(|error| {
                if has_no_index(search, &error) {
                    return Missing::NotMeasured(Reason::NoIndex);
                }
                Missing::Unavailable(Arc::new(SourceError::from(error)))
            })
        });
        Ok(FactBuilder { plan, results: results.collect(), as_of, lag, name: NAME.into() }.facts())
    }
}

/// The searches that facts are read from, each with its result.
fn of_events<'p, 'r, R>(plan: &'p Plan, results: &'r [R]) -> impl Iterator<Item = (&'p Search, &'r R)> {
    plan.searches.iter().zip(results).filter(|(search, _)| !search.auxiliary)
}

/// Whether no search found an event. Searches of purchases alone are ignored if there are others: purchases are rare,
/// and they say nothing about the indices of other events.
fn is_without_events(plan: &Plan, results: &[Result<SearchFigures, QueryError>]) -> bool {
    let totals = |of: fn(&Search) -> bool| {
        of_events(plan, results).filter(move |(search, _)| of(search)).map(|(_, result)| match result {
            Ok(figures) => figures.total,
            Err(_) => 0,
        })
    };
    let others = |search: &Search| !search.indices.is_of_purchases_only();
    let has_others = of_events(plan, results).any(|(search, _)| others(search));
    let of: fn(&Search) -> bool = if has_others { others } else { |_| true };
    of_events(plan, results).any(|(_, result)| result.is_ok()) && totals(of).all(|total| total == 0)
}

fn check(search: &Search, reply: SearchReply) -> Outcome<SearchFigures> {
    let changed = search.indices.shards.is_some_and(|shards| shards != reply.shards);
    if changed && !search.indices.changing {
        return Err(Fault::Changed("the number of searched shards differs from the mapping"));
    }
    let subjects = search.distinct.map(|_| {
        let users = reply.users.ok_or(Fault::Wrong("the reply lacks the count of distinct users"))?;
        let sessions = reply.sessions.ok_or(Fault::Wrong("the reply lacks the count of distinct sessions"))?;
        let sum = users.checked_add(sessions).filter(|sum| *sum <= reply.total.saturating_add(reply.total / 50));
        let sum = sum.ok_or(Fault::Wrong("the reply counts more subjects than events"))?;
        // An estimate of distinct subjects can exceed the number of events by its error.
        Ok((sum.min(reply.total), precision(users).max(precision(sessions))))
    });
    let series = search.series.iter().zip(&reply.series).map(|(cells, counts)| {
        let counts = counts.as_ref().ok_or(Fault::Wrong("the reply lacks the counts per cell"))?;
        if counts.total > reply.total {
            return Err(Fault::Wrong("the reply counts more events in cells than in all"));
        }
        counts_per_cell(cells, counts)
    });
    let per_activity = search.per_activity.then(|| match &search.activities[..] {
        [_] => Ok(vec![reply.total]),
        ids => counts_per_activity(ids, &reply),
    });
    Ok(SearchFigures {
        total: reply.total,
        subjects: subjects.transpose()?,
        series: series.collect::<Outcome<_>>()?,
        per_activity: per_activity.transpose()?,
        partial: reply.partial || search.indices.incomplete || changed,
        failed: reply.failed,
        changed,
    })
}

/// The relative error of an estimated cardinality, measured on a real server (`tests/suite/accuracy.rs`): within 0.05 %
/// up to the sketch's threshold of 40,000, within 1 % above.
fn precision(distinct: u64) -> Precision {
    Precision::Within { parts_per_million: if distinct <= 40_000 { 500 } else { 10_000 } }
}

fn counts_per_cell(cells: &CellWindows, reply: &reply::CellCounts) -> Outcome<Vec<u64>> {
    let Some((encoding, step)) = cells.grid else {
        let counts: Vec<u64> = reply.buckets.iter().map(|(_, count)| *count).collect();
        let matches = counts.len() == cells.windows.len() && counts.iter().all(|count| *count <= reply.total);
        return if matches { Ok(counts) } else { Err(Fault::Wrong("the counts per cell do not match the question")) };
    };
    let mut counts = vec![0_u64; cells.windows.len()];
    // Cells after `as_of` are empty, so the last one that is not empty is in progress.
    let last = cells.windows.iter().rposition(|cell| !cell.is_empty()).unwrap_or_default();
    let wrong = || Fault::Wrong("the reply has a bucket outside the cells of the question");
    for (key, count) in &reply.buckets {
        let cell = key.and_then(|key| encoding.cell(cells.whole.from, step, key)).ok_or_else(wrong)?;
        // A coarse encoding can date events of the cell in progress after the open end.
        let cell = if cells.open && cell > last { last } else { cell };
        let sum = counts.get_mut(cell).ok_or_else(wrong)?;
        *sum = sum.checked_add(*count).ok_or_else(wrong)?;
    }
    let sum = counts.iter().try_fold(0_u64, |sum, count| sum.checked_add(*count));
    if sum == Some(reply.total) { Ok(counts) } else { Err(Fault::Wrong("the counts per cell do not add up")) }
}

/// One count per id, in the order of the ids.
fn counts_per_activity(ids: &[u64], reply: &SearchReply) -> Outcome<Vec<u64>> {
    let buckets = reply.activities.as_ref().ok_or(Fault::Wrong("the reply lacks the counts per activity"))?;
    let wrong = Fault::Wrong("the counts per activity do not match the question");
    if buckets.iter().any(|(_, count)| *count > reply.total) {
        return Err(wrong);
    }
    // Every event belongs to at least one of the activities. Only a partial reply may lack some of the counts.
    let sum = buckets.iter().fold(0_u64, |sum, (_, count)| sum.saturating_add(*count));
    if sum < reply.total && !reply.partial {
        return Err(Fault::Wrong("the counts per activity do not add up"));
    }
    if buckets.len() == ids.len() && buckets.iter().all(|(key, _)| key.is_none()) {
        return Ok(buckets.iter().map(|(_, count)| *count).collect());
    }
    let mut counts: HashMap<u64, u64> = HashMap::with_capacity(buckets.len());
    for (key, count) in buckets {
        let key = key.filter(|key| ids.binary_search(key).is_ok()).ok_or_else(|| wrong.clone())?;
        if counts.insert(key, *count).is_some() {
            return Err(wrong);
        }
    }
    Ok(ids.iter().map(|id| counts.get(id).copied().unwrap_or(0)).collect())
}

struct FactBuilder<'a> {
    plan: &'a Plan,
    results: Vec<Result<SearchFigures, Missing>>,
    as_of: Timestamp,
    lag: Lag,
    name: Arc<str>,
}

impl FactBuilder<'_> {
    fn facts(&self) -> BehaviorFacts {
        let plan = self.plan;
        let count = |source: &FactSource| {
            self.fact(*source, 0, Part::Whole, window, |search, figures| {
                let (value, precision) = match (search.distinct, figures.subjects) {
                    (Some(_), Some(subjects)) => subjects,
                    _ => (figures.total, Precision::Exact),
                };
                Some(Reading { value, precision, used: figures.total })
            })
        };
        let per_activity = |index: usize| {
            let count = |source: &FactSource| {
                let id = self.plan.activities[index].0;
                self.fact(*source, 0, Part::Activity(id), window, |search, figures| {
                    let index = search.activities.binary_search(&id).ok();
                    let count = index.and_then(|index| figures.per_activity.as_ref()?.get(index)).copied();
                    let value = count.unwrap_or(0);
                    Some(Reading { value, precision: Precision::Exact, used: value })
                })
            };
            plan.current.iter().map(count).collect()
        };
        let by_activity = plan.activities.iter().enumerate().map(|(index, id)| (*id, per_activity(index)));
        let steps = StepCounts::new(plan.current.iter().map(count).collect())
            .with_previous(plan.previous.iter().map(count).collect())
            .with_by_activity(by_activity.collect());
        BehaviorFacts::new(steps)
            .with_series(plan.series.iter().map(|series| self.series(*series)).collect())
            .with_active(plan.active.as_ref().map(count))
    }

    fn series(&self, (source, index, cells): (FactSource, usize, usize)) -> Fact<Vec<u64>> {
        let bounds = |search: &Search| search.series.get(index).map(|cells| cells.windows.clone()).unwrap_or_default();
        self.fact(source, vec![0; cells], Part::Series(index), bounds, |_, figures| {
            let value = figures.series.get(index)?.clone();
            let used = value.iter().fold(0, |sum: u64, count| sum.saturating_add(*count));
            Some(Reading { value, precision: Precision::Exact, used })
        })
    }

    /// A fact of one search. `zero` is its value where no search is needed.
    fn fact<T>(
        &self,
        source: FactSource,
        zero: T,
        part: Part,
        bounds: impl Fn(&Search) -> Vec<Window>,
        read: impl Fn(&Search, &SearchFigures) -> Option<Reading<T>>,
    ) -> Fact<T> {
        let unavailable =
            |fault: Fault| Missing::Unavailable(Arc::new(SourceError::from(QueryError { query: QUERY, fault })));
        let index = match source {
            FactSource::Zero => {
                let fact = Measured::exact(zero, Arc::clone(&self.name), self.as_of);
                return Ok(fact.with_coverage(Coverage::of(0)));
            }
            FactSource::Missing(reason) => return Err(Missing::NotMeasured(reason)),
            FactSource::Refused(index) => return Err(unavailable(self.plan.refusals[index].clone())),
            FactSource::Search(index) => index,
        };
        let search = &self.plan.searches[index];
        let figures = self.results[index].as_ref().map_err(Clone::clone)?;
        let missing = || unavailable(Fault::Wrong("the reply lacks a figure"));
        let Reading { value, precision, used } = read(search, figures).ok_or_else(missing)?;
        let bounds = bounds(search);
        let steps = search.indices.groups.iter().filter_map(|group| group.fields.times.step(&bounds));
        let (coverage, is_uncertain) = coverage::coverage(self.plan, &self.results, search, part, used);
        Ok(Measured::exact(value, Arc::clone(&self.name), self.as_of - self.lag.lag)
            .with_precision(precision)
            .with_partial(figures.partial || is_uncertain)
            .with_lag_assumed(self.lag.assumed)
            .with_time_step(steps.max())
            .with_coverage(coverage))
    }
}

/// A value read from a reply.
struct Reading<T> {
    value: T,
    precision: Precision,
    /// The records that it was made from.
    used: u64,
}

/// The bounds of a search's window.
fn window(search: &Search) -> Vec<Window> {
    vec![search.window]
}
