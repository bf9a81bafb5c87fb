//! From the replies of the searches to facts. Pure.
//! Lives here: the checks of a reply against its search, and the precision of each number.

use std::{collections::HashMap, sync::Arc, time::Duration};

use axon_metrics::{
    Fact, Measured, Missing, Precision, Reason, SourceError, Timestamp, Window,
    facts::{BehaviorFacts, StepCounts},
};

use crate::{
    error::{Fault, NAME, QueryError},
    plan::{CellWindows, FactSource, Plan, Search},
    reply::{self, Outcome, SearchReply},
};

/// How far an answer's instant is from what a search sees.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lag {
    pub(crate) lag: Duration,
    pub(crate) assumed: bool,
}

/// What the searches are called in errors.
pub(crate) const QUERY: &str = "counting events";

/// What an answer shows of the cached mapping: whether it still holds. The worst verdict of all searches counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum MappingVerdict {
    Valid,
    /// No search found anything. So it would be, too, if an index had another mapping by now.
    Unconfirmed,
    /// A search was refused, or a shard of it, perhaps since a mapping changed.
    Suspect,
    /// The indices are not those of the mapping.
    Invalid,
}

/// The facts, or an error if no search gave usable figures.
pub(crate) fn facts(
    plan: &Plan,
    outcomes: Vec<Outcome<SearchReply>>,
    as_of: Timestamp,
    lag: Lag,
) -> (Result<BehaviorFacts, Fault>, MappingVerdict) {
    let found: Vec<Outcome<SearchFigures>> =
        plan.searches.iter().zip(outcomes).map(|(search, found)| check(search, found?)).collect();
    let verdict = found.iter().map(|found| match found {
        Err(Fault::Changed(_)) => MappingVerdict::Invalid,
        Err(fault) if reply::is_missing_index(fault) => MappingVerdict::Invalid,
        Err(Fault::Rejected { .. }) => MappingVerdict::Suspect,
        Ok(found) if found.failed => MappingVerdict::Suspect,
        _ => MappingVerdict::Valid,
    });
    let nothing = if found_nothing(plan, &found) { MappingVerdict::Unconfirmed } else { MappingVerdict::Valid };
    let verdict = verdict.max().unwrap_or(MappingVerdict::Valid).max(nothing);
    let gone = |search: &Search, fault: &Fault| reply::is_missing_index(fault) && search.indices.names.len() == 1;
    let faults = plan.searches.iter().zip(&found).map(|(search, found)| match found {
        Err(fault) if !gone(search, fault) => Some(fault),
        _ => None,
    });
    let faults: Option<Vec<&Fault>> = faults.collect();
    if let Some(first) = faults.and_then(|faults| faults.first().copied().cloned()) {
        return (Err(first), verdict);
    }
    let results = plan.searches.iter().zip(found).map(|(search, found)| {
        found.map_err(|fault| {
            if gone(search, &fault) {
                return Missing::NotMeasured(Reason::NoIndex);
            }
            Missing::Unavailable(Arc::new(SourceError::from(QueryError { query: QUERY, fault })))
        })
    });
    let builder = FactBuilder { plan, results: results.collect(), as_of, lag, name: NAME.into() };
    (Ok(builder.facts()), verdict)
}

/// Whether no search found anything. Purchases are rare: that there are none says nothing, and that there are some says nothing
/// of other events' index.
fn found_nothing(plan: &Plan, found: &[Outcome<SearchFigures>]) -> bool {
    let totals = |of: fn(&Search) -> bool| {
        plan.searches.iter().zip(found).filter(move |(search, _)| of(search)).map(|(_, found)| match found {
            Ok(found) => found.total,
            Err(_) => 0,
        })
    };
    let others = |search: &Search| !search.indices.is_of_purchases_only();
    let any = plan.searches.iter().any(others);
    let of: fn(&Search) -> bool = if any { others } else { |_| true };
    found.iter().any(Result::is_ok) && totals(of).all(|total| total == 0)
}

/// The figures of a reply, checked against its search.
struct SearchFigures {
    total: u64,
    subjects: Option<(u64, Precision)>,
    series: Vec<Vec<u64>>,
    /// In the order of the search's activities.
    per_activity: Option<Vec<u64>>,
    partial: bool,
    failed: bool,
}

fn check(search: &Search, found: SearchReply) -> Outcome<SearchFigures> {
    if found.shards != search.indices.shards {
        return Err(Fault::Changed("another number of shards was searched than there are"));
    }
    let subjects = search.distinct.map(|_| {
        let users = found.users.ok_or(Fault::Wrong("the distinct users are missing"))?;
        let sessions = found.sessions.ok_or(Fault::Wrong("the distinct sessions are missing"))?;
        let sum = users.checked_add(sessions).filter(|sum| *sum <= found.total.saturating_add(found.total / 50));
        let sum = sum.ok_or(Fault::Wrong("there are more subjects than events"))?;
        // An estimate of distinct ones can exceed their events by its error.
        Ok((sum.min(found.total), precision(users).max(precision(sessions))))
    });
    let series = search.series.iter().zip(&found.series).map(|(cells, counted)| {
        let counted = counted.as_ref().ok_or(Fault::Wrong("the counts by cell are missing"))?;
        if counted.total > found.total {
            return Err(Fault::Wrong("there are more events by cell than events"));
        }
        by_cell(cells, counted)
    });
    let per_activity = search.per_activity.then(|| match &search.activities[..] {
        [_] => Ok(vec![found.total]),
        ids => by_activity(ids, &found),
    });
    Ok(SearchFigures {
        total: found.total,
        subjects: subjects.transpose()?,
        series: series.collect::<Outcome<_>>()?,
        per_activity: per_activity.transpose()?,
        partial: found.partial || search.indices.incomplete,
        failed: found.failed,
    })
}

/// The relative error of an estimate of that many, as measured on the server: within 0.05 % up to the sketch's threshold,
/// within 1 % above.
fn precision(distinct: u64) -> Precision {
    Precision::Within { parts_per_million: if distinct <= 40_000 { 500 } else { 10_000 } }
}

fn by_cell(cells: &CellWindows, found: &reply::CellCounts) -> Outcome<Vec<u64>> {
    let Some((encoding, step)) = cells.grid else {
        let counts: Vec<u64> = found.buckets.iter().map(|(_, count)| *count).collect();
        let whole = counts.len() == cells.windows.len() && counts.iter().all(|count| *count <= found.total);
        return if whole { Ok(counts) } else { Err(Fault::Wrong("the counts by cell are not those asked for")) };
    };
    let mut counts = vec![0_u64; cells.windows.len()];
    // Cells after the instant of the answer are empty: the one in progress is the last that is not.
    let last = cells.windows.iter().rposition(|cell| !cell.is_empty()).unwrap_or_default();
    let wrong = || Fault::Wrong("a bucket of a cell is none of those asked for");
    for (key, count) in &found.buckets {
        let cell = key.and_then(|key| encoding.cell(cells.whole.from, step, key)).ok_or_else(wrong)?;
        // What a coarse encoding dates after the open end belongs to the cell in progress.
        let cell = if cells.open && cell > last { last } else { cell };
        let sum = counts.get_mut(cell).ok_or_else(wrong)?;
        *sum = sum.checked_add(*count).ok_or_else(wrong)?;
    }
    let sum = counts.iter().try_fold(0_u64, |sum, count| sum.checked_add(*count));
    if sum == Some(found.total) { Ok(counts) } else { Err(Fault::Wrong("the cells do not add up")) }
}

fn by_activity(ids: &[u64], found: &SearchReply) -> Outcome<Vec<u64>> {
    let counted = found.activities.as_ref().ok_or(Fault::Wrong("the counts by activity are missing"))?;
    let wrong = Fault::Wrong("the counts by activity are not those asked for");
    if counted.iter().any(|(_, count)| *count > found.total) {
        return Err(wrong);
    }
    // Every event that was found is of one of them at least; in a partial reply the counts by activity may be fewer.
    let sum = counted.iter().fold(0_u64, |sum, (_, count)| sum.saturating_add(*count));
    if sum < found.total && !found.partial {
        return Err(Fault::Wrong("the counts by activity do not add up"));
    }
    if counted.len() == ids.len() && counted.iter().all(|(key, _)| key.is_none()) {
        return Ok(counted.iter().map(|(_, count)| *count).collect());
    }
    let mut counts: HashMap<u64, u64> = HashMap::with_capacity(counted.len());
    for (key, count) in counted {
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
            self.fact(*source, 0, window, |search, found| match (search.distinct, found.subjects) {
                (Some(_), Some(subjects)) => Some(subjects),
                _ => Some((found.total, Precision::Exact)),
            })
        };
        let per_activity = |index: usize| {
            let count = |source: &FactSource| {
                let id = self.plan.activities[index].0;
                self.fact(*source, 0, window, |search, found| {
                    let index = search.activities.binary_search(&id).ok();
                    let count = index.and_then(|index| found.per_activity.as_ref()?.get(index)).copied();
                    Some((count.unwrap_or(0), Precision::Exact))
                })
            };
            plan.current.iter().map(count).collect()
        };
        BehaviorFacts {
            steps: StepCounts {
                current: plan.current.iter().map(count).collect(),
                previous: plan.previous.iter().map(count).collect(),
                by_activity: plan.activities.iter().enumerate().map(|(index, id)| (*id, per_activity(index))).collect(),
            },
            series: plan.series.iter().map(|series| self.series(*series)).collect(),
            active: plan.active.as_ref().map(count),
        }
    }

    fn series(&self, (source, index, cells): (FactSource, usize, usize)) -> Fact<Vec<u64>> {
        let bounds = |search: &Search| search.series.get(index).map(|cells| cells.windows.clone()).unwrap_or_default();
        let counts = |found: &SearchFigures| Some((found.series.get(index)?.clone(), Precision::Exact));
        self.fact(source, vec![0; cells], bounds, |_, found| counts(found))
    }

    fn fact<T>(
        &self,
        source: FactSource,
        nothing: T,
        bounds: impl Fn(&Search) -> Vec<Window>,
        read: impl Fn(&Search, &SearchFigures) -> Option<(T, Precision)>,
    ) -> Fact<T> {
        let index = match source {
            FactSource::Zero => return Ok(Measured::exact(nothing, Arc::clone(&self.name), self.as_of)),
            FactSource::Missing(reason) => return Err(Missing::NotMeasured(reason)),
            FactSource::Search(index) => index,
        };
        let search = &self.plan.searches[index];
        let found = self.results[index].as_ref().map_err(Clone::clone)?;
        let missing = || {
            let fault = Fault::Wrong("a figure is missing");
            Missing::Unavailable(Arc::new(SourceError::from(QueryError { query: QUERY, fault })))
        };
        let (value, precision) = read(search, found).ok_or_else(missing)?;
        let bounds = bounds(search);
        let steps = search.indices.groups.iter().filter_map(|group| group.fields.times.step(&bounds));
        Ok(Measured {
            value,
            source: Arc::clone(&self.name),
            complete_to: self.as_of - self.lag.lag,
            precision,
            partial: found.partial,
            lag_assumed: self.lag.assumed,
            time_step: steps.max(),
        })
    }
}

/// The bounds of a search's window.
fn window(search: &Search) -> Vec<Window> {
    vec![search.window]
}
