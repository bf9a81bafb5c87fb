//! What is kept, for how long, and how often the ledger is asked for it. Time is paused.

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

/// A ledger that counts how often it is asked, takes its time, and fails when told to.
#[derive(Default)]
struct Ledger {
    asked: AtomicU64,
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
        // The oldest purchase tells which reading it was.
        let reading = self.0.asked.fetch_add(1, Ordering::SeqCst);
        let (takes, trouble) = (*self.0.takes.lock().unwrap(), *self.0.trouble.lock().unwrap());
        sleep(takes).await;
        let history = match trouble {
            Some(Trouble::Down) => {
                return Err(SourceError::Unavailable { source_name: "mysql".into(), source: "down".into() });
            }
            Some(Trouble::NoTable) => Err(Missing::NotMeasured(Reason::NoIndex)),
            None | Some(Trouble::Partial) => {
                let since = Some(at(0) - TimeDelta::days(1000 + i64::try_from(reading).unwrap()));
                let history = History { since, buckets: Vec::new() };
                let partial = trouble.is_some();
                Ok(Measured { partial, ..Measured::exact(history, "mysql", question.scope.as_of) })
            }
        };
        Ok(LedgerFacts { steps: StepCounts::default(), sales: None, history: Some(history) })
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

    fn asked(&self) -> u64 {
        self.ledger.asked.load(Ordering::SeqCst)
    }

    /// What an answer for this instant is told that waits at most 800 ms.
    async fn told(&self, seconds: i64) -> String {
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
async fn a_reading_is_shared_and_kept_for_an_hour() {
    let world = World::new();
    world.takes(Duration::from_millis(300));
    let (one, two) = tokio::join!(world.told(0), world.told(1));
    assert_eq!((one.as_str(), two.as_str(), world.asked()), ("reading 0", "reading 0", 1));
    assert_eq!((world.told(HOUR - 1).await.as_str(), world.asked()), ("reading 0", 1));
    world.histories.get(&of(6), at(0)).by(Instant::now() + Duration::from_secs(1)).await.unwrap();
    assert_eq!(world.asked(), 2, "another set of products");
}

#[tokio::test(start_paused = true)]
async fn who_cannot_wait_is_told_that_it_is_being_read_and_finds_it_later() {
    let world = World::new();
    world.takes(Duration::from_secs(3));
    let began = Instant::now();
    assert_eq!(world.told(0).await, "mysql is being read");
    assert_eq!(began.elapsed(), Duration::from_millis(800));
    assert_eq!(world.told(1).await, "mysql is being read");
    // Nobody waits when it comes.
    sleep(Duration::from_secs(2)).await;
    assert_eq!((world.told(4).await.as_str(), world.asked()), ("reading 0", 1));
}

#[tokio::test(start_paused = true)]
async fn an_old_one_is_good_while_it_is_read_again_behind() {
    let world = World::new();
    assert_eq!(world.told(0).await, "reading 0");
    world.takes(Duration::from_secs(3));
    let began = Instant::now();
    assert_eq!(world.told(HOUR).await, "reading 0");
    assert_eq!(world.told(HOUR + 1).await, "reading 0");
    assert_eq!(began.elapsed(), Duration::ZERO, "nobody waits");
    sleep(Duration::from_secs(4)).await;
    assert_eq!((world.told(HOUR + 4).await.as_str(), world.asked()), ("reading 1", 2));
}

#[tokio::test(start_paused = true)]
async fn while_the_ledger_fails_the_old_one_is_good_for_a_day() {
    let world = World::new();
    assert_eq!(world.told(0).await, "reading 0");
    world.trouble(Some(Trouble::Down));
    for hour in [1, 5, 23] {
        assert_eq!(world.told(hour * HOUR).await, "reading 0", "after {hour} hours");
        advance(Duration::from_secs(11)).await;
    }
    assert_eq!(world.told(24 * HOUR).await, "mysql did not answer");
    world.trouble(None);
    advance(Duration::from_secs(11)).await;
    assert!(world.told(24 * HOUR + 11).await.starts_with("reading"));
}

#[tokio::test(start_paused = true)]
async fn after_a_failure_it_is_tried_again_after_as_long_as_it_took_within_one_and_ten_seconds() {
    for (takes, pause) in [(0, 1_000), (2_500, 2_500), (60_000, 10_000)] {
        let world = World::new();
        world.takes(Duration::from_millis(takes));
        world.trouble(Some(Trouble::Down));
        world.told(0).await;
        sleep(Duration::from_millis(takes.clamp(800, 10_000)) - Duration::from_millis(799)).await;
        let asked = world.asked();
        assert_eq!(world.told(0).await, "mysql did not answer", "{takes} ms");
        sleep(Duration::from_millis(pause - 5)).await;
        assert_eq!((world.told(0).await.as_str(), world.asked()), ("mysql did not answer", asked), "{takes} ms");
        sleep(Duration::from_millis(30)).await;
        world.told(0).await;
        assert_eq!(world.asked(), asked + 1, "{takes} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn that_the_ledger_cannot_tell_is_believed_for_a_minute() {
    let world = World::new();
    world.trouble(Some(Trouble::NoTable));
    assert_eq!(world.told(0).await, "NoIndex");
    world.trouble(None);
    assert_eq!((world.told(59).await.as_str(), world.asked()), ("NoIndex", 1));
    assert_eq!((world.told(60).await.as_str(), world.asked()), ("reading 1", 2));
}

#[tokio::test(start_paused = true)]
async fn who_goes_away_ends_no_reading() {
    let world = World::new();
    world.takes(Duration::from_secs(2));
    drop(world.histories.get(&of(5), at(0)));
    sleep(Duration::from_secs(3)).await;
    assert_eq!((world.told(3).await.as_str(), world.asked()), ("reading 0", 1));
}

#[tokio::test(start_paused = true)]
async fn two_sets_are_read_at_once_and_the_others_wait() {
    let world = World::new();
    world.takes(Duration::from_secs(2));
    let looks: Vec<BaselineLookup> = (1..=4).map(|product| world.histories.get(&of(product), at(0))).collect();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(world.asked(), 2);
    for look in looks {
        look.by(Instant::now() + Duration::from_secs(5)).await.unwrap();
    }
    assert_eq!(world.asked(), 4);
}

#[tokio::test(start_paused = true)]
async fn without_products_nobody_is_asked() {
    let world = World::new();
    let none = HistoryQuestion { products: Vec::new(), ..of(5) };
    let told = world.histories.get(&none, at(0)).by(Instant::now()).await;
    assert!(matches!(told, Err(Missing::NotMeasured(Reason::NoProducts))), "{told:?}");
    assert_eq!(world.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn no_more_sets_are_kept_than_there_is_room_for() {
    let world = World::new();
    for product in 1..=3 * MAX_HISTORIES as u64 {
        let look = world.histories.get(&of(product), at(0));
        look.by(Instant::now() + Duration::from_secs(1)).await.unwrap();
    }
    assert!(world.histories.cache.len() <= MAX_HISTORIES, "{}", world.histories.cache.len());
}

#[tokio::test(start_paused = true)]
async fn a_part_is_told_for_a_second_at_most_and_never_instead_of_what_is_whole() {
    let world = World::new();
    world.trouble(Some(Trouble::Partial));
    assert_eq!((world.told(0).await, world.told(1).await), ("part of reading 0".into(), "part of reading 0".into()));
    assert_eq!(world.asked(), 1, "not again at once");
    advance(Duration::from_secs(1)).await;
    world.trouble(None);
    assert_eq!(world.told(2).await, "reading 1");
    world.trouble(Some(Trouble::Partial));
    for minutes in 0..10 {
        assert_eq!(world.told(HOUR + 2 + 60 * minutes).await, "reading 1");
        advance(Duration::from_secs(60)).await;
    }
    assert!(world.asked() > 5, "it is read behind until it is whole");
}
