//! Sources whose behavior a test sets. Each figure identifies its question, so a test sees if an answer has figures of
//! another question. Calls are counted, and so are concurrent calls of one question.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(dead_code, reason = "each test uses only a part")]

use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use axon_metrics::{
    ActivityId, Dashboard, DashboardBuilder, Fact, Measured, Missing, ProductId, Reason, SourceError, Timestamp,
    Window,
    catalog::{Activity, ActivityKind, Campaign, Catalog},
    facts::{
        BehaviorFacts, BucketSales, History, LedgerFacts, RealtimeFacts, Sales, SalesFacts, Slots, StepCounts, Stock,
    },
    source::{
        BehaviorQuestion, BehaviorSource, CatalogSource, Counting, LedgerQuestion, LedgerSource, Probe,
        RealtimeQuestion, RealtimeSource,
    },
};

/// 19:30 in Seoul, on a Tuesday.
pub(crate) const NOW: &str = "2024-11-12T10:30:00Z";
pub(crate) const LIMIT: u64 = 1_000_000;

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|_| panic!("{text} is no instant"))
}
pub(crate) fn ms(milliseconds: i64) -> chrono::Duration {
    chrono::Duration::milliseconds(milliseconds)
}

/// How a source behaves when it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    Fails,
    Lost,
    Slow(u64),
    Hangs,
    Partial,
    /// Answers that the store has no such index.
    NoIndex,
    Panics,
}

/// Which source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Of {
    Catalog,
    Behavior,
    Ledger,
    Realtime,
}

type Moods = dyn FnMut(Of) -> Mood + Send;

/// All sources of one dashboard. Clones share their state.
#[derive(Clone)]
pub(crate) struct ScriptedSources {
    state: Arc<State>,
}

struct State {
    tenant: u64,
    catalog: Mutex<Catalog>,
    moods: Mutex<Box<Moods>>,
    weeks: Mutex<Duration>,
    log: Mutex<CallLog>,
}

#[derive(Default)]
struct CallLog {
    calls: HashMap<Of, usize>,
    /// The library asks each question in a separate task, so a second call in the same task is a retry.
    tasks: HashSet<(Of, tokio::task::Id)>,
    repeated: HashMap<Of, usize>,
    running: HashMap<Of, usize>,
    most: HashMap<Of, usize>,
    /// The running calls of each question, whatever their instant.
    same: HashMap<String, usize>,
    /// The most concurrent calls of one question.
    most_same: usize,
}

/// Counts a call as running until it is dropped.
struct CallGuard {
    state: Arc<State>,
    of: Of,
    questions: Vec<String>,
}

impl Drop for CallGuard {
    fn drop(&mut self) {
        let mut log = self.state.log.lock().unwrap();
        *log.running.entry(self.of).or_default() -= 1;
        for question in &self.questions {
            *log.same.entry(question.clone()).or_default() -= 1;
        }
    }
}

pub(crate) fn activity(id: u64) -> Activity {
    Activity::new(id, format!("activity {id}"), ActivityKind::FirstComeFirstServe)
        .with_start(at("2024-11-05T15:00:00Z"))
        .with_end(at("2024-12-19T15:00:00Z"))
        .with_limit(LIMIT)
        .with_product(ProductId(id))
}

/// Campaigns 1 to 3, campaign n with the activities 10 n and 10 n + 1.
pub(crate) fn catalog() -> Catalog {
    let campaign = |id: u64| {
        Campaign::new(id, format!("campaign {id}"), [activity(10 * id), activity(10 * id + 1)])
            .with_start(at("2024-11-05T15:00:00Z"))
            .with_end(at("2024-12-19T15:00:00Z"))
    };
    Catalog::new("KRW", (1..=3).map(campaign).collect()).unwrap()
}

/// A figure that identifies its question.
pub(crate) fn mark(tenant: u64, activities: &[ActivityId], window: Window, counting: Counting) -> u64 {
    let mut hash = DefaultHasher::new();
    (tenant, activities, window.from, counting).hash(&mut hash);
    hash.finish() % 1_000_000_000
}
/// An instant as a count.
pub(crate) fn second(at: Timestamp) -> u64 {
    u64::try_from(at.timestamp()).unwrap()
}

impl ScriptedSources {
    pub(crate) fn new(tenant: u64) -> Self {
        let moods: Box<Moods> = Box::new(|_| Mood::Well);
        let (catalog, moods) = (Mutex::new(catalog()), Mutex::new(moods));
        let weeks = Mutex::default();
        Self { state: Arc::new(State { tenant, catalog, moods, weeks, log: Mutex::default() }) }
    }

    /// Sets the behavior of the sources from now on.
    pub(crate) fn be(&self, moods: impl FnMut(Of) -> Mood + Send + 'static) {
        *self.state.moods.lock().unwrap() = Box::new(moods);
    }
    /// Sets the behavior of one source from now on. The others are well.
    pub(crate) fn one_is(&self, of: Of, mood: Mood) {
        self.be(move |asked| if asked == of { mood } else { Mood::Well });
    }
    pub(crate) fn list(&self, catalog: Catalog) {
        *self.state.catalog.lock().unwrap() = catalog;
    }

    /// Sets how long a question for the history takes.
    pub(crate) fn read_weeks_for(&self, time: Duration) {
        *self.state.weeks.lock().unwrap() = time;
    }

    pub(crate) fn calls(&self, of: Of) -> usize {
        self.call_log().calls.get(&of).copied().unwrap_or(0)
    }
    /// The number of questions, including those for the history, and the number of retries.
    pub(crate) fn put(&self, of: Of) -> (usize, usize) {
        let log = self.call_log();
        let put = log.tasks.iter().filter(|(asked, _)| *asked == of).count();
        (put, log.repeated.get(&of).copied().unwrap_or(0))
    }
    fn count(&self, of: Of) {
        let mut log = self.call_log();
        if !log.tasks.insert((of, tokio::task::id())) {
            *log.repeated.entry(of).or_default() += 1;
        }
    }
    /// The most concurrent calls.
    pub(crate) fn most(&self, of: Of) -> usize {
        self.call_log().most.get(&of).copied().unwrap_or(0)
    }
    /// The most concurrent calls of one question.
    pub(crate) fn most_same(&self) -> usize {
        self.call_log().most_same
    }

    /// A dashboard with only these sources.
    pub(crate) fn builder(&self) -> DashboardBuilder<Arc<dyn CatalogSource>> {
        let one = || self.clone();
        Dashboard::builder().catalog(one()).behavior(one()).ledger(one()).realtime(one())
    }

    fn call_log(&self) -> MutexGuard<'_, CallLog> {
        self.state.log.lock().unwrap()
    }

    /// Records a call, and behaves as set.
    async fn call(&self, of: Of, questions: Vec<String>) -> Result<Mood, SourceError> {
        self.count(of);
        {
            let mut log = self.call_log();
            *log.calls.entry(of).or_default() += 1;
            let running = log.running.entry(of).or_default();
            *running += 1;
            let running = *running;
            let most = log.most.entry(of).or_default();
            *most = running.max(*most);
            for question in &questions {
                let same = log.same.entry(question.clone()).or_default();
                *same += 1;
                log.most_same = log.most_same.max(log.same[question]);
            }
        }
        let _running = CallGuard { state: Arc::clone(&self.state), of, questions };
        let mood = (self.state.moods.lock().unwrap())(of);
        // Each call takes some time, so that calls at the same time are concurrent.
        tokio::time::sleep(Duration::from_millis(5)).await;
        let name: Arc<str> = self.store(of).into();
        match mood {
            Mood::Well | Mood::Partial | Mood::NoIndex => Ok(mood),
            Mood::Fails => Err(SourceError::Unavailable { source_name: name, source: "out of order".into() }),
            Mood::Lost => Err(SourceError::Lost { source_name: name, source: "connection reset".into() }),
            Mood::Slow(ms) => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                Ok(Mood::Well)
            }
            Mood::Hangs => std::future::pending().await,
            Mood::Panics => panic!("a source that panics on purpose"),
        }
    }

    fn store(&self, of: Of) -> &'static str {
        match of {
            Of::Catalog => "catalog",
            Of::Behavior => "behavior",
            Of::Ledger => "ledger",
            Of::Realtime => "realtime",
        }
    }

    fn mark(&self, activities: &[ActivityId], window: Window, counting: Counting) -> u64 {
        mark(self.state.tenant, activities, window, counting)
    }
}

fn fact<T>(value: T, as_of: Timestamp, mood: Mood) -> Fact<T> {
    if mood == Mood::NoIndex {
        return Err(Missing::NotMeasured(Reason::NoIndex));
    }
    Ok(Measured::exact(value, "store", as_of).with_partial(mood == Mood::Partial))
}

#[async_trait]
impl CatalogSource for ScriptedSources {
    fn name(&self) -> &'static str {
        self.store(Of::Catalog)
    }
    async fn catalog(&self, _: Duration) -> Result<Catalog, SourceError> {
        self.call(Of::Catalog, Vec::new()).await?;
        Ok(self.state.catalog.lock().unwrap().clone())
    }
    async fn probe(&self, _: Timestamp, _: Duration) -> Result<Probe, SourceError> {
        Ok(Probe::default())
    }
}

#[async_trait]
impl BehaviorSource for ScriptedSources {
    fn name(&self) -> &'static str {
        self.store(Of::Behavior)
    }
    async fn behavior(&self, question: &BehaviorQuestion) -> Result<BehaviorFacts, SourceError> {
        let scope = &question.scope;
        let identify =
            |what: &str| format!("{what} {:?} {} {:?}", scope.activities, scope.current.from, scope.previous.is_some());
        let mut questions = Vec::new();
        if !question.steps.is_empty() {
            questions.push(identify("steps"));
        }
        for series in &question.series {
            questions.push(format!("inflow {:?}", series.activities_of(scope)));
        }
        let mood = self.call(Of::Behavior, questions).await?;
        let counts = |activities: &[ActivityId], window: Window| {
            let figures = [self.mark(activities, window, scope.counting), second(scope.as_of), 2, 1];
            question.steps.iter().zip(figures).map(|(_, count)| fact(count, scope.as_of, mood)).collect::<Vec<_>>()
        };
        let per_activity = scope.by_activity && !question.steps.is_empty();
        let per_activity = if per_activity { scope.funnel_activities.clone() } else { Vec::new() };
        let steps = StepCounts::new(counts(&scope.activities, scope.current))
            .with_previous(scope.previous.map_or_else(Vec::new, |window| counts(&scope.activities, window)))
            .with_by_activity(per_activity.into_iter().map(|id| (id, counts(&[id], scope.current))).collect());
        let series = question.series.iter().map(|one| fact(vec![7; one.cells.count()], scope.as_of, mood)).collect();
        let active = question.active.map(|_| fact(second(scope.as_of), scope.as_of, mood));
        Ok(BehaviorFacts::new(steps).with_series(series).with_active(active))
    }
    async fn probe(&self, _: Timestamp, _: Duration) -> Result<Probe, SourceError> {
        Ok(Probe::default())
    }
}

#[async_trait]
impl LedgerSource for ScriptedSources {
    fn name(&self) -> &'static str {
        self.store(Of::Ledger)
    }
    async fn ledger(&self, question: &LedgerQuestion) -> Result<LedgerFacts, SourceError> {
        let scope = &question.scope;
        let facts = LedgerFacts::new(StepCounts::default());
        // The history is asked for in a separate question, and does not count as a call.
        if question.history.is_some() {
            self.count(Of::Ledger);
            let time = *self.state.weeks.lock().unwrap();
            tokio::time::sleep(time).await;
            return Ok(facts.with_history(fact(History::default(), scope.as_of, Mood::Well)));
        }
        let mood = self.call(Of::Ledger, Vec::new()).await?;
        let sales = || {
            let orders = self.mark(&scope.activities, scope.current, Counting::Events);
            let sums = BucketSales::new(orders, second(scope.as_of), 1.into());
            fact(Sales::new(sums, 1).with_cancelled(0), scope.as_of, mood)
        };
        let others = || fact(Vec::new(), scope.as_of, mood);
        Ok(facts.with_sales(question.sales.as_ref().map(|_| SalesFacts::new(sales(), sales(), others()))))
    }
    async fn probe(&self, _: Timestamp, _: Duration) -> Result<Probe, SourceError> {
        Ok(Probe::default())
    }
}

#[async_trait]
impl RealtimeSource for ScriptedSources {
    fn name(&self) -> &'static str {
        self.store(Of::Realtime)
    }
    async fn realtime(&self, question: &RealtimeQuestion) -> Result<RealtimeFacts, SourceError> {
        let mood = self.call(Of::Realtime, Vec::new()).await?;
        let slots = |id: &ActivityId| {
            let held = id.0 + self.state.tenant * 1_000;
            let stock = fact(Stock::Held(i64::try_from(held).unwrap()), question.as_of, mood);
            (*id, Slots::new(stock, fact(held, question.as_of, mood)))
        };
        Ok(RealtimeFacts::new(question.activities.iter().map(slots).collect()))
    }
    async fn probe(&self, _: Timestamp, _: Duration) -> Result<Probe, SourceError> {
        Ok(Probe::default())
    }
}
