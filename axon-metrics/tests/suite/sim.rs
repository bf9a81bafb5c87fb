//! Simulation with seeds on a paused clock: random requests and cancellations, while sources and caches fail at random.
//! Checks the invariants of every answer. Runs 200 seeds, 2,000 with `AXON_DRILL=1`, and only seed N with
//! `AXON_SIM_SEED=N`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "the test prints its figures")]

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use axon_metrics::{
    AnswerError, Bound, Concurrency, Dashboard, DashboardAnswer, DashboardRequest, Freshness, MemoryCache, Mode,
    Period, QuestionKind, Scope, Timestamp, Widget, Window,
    answer::{SourceStatus, WidgetStatus},
    cache::{CacheEntry, CacheError, DashboardCache},
    source::Counting,
};
use tokio::time::Instant;

use crate::scripted_sources;
use scripted_sources::{LIMIT, Mood, NOW, Of, ScriptedSources, at, mark, ms, second};

/// The most concurrent questions to each source.
const CAPS: [(Of, usize); 4] = [(Of::Catalog, 1), (Of::Behavior, 3), (Of::Ledger, 2), (Of::Realtime, 3)];
const TENANTS: u64 = 2;
/// How many retries a source may get beyond a tenth of its questions.
const RETRY_BURST: usize = 10;

type Dice = Arc<Mutex<fastrand::Rng>>;

/// How often sources and caches fail, in percent.
#[derive(Debug, Clone, Copy)]
struct FaultRates {
    sources: u32,
    caches: u32,
}

fn mood(dice: &Dice, rates: &Arc<Mutex<FaultRates>>) -> Mood {
    let mut dice = dice.lock().unwrap();
    if dice.u32(0..100) >= rates.lock().unwrap().sources {
        return Mood::Well;
    }
    match dice.u32(0..7) {
        0 => Mood::Fails,
        1 => Mood::Lost,
        2 | 3 => Mood::Slow(dice.u64(0..1_200)),
        4 => Mood::Hangs,
        5 => Mood::Partial,
        _ => Mood::Panics,
    }
}

/// A shared cache that can fail, hang, panic, be slow, lose entries, and return truncated or wrong values.
#[derive(Clone)]
struct FaultyCache {
    inner: MemoryCache,
    dice: Dice,
    rates: Arc<Mutex<FaultRates>>,
}

impl FaultyCache {
    /// Fails at random, or returns the number of a fault in the values, 0 for none.
    async fn fault(&self) -> Result<u32, CacheError> {
        let dice = {
            let mut dice = self.dice.lock().unwrap();
            (dice.u32(0..100) < self.rates.lock().unwrap().caches).then(|| dice.u32(0..8))
        };
        match dice {
            Some(0) => Err(CacheError::new("faulty", "down")),
            Some(1) => std::future::pending().await,
            Some(2) => panic!("a cache that panics on purpose"),
            Some(3) => {
                tokio::time::sleep(Duration::from_millis(30)).await;
                Ok(0)
            }
            Some(fault) => Ok(fault),
            None => Ok(0),
        }
    }
}

#[async_trait]
impl DashboardCache for FaultyCache {
    fn name(&self) -> &'static str {
        "faulty"
    }
    async fn get(&self, keys: &[String], budget: Duration) -> Result<Vec<Option<Vec<u8>>>, CacheError> {
        let fault = self.fault().await?;
        let mut values = self.inner.get(keys, budget).await?;
        match fault {
            4 => values.rotate_left(1),
            5 => values.iter_mut().for_each(|value| *value = None),
            6 => values.iter_mut().flatten().for_each(|value| value.truncate(value.len() / 2)),
            7 => drop(values.pop()),
            _ => {}
        }
        Ok(values)
    }
    async fn put(&self, entries: &[CacheEntry], budget: Duration) -> Result<(), CacheError> {
        self.fault().await?;
        self.inner.put(entries, budget).await
    }
}

/// A request to one tenant's dashboard.
#[derive(Debug, Clone)]
struct Query {
    tenant: u64,
    request: DashboardRequest,
    mode: Mode,
    /// Whether its range is in the past.
    over: bool,
}

/// A random request. All requests for a scope have the same widgets of the range, so that concurrent loads of one key
/// can be recognized by their question.
fn question(dice: &mut fastrand::Rng) -> Query {
    let campaign = dice.u64(1..=3);
    let (mut request, mut widgets) = if dice.bool() {
        let widgets = match campaign {
            1 => vec![Widget::Overview, Widget::Funnel],
            2 => vec![Widget::Overview, Widget::Funnel, Widget::Comparison],
            _ => vec![Widget::Overview, Widget::Activities],
        };
        (DashboardRequest::campaign(campaign), widgets)
    } else {
        (DashboardRequest::activity(10 * campaign + dice.u64(0..2)), vec![Widget::Overview, Widget::Funnel])
    };
    match dice.u32(0..4) {
        0 => widgets = vec![Widget::Realtime],
        1 | 2 => widgets.push(Widget::Realtime),
        _ => {}
    }
    dice.shuffle(&mut widgets);
    let day = |text: &str| Bound::Date(text.parse().unwrap());
    let over = dice.u32(0..4) == 0;
    request = request.widgets(widgets).period(match dice.u32(0..2) {
        _ if over => Period::Custom { start: day("2024-11-08"), end: day("2024-11-11") },
        0 => Period::Last7Days,
        _ => Period::Last30Days,
    });
    if dice.u32(0..3) == 0 {
        request = request.compare_previous();
    }
    Query { tenant: dice.u64(0..TENANTS), request, mode: Mode::Count, over }
}

/// Checks the invariants of an answer.
fn check(query: &Query, answer: &DashboardAnswer, now: Timestamp) {
    let late = answer.timestamp - now;
    assert!(late > ms(-1_000) && late <= ms(1_000), "the timestamp of the answer is {late} after that of the request");
    let (campaign, activity) = match query.request.scope() {
        Scope::Campaign(id) => (id.0, None),
        Scope::Activity(id) => (id.0 / 10, Some(id)),
        other => panic!("{other:?}"),
    };
    assert_eq!((answer.campaign_id.0, answer.activity_id), (campaign, activity));
    let activities = activity.map_or_else(|| vec![(10 * campaign).into(), (10 * campaign + 1).into()], |id| vec![id]);
    let counting = query.mode.counting().unwrap();
    let visits = |window: Window| mark(query.tenant, &activities, window, counting);
    let current = Window { from: answer.range.from, to: answer.range.to };

    for (widget, state) in &answer.widgets {
        let lost = state.missing.iter().any(|missing| missing.source.is_some());
        let Some(as_of) = state.as_of else {
            assert!(state.status == WidgetStatus::Unavailable, "{widget:?} {state:?}");
            continue;
        };
        let age = answer.timestamp - as_of;
        assert_eq!(state.age_ms, Some(age.num_milliseconds()));
        let is_past_range = query.over && !matches!(widget, Widget::Realtime | Widget::Activities);
        let fresh_for = if is_past_range { chrono::Duration::seconds(331) } else { chrono::Duration::zero() };
        match state.status {
            // A load takes at most 1 s. Its widget is fresh for at most 1.1 s, and usable for another second.
            WidgetStatus::Fresh => assert!(!lost && age <= fresh_for.max(ms(3_000)), "{widget:?} is fresh at {age}"),
            WidgetStatus::Stale => assert!(!lost && age <= fresh_for + chrono::Duration::minutes(15), "stale at {age}"),
            WidgetStatus::Partial => assert!(age <= ms(3_000), "partial at {age}"),
            other => assert_eq!(other, WidgetStatus::Unavailable),
        }
    }
    if let Some(overview) = &answer.data.overview {
        let totals = &overview.totals;
        assert!(totals.total_visits.is_none_or(|count| count == visits(current)), "visits of another question");
        let as_of = answer.widgets[&Widget::Overview].as_of.map(second);
        assert!(totals.total_participants.is_none_or(|count| Some(count) == as_of), "participants of another instant");
        assert_eq!(overview.previous.is_some(), answer.range.previous.is_some());
        if let (Some(previous), Some(range)) = (&overview.previous, answer.range.previous) {
            let window = Window { from: range.from, to: range.to };
            assert!(
                previous.total_visits.is_none_or(|count| count == visits(window)),
                "previous visits of another question"
            );
        }
        let is_fresh =
            |widget| matches!(answer.widgets.get(&widget), Some(state) if state.status == WidgetStatus::Fresh);
        if let Some(funnel) =
            answer.data.funnel.as_ref().filter(|_| is_fresh(Widget::Overview) && is_fresh(Widget::Funnel))
        {
            assert_eq!(funnel.steps[0].value, totals.total_visits);
            assert_eq!(
                funnel.steps[1].value, totals.total_participants,
                "overview and funnel are from different loads"
            );
        }
    }
    if let Some(rows) = &answer.data.activities {
        for (row, activity) in rows.iter().zip(&activities) {
            let visits = mark(query.tenant, &[*activity], current, Counting::Events);
            assert!(row.totals.total_visits.is_none_or(|count| count == visits), "visits of another activity");
        }
    }
    if let Some(sales) = &answer.data.comparison {
        let sold = mark(query.tenant, &activities, current, Counting::Events);
        assert!(sales.promotion.orders.is_none_or(|orders| orders == sold), "sales of another question");
    }
    if let Some(realtime) = &answer.data.realtime {
        let held: u64 = activities.iter().map(|id| id.0 + query.tenant * 1_000).sum();
        assert!(realtime.participants_total.is_none_or(|members| members == held), "members of another scope");
        let left = LIMIT * u64::try_from(activities.len()).unwrap() - held;
        assert!(realtime.remaining_stock.is_none_or(|stock| stock == left), "stock of another scope");
    }
}

#[derive(Debug, Default)]
struct Figures {
    outcomes: BTreeMap<&'static str, usize>,
    slowest: Duration,
    loads: usize,
    questions: usize,
    repeated: usize,
}

async fn world(seed: u64, figures: Arc<Mutex<Figures>>) {
    let dice: Dice = Arc::new(Mutex::new(fastrand::Rng::with_seed(seed)));
    let rates = Arc::new(Mutex::new(FaultRates { sources: 0, caches: 0 }));
    let shared = FaultyCache { inner: MemoryCache::default(), dice: Arc::clone(&dice), rates: Arc::clone(&rates) };
    let sources: Vec<ScriptedSources> = (0..TENANTS).map(ScriptedSources::new).collect();
    let [catalog, behavior, ledger, realtime] = CAPS.map(|(_, cap)| cap);
    let concurrency =
        Concurrency::default().with(QuestionKind::Catalog, catalog).with(QuestionKind::Behavior, behavior);
    let concurrency = concurrency.with(QuestionKind::Ledger, ledger).with(QuestionKind::Realtime, realtime);
    let loads = if dice.lock().unwrap().bool() { 1 } else { 6 };
    let dashboards: Vec<Dashboard> = sources
        .iter()
        .zip(0..)
        .map(|(sources, tenant): (_, u64)| {
            let (dice, rates) = (Arc::clone(&dice), Arc::clone(&rates));
            sources.be(move |_| mood(&dice, &rates));
            let builder = sources.builder().concurrency(concurrency).tenant(tenant.to_string());
            builder.shared_cache(shared.clone()).max_loads(loads).build()
        })
        .collect();
    let (started, epoch) = (Instant::now(), at(NOW));
    let clock = move || epoch + started.elapsed();

    let mut tasks = Vec::new();
    let questions = dice.lock().unwrap().u32(20..60);
    for _ in 0..questions {
        let (pause, query, freshness, cancel) = {
            let mut dice = dice.lock().unwrap();
            if dice.u32(0..20) == 0 {
                let sources = [0, 5, 30, 100][dice.usize(0..4)];
                *rates.lock().unwrap() = FaultRates { sources, caches: dice.u32(0..60) };
            }
            let pause = match dice.u32(0..60) {
                0 => dice.u64(0..1_500_000),
                1..20 => dice.u64(0..1_000),
                20..40 => dice.u64(0..50),
                _ => 0,
            };
            let freshness = if dice.u32(0..5) == 0 { Freshness::MustBeFresh } else { Freshness::AllowStale };
            let cancel = (dice.u32(0..5) == 0).then(|| Duration::from_millis(dice.u64(0..400)));
            (Duration::from_millis(pause), question(&mut dice), freshness, cancel)
        };
        tokio::time::sleep(pause).await;
        let (dashboard, figures) = (dashboards[usize::try_from(query.tenant).unwrap()].clone(), Arc::clone(&figures));
        let task = tokio::spawn(async move {
            let (now, started) = (clock(), Instant::now());
            let answer = dashboard.timed(&query.request, now, freshness).await;
            let elapsed = started.elapsed();
            assert!(elapsed <= Duration::from_millis(1_050), "the answer took {elapsed:?}");
            let outcome = match answer {
                Ok(timed) => {
                    assert!(timed.fresh_until <= timed.usable_until);
                    check(&query, &timed.answer, now);
                    let worst = timed.answer.widgets.values().map(|state| state.status);
                    match worst.max_by_key(|status| *status as u8).unwrap() {
                        WidgetStatus::Fresh => "fresh",
                        WidgetStatus::Stale => "stale",
                        WidgetStatus::Partial => "partial",
                        _ => "some unavailable",
                    }
                }
                Err(AnswerError::Unavailable { sources }) => {
                    assert!(sources.iter().any(|source| source.status == SourceStatus::Unavailable));
                    "unavailable"
                }
                Err(AnswerError::Overloaded { .. }) => "overloaded",
                Err(other) => panic!("{other:?}"),
            };
            let mut figures = figures.lock().unwrap();
            *figures.outcomes.entry(outcome).or_default() += 1;
            figures.slowest = figures.slowest.max(elapsed);
        });
        match cancel {
            Some(after) => {
                let cancelled = tokio::spawn(async move {
                    tokio::time::sleep(after).await;
                    task.abort();
                    match task.await {
                        Err(failed) if failed.is_panic() => std::panic::resume_unwind(failed.into_panic()),
                        _ => {}
                    }
                });
                tasks.push(cancelled);
            }
            None => tasks.push(task),
        }
    }
    for task in tasks {
        if let Err(failed) = task.await {
            std::panic::resume_unwind(failed.into_panic());
        }
    }
    // Without further faults all widgets are fresh within two seconds.
    *rates.lock().unwrap() = FaultRates { sources: 0, caches: 0 };
    for tenant in 0..TENANTS {
        let recovered = Instant::now();
        let request = DashboardRequest::campaign(2).widgets(Widget::DEFAULT);
        let query = Query { tenant, request, mode: Mode::Count, over: false };
        let dashboard = &dashboards[usize::try_from(tenant).unwrap()];
        loop {
            let now = clock();
            let fresh = match dashboard.answer(&query.request, now).await {
                Ok(answer) => {
                    check(&query, &answer, now);
                    answer.widgets.values().all(|state| state.status == WidgetStatus::Fresh)
                }
                Err(_) => false,
            };
            if fresh {
                break;
            }
            assert!(recovered.elapsed() <= Duration::from_secs(2), "not fresh after {:?}", recovered.elapsed());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    for sources in &sources {
        assert!(sources.most_same() <= 1, "{} concurrent loads of one question", sources.most_same());
        for (of, cap) in CAPS {
            assert!(sources.most(of) <= cap, "{} concurrent questions to {of:?}", sources.most(of));
            let (put, repeated) = sources.put(of);
            assert!(repeated * 10 <= put + RETRY_BURST * 10, "{repeated} retries of {put} questions to {of:?}");
            let mut figures = figures.lock().unwrap();
            figures.questions += put;
            figures.repeated += repeated;
        }
        figures.lock().unwrap().loads += sources.calls(Of::Behavior);
    }
}

#[test]
fn every_answer_is_valid_in_every_simulated_world() {
    let seeds: Vec<u64> = match std::env::var("AXON_SIM_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (0..if std::env::var_os("AXON_DRILL").is_some() { 2_000 } else { 200 }).collect(),
    };
    // Panics that the test causes on purpose are not printed: there are thousands.
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let on_purpose =
            info.payload().downcast_ref::<&str>().is_some_and(|text| text.ends_with("that panics on purpose"));
        if !on_purpose {
            usual(info);
        }
    }));
    let figures = Arc::new(Mutex::new(Figures::default()));
    for seed in &seeds {
        let run = || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            runtime.block_on(world(*seed, Arc::clone(&figures)));
        };
        if let Err(failed) = catch_unwind(AssertUnwindSafe(run)) {
            println!("seed {seed} failed; run it alone with AXON_SIM_SEED={seed}");
            std::panic::resume_unwind(failed);
        }
    }
    let figures = figures.lock().unwrap();
    println!(
        "{} seeds: {:?}, slowest answer {:?}, {} loads, {} retries of {} questions",
        seeds.len(),
        figures.outcomes,
        figures.slowest,
        figures.loads,
        figures.repeated,
        figures.questions
    );
    assert!(seeds.len() < 200 || figures.repeated > 0, "no question was retried");
    for outcome in ["fresh", "stale", "partial", "unavailable", "overloaded"] {
        assert!(seeds.len() < 200 || figures.outcomes.contains_key(outcome), "no answer was {outcome}");
    }
}
