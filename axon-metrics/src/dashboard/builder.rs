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
    source::{BehaviorSource, CatalogSource, LedgerSource, PerSource, QuestionKind, RealtimeSource},
    vocabulary::{FunnelDefinition, Mode, StepRules},
};

const MAX_BASELINE_WEEKS: u32 = 8;

/// Builds a [`Dashboard`]. Only the catalog is required: facts without a source are said to be missing.
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
    /// Where campaigns and activities are listed. Required.
    pub fn catalog(self, source: impl CatalogSource) -> DashboardBuilder<Arc<dyn CatalogSource>> {
        let Self { sources, shared, settings, .. } = self;
        DashboardBuilder { catalog: Arc::new(source), sources, shared, settings }
    }

    /// What visitors did. Defaults to none: steps of events are missing.
    pub fn behavior(mut self, source: impl BehaviorSource) -> Self {
        self.sources.behavior = Some(Arc::new(source));
        self
    }

    /// What the business recorded. Defaults to none: sales are missing.
    pub fn ledger(mut self, source: impl LedgerSource) -> Self {
        self.sources.ledger = Some(Arc::new(source));
        self
    }

    /// What is true this second. Defaults to none: stock is missing.
    pub fn realtime(mut self, source: impl RealtimeSource) -> Self {
        self.sources.realtime = Some(Arc::new(source));
        self
    }

    /// The business zone, which decides where days and hours begin. Defaults to `Asia/Seoul`.
    pub fn zone(mut self, zone: Tz) -> Self {
        self.settings.zone = zone;
        self
    }

    /// How the funnel counts where a request does not say. Defaults to [`Mode::Count`].
    pub fn default_mode(mut self, mode: Mode) -> Self {
        self.settings.mode = mode;
        self
    }

    /// What the steps of the plan's funnel count. Defaults to the plan's four event types. The named totals are those of the
    /// steps with the keys `visit`, `engage`, `approve` and `purchase`.
    pub fn step_rules(mut self, rules: StepRules) -> Self {
        self.settings.funnels[0] = FunnelDefinition::fcfs(rules);
        self
    }

    /// One more funnel that requests may choose, instead of one with the same key.
    pub fn funnel(mut self, funnel: FunnelDefinition) -> Self {
        let funnels = &mut self.settings.funnels;
        match funnels.iter_mut().find(|one| one.key() == funnel.key()) {
            Some(one) => *one = funnel,
            None => funnels.push(funnel),
        }
        self
    }

    /// How long sources may take. Defaults to [`Budgets::default`].
    pub fn budgets(mut self, budgets: Budgets) -> Self {
        self.settings.budgets = budgets;
        self
    }

    /// How many questions each store is asked at once. Defaults to [`Concurrency::default`].
    pub fn concurrency(mut self, concurrency: Concurrency) -> Self {
        self.settings.concurrency = concurrency;
        self
    }

    /// How many whole weeks before a promotion its baseline is taken from, 1 to 8. Defaults to 4.
    pub fn baseline_weeks(mut self, weeks: u32) -> Self {
        self.settings.baseline_weeks = weeks.clamp(1, MAX_BASELINE_WEEKS);
        self
    }

    /// A cache that several processes share, or several dashboards of one. Dashboards that share one and differ in what
    /// their sources read must differ in [`tenant`](Self::tenant). Defaults to none: widgets are kept in process only.
    pub fn shared_cache(mut self, cache: impl DashboardCache) -> Self {
        self.shared = Some(Arc::new(cache));
        self
    }

    /// Whose figures these are: part of every cache key, and of nothing else. Defaults to the empty name.
    pub fn tenant(mut self, name: impl Into<String>) -> Self {
        self.settings.tenant = name.into();
        self
    }

    /// How long finished widgets are kept. Defaults to [`Lifetimes::default`].
    pub fn lifetimes(mut self, lifetimes: Lifetimes) -> Self {
        self.settings.lifetimes = lifetimes;
        self
    }

    /// How many loads of answers run at once, at least 1. More wait for their turn; those whose turn would not come in time
    /// are refused at once, as [`Overloaded`](crate::AnswerError::Overloaded). Defaults to 64.
    pub fn max_loads(mut self, loads: usize) -> Self {
        self.settings.max_loads = loads.max(1);
        self
    }
}

impl DashboardBuilder<Arc<dyn CatalogSource>> {
    /// The dashboard.
    pub fn build(self) -> Dashboard {
        let Self { catalog, sources: facts, shared, settings } = self;
        let connected = facts.connected(&catalog);
        let names = PerSource::from_fn(|kind| connected[kind].as_ref().map(|source| source.name()));
        let hashes = settings.funnels.iter();
        let hashes =
            hashes.map(|funnel| Mode::ALL.map(|mode| definition_hash(&settings, funnel, mode, &names))).collect();
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
                shared: shared.map(|cache| SharedCache::new(cache, budgets.cache())),
                sources: Sources { facts, baseline, guards, connected },
                request_rules: settings.request_rules(),
                settings,
                probed: Mutex::default(),
                hashes,
                widgets: LazyLock::new(WidgetCache::default),
                single_flight: Arc::default(),
            }),
        }
    }
}
