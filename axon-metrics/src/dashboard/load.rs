//! Loading widgets: from the shared cache, else from the sources in one concurrent round. Lives here: what a load does.
//! Lives elsewhere: whether a load is needed (`lookup`), and who shares it (`keep/single_flight`).

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::{
    gather::{gather, time_out},
    inner::Inner,
    load_group::{LoadGroup, WidgetKey},
    load_result::LoadResult,
    merge::Plan,
    resolve::ResolvedRequest,
};
use crate::{
    call::SourceReport,
    keep::{CacheEntry, Lifetimes, WidgetSnapshot, decode, encode, later},
    observe::{self, CacheLevel, CacheOutcome},
    source::{QueryScope, SalesQuestion},
    stats::baseline,
    vocabulary::{Counting, Timestamp, Window},
    widget::{Data, Facts, Needs, Notes, WidgetInput},
    wire::{SourceState, WidgetState, WidgetStatus},
};

/// Active users are distinct subjects with an event in this many minutes before the answer.
const ACTIVE_MINUTES: i64 = 5;

/// The back-off after a load that lost figures. Longer would spare the stores more. With 1 s, and 1 s for a source that
/// hangs, a dashboard would not recover within the promised 2 s after its stores.
pub(super) const RETRY_FAILED_LOAD_AFTER: Duration = Duration::from_millis(500);

/// When a widget that is not whole is loaded again.
#[derive(Debug, Clone, Copy)]
struct RetryAt {
    /// After a source failed.
    after_failure: Timestamp,
    /// If nothing is missing but the weeks before a promotion, which are still being read.
    while_loading: Timestamp,
}

/// Widgets to load.
pub(super) struct Load {
    pub(super) inner: Arc<Inner>,
    pub(super) resolved: ResolvedRequest,
    pub(super) groups: Vec<LoadGroup>,
    pub(super) deadline: Instant,
}

impl Load {
    /// Loads the widgets, and caches them.
    pub(super) async fn run(mut self) -> Arc<LoadResult> {
        let began = Instant::now();
        let mut loaded = self.read_shared_cache().await;
        if self.groups.is_empty() {
            return Arc::new(loaded);
        }
        // Only loads that ask sources need a permit: widgets from the shared cache do not wait.
        let _permit = match self.inner.admission.admit(self.deadline).await {
            Ok(permit) => permit,
            Err(shed) => {
                loaded.retry_after = Some(shed.retry_after);
                return Arc::new(loaded);
            }
        };
        // Boxed: this future is by far the largest part of a load, and not needed if the shared cache has all widgets.
        let computed = Box::pin(self.ask_sources(began)).await;
        if !self.inner.settings.lifetimes.caches_no_widgets() {
            for (widget_key, snapshot) in &computed {
                let is_requested = self.groups.iter().any(|group| group.is_requested(widget_key));
                self.inner.widgets.insert(&widget_key.key, snapshot, is_requested.then_some(self.resolved.now));
            }
            self.write_shared_cache(&computed);
        }
        loaded.widgets.extend(computed);
        Arc::new(loaded)
    }

    /// Reads all widgets from the shared cache in one call. A group whose entries are all fresh and of one load needs
    /// no load. Older entries go to the cache of this process, to be used if a source fails.
    async fn read_shared_cache(&mut self) -> LoadResult {
        let inner = Arc::clone(&self.inner);
        let Some(shared) = inner.shared.as_ref().filter(|_| !inner.settings.lifetimes.caches_no_widgets()) else {
            return LoadResult::default();
        };
        let resolved = self.resolved.clone();
        let keys: Vec<String> =
            self.groups.iter().flat_map(LoadGroup::all).map(|widget_key| widget_key.key.clone()).collect();
        let mut values = shared.get(keys).await.into_iter();
        let mut loaded = LoadResult::default();
        self.groups.retain(|group| {
            let values = values.by_ref().take(group.all().count());
            let entries = group.all().zip(values).map(|(widget_key, value)| {
                let value: Vec<u8> = value?;
                let snapshot = decode(&value, &widget_key.key, widget_key.widget, resolved.as_of)?;
                let validity = resolved.validity(&inner, group, widget_key.widget, &snapshot);
                (resolved.now < validity.stale_until).then(|| (widget_key.clone(), Arc::new(snapshot), validity))
            });
            let entries: Vec<_> = entries.collect();
            for (widget_key, snapshot, _) in entries.iter().flatten() {
                if inner.widgets.whole(&widget_key.key).is_none_or(|cached| cached.as_of < snapshot.as_of) {
                    let requested_at = group.is_requested(widget_key).then_some(resolved.now);
                    inner.widgets.insert_whole(&widget_key.key, snapshot, requested_at);
                }
            }
            let load = entries.first().and_then(Option::as_ref).map(|(_, snapshot, _)| snapshot.load);
            let fresh = entries.iter().all(|entry| {
                entry.as_ref().is_some_and(|(_, snapshot, validity)| {
                    resolved.now < validity.fresh_until && Some(snapshot.load) == load
                })
            });
            let outcome = if fresh { CacheOutcome::Hit } else { CacheOutcome::Miss };
            group.all().for_each(|_| observe::cache(CacheLevel::Shared, outcome));
            if fresh {
                loaded
                    .widgets
                    .extend(entries.into_iter().flatten().map(|(widget_key, snapshot, _)| (widget_key, snapshot)));
            }
            !fresh
        });
        loaded
    }

    async fn ask_sources(&self, began: Instant) -> Vec<(WidgetKey, Arc<WidgetSnapshot>)> {
        let Inner { sources, settings, .. } = &*self.inner;
        let (needs, input) = self.input();
        let (facts, reports, plan) = gather(sources, &settings.budgets, self.deadline, needs, &input).await;
        let ended = later(self.resolved.now, began.elapsed());
        let retry_at = RetryAt {
            after_failure: later(ended, RETRY_FAILED_LOAD_AFTER),
            while_loading: later(ended, settings.lifetimes.live),
        };
        let computed = self.compute(&input, &facts, &plan, reports, retry_at);
        let outcome = if computed.iter().all(|(_, snapshot)| snapshot.not_whole_until.is_none()) {
            "fresh"
        } else if computed.iter().all(|(_, snapshot)| snapshot.state.status == WidgetStatus::Unavailable) {
            "unavailable"
        } else {
            "partial"
        };
        observe::load(outcome, began.elapsed());
        computed
    }

    /// The result of a load that panicked or did not end by its deadline: all figures are lost.
    pub(super) fn time_out(&self) -> LoadResult {
        let Inner { sources, settings, .. } = &*self.inner;
        let (needs, input) = self.input();
        let (facts, reports, plan) = time_out(sources, &settings.budgets, needs, &input);
        let retry_at = RetryAt { after_failure: self.resolved.now, while_loading: self.resolved.now };
        LoadResult { widgets: self.compute(&input, &facts, &plan, reports, retry_at), retry_after: None }
    }

    /// Computes the widgets from the facts.
    fn compute(
        &self,
        input: &WidgetInput<'_>,
        facts: &Facts,
        plan: &Plan,
        reports: Vec<SourceReport>,
        retry_at: RetryAt,
    ) -> Vec<(WidgetKey, Arc<WidgetSnapshot>)> {
        let load = next_load();
        let tolerance = self.inner.settings.tolerance;
        let reports: Vec<SourceState> = reports.into_iter().map(|report| SourceState::new(report, tolerance)).collect();
        let compute = |widget_key: &WidgetKey| {
            let (mut data, mut notes) = (Data::default(), Notes::new(tolerance));
            widget_key.widget.fill(&mut data, input, facts, &mut notes);
            let not_whole_until =
                if notes.waits_for_history() { retry_at.while_loading } else { retry_at.after_failure };
            let not_whole_until = (!notes.is_whole()).then_some(not_whole_until);
            let state = WidgetState { age_ms: None, ..WidgetState::new(notes, input.as_of) };
            let kinds = plan.kinds_of(widget_key.widget, input);
            let sources = reports.iter().filter(|report| kinds.contains(&report.kind)).cloned().collect();
            let mut snapshot = WidgetSnapshot::new(widget_key.widget, data, state, input.as_of, load);
            (snapshot.sources, snapshot.not_whole_until) = (sources, not_whole_until);
            (widget_key.clone(), Arc::new(snapshot))
        };
        self.groups.iter().flat_map(LoadGroup::all).map(compute).collect()
    }

    /// Writes whole widgets to the shared cache in the background: the answer does not wait.
    fn write_shared_cache(&self, snapshot: &[(WidgetKey, Arc<WidgetSnapshot>)]) {
        let Some(shared) = &self.inner.shared else { return };
        let settings = &self.inner.settings;
        let group =
            |widget_key: &WidgetKey| self.groups.iter().find(|group| group.all().any(|one| one.key == widget_key.key));
        let entry = |(widget_key, snapshot): &(WidgetKey, Arc<WidgetSnapshot>)| {
            let validity = self.resolved.validity(&self.inner, group(widget_key)?, widget_key.widget, snapshot);
            let ttl = Lifetimes::shared_ttl(validity, snapshot.as_of, settings.lifetimes.stale);
            let value = encode(&widget_key.key, snapshot)?;
            (ttl >= Duration::from_millis(1)).then(|| CacheEntry { key: widget_key.key.clone(), value, ttl })
        };
        shared.put(snapshot.iter().filter_map(entry).collect());
    }

    fn input(&self) -> (Needs, WidgetInput<'_>) {
        let widgets = self.groups.iter().flat_map(LoadGroup::all);
        let needs = widgets.fold(Needs::NOTHING, |needs, widget_key| needs.or(widget_key.widget.needs()));
        let mut input = input(&self.inner, &self.resolved, needs);
        let widgets = self.groups.iter().flat_map(LoadGroup::all);
        input.series = widgets.filter_map(|widget_key| widget_key.widget.series(&input)).collect();
        (needs, input)
    }
}

fn input<'a>(inner: &'a Inner, resolved: &'a ResolvedRequest, needs: Needs) -> WidgetInput<'a> {
    let (settings, scope) = (&inner.settings, resolved.scope());
    let ResolvedRequest { mode, range, as_of, .. } = *resolved;
    let funnel = scope.activities.iter().filter(|activity| activity.kind.has_funnel());
    let query = QueryScope {
        as_of,
        activities: scope.activities.iter().map(|activity| activity.id).collect(),
        funnel_activities: funnel.map(|activity| activity.id).collect(),
        current: range.window,
        previous: resolved.previous(),
        // A mode that no source counts was refused with the request. Counts per activity are always of events, so
        // without other steps nobody counts subjects.
        counting: mode.counting().filter(|_| needs.counts_steps()).unwrap_or(Counting::Events),
        by_activity: needs.by_activity,
    };
    let mut products: Vec<_> = scope.activities.iter().filter_map(|activity| activity.product).collect();
    products.sort_unstable();
    products.dedup();
    let history = scope
        .promotion_start()
        .and_then(|start| baseline::history_question(&products, start, as_of, settings.zone, settings.baseline_weeks));
    WidgetInput {
        scope,
        currency: resolved.scope.catalog().currency(),
        zone: settings.zone,
        as_of,
        rules: settings.rules(),
        funnel: resolved.funnel(inner),
        query: Arc::new(query),
        range: range.whole,
        series: Vec::new(),
        active: Window { from: as_of - chrono::Duration::minutes(ACTIVE_MINUTES), to: as_of },
        sales: SalesQuestion { products, window: scope.promotion_within(range.window) },
        history,
        baseline_weeks: settings.baseline_weeks,
        tolerance: settings.tolerance,
        history_old: settings.lifetimes.history.saturating_mul(2),
    }
}

/// A number that no other load has, of this process or, as good as certain, of another one.
fn next_load() -> u64 {
    static FIRST: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one("load"));
    static COUNT: AtomicU64 = AtomicU64::new(0);
    FIRST.wrapping_add(COUNT.fetch_add(1, Ordering::Relaxed))
}
