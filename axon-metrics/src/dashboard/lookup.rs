//! The lookup of a request's widgets: cached in process, being loaded, or to be loaded. Lives elsewhere: what a load
//! does (`load`), and what is shown if it failed (`staleness`). Times to live are compared with the instant of the
//! caller; only waiting is timed by the monotonic clock.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use tracing::warn;

use super::{
    inner::Inner, load::Load, load_group::LoadGroup, load_result::LoadResult, outcome::Freshness,
    resolve::ResolvedRequest,
};
use crate::{
    keep::{LOAD_GRACE, Loads, Pending, WidgetSnapshot},
    vocabulary::Timestamp,
};

/// A member of a group is loaded with it if it was requested within this many of its times to live.
const MAX_IDLE_LIFETIMES: i32 = 20;

/// Looks up the widgets of a request.
pub(super) struct Finder<'a> {
    pub(super) inner: &'a Arc<Inner>,
    pub(super) resolved: &'a ResolvedRequest,
    pub(super) freshness: Freshness,
    pub(super) deadline: Instant,
}

/// A group's widgets, in their order.
pub(super) enum Lookup {
    /// Cached, whole and fresh.
    Fresh(Vec<Arc<WidgetSnapshot>>),
    /// Cached, whole and usable: new ones are being loaded, or their load has just failed.
    Usable(Vec<Arc<WidgetSnapshot>>),
    /// Just loaded, whole or not.
    Loaded(Vec<Arc<WidgetSnapshot>>),
    /// Not loaded: admission refused the load.
    Refused { retry_after: Duration },
}

/// What to do for a group.
enum Decision {
    Answer(Lookup),
    /// Use these, and load new ones in the background.
    Refresh(Vec<Arc<WidgetSnapshot>>),
    Load,
}

/// Where the widgets of a group come from.
enum Supply {
    Ready(Lookup),
    Pending(Pending<Arc<LoadResult>>),
}

impl Lookup {
    /// The latest instant that one of the widgets was loaded for.
    pub(super) fn as_of(&self) -> Option<Timestamp> {
        match self {
            Self::Fresh(snapshots) | Self::Usable(snapshots) | Self::Loaded(snapshots) => {
                snapshots.iter().map(|snapshot| snapshot.as_of).max()
            }
            Self::Refused { .. } => None,
        }
    }
}

impl Finder<'_> {
    /// The widgets of each group.
    pub(super) async fn find(&self, groups: &[LoadGroup]) -> Vec<Lookup> {
        if self.inner.settings.lifetimes.caches_no_widgets() {
            // Runs in the task of the caller: no other caller shares this load, and it ends when this one leaves.
            let alone = |group: &LoadGroup| LoadGroup { members: Vec::new(), ..group.clone() };
            let loaded = self.load(groups.iter().map(alone).collect()).run().await;
            return groups.iter().map(|group| self.unpack(group, Some(&loaded))).collect();
        }
        let mut lookups = Vec::with_capacity(groups.len());
        for (group, supply) in groups.iter().zip(self.supplies(groups)) {
            lookups.push(match supply {
                Supply::Ready(lookup) => lookup,
                Supply::Pending(pending) => {
                    let loaded = pending.wait(self.deadline + LOAD_GRACE).await;
                    self.unpack(group, loaded.as_deref())
                }
            });
        }
        lookups
    }

    /// A group's widgets from the result of a load; `None` if the load panicked or did not end in time.
    fn unpack(&self, group: &LoadGroup, loaded: Option<&LoadResult>) -> Lookup {
        let widgets = |loaded: &LoadResult| {
            group.widgets.iter().map(|widget_key| loaded.widget(&widget_key.key)).collect::<Option<Vec<_>>>()
        };
        match loaded.map(|loaded| (loaded.retry_after, widgets(loaded))) {
            Some((_, Some(widgets))) => Lookup::Loaded(widgets),
            Some((Some(retry_after), None)) => Lookup::Refused { retry_after },
            _ => {
                // One load may have many callers: they do not all log it.
                if let Some(left_out) = self.inner.lost_loads.failure(()) {
                    let keys = group.keys().join(", ");
                    warn!(
                        left_out,
                        "load failed: it panicked, or did not end by its deadline; figures are lost of {keys}"
                    );
                }
                Lookup::Loaded(widgets(&self.load(vec![group.clone()]).time_out()).unwrap_or_default())
            }
        }
    }

    /// Where the widgets of each group come from. Starts the loads that are needed and not in progress.
    fn supplies(&self, groups: &[LoadGroup]) -> Vec<Supply> {
        let mut decisions: Vec<Decision> = groups.iter().map(|group| self.decide(group)).collect();
        if decisions.iter().all(|decision| matches!(decision, Decision::Answer(_))) {
            return decisions.into_iter().zip(groups).map(|(decision, group)| self.supply(decision, group)).collect();
        }
        self.inner.single_flight.exclusively(|loads| {
            // Decided once more with the loads locked: a load that ended since has left its widgets in the cache.
            for (decision, group) in decisions.iter_mut().zip(groups) {
                if !matches!(decision, Decision::Answer(_)) {
                    *decision = self.decide(group);
                }
            }
            let in_flight: Vec<_> = groups.iter().map(|group| self.in_flight(loads, group)).collect();
            let to_start = |is_meant: fn(&Decision) -> bool| {
                let groups = decisions.iter().zip(groups).zip(&in_flight);
                let groups = groups.filter(|((decision, _), in_flight)| is_meant(decision) && in_flight.is_none());
                groups.map(|((_, group), _)| group.clone()).collect::<Vec<_>>()
            };
            let missing = to_start(|decision| matches!(decision, Decision::Load));
            let stale = to_start(|decision| matches!(decision, Decision::Refresh(_)));
            let started = self.start(loads, missing);
            self.start(loads, stale);
            let mut supplies = Vec::with_capacity(groups.len());
            for ((decision, group), in_flight) in decisions.into_iter().zip(groups).zip(in_flight) {
                supplies.push(match (decision, in_flight.or_else(|| started.clone())) {
                    (Decision::Load, Some(pending)) => Supply::Pending(pending),
                    (decision, _) => self.supply(decision, group),
                });
            }
            supplies
        })
    }

    fn supply(&self, decision: Decision, group: &LoadGroup) -> Supply {
        Supply::Ready(match decision {
            Decision::Answer(lookup) => lookup,
            Decision::Refresh(snapshots) => Lookup::Usable(snapshots),
            Decision::Load => self.unpack(group, None),
        })
    }

    /// The load in progress for a group, if the instant that it is for is near enough to be used for this request.
    fn in_flight(
        &self,
        loads: &Loads<'_, String, Arc<LoadResult>, Timestamp>,
        group: &LoadGroup,
    ) -> Option<Pending<Arc<LoadResult>>> {
        let max_distance = self.inner.settings.budgets.answer() + Duration::from_secs(1);
        loads.join_for(&group.keys(), |as_of| {
            (self.resolved.as_of - as_of).abs().to_std().is_ok_and(|by| by <= max_distance)
        })
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

    /// A group with those of its members that were requested lately. If two pages with overlapping sets of widgets
    /// loaded theirs separately, each would find widgets of two loads in the cache, and load again.
    fn with_members(&self, mut group: LoadGroup) -> LoadGroup {
        let mut members = std::mem::take(&mut group.members);
        members.retain(|widget_key| {
            let requested_at = self.inner.widgets.requested_at(&widget_key.key);
            requested_at.is_some_and(|requested_at| {
                let validity =
                    self.resolved.validity_at(self.inner, &group, group.range, widget_key.widget, requested_at);
                let lifetime = validity.fresh_until - requested_at;
                let idle_until =
                    lifetime.checked_mul(MAX_IDLE_LIFETIMES).and_then(|idle| requested_at.checked_add_signed(idle));
                // Beyond the calendar is never.
                idle_until.is_none_or(|idle_until| self.resolved.now < idle_until)
            })
        });
        LoadGroup { members, ..group }
    }

    fn load(&self, groups: Vec<LoadGroup>) -> Load {
        Load { inner: Arc::clone(self.inner), resolved: self.resolved.clone(), groups, deadline: self.deadline }
    }

    /// What to do for a group, by the cache. Its widgets are used only if all are of one load.
    fn decide(&self, group: &LoadGroup) -> Decision {
        let Self { inner, resolved, freshness, .. } = self;
        let ResolvedRequest { as_of, now, .. } = **resolved;
        let not_later = |snapshot: &Arc<WidgetSnapshot>| snapshot.as_of <= as_of;
        let whole: Vec<_> =
            group.widgets.iter().map(|widget_key| inner.widgets.whole(&widget_key.key).filter(not_later)).collect();
        let failed: Vec<_> = group
            .widgets
            .iter()
            .map(|widget_key| {
                let failed = inner.widgets.failed(&widget_key.key).filter(not_later);
                failed.filter(|failed| failed.not_whole_until.is_some_and(|until| now < until))
            })
            .collect();
        let failed_load = failed.iter().flatten().max_by_key(|failed| failed.as_of).map(|failed| failed.load);
        if let Some(whole) = of_one_load(whole.iter().cloned()) {
            let validities = || {
                group
                    .widgets
                    .iter()
                    .zip(&whole)
                    .map(|(widget_key, snapshot)| resolved.validity(inner, group, widget_key.widget, snapshot))
            };
            if validities().all(|validity| now < validity.fresh_until) {
                return Decision::Answer(Lookup::Fresh(whole));
            }
            if *freshness == Freshness::AllowStale && validities().all(|validity| now < validity.usable_until) {
                return if failed_load.is_some() {
                    Decision::Answer(Lookup::Usable(whole))
                } else {
                    Decision::Refresh(whole)
                };
            }
        }
        let Some(load) = failed_load else { return Decision::Load };
        let of_load = |snapshot: &Arc<WidgetSnapshot>| snapshot.load == load;
        let snapshots =
            whole.into_iter().zip(failed).map(|(whole, failed)| failed.filter(of_load).or(whole.filter(of_load)));
        match snapshots.collect::<Option<Vec<_>>>() {
            Some(snapshots) => Decision::Answer(Lookup::Loaded(snapshots)),
            None => Decision::Load,
        }
    }
}

/// All snapshots, if none is missing and all are of one load.
fn of_one_load(snapshots: impl Iterator<Item = Option<Arc<WidgetSnapshot>>>) -> Option<Vec<Arc<WidgetSnapshot>>> {
    let all = snapshots.collect::<Option<Vec<_>>>()?;
    let load = all.first()?.load;
    all.iter().all(|snapshot| snapshot.load == load).then_some(all)
}
