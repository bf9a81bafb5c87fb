//! Building a dashboard from its sources and settings.

use std::sync::{Arc, LazyLock};

use chrono_tz::Tz;
use tokio::sync::Mutex;

use super::{
    inner::{Dashboard, Inner},
    settings::{Settings, definition_hash},
    sources::{FactSources, Sources},
};
use crate::{
    call::{Admission, Budgets, Concurrency, guards},
    keep::{BaselineCache, CatalogCache, DashboardCache, Lifetimes, SharedCache, WidgetCache},
    observe::LogLimiter,
    source::{BehaviorSource, CatalogSource, LedgerSource, PerSource, QuestionKind, RealtimeSource, Tolerance},
    vocabulary::{FunnelDefinition, Mode, StepRules},
};

/// The most weeks of history for a baseline.
const MAX_BASELINE_WEEKS: u32 = 8;

/// Builds a [`Dashboard`]. Only the catalog is required. Figures without a source are missing, with the reason
/// `not_measured`.
#[must_use]
pub struct DashboardBuilder<C> {
    catalog: C,
    sources: FactSources,
    shared: Option<Arc<dyn DashboardCache>>,
    pub(super) settings: Settings,
}

impl<C> std::fmt::Debug for DashboardBuilder<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DashboardBuilder").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Dashboard {
    /// A builder without sources.
    pub fn builder() -> DashboardBuilder<()> {
        DashboardBuilder { catalog: (), sources: FactSources::default(), shared: None, settings: Settings::default() }
    }
}

impl<C> DashboardBuilder<C> {
    /// The source of campaigns and activities. Required.
    pub fn catalog(self, source: impl CatalogSource) -> DashboardBuilder<Arc<dyn CatalogSource>> {
        let Self { sources, shared, settings, .. } = self;
        DashboardBuilder { catalog: Arc::new(source), sources, shared, settings }
    }

    /// The source of visitors' events. Defaults to none: steps of events, inflow and active users are missing.
    pub fn behavior(mut self, source: impl BehaviorSource) -> Self {
        self.sources.behavior = Some(Arc::new(source));
        self
    }

    /// The source of entries and purchases. Defaults to none: sales, and steps of ledger rows, are missing.
    pub fn ledger(mut self, source: impl LedgerSource) -> Self {
        self.sources.ledger = Some(Arc::new(source));
        self
    }

    /// The source of current stock. Defaults to none: stock is missing.
    pub fn realtime(mut self, source: impl RealtimeSource) -> Self {
        self.sources.realtime = Some(Arc::new(source));
        self
    }

    /// The business zone, which decides where days and hours begin. Defaults to `Asia/Seoul`.
    pub fn zone(mut self, zone: Tz) -> Self {
        self.settings.zone = zone;
        self
    }

    /// The mode of requests that name none. Defaults to [`Mode::Count`].
    pub fn default_mode(mut self, mode: Mode) -> Self {
        self.settings.mode = mode;
        self
    }

    /// What the steps of the plan's funnel count. Defaults to the plan's four event types. The named totals are those
    /// of the steps with the keys `visit`, `engage`, `approve` and `purchase`.
    pub fn step_rules(mut self, rules: StepRules) -> Self {
        self.settings.funnels[0] = FunnelDefinition::fcfs(rules);
        self
    }

    /// Adds a funnel that requests may choose. It replaces one with the same key. Defaults to the plan's funnel,
    /// `fcfs`, alone.
    pub fn funnel(mut self, funnel: FunnelDefinition) -> Self {
        let funnels = &mut self.settings.funnels;
        match funnels.iter_mut().find(|one| one.key() == funnel.key()) {
            Some(one) => *one = funnel,
            None => funnels.push(funnel),
        }
        self
    }

    /// How long questions and answers may take. Defaults to [`Budgets::default`].
    pub fn budgets(mut self, budgets: Budgets) -> Self {
        self.settings.budgets = budgets;
        self
    }

    /// How many questions each store is asked at once. Defaults to [`Concurrency::default`].
    pub fn concurrency(mut self, concurrency: Concurrency) -> Self {
        self.settings.concurrency = concurrency;
        self
    }

    /// The number of whole weeks before a promotion that its baseline is computed from; clamped to 1 to 8. Defaults to
    /// 4.
    pub fn baseline_weeks(mut self, weeks: u32) -> Self {
        self.settings.baseline_weeks = weeks.clamp(1, MAX_BASELINE_WEEKS);
        self
    }

    /// A cache that several processes share, or several dashboards of one. Dashboards that share one and differ in what
    /// their sources read must differ in [`tenant`](Self::tenant). Defaults to none: widgets are cached in process
    /// only.
    pub fn shared_cache(mut self, cache: impl DashboardCache) -> Self {
        self.shared = Some(Arc::new(cache));
        self
    }

    /// The owner of the figures: part of every cache key, and of nothing else. Defaults to the empty name.
    pub fn tenant(mut self, name: impl Into<String>) -> Self {
        self.settings.tenant = name.into();
        self
    }

    /// Times to live of cached widgets and histories. Defaults to [`Lifetimes::default`].
    pub fn lifetimes(mut self, lifetimes: Lifetimes) -> Self {
        self.settings.lifetimes = lifetimes;
        self
    }

    /// The share of records that may be left out of a figure while it still counts as whole; clamped to 0 to 1, in steps of a
    /// millionth. Above it the widget is [`Partial`](crate::WidgetStatus::Partial). Defaults to 0.001.
    pub fn coverage_tolerance(mut self, share: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0 and a million")]
        let parts_per_million = (share.clamp(0.0, 1.0) * 1e6).round() as u32;
        self.settings.tolerance = Tolerance { parts_per_million };
        self
    }

    /// How many loads run at once; 0 is taken as 1. Further loads wait for a permit. Those that could not end by their
    /// deadline are refused at once, as [`Overloaded`](crate::AnswerError::Overloaded). Defaults to 64.
    pub fn max_loads(mut self, loads: usize) -> Self {
        self.settings.max_loads = loads.max(1);
        self
    }
}

#[cfg(feature = "memory")]
impl<C> DashboardBuilder<C> {
    /// The embedded store as every source: catalog, behavior, ledger and realtime.
    /// ```
    /// use axon_metrics::{Catalog, Dashboard, MemoryStore};
    /// let store = MemoryStore::new(Catalog::default());
    /// let dashboard = Dashboard::builder().memory(store.clone()).build();
    /// # drop(dashboard);
    /// ```
    #[cfg_attr(docsrs, doc(cfg(feature = "memory")))]
    pub fn memory(self, store: crate::memory::MemoryStore) -> DashboardBuilder<Arc<dyn CatalogSource>> {
        self.catalog(store.clone()).behavior(store.clone()).ledger(store.clone()).realtime(store)
    }
}

impl DashboardBuilder<Arc<dyn CatalogSource>> {
    /// Builds the dashboard. Asks no source, and needs no runtime.
    pub fn build(self) -> Dashboard {
        let Self { catalog, sources: facts, shared, settings } = self;
        let connected = facts.connected(&catalog);
        let names = PerSource::from_fn(|kind| connected[kind].as_ref().map(|source| source.name()));
        let definitions =
            PerSource::from_fn(|kind| connected[kind].as_ref().map_or_else(String::new, |source| source.definition()));
        let hashes = settings.funnels.iter();
        let hashes = hashes
            .map(|funnel| Mode::ALL.map(|mode| definition_hash(&settings, funnel, mode, &names, &definitions)))
            .collect();
        let Settings { budgets, concurrency, lifetimes, max_loads, .. } = &settings;
        let guards = guards(names.map(|name| name.unwrap_or("none")), budgets, concurrency);
        let guard = |kind| Arc::clone(&guards[kind]);
        let catalog = CatalogCache::new(catalog, guard(QuestionKind::Catalog), budgets.of(QuestionKind::Catalog));
        let baseline = facts.ledger.as_ref().map(|ledger| {
            let (guard, budget) = (guard(QuestionKind::History), budgets.of(QuestionKind::History));
            BaselineCache::new(Arc::clone(ledger), guard, budget, *lifetimes)
        });
        Dashboard {
            inner: Arc::new(Inner {
                catalog: Arc::new(catalog),
                admission: Admission::new(*max_loads),
                lost_loads: LogLimiter::default(),
                // Without a budget no call could end in time.
                shared: shared
                    .filter(|_| !budgets.cache().is_zero())
                    .map(|cache| SharedCache::new(cache, budgets.cache())),
                sources: Sources { facts, baseline, guards, connected },
                request_rules: settings.request_rules(),
                settings,
                last_health: Mutex::default(),
                hashes,
                widgets: LazyLock::new(WidgetCache::default),
                single_flight: Arc::default(),
            }),
        }
    }
}
