//! Looking up a request's widgets: cached in process, being loaded, or to be loaded. Lives elsewhere: what a load does (`load`),
//! and what is shown where one failed (`staleness`). Lifetimes are judged at the instant passed in; only waiting is measured on
//! the monotonic clock.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use tracing::warn;

use super::{
    inner::Inner, load::Load, load_group::LoadGroup, load_result::LoadResult, outcome::Freshness,
    resolve::ResolvedRequest,
};
use crate::{
    keep::{Loads, Pending, WidgetSnapshot},
    vocabulary::Timestamp,
};

/// How much longer than its deadline a load is waited for: its sources are given up at that very instant.
const GRACE: Duration = Duration::from_millis(25);

/// A member of a group that was asked for within its last 20 lifetimes is loaded together with the others.
const ASKED_FOR: i32 = 20;

/// Looks for the widgets of a resolved.
pub(super) struct Finder<'a> {
    pub(super) inner: &'a Arc<Inner>,
    pub(super) resolved: &'a ResolvedRequest,
    pub(super) freshness: Freshness,
    pub(super) deadline: Instant,
}

/// A group's widgets, in their order.
pub(super) enum Lookup {
    /// Kept, whole, and as good as new.
    Fresh(Vec<Arc<WidgetSnapshot>>),
    /// Kept, whole, and shown while new ones are loaded.
    Usable(Vec<Arc<WidgetSnapshot>>),
    /// Just loaded, whole or not.
    Loaded(Vec<Arc<WidgetSnapshot>>),
    /// Not loaded, since more is asked than can be done in time.
    Refused { retry_after: Duration },
}

/// What to do about a group.
enum Decision {
    Answer(Lookup),
    /// To be shown, and to be loaded behind.
    Refresh(Vec<Arc<WidgetSnapshot>>),
    Load,
}

enum Supply {
    Here(Lookup),
    Pending(Pending<Arc<LoadResult>>),
}

impl Lookup {
    /// The latest instant one of them was loaded for.
    pub(super) fn as_of(&self) -> Option<Timestamp> {
        match self {
            Self::Fresh(finished) | Self::Usable(finished) | Self::Loaded(finished) => {
                finished.iter().map(|one| one.as_of).max()
            }
            Self::Refused { .. } => None,
        }
    }
}

impl Finder<'_> {
    /// Each group's widgets.
    pub(super) async fn find(&self, groups: &[LoadGroup]) -> Vec<Lookup> {
        if self.inner.settings.lifetimes.caches_no_widgets() {
            // No task of its own: the load is nobody else's, and ends with whoever asked.
            let alone = |group: &LoadGroup| LoadGroup { members: Vec::new(), ..group.clone() };
            let loaded = self.load(groups.iter().map(alone).collect()).run().await;
            return groups.iter().map(|group| self.unpack(group, Some(&loaded))).collect();
        }
        let mut found = Vec::with_capacity(groups.len());
        for (group, supply) in groups.iter().zip(self.supplies(groups)) {
            found.push(match supply {
                Supply::Here(found) => found,
                Supply::Pending(waiting) => {
                    let loaded = waiting.wait(self.deadline + GRACE).await;
                    self.unpack(group, loaded.as_deref())
                }
            });
        }
        found
    }

    fn unpack(&self, group: &LoadGroup, loaded: Option<&LoadResult>) -> Lookup {
        let widgets = |loaded: &LoadResult| {
            group.widgets.iter().map(|widget_key| loaded.widget(&widget_key.key)).collect::<Option<Vec<_>>>()
        };
        match loaded.map(|loaded| (loaded.refused(), widgets(loaded))) {
            Some((_, Some(widgets))) => Lookup::Loaded(widgets),
            Some((Some(retry_after), None)) => Lookup::Refused { retry_after },
            _ => {
                warn!("a load ended without a word, or not in time");
                Lookup::Loaded(widgets(&self.load(vec![group.clone()]).unanswered()).unwrap_or_default())
            }
        }
    }

    /// Where each group's widgets come from. Starts what has to be loaded, unless it is under way.
    fn supplies(&self, groups: &[LoadGroup]) -> Vec<Supply> {
        let mut decisions: Vec<Decision> = groups.iter().map(|group| self.decide(group)).collect();
        if decisions.iter().all(|decision| matches!(decision, Decision::Answer(_))) {
            return decisions.into_iter().zip(groups).map(|(decision, group)| self.supply(decision, group)).collect();
        }
        self.inner.single_flight.exclusively(|loads| {
            // What landed since the first look is kept by now.
            for (decision, group) in decisions.iter_mut().zip(groups) {
                if !matches!(decision, Decision::Answer(_)) {
                    *decision = self.decide(group);
                }
            }
            let in_flight: Vec<_> = groups.iter().map(|group| self.in_flight(loads, group)).collect();
            let missing = |wanted: fn(&Decision) -> bool| {
                let groups = decisions.iter().zip(groups).zip(&in_flight);
                let groups = groups.filter(|((decision, _), in_flight)| wanted(decision) && in_flight.is_none());
                groups.map(|((_, group), _)| group.clone()).collect::<Vec<_>>()
            };
            let (wanted, old) = (
                missing(|decision| matches!(decision, Decision::Load)),
                missing(|decision| matches!(decision, Decision::Refresh(_))),
            );
            let started = self.start(loads, wanted);
            self.start(loads, old);
            let mut supplies = Vec::with_capacity(groups.len());
            for ((decision, group), in_flight) in decisions.into_iter().zip(groups).zip(in_flight) {
                supplies.push(match (decision, in_flight.or_else(|| started.clone())) {
                    (Decision::Load, Some(waiting)) => Supply::Pending(waiting),
                    (decision, _) => self.supply(decision, group),
                });
            }
            supplies
        })
    }

    fn supply(&self, decision: Decision, group: &LoadGroup) -> Supply {
        Supply::Here(match decision {
            Decision::Answer(found) => found,
            Decision::Refresh(finished) => Lookup::Usable(finished),
            Decision::Load => self.unpack(group, None),
        })
    }

    /// The load under way for a group, made for an instant so near that it is as good as one of its own.
    fn in_flight(
        &self,
        loads: &Loads<'_, String, Arc<LoadResult>, Timestamp>,
        group: &LoadGroup,
    ) -> Option<Pending<Arc<LoadResult>>> {
        let near = self.inner.settings.budgets.answer() + Duration::from_secs(1);
        loads.join_for(&group.keys(), |as_of| (self.resolved.as_of - as_of).abs().to_std().is_ok_and(|by| by <= near))
    }

    /// One load for all these groups.
    fn start(
        &self,
        loads: &mut Loads<'_, String, Arc<LoadResult>, Timestamp>,
        groups: Vec<LoadGroup>,
    ) -> Option<Pending<Arc<LoadResult>>> {
        if groups.is_empty() {
            return None;
        }
        let groups: Vec<LoadGroup> = groups.into_iter().map(|group| self.with_members(group)).collect();
        let keys = groups.iter().flat_map(LoadGroup::all).map(|widget_key| widget_key.key.clone()).collect();
        Some(loads.start_for(keys, self.resolved.as_of, self.load(groups).run()))
    }

    /// A group with those of its members that somebody asks for, too: loaded apart, each would leave the other's answer with
    /// widgets of two loads, and so to be loaded again.
    fn with_members(&self, mut group: LoadGroup) -> LoadGroup {
        let mut members = std::mem::take(&mut group.members);
        members.retain(|widget_key| {
            let asked = self.inner.widgets.requested_at(&widget_key.key);
            asked.is_some_and(|asked| {
                let validity = self.resolved.validity_at(self.inner, &group, group.about, widget_key.widget, asked);
                self.resolved.now < asked + (validity.fresh_until - asked) * ASKED_FOR
            })
        });
        LoadGroup { members, ..group }
    }

    fn load(&self, groups: Vec<LoadGroup>) -> Load {
        Load { inner: Arc::clone(self.inner), resolved: self.resolved.clone(), groups, deadline: self.deadline }
    }

    /// What is kept of a group. All its widgets must be of one load.
    fn decide(&self, group: &LoadGroup) -> Decision {
        let Self { inner, resolved, freshness, .. } = self;
        let ResolvedRequest { as_of, now, .. } = **resolved;
        let known = |finished: &Arc<WidgetSnapshot>| finished.as_of <= as_of;
        let whole: Vec<_> =
            group.widgets.iter().map(|widget_key| inner.widgets.whole(&widget_key.key).filter(known)).collect();
        let failed: Vec<_> = group
            .widgets
            .iter()
            .map(|widget_key| {
                let failed = inner.widgets.failed(&widget_key.key).filter(known);
                failed.filter(|failed| failed.not_whole_until.is_some_and(|until| now < until))
            })
            .collect();
        let failed_lately = failed.iter().flatten().max_by_key(|failed| failed.as_of).map(|failed| failed.load);
        if let Some(whole) = of_one_load(whole.iter().cloned()) {
            let lives = || {
                group
                    .widgets
                    .iter()
                    .zip(&whole)
                    .map(|(widget_key, one)| resolved.validity(inner, group, widget_key.widget, one))
            };
            if lives().all(|validity| now < validity.fresh_until) {
                return Decision::Answer(Lookup::Fresh(whole));
            }
            if *freshness == Freshness::AllowStale && lives().all(|validity| now < validity.usable_until) {
                return if failed_lately.is_some() {
                    Decision::Answer(Lookup::Usable(whole))
                } else {
                    Decision::Refresh(whole)
                };
            }
        }
        let Some(load) = failed_lately else { return Decision::Load };
        let of_it = |finished: &Arc<WidgetSnapshot>| finished.load == load;
        let left = whole.into_iter().zip(failed).map(|(whole, failed)| failed.filter(of_it).or(whole.filter(of_it)));
        match left.collect::<Option<Vec<_>>>() {
            Some(left) => Decision::Answer(Lookup::Loaded(left)),
            None => Decision::Load,
        }
    }
}

/// All of them, if they are there and from one load.
fn of_one_load(finished: impl Iterator<Item = Option<Arc<WidgetSnapshot>>>) -> Option<Vec<Arc<WidgetSnapshot>>> {
    let all = finished.collect::<Option<Vec<_>>>()?;
    let load = all.first()?.load;
    all.iter().all(|one| one.load == load).then_some(all)
}
