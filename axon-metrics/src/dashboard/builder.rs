//! Building a dashboard: its sources, its settings, and the hash that names them.

use std::sync::{Arc, LazyLock};

use chrono_tz::Tz;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use super::{
    Dashboard, Inner,
    sources::{FactSources, Sources},
};
use crate::{
    call::{Admission, Budgets, Concurrency, guards},
    keep::{BaselineCache, CatalogCache, DashboardCache, Lifetimes, SharedCache, WidgetCache},
    source::{BehaviorSource, CatalogSource, LedgerSource, PerSource, QuestionKind, RealtimeSource},
    vocabulary::{Mode, Record, StepRules},
};

const MAX_BASELINE_WEEKS: u32 = 8;

#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) zone: Tz,
    pub(super) mode: Mode,
    pub(super) rules: StepRules,
    pub(super) budgets: Budgets,
    pub(super) baseline_weeks: u32,
    pub(super) tenant: String,
    pub(super) lifetimes: Lifetimes,
    pub(super) max_loads: usize,
    pub(super) concurrency: Concurrency,
}

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

impl DashboardBuilder<()> {
    pub(super) fn new() -> Self {
        let settings = Settings {
            zone: chrono_tz::Asia::Seoul,
            mode: Mode::default(),
            rules: StepRules::default(),
            budgets: Budgets::default(),
            baseline_weeks: 4,
            tenant: String::new(),
            lifetimes: Lifetimes::default(),
            max_loads: 64,
            concurrency: Concurrency::default(),
        };
        Self { catalog: (), sources: FactSources::default(), shared: None, settings }
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

    /// What the funnel's steps count. Defaults to the plan's four event types.
    pub fn step_rules(mut self, rules: StepRules) -> Self {
        self.settings.rules = rules;
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
        let hashes = Mode::ALL.map(|mode| definition_hash(&settings, mode, &names));
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
                settings,
                probed: Mutex::default(),
                hashes,
                widgets: LazyLock::new(WidgetCache::default),
                single_flight: Arc::default(),
            }),
        }
    }
}

/// A stable hash over everything that decides the numbers.
pub(super) fn definition_hash(settings: &Settings, mode: Mode, sources: &PerSource<Option<&'static str>>) -> String {
    let mut text =
        format!("{}|{}|{}|{}", StepRules::FUNNEL, mode.code(), settings.zone.name(), settings.baseline_weeks);
    for step in settings.rules.steps() {
        text.push_str(&match &step.record {
            Record::Event(rule) => format!("|{}:event:{:?}:{:?}", step.key, rule.triggers, rule.definitions),
            Record::Ledger(row) => format!("|{}:ledger:{row:?}", step.key),
        });
    }
    text.push_str(&format!("|{sources:?}"));
    Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
