//! One cell: a dashboard of its own behind proxies of its own, whose store breaks and is well again.

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
    HEALED, State, Store, Way,
    check::{Verdict, check},
    far::Far,
    figures::is_reading,
    platform::{Platform, patient},
};

/// How far behind its reading Elasticsearch is taken to be complete, in seconds.
const LAG: i64 = 2;

/// How far away a store is while a request is in flight, and when in it the store breaks.
const IN_FLIGHT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(40));

/// The same while places are taken.
const FULL: (Duration, Duration) = (Duration::from_millis(400), Duration::from_millis(100));

/// More requests than there are places.
const CROWD: usize = 12;

/// Minutes between two looks at a dashboard that keeps what it has: all of it is over, and none of it too old to be shown as stale.
const BETWEEN: i64 = 6;

const WIDGETS: [Widget; 5] =
    [Widget::Overview, Widget::Funnel, Widget::Comparison, Widget::Realtime, Widget::Activities];

/// Loaded stores, and what they say.
pub(crate) struct World {
    pub(crate) platform: Platform,
    /// Asks the stores themselves, always.
    truth: Dashboard,
    /// What is asked when too much is asked at once, each for itself; widgets are to be chosen.
    crowd: Vec<DashboardRequest>,
}

impl World {
    pub(crate) async fn new(platform: Platform) -> Self {
        let truth = platform.builder(&platform.addresses, patient()).lifetimes(Lifetimes::none()).build();
        // Days apart, so that no two of them are one question.
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
        panic!("the stores themselves are not well");
    }
}

fn is_whole(answer: &DashboardAnswer) -> bool {
    answer.widgets.values().all(|state| state.status == WidgetStatus::Fresh && !is_reading(state))
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell {
    pub(crate) store: Store,
    pub(crate) fault: Fault,
    pub(crate) state: State,
    /// Whether the dashboard keeps what it has.
    pub(crate) kept: bool,
    /// How much later than its deadline an answer may come.
    pub(crate) grace: Duration,
    pub(crate) budgets: Budgets,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [store, state] = [format!("{:?}", self.store), format!("{:?}", self.state)];
        let kept = if self.kept { "kept" } else { "    " };
        write!(f, "{store:14} {:20} {state:9} {kept}", self.fault.to_string())
    }
}

/// What happened in a cell.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    answers: u32,
    flagged: u32,
    stale: u32,
    refused: u32,
    longest: Duration,
    healed: Option<Duration>,
    /// What may not be.
    pub(crate) wrong: Vec<String>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { answers, flagged, stale, refused, longest, healed, wrong } = self;
        write!(f, "{answers:3} answers, {flagged:3} flagged, {stale:3} stale, {refused:3} refused, ")?;
        write!(f, "longest {:5} ms, healed after ", longest.as_millis())?;
        match healed {
            Some(healed) => write!(f, "{:5} ms", healed.as_millis())?,
            None => write!(f, "- never -")?,
        }
        if wrong.is_empty() { Ok(()) } else { write!(f, "   WRONG") }
    }
}

impl Cell {
    pub(crate) fn way(&self) -> Way {
        (self.fault, self.state, self.kept)
    }

    pub(crate) async fn run(self, world: &World) -> Outcome {
        let drill = Drill::start(self, world).await;
        let mut outcome = Outcome::default();
        match drill.whole(Duration::from_secs(20)).await {
            Ok(_) => drill.breaks(&mut outcome).await,
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
    far: Far,
    budget: Duration,
    began: Instant,
    /// How many minutes the dashboard's clock is ahead.
    ahead: AtomicI64,
}

/// What came of a question, and after how long.
type TimedReply = (Result<DashboardAnswer, AnswerError>, Duration);

impl<'a> Drill<'a> {
    async fn start(cell: Cell, world: &'a World) -> Self {
        let far = Far::of(&world.platform, [0; 3]).await;
        let budgets = cell.budgets;
        let builder = world.platform.builder(&far.addresses(), budgets);
        let default = Lifetimes::default();
        // The weeks before a promotion are kept by both: they are read outside of any answer, in a time of their own.
        let none = Lifetimes { history: default.history, history_stale: default.history_stale, ..Lifetimes::none() };
        let lifetimes = if cell.kept { default } else { none };
        let places =
            Concurrency::default().with(QuestionKind::Realtime, Concurrency::default().of(QuestionKind::Behavior));
        let dashboard = builder.lifetimes(lifetimes).concurrency(places).build();
        let campaign = u64::from(world.platform.catalog.campaigns[0].id);
        let request = DashboardRequest::campaign(campaign).widgets(WIDGETS).compare_previous();
        Self {
            cell,
            world,
            dashboard,
            request,
            far,
            budget: budgets.answer(),
            began: Instant::now(),
            ahead: AtomicI64::new(0),
        }
    }

    fn proxy(&self) -> &FaultProxy {
        &self.far.proxies[self.cell.store.place()]
    }

    /// The dashboard's clock. It stands still where nothing is kept.
    fn now(&self) -> DateTime<Utc> {
        let as_of = self.world.platform.expected.as_of;
        if !self.cell.kept {
            return as_of;
        }
        as_of + TimeDelta::minutes(self.ahead.load(Relaxed)) + TimeDelta::from_std(self.began.elapsed()).unwrap()
    }

    async fn ask(&self, request: &DashboardRequest) -> TimedReply {
        let began = Instant::now();
        let answer = self.dashboard.answer(request, self.now()).await;
        (answer, began.elapsed())
    }

    /// The first answer that lacks nothing, and the time until it came.
    async fn whole(&self, patience: Duration) -> Result<(DashboardAnswer, Duration), String> {
        let began = Instant::now();
        loop {
            let (answer, _) = self.ask(&self.request).await;
            match answer {
                Ok(answer) if is_whole(&answer) => return Ok((answer, began.elapsed())),
                Ok(answer) if began.elapsed() > patience => {
                    let states: Vec<_> = answer.sources.iter().map(|source| (&source.name, source.status)).collect();
                    return Err(format!("not whole after {patience:?}: {states:?}"));
                }
                Err(error) if began.elapsed() > patience => {
                    return Err(format!("no answer after {patience:?}: {error}"));
                }
                _ => sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// The store breaks, is asked, and is well again.
    async fn breaks(&self, outcome: &mut Outcome) {
        self.ahead.store(BETWEEN, Relaxed);
        for (request, asked) in self.asked_as_it_breaks().await {
            self.look(&request, asked, outcome).await;
        }
        // What is new meets the fault, too; but connections that are dead without a sign were replaced by then.
        self.ahead.store(2 * BETWEEN, Relaxed);
        let flagged = outcome.flagged;
        self.look(&self.request, self.ask(&self.request).await, outcome).await;
        if outcome.flagged == flagged && self.cell.fault != Fault::HalfOpen && outcome.wrong.is_empty() {
            outcome.wrong.push("an answer while the store is away is not flagged".to_owned());
        }
        self.proxy().set(Fault::None);
        match self.whole(HEALED).await {
            Ok((healed, after)) => {
                outcome.healed = Some(after);
                if after > HEALED {
                    outcome.wrong.push(format!("well again only after {after:?}"));
                }
                let truth = self.world.truth(&self.request, healed.timestamp).await;
                if let Err(wrong) = check(&healed, &truth, &[], self.cell.store) {
                    outcome.wrong.push(format!("healed, {wrong}"));
                }
            }
            Err(wrong) => outcome.wrong.push(format!("afterwards, {wrong}")),
        }
    }

    async fn asked_as_it_breaks(&self) -> Vec<(DashboardRequest, TimedReply)> {
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
                let (distance, moment) = IN_FLIGHT;
                proxy.set(Fault::Latency(distance));
                let (asked, ()) = tokio::join!(self.ask(&self.request), after(moment));
                vec![(self.request.clone(), asked)]
            }
            State::Full => {
                let (distance, moment) = FULL;
                proxy.set(Fault::Latency(distance));
                let own = self.world.crowd.iter().map(|request| request.clone().widgets([self.cell.store.own()]));
                let all = own.chain([self.request.clone()]).map(async |request| {
                    let asked = self.ask(&request).await;
                    (request, asked)
                });
                tokio::join!(join_all(all), after(moment)).0
            }
        }
    }

    async fn look(&self, request: &DashboardRequest, (answer, took): TimedReply, outcome: &mut Outcome) {
        outcome.longest = outcome.longest.max(took);
        if took > self.budget + self.cell.grace {
            outcome.wrong.push(format!("an answer after {took:?}"));
        }
        let answer = match answer {
            Ok(answer) => answer,
            // Right where nothing but its figures was asked for, as what follows.
            Err(AnswerError::Overloaded { .. }) if *request != self.request => {
                outcome.refused += 1;
                return;
            }
            Err(AnswerError::Unavailable { sources }) if *request != self.request => {
                outcome.answers += 1;
                outcome.flagged += 1;
                let away = |source: &SourceState| {
                    source.name == self.cell.store.name() && source.status == SourceStatus::Unavailable
                };
                if !sources.iter().any(away) {
                    outcome.wrong.push(format!("no answer, and {} is not named", self.cell.store.name()));
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
