//! One cell: a dashboard of its own with proxies of its own, one of whose stores fails and recovers.

use std::{
    fmt,
    sync::atomic::{AtomicI64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use axon_examples::fault_proxy::{Fault, FaultProxy};
use axon_metrics::{
    AnswerError, Bound, Budgets, Concurrency, Dashboard, DashboardAnswer, DashboardRequest, Lifetimes, Period,
    QuestionKind, Widget,
    answer::{SourceState, SourceStatus, WidgetStatus},
};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use tokio::time::sleep;

use super::{
    Failure, MAX_RECOVERY, State, Store,
    check::{Verdict, check},
    figures::is_history_loading,
    platform::{Platform, patient},
    proxied_stores::ProxiedStores,
};

/// The indexing lag of Elasticsearch that the adapter assumes, in seconds.
const LAG: i64 = 2;

/// The latency of a store while a request is in flight, and the time from the request to the fault.
const IN_FLIGHT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(40));

/// The same while all permits are taken.
const FULL: (Duration, Duration) = (Duration::from_millis(400), Duration::from_millis(100));

/// More requests than permits.
const CROWD: usize = 12;

/// Minutes between two requests to a dashboard with caches: all entries have expired, and none is too old to be shown as stale.
const EXPIRY_MINUTES: i64 = 6;

const WIDGETS: [Widget; 5] =
    [Widget::Overview, Widget::Funnel, Widget::Comparison, Widget::Realtime, Widget::Activities];

/// A platform, and the expected answers.
pub(crate) struct World {
    pub(crate) platform: Platform,
    /// A dashboard over the stores without proxies and caches.
    truth: Dashboard,
    /// The requests that take all permits. Their widgets are set by the cell.
    crowd: Vec<DashboardRequest>,
}

impl World {
    pub(crate) async fn new(platform: Platform) -> Self {
        let truth = platform.builder(&platform.addresses, patient()).lifetimes(Lifetimes::none()).build();
        // Different days, so that no two share a cache key.
        let first = platform.expected.as_of.date_naive();
        let day = |ago: u64| Bound::Date(first - chrono::Days::new(ago));
        let crowd = (1..=CROWD as u64).map(|ago| {
            let period = Period::Custom { start: day(ago + 3), end: day(ago) };
            DashboardRequest::campaign(u64::from(platform.catalog.campaigns[0].id)).period(period)
        });
        let crowd = crowd.collect();
        Self { platform, truth, crowd }
    }

    async fn truth(&self, request: &DashboardRequest, as_of: DateTime<Utc>) -> DashboardAnswer {
        for _ in 0..100 {
            let answer = self.truth.answer(request, as_of).await.unwrap();
            if is_whole(&answer) {
                return answer;
            }
            sleep(Duration::from_millis(100)).await;
        }
        panic!("no whole answer from the stores without proxies");
    }
}

fn is_whole(answer: &DashboardAnswer) -> bool {
    answer.widgets.values().all(|state| state.status == WidgetStatus::Fresh && !is_history_loading(state))
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell {
    pub(crate) store: Store,
    pub(crate) fault: Fault,
    pub(crate) state: State,
    /// Whether the dashboard caches.
    pub(crate) cached: bool,
    /// The bound on the delay of an answer after its deadline.
    pub(crate) grace: Duration,
    pub(crate) budgets: Budgets,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [store, state] = [format!("{:?}", self.store), format!("{:?}", self.state)];
        let cached = if self.cached { "cached" } else { "      " };
        write!(f, "{store:14} {:20} {state:9} {cached}", self.fault.to_string())
    }
}

/// The outcome of a cell.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    answers: u32,
    flagged: u32,
    stale: u32,
    refused: u32,
    longest: Duration,
    recovered: Option<Duration>,
    /// Violations. Empty if the cell is right.
    pub(crate) wrong: Vec<String>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { answers, flagged, stale, refused, longest, recovered, wrong } = self;
        write!(f, "{answers:3} answers, {flagged:3} flagged, {stale:3} stale, {refused:3} refused, ")?;
        write!(f, "longest {:5} ms, recovered after ", longest.as_millis())?;
        match recovered {
            Some(recovered) => write!(f, "{:5} ms", recovered.as_millis())?,
            None => write!(f, "- never -")?,
        }
        if wrong.is_empty() { Ok(()) } else { write!(f, "   WRONG") }
    }
}

impl Cell {
    pub(crate) fn failure(&self) -> Failure {
        (self.fault, self.state, self.cached)
    }

    pub(crate) async fn run(self, world: &World) -> Outcome {
        let drill = Drill::start(self, world).await;
        let mut outcome = Outcome::default();
        match drill.whole(Duration::from_secs(20)).await {
            Ok(_) => drill.break_store(&mut outcome).await,
            Err(wrong) => outcome.wrong.push(format!("before the fault: {wrong}")),
        }
        outcome
    }
}

struct Drill<'a> {
    cell: Cell,
    world: &'a World,
    dashboard: Dashboard,
    request: DashboardRequest,
    stores: ProxiedStores,
    budget: Duration,
    began: Instant,
    /// The minutes by which the dashboard's clock is ahead.
    ahead: AtomicI64,
}

/// The answer to a request, and its latency.
type TimedReply = (Result<DashboardAnswer, AnswerError>, Duration);

impl<'a> Drill<'a> {
    async fn start(cell: Cell, world: &'a World) -> Self {
        let stores = ProxiedStores::of(&world.platform, [0; 3]).await;
        let budgets = cell.budgets;
        let builder = world.platform.builder(&stores.addresses(), budgets);
        let default = Lifetimes::default();
        // Both cache the weeks before a promotion: these are loaded in the background, with a budget of their own.
        let none = Lifetimes::none().with_history(default.history).with_history_stale(default.history_stale);
        let lifetimes = if cell.cached { default } else { none };
        let concurrency =
            Concurrency::default().with(QuestionKind::Realtime, Concurrency::default().of(QuestionKind::Behavior));
        let dashboard = builder.lifetimes(lifetimes).concurrency(concurrency).build();
        let campaign = u64::from(world.platform.catalog.campaigns[0].id);
        let request = DashboardRequest::campaign(campaign).widgets(WIDGETS).compare_previous();
        Self {
            cell,
            world,
            dashboard,
            request,
            stores,
            budget: budgets.answer(),
            began: Instant::now(),
            ahead: AtomicI64::new(0),
        }
    }

    fn proxy(&self) -> &FaultProxy {
        &self.stores.proxies[self.cell.store.index()]
    }

    /// The dashboard's clock. It stands still without caches.
    fn now(&self) -> DateTime<Utc> {
        let as_of = self.world.platform.expected.as_of;
        if !self.cell.cached {
            return as_of;
        }
        as_of + TimeDelta::minutes(self.ahead.load(Relaxed)) + TimeDelta::from_std(self.began.elapsed()).unwrap()
    }

    async fn ask(&self, request: &DashboardRequest) -> TimedReply {
        let began = Instant::now();
        let answer = self.dashboard.answer(request, self.now()).await;
        (answer, began.elapsed())
    }

    /// The first whole answer, and the time until it came.
    async fn whole(&self, max_wait: Duration) -> Result<(DashboardAnswer, Duration), String> {
        let began = Instant::now();
        loop {
            let (answer, _) = self.ask(&self.request).await;
            match answer {
                Ok(answer) if is_whole(&answer) => return Ok((answer, began.elapsed())),
                Ok(answer) if began.elapsed() > max_wait => {
                    let states: Vec<_> = answer.sources.iter().map(|source| (&source.name, source.status)).collect();
                    return Err(format!("not whole after {max_wait:?}: {states:?}"));
                }
                Err(error) if began.elapsed() > max_wait => {
                    return Err(format!("no answer after {max_wait:?}: {error}"));
                }
                _ => sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Breaks the store, sends requests, and ends the fault.
    async fn break_store(&self, outcome: &mut Outcome) {
        self.ahead.store(EXPIRY_MINUTES, Relaxed);
        for (request, reply) in self.replies_during_the_break().await {
            self.inspect(&request, reply, outcome).await;
        }
        // A later request fails, too, except with half-open connections: these have been replaced by then.
        self.ahead.store(2 * EXPIRY_MINUTES, Relaxed);
        let flagged = outcome.flagged;
        self.inspect(&self.request, self.ask(&self.request).await, outcome).await;
        if outcome.flagged == flagged && self.cell.fault != Fault::HalfOpen && outcome.wrong.is_empty() {
            outcome.wrong.push("an answer during the fault is not flagged".to_owned());
        }
        self.proxy().set(Fault::None);
        match self.whole(MAX_RECOVERY).await {
            Ok((recovered, after)) => {
                outcome.recovered = Some(after);
                if after > MAX_RECOVERY {
                    outcome.wrong.push(format!("recovered only after {after:?}"));
                }
                let truth = self.world.truth(&self.request, recovered.timestamp).await;
                if let Err(wrong) = check(&recovered, &truth, &[], self.cell.store) {
                    outcome.wrong.push(format!("after the recovery: {wrong}"));
                }
            }
            Err(wrong) => outcome.wrong.push(format!("after the fault: {wrong}")),
        }
    }

    async fn replies_during_the_break(&self) -> Vec<(DashboardRequest, TimedReply)> {
        let (fault, proxy) = (self.cell.fault, self.proxy());
        let after = async |time| {
            sleep(time).await;
            proxy.set(fault);
        };
        match self.cell.state {
            State::Idle => {
                proxy.set(fault);
                vec![(self.request.clone(), self.ask(&self.request).await)]
            }
            State::InFlight => {
                let (latency, moment) = IN_FLIGHT;
                proxy.set(Fault::Latency(latency));
                let (reply, ()) = tokio::join!(self.ask(&self.request), after(moment));
                vec![(self.request.clone(), reply)]
            }
            State::Full => {
                let (latency, moment) = FULL;
                proxy.set(Fault::Latency(latency));
                let own =
                    self.world.crowd.iter().map(|request| request.clone().widgets([self.cell.store.own_widget()]));
                let all = own.chain([self.request.clone()]).map(async |request| {
                    let reply = self.ask(&request).await;
                    (request, reply)
                });
                tokio::join!(join_all(all), after(moment)).0
            }
        }
    }

    async fn inspect(&self, request: &DashboardRequest, (answer, took): TimedReply, outcome: &mut Outcome) {
        outcome.longest = outcome.longest.max(took);
        if took > self.budget + self.cell.grace {
            outcome.wrong.push(format!("an answer after {took:?}"));
        }
        let answer = match answer {
            Ok(answer) => answer,
            // Right for a request of nothing but the store's figures, and so is the next arm.
            Err(AnswerError::Overloaded { .. }) if *request != self.request => {
                outcome.refused += 1;
                return;
            }
            Err(AnswerError::Unavailable { sources }) if *request != self.request => {
                outcome.answers += 1;
                outcome.flagged += 1;
                let names_store = |source: &SourceState| {
                    source.name == self.cell.store.name() && source.status == SourceStatus::Unavailable
                };
                if !sources.iter().any(names_store) {
                    outcome.wrong.push(format!("no answer, and the problem does not name {}", self.cell.store.name()));
                }
                return;
            }
            Err(error) => {
                outcome.wrong.push(format!("no answer: {error}"));
                return;
            }
        };
        outcome.answers += 1;
        let truth = self.world.truth(request, answer.timestamp).await;
        let mut older = Vec::new();
        for state in answer.widgets.values().filter(|state| state.status == WidgetStatus::Stale) {
            let Some(complete_to) = state.as_of else { continue };
            for lag in [0, LAG] {
                older.push(self.world.truth(request, complete_to + TimeDelta::seconds(lag)).await);
            }
        }
        match check(&answer, &truth, &older, self.cell.store) {
            Ok(Verdict { flagged, stale }) => {
                outcome.flagged += u32::from(flagged);
                outcome.stale += u32::from(stale);
            }
            Err(wrong) => outcome.wrong.push(wrong),
        }
    }
}
