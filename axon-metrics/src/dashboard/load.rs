//! Loading widgets: from the shared cache, else from the sources in one concurrent round. Lives here: what a load does.
//! Lives elsewhere: whether there is one (`lookup`), who waits for it (`keep/single_flight`).

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
    gather::{gather, unanswered},
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
    source::{QueryScope, SalesQuestion, SourceKind},
    stats::baseline,
    vocabulary::{Counting, Timestamp, Window},
    widget::{BucketSeries, Data, Facts, Needs, Notes, WidgetInput},
    wire::{SourceState, WidgetState, WidgetStatus},
};

const ACTIVE_MINUTES: i64 = 5;

/// For how long a load that failed is not tried again. Longer spares the stores more; with a second, and a source that hangs
/// for another, a dashboard would not be well again two seconds after its stores are.
pub(super) const NOT_AGAIN: Duration = Duration::from_millis(500);

/// When a load is tried again that left a widget which is not whole.
#[derive(Debug, Clone, Copy)]
struct Again {
    /// After a failure.
    failed: Timestamp,
    /// While only the weeks before a promotion are still being read.
    loading: Timestamp,
}

/// Widgets to load.
pub(super) struct Load {
    pub(super) inner: Arc<Inner>,
    pub(super) resolved: ResolvedRequest,
    pub(super) groups: Vec<LoadGroup>,
    pub(super) deadline: Instant,
}

impl Load {
    /// Loads, and keeps what may be kept.
    pub(super) async fn run(mut self) -> Arc<LoadResult> {
        let began = Instant::now();
        let mut loaded = self.look_in_shared_cache().await;
        if self.groups.is_empty() {
            return Arc::new(loaded);
        }
        // The one place where loads wait for their turn: what a cache holds waits for none.
        let _permit = match self.inner.admission.admit(self.deadline).await {
            Ok(permit) => permit,
            Err(shed) => {
                loaded.refused = Some(shed.retry_after);
                return Arc::new(loaded);
            }
        };
        // By far the largest part of a load, and not needed where a cache has all.
        let asked = Box::pin(self.ask_sources(began)).await;
        let keep = !self.inner.settings.lifetimes.caches_no_widgets();
        if keep {
            for (widget_key, finished) in &asked {
                let asked = self.groups.iter().any(|group| group.asked(widget_key)).then_some(self.resolved.now);
                self.inner.widgets.insert(&widget_key.key, finished, asked);
            }
            self.put_in_shared_cache(&asked);
        }
        loaded.widgets.extend(asked);
        Arc::new(loaded)
    }

    /// One resolved to the shared cache for everything. What it holds whole and fresh is no longer to be loaded; what it
    /// holds that is too old for that is kept for when a source fails.
    async fn look_in_shared_cache(&mut self) -> LoadResult {
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
            let found = group.all().zip(values).map(|(widget_key, value)| {
                let value: Vec<u8> = value?;
                let finished = decode(&value, &widget_key.key, widget_key.widget, resolved.as_of)?;
                let validity = resolved.validity(&inner, group, widget_key.widget, &finished);
                (resolved.now < validity.stale_until).then(|| (widget_key.clone(), Arc::new(finished), validity))
            });
            let found: Vec<_> = found.collect();
            for (widget_key, finished, _) in found.iter().flatten() {
                if inner.widgets.whole(&widget_key.key).is_none_or(|kept| kept.as_of < finished.as_of) {
                    inner.widgets.insert_whole(
                        &widget_key.key,
                        finished,
                        group.asked(widget_key).then_some(resolved.now),
                    );
                }
            }
            let load = found.first().and_then(Option::as_ref).map(|(_, finished, _)| finished.load);
            let fresh = found.iter().all(|found| {
                found.as_ref().is_some_and(|(_, finished, validity)| {
                    resolved.now < validity.fresh_until && Some(finished.load) == load
                })
            });
            let outcome = if fresh { CacheOutcome::Hit } else { CacheOutcome::Miss };
            group.all().for_each(|_| observe::cache(CacheLevel::Shared, outcome));
            if fresh {
                loaded
                    .widgets
                    .extend(found.into_iter().flatten().map(|(widget_key, finished, _)| (widget_key, finished)));
            }
            !fresh
        });
        loaded
    }

    async fn ask_sources(&self, began: Instant) -> Vec<(WidgetKey, Arc<WidgetSnapshot>)> {
        let Inner { sources, settings, .. } = &*self.inner;
        let (needs, input) = self.input();
        let (facts, reports) = gather(sources, &settings.budgets, self.deadline, needs, &input).await;
        let ended = later(self.resolved.now, began.elapsed());
        let again = Again { failed: later(ended, NOT_AGAIN), loading: later(ended, settings.lifetimes.live) };
        let finished = self.finish(&input, &facts, reports, again);
        let statuses = || finished.iter().map(|(_, finished)| finished.state.status);
        let outcome = if statuses().all(|status| status == WidgetStatus::Fresh) {
            "fresh"
        } else if statuses().all(|status| status == WidgetStatus::Unavailable) {
            "unavailable"
        } else {
            "partial"
        };
        observe::load(outcome, began.elapsed());
        finished
    }

    /// What there is to say when a load ended without a word, or did not end in time: all figures are lost.
    pub(super) fn unanswered(&self) -> LoadResult {
        let Inner { sources, settings, .. } = &*self.inner;
        let (needs, input) = self.input();
        let (facts, reports) = unanswered(sources, &settings.budgets, needs, &input);
        let again = Again { failed: self.resolved.now, loading: self.resolved.now };
        LoadResult { widgets: self.finish(&input, &facts, reports, again), refused: None }
    }

    /// Computes the widgets from what the sources said.
    fn finish(
        &self,
        input: &WidgetInput<'_>,
        facts: &Facts,
        reports: Vec<SourceReport>,
        again: Again,
    ) -> Vec<(WidgetKey, Arc<WidgetSnapshot>)> {
        let load = next_load();
        let reports: Vec<SourceState> = reports.into_iter().map(SourceState::from).collect();
        let finish = |widget_key: &WidgetKey| {
            let (mut data, mut notes) = (Data::default(), Notes::default());
            widget_key.widget.fill(&mut data, input, facts, &mut notes);
            let not_whole_until = if notes.waits_for_history() { again.loading } else { again.failed };
            let state = WidgetState { age_ms: None, ..WidgetState::new(notes, input.as_of) };
            let not_whole_until = (state.status != WidgetStatus::Fresh).then_some(not_whole_until);
            // The sources that the widget would be made of if it were asked for alone.
            let series: Vec<BucketSeries> = widget_key.widget.series(input).into_iter().collect();
            let kinds: Vec<SourceKind> = Plan::new(widget_key.widget.needs(), &series, input).kinds(input).collect();
            let sources = reports.iter().filter(|report| kinds.contains(&report.kind)).cloned().collect();
            let mut snapshot = WidgetSnapshot::new(widget_key.widget, data, state, input.as_of, load);
            (snapshot.sources, snapshot.not_whole_until) = (sources, not_whole_until);
            (widget_key.clone(), Arc::new(snapshot))
        };
        self.groups.iter().flat_map(LoadGroup::all).map(finish).collect()
    }

    /// Behind the answer, which waits for no cache.
    fn put_in_shared_cache(&self, finished: &[(WidgetKey, Arc<WidgetSnapshot>)]) {
        let Some(shared) = &self.inner.shared else { return };
        let settings = &self.inner.settings;
        let about =
            |widget_key: &WidgetKey| self.groups.iter().find(|group| group.all().any(|one| one.key == widget_key.key));
        let entry = |(widget_key, finished): &(WidgetKey, Arc<WidgetSnapshot>)| {
            let validity = self.resolved.validity(&self.inner, about(widget_key)?, widget_key.widget, finished);
            let ttl = Lifetimes::shared_ttl(validity, finished.as_of, settings.lifetimes.stale);
            let value = encode(&widget_key.key, finished)?;
            (ttl >= Duration::from_millis(1)).then(|| CacheEntry { key: widget_key.key.clone(), value, ttl })
        };
        shared.put(finished.iter().filter_map(entry).collect());
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
        // A mode that no source counts was refused with the request. Activities apart are always counted as events, so
        // nobody counts people for them alone.
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
        history_old: settings.lifetimes.history.saturating_mul(2),
    }
}

/// A name for a load that no other load has, of whatever process.
fn next_load() -> u64 {
    static FIRST: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one("load"));
    static COUNT: AtomicU64 = AtomicU64::new(0);
    FIRST.wrapping_add(COUNT.fetch_add(1, Ordering::Relaxed))
}
