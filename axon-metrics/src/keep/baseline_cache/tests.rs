//! How long histories are cached, and how often the ledger is asked for them. Time is paused.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use chrono::TimeDelta;
use tokio::time::{advance, sleep};

use super::*;
use crate::{
    Measured, ProductId, Window,
    call::Budgets,
    call::{Concurrency, guards},
    source::{History, LedgerFacts, PerSource, QuestionKind, StepCounts},
    source::{LedgerQuestion, Probe, SourceError},
};

/// A ledger that counts its readings, and takes time or fails as a test sets it.
#[derive(Default)]
struct Ledger {
    readings: AtomicU64,
    takes: Mutex<Duration>,
    trouble: Mutex<Option<Trouble>>,
}

#[derive(Clone, Copy)]
enum Trouble {
    Down,
    NoTable,
    Partial,
}

struct Shared(Arc<Ledger>);

#[async_trait]
impl LedgerSource for Shared {
    fn name(&self) -> &'static str {
        "mysql"
    }

    async fn ledger(&self, question: &LedgerQuestion) -> Result<LedgerFacts, SourceError> {
        // The oldest purchase is the number of the reading.
        let reading = self.0.readings.fetch_add(1, Ordering::SeqCst);
        let (takes, trouble) = (*self.0.takes.lock().unwrap(), *self.0.trouble.lock().unwrap());
        sleep(takes).await;
        let history = match trouble {
            Some(Trouble::Down) => {
                return Err(SourceError::Unavailable { source_name: "mysql".into(), source: "down".into() });
            }
            Some(Trouble::NoTable) => Err(Missing::NotMeasured(Reason::NoIndex)),
            None | Some(Trouble::Partial) => {
                let since = Some(at(0) - TimeDelta::days(1000 + i64::try_from(reading).unwrap()));
                let history = History::new(since, Vec::new());
                Ok(Measured::exact(history, "mysql", question.scope.as_of).with_partial(trouble.is_some()))
            }
        };
        Ok(LedgerFacts::new(StepCounts::default()).with_history(history))
    }

    async fn probe(&self, _: Timestamp, _: Duration) -> Result<Probe, SourceError> {
        Ok(Probe::default())
    }
}

fn at(seconds: i64) -> Timestamp {
    "2024-11-12T10:30:00Z".parse::<Timestamp>().unwrap() + TimeDelta::seconds(seconds)
}

fn of(product: u64) -> HistoryQuestion {
    let window = Window { from: at(0) - TimeDelta::days(30), to: at(0) - TimeDelta::days(2) };
    HistoryQuestion { products: vec![ProductId(product)], window, bucket: Duration::from_secs(3_600) }
}

struct World {
    ledger: Arc<Ledger>,
    histories: BaselineCache,
}

impl World {
    fn new() -> Self {
        let ledger = Arc::new(Ledger::default());
        let budgets = Budgets::default();
        let guard =
            guards(PerSource::from_fn(|_| "mysql"), &budgets, &Concurrency::default())[QuestionKind::History].clone();
        let source = Arc::new(Shared(Arc::clone(&ledger)));
        let histories = BaselineCache::new(source, guard, budgets.of(QuestionKind::History), Lifetimes::default());
        Self { ledger, histories }
    }

    fn takes(&self, time: Duration) {
        *self.ledger.takes.lock().unwrap() = time;
    }

    fn trouble(&self, trouble: Option<Trouble>) {
        *self.ledger.trouble.lock().unwrap() = trouble;
    }

    fn readings(&self) -> u64 {
        self.ledger.readings.load(Ordering::SeqCst)
    }

    /// The history for an answer of this instant that waits at most 800 ms, as text.
    async fn history(&self, seconds: i64) -> String {
        let deadline = Instant::now() + Duration::from_millis(800);
        match self.histories.get(&of(5), at(seconds)).by(deadline).await {
            Ok(measured) => {
                let part = if measured.partial { "part of " } else { "" };
                format!("{part}reading {}", (at(0) - measured.value.since.unwrap()).num_days() - 1000)
            }
            Err(Missing::Loading(store)) => format!("{store} is being read"),
            Err(Missing::NotMeasured(reason)) => format!("{reason:?}"),
            Err(Missing::Unavailable(error)) => error.to_string(),
            Err(other) => format!("{other:?}"),
        }
    }
}

const HOUR: i64 = 3_600;

#[tokio::test(start_paused = true)]
async fn a_history_is_shared_and_fresh_for_an_hour() {
    let world = World::new();
    world.takes(Duration::from_millis(300));
    let (one, two) = tokio::join!(world.history(0), world.history(1));
    assert_eq!((one.as_str(), two.as_str(), world.readings()), ("reading 0", "reading 0", 1));
    assert_eq!((world.history(HOUR - 1).await.as_str(), world.readings()), ("reading 0", 1));
    world.histories.get(&of(6), at(0)).by(Instant::now() + Duration::from_secs(1)).await.unwrap();
    assert_eq!(world.readings(), 2, "another set of products");
}

#[tokio::test(start_paused = true)]
async fn a_caller_past_its_deadline_gets_loading_and_a_later_one_the_value() {
    let world = World::new();
    world.takes(Duration::from_secs(3));
    let began = Instant::now();
    assert_eq!(world.history(0).await, "mysql is being read");
    assert_eq!(began.elapsed(), Duration::from_millis(800));
    assert_eq!(world.history(1).await, "mysql is being read");
    // No caller is waiting when the reading ends.
    sleep(Duration::from_secs(2)).await;
    assert_eq!((world.history(4).await.as_str(), world.readings()), ("reading 0", 1));
}

#[tokio::test(start_paused = true)]
async fn a_stale_history_is_used_while_it_is_read_again() {
    let world = World::new();
    assert_eq!(world.history(0).await, "reading 0");
    world.takes(Duration::from_secs(3));
    let began = Instant::now();
    assert_eq!(world.history(HOUR).await, "reading 0");
    assert_eq!(world.history(HOUR + 1).await, "reading 0");
    assert_eq!(began.elapsed(), Duration::ZERO, "no caller waits");
    sleep(Duration::from_secs(4)).await;
    assert_eq!((world.history(HOUR + 4).await.as_str(), world.readings()), ("reading 1", 2));
}

#[tokio::test(start_paused = true)]
async fn while_the_ledger_fails_a_history_is_used_for_a_day() {
    let world = World::new();
    assert_eq!(world.history(0).await, "reading 0");
    world.trouble(Some(Trouble::Down));
    for hour in [1, 5, 23] {
        assert_eq!(world.history(hour * HOUR).await, "reading 0", "after {hour} hours");
        advance(Duration::from_secs(11)).await;
    }
    assert_eq!(world.history(24 * HOUR).await, "mysql did not answer");
    world.trouble(None);
    advance(Duration::from_secs(11)).await;
    assert!(world.history(24 * HOUR + 11).await.starts_with("reading"));
}

#[tokio::test(start_paused = true)]
async fn the_back_off_is_the_time_of_the_attempt_within_1_and_10_seconds() {
    for (takes, pause) in [(0, 1_000), (2_500, 2_500), (60_000, 10_000)] {
        let world = World::new();
        world.takes(Duration::from_millis(takes));
        world.trouble(Some(Trouble::Down));
        world.history(0).await;
        sleep(Duration::from_millis(takes.clamp(800, 10_000)) - Duration::from_millis(799)).await;
        let readings = world.readings();
        assert_eq!(world.history(0).await, "mysql did not answer", "{takes} ms");
        sleep(Duration::from_millis(pause - 5)).await;
        assert_eq!(
            (world.history(0).await.as_str(), world.readings()),
            ("mysql did not answer", readings),
            "{takes} ms"
        );
        sleep(Duration::from_millis(30)).await;
        world.history(0).await;
        assert_eq!(world.readings(), readings + 1, "{takes} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn not_measured_is_cached_for_a_minute() {
    let world = World::new();
    world.trouble(Some(Trouble::NoTable));
    assert_eq!(world.history(0).await, "NoIndex");
    world.trouble(None);
    assert_eq!((world.history(59).await.as_str(), world.readings()), ("NoIndex", 1));
    assert_eq!((world.history(60).await.as_str(), world.readings()), ("reading 1", 2));
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_cancels_no_reading() {
    let world = World::new();
    world.takes(Duration::from_secs(2));
    drop(world.histories.get(&of(5), at(0)));
    sleep(Duration::from_secs(3)).await;
    assert_eq!((world.history(3).await.as_str(), world.readings()), ("reading 0", 1));
}

#[tokio::test(start_paused = true)]
async fn two_histories_are_read_at_once_and_the_others_wait() {
    let world = World::new();
    world.takes(Duration::from_secs(2));
    let lookups: Vec<BaselineLookup> = (1..=4).map(|product| world.histories.get(&of(product), at(0))).collect();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(world.readings(), 2);
    for lookup in lookups {
        lookup.by(Instant::now() + Duration::from_secs(5)).await.unwrap();
    }
    assert_eq!(world.readings(), 4);
}

#[tokio::test(start_paused = true)]
async fn without_products_the_ledger_is_not_asked() {
    let world = World::new();
    let none = HistoryQuestion { products: Vec::new(), ..of(5) };
    let history = world.histories.get(&none, at(0)).by(Instant::now()).await;
    assert!(matches!(history, Err(Missing::NotMeasured(Reason::NoProducts))), "{history:?}");
    assert_eq!(world.readings(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_number_of_cached_histories_is_bounded() {
    let world = World::new();
    for product in 1..=3 * MAX_HISTORIES as u64 {
        let lookup = world.histories.get(&of(product), at(0));
        lookup.by(Instant::now() + Duration::from_secs(1)).await.unwrap();
    }
    assert!(world.histories.cache.len() <= MAX_HISTORIES, "{}", world.histories.cache.len());
}

#[tokio::test(start_paused = true)]
async fn a_partial_history_is_used_for_a_second_and_replaces_no_whole_one() {
    let world = World::new();
    world.trouble(Some(Trouble::Partial));
    assert_eq!(
        (world.history(0).await, world.history(1).await),
        ("part of reading 0".into(), "part of reading 0".into())
    );
    assert_eq!(world.readings(), 1, "the back-off is not over");
    advance(Duration::from_secs(1)).await;
    world.trouble(None);
    assert_eq!(world.history(2).await, "reading 1");
    world.trouble(Some(Trouble::Partial));
    for minutes in 0..10 {
        assert_eq!(world.history(HOUR + 2 + 60 * minutes).await, "reading 1");
        advance(Duration::from_secs(60)).await;
    }
    assert!(world.readings() > 5, "it is read again until it is whole");
}
