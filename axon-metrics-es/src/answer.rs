//! What the searches found becomes facts. Pure.
//! Lives here: whether a search found what was asked of it, and what each number is worth.

use std::{collections::HashMap, sync::Arc, time::Duration};

use axon_metrics::{
    Fact, Measured, Missing, Precision, Reason, SourceError, Timestamp, Window,
    facts::{BehaviorFacts, StepCounts},
};

use crate::{
    error::{Asking, Fault, NAME},
    plan::{Hours, Item, Place, Plan},
    reply::{self, Outcome, Searched},
};

/// How far an answer's instant is from what a search sees.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lag {
    pub(crate) lag: Duration,
    pub(crate) assumed: bool,
}

/// What the searches are called in errors.
pub(crate) const QUERY: &str = "counting events";

/// Whether what is known of the indices still holds, as far as an answer shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Known {
    Right,
    /// Nothing was found at all: as it would be if an index were mapped in another way by now.
    Nothing,
    /// A search was refused, or a shard of it: perhaps since a mapping changed.
    Doubtful,
    Wrong,
}

/// The facts, or an error if no search can be believed.
pub(crate) fn facts(
    plan: &Plan,
    outcomes: Vec<Outcome<Searched>>,
    as_of: Timestamp,
    lag: Lag,
) -> (Result<BehaviorFacts, Fault>, Known) {
    let found: Vec<Outcome<Found>> = plan.items.iter().zip(outcomes).map(|(item, found)| check(item, found?)).collect();
    let known = found.iter().map(|found| match found {
        Err(Fault::Changed(_)) => Known::Wrong,
        Err(fault) if reply::is_missing_index(fault) => Known::Wrong,
        Err(Fault::Rejected { .. }) => Known::Doubtful,
        Ok(found) if found.failed => Known::Doubtful,
        _ => Known::Right,
    });
    let nothing = if nothing(plan, &found) { Known::Nothing } else { Known::Right };
    let known = known.max().unwrap_or(Known::Right).max(nothing);
    let gone = |item: &Item, fault: &Fault| reply::is_missing_index(fault) && item.reading.indices.len() == 1;
    let faults = plan.items.iter().zip(&found).map(|(item, found)| match found {
        Err(fault) if !gone(item, fault) => Some(fault),
        _ => None,
    });
    let faults: Option<Vec<&Fault>> = faults.collect();
    if let Some(first) = faults.and_then(|faults| faults.first().copied().cloned()) {
        return (Err(first), known);
    }
    let results = plan.items.iter().zip(found).map(|(item, found)| {
        found.map_err(|fault| {
            if gone(item, &fault) {
                return Missing::NotMeasured(Reason::NoIndex);
            }
            Missing::Unavailable(Arc::new(SourceError::from(Asking { query: QUERY, fault })))
        })
    });
    let said = Said { plan, results: results.collect(), as_of, lag, name: NAME.into() };
    (Ok(said.facts()), known)
}

/// Whether no search found anything. Purchases are rare: that there are none says nothing, and that there are some says nothing
/// of other events' index.
fn nothing(plan: &Plan, found: &[Outcome<Found>]) -> bool {
    let totals = |of: fn(&Item) -> bool| {
        plan.items.iter().zip(found).filter(move |(item, _)| of(item)).map(|(_, found)| match found {
            Ok(found) => found.total,
            Err(_) => 0,
        })
    };
    let others = |item: &Item| !item.reading.is_of_purchases_only();
    let any = plan.items.iter().any(others);
    let of: fn(&Item) -> bool = if any { others } else { |_| true };
    found.iter().any(Result::is_ok) && totals(of).all(|total| total == 0)
}

/// What a search found, checked against what was asked.
struct Found {
    total: u64,
    subjects: Option<(u64, Precision)>,
    hours: Option<Vec<u64>>,
    /// In the order of the item's activities.
    apart: Option<Vec<u64>>,
    partial: bool,
    failed: bool,
}

fn check(item: &Item, found: Searched) -> Outcome<Found> {
    if found.shards != item.reading.shards {
        return Err(Fault::Changed("another number of shards was searched than there are"));
    }
    let subjects = item.distinct.map(|_| {
        let users = found.users.ok_or(Fault::Wrong("the distinct users are missing"))?;
        let sessions = found.sessions.ok_or(Fault::Wrong("the distinct sessions are missing"))?;
        let sum = users.checked_add(sessions).filter(|sum| *sum <= found.total.saturating_add(found.total / 50));
        let sum = sum.ok_or(Fault::Wrong("there are more subjects than events"))?;
        // An estimate of distinct ones can exceed their events by its error.
        Ok((sum.min(found.total), precision(users).max(precision(sessions))))
    });
    let hours = item.hours.as_ref().map(|hours| {
        let counted = found.hours.as_ref().ok_or(Fault::Wrong("the counts by hour are missing"))?;
        if counted.total > found.total {
            return Err(Fault::Wrong("there are more events by hour than events"));
        }
        by_hour(hours, counted)
    });
    let apart = item.apart.then(|| match &item.activities[..] {
        [_] => Ok(vec![found.total]),
        ids => by_activity(ids, &found),
    });
    Ok(Found {
        total: found.total,
        subjects: subjects.transpose()?,
        hours: hours.transpose()?,
        apart: apart.transpose()?,
        partial: found.partial || item.reading.lacking,
        failed: found.failed,
    })
}

/// The relative error of an estimate of that many, as measured on the server: within 0.05 % up to the sketch's threshold,
/// within 1 % above.
fn precision(distinct: u64) -> Precision {
    Precision::Within { parts_per_million: if distinct <= 40_000 { 500 } else { 10_000 } }
}

fn by_hour(hours: &Hours, found: &reply::Hours) -> Outcome<Vec<u64>> {
    let Some(clock) = hours.grid else {
        let counts: Vec<u64> = found.buckets.iter().map(|(_, count)| *count).collect();
        let whole = counts.len() == hours.windows.len() && counts.iter().all(|count| *count <= found.total);
        return if whole { Ok(counts) } else { Err(Fault::Wrong("the counts by hour are not those asked for")) };
    };
    let mut counts = vec![0_u64; hours.windows.len()];
    let last = counts.len() - 1;
    let wrong = || Fault::Wrong("a bucket of an hour is none of those asked for");
    for (key, count) in &found.buckets {
        let hour = key.and_then(|key| clock.hour(hours.whole.from, key)).ok_or_else(wrong)?;
        // What a coarse clock dates after the open end belongs to the hour in progress.
        let hour = if hours.open && hour > last { last } else { hour };
        let sum = counts.get_mut(hour).ok_or_else(wrong)?;
        *sum = sum.checked_add(*count).ok_or_else(wrong)?;
    }
    let sum = counts.iter().try_fold(0_u64, |sum, count| sum.checked_add(*count));
    if sum == Some(found.total) { Ok(counts) } else { Err(Fault::Wrong("the hours do not add up")) }
}

fn by_activity(ids: &[u64], found: &Searched) -> Outcome<Vec<u64>> {
    let counted = found.activities.as_ref().ok_or(Fault::Wrong("the counts by activity are missing"))?;
    let wrong = Fault::Wrong("the counts by activity are not those asked for");
    if counted.iter().any(|(_, count)| *count > found.total) {
        return Err(wrong);
    }
    // Every event that was found is of one of them at least; of a search that broke off not all need be counted apart.
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

struct Said<'a> {
    plan: &'a Plan,
    results: Vec<Result<Found, Missing>>,
    as_of: Timestamp,
    lag: Lag,
    name: Arc<str>,
}

impl Said<'_> {
    fn facts(&self) -> BehaviorFacts {
        let plan = self.plan;
        let count = |place: &Place| {
            self.fact(*place, 0, window, |item, found| match (item.distinct, found.subjects) {
                (Some(_), Some(subjects)) => Some(subjects),
                _ => Some((found.total, Precision::Exact)),
            })
        };
        let apart = |index: usize| {
            let count = |place: &Place| {
                let id = self.plan.apart[index].0;
                self.fact(*place, 0, window, |item, found| {
                    let place = item.activities.binary_search(&id).ok();
                    let count = place.and_then(|place| found.apart.as_ref()?.get(place)).copied();
                    Some((count.unwrap_or(0), Precision::Exact))
                })
            };
            plan.current.iter().map(count).collect()
        };
        BehaviorFacts {
            steps: StepCounts {
                current: plan.current.iter().map(count).collect(),
                previous: plan.previous.iter().map(count).collect(),
                by_activity: plan.apart.iter().enumerate().map(|(index, id)| (*id, apart(index))).collect(),
            },
            inflow: plan.inflow.as_ref().map(|(place, hours)| {
                let bounds = |item: &Item| item.hours.as_ref().map(|hours| hours.windows.clone()).unwrap_or_default();
                self.fact(*place, vec![0; *hours], bounds, |_, found| Some((found.hours.clone()?, Precision::Exact)))
            }),
            active: plan.active.as_ref().map(count),
        }
    }

    fn fact<T>(
        &self,
        place: Place,
        nothing: T,
        bounds: impl Fn(&Item) -> Vec<Window>,
        read: impl Fn(&Item, &Found) -> Option<(T, Precision)>,
    ) -> Fact<T> {
        let index = match place {
            Place::Zero => return Ok(Measured::exact(nothing, Arc::clone(&self.name), self.as_of)),
            Place::Missing(reason) => return Err(Missing::NotMeasured(reason)),
            Place::Item(index) => index,
        };
        let item = &self.plan.items[index];
        let found = self.results[index].as_ref().map_err(Clone::clone)?;
        let missing = || {
            let fault = Fault::Wrong("a figure is missing");
            Missing::Unavailable(Arc::new(SourceError::from(Asking { query: QUERY, fault })))
        };
        let (value, precision) = read(item, found).ok_or_else(missing)?;
        let bounds = bounds(item);
        let steps = item.reading.groups.iter().filter_map(|group| group.shape.times.step(&bounds));
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
fn window(item: &Item) -> Vec<Window> {
    vec![item.window]
}
