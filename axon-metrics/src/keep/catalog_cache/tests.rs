//! When the catalog is read again, which callers wait, and which copy is used while the source fails. Time is paused.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::{
    Mutex as Shared,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use tokio::time::{advance, sleep};

use super::*;
use crate::{
    CampaignId, Scope, SourceError,
    call::Budgets,
    call::{Concurrency, guards},
    source::Probe,
    source::{PerSource, QuestionKind},
    vocabulary::Campaign,
};

#[derive(Debug, Clone, Copy)]
enum Mood {
    Takes(Duration),
    Hangs,
}

/// A store whose n-th reading lists n campaigns.
struct Store {
    readings: AtomicUsize,
    mood: Shared<Mood>,
}

#[async_trait]
impl CatalogSource for Store {
    fn name(&self) -> &'static str {
        "mysql"
    }
    async fn catalog(&self, _: Duration) -> Result<Catalog, SourceError> {
        let reading = self.readings.fetch_add(1, Ordering::Relaxed) + 1;
        let mood = *self.mood.lock().unwrap();
        match mood {
            Mood::Takes(time) => sleep(time).await,
            Mood::Hangs => std::future::pending().await,
        }
        let campaign = |id: u64| Campaign::new(id, "A", []);
        Ok(Catalog::new("KRW", (1..=u64::try_from(reading).unwrap()).map(campaign).collect()).unwrap())
    }
    async fn probe(&self, _: Timestamp, _: Duration) -> Result<Probe, SourceError> {
        Ok(Probe::default())
    }
}

const MS: fn(u64) -> Duration = Duration::from_millis;
const SECONDS: fn(u64) -> Duration = Duration::from_secs;

struct World {
    store: Arc<Store>,
    cache: Arc<CatalogCache>,
}

/// The result of a lookup: the number of the copy's reading, whether the source fails, and how long the lookup took.
type Outcome = (Option<usize>, bool, Duration);

impl World {
    /// A store that takes 20 ms, read once.
    async fn new() -> Self {
        let store = Arc::new(Store { readings: AtomicUsize::new(0), mood: Shared::new(Mood::Takes(MS(20))) });
        let guard = guards(PerSource::from_fn(|_| "mysql"), &Budgets::default(), &Concurrency::default())
            [QuestionKind::Catalog]
            .clone();
        let cache = Arc::new(CatalogCache::new(Arc::clone(&store) as Arc<dyn CatalogSource>, guard, MS(300)));
        let world = Self { store, cache };
        assert_eq!(world.lookup().await, (Some(1), false, MS(20)));
        world
    }
    fn be(&self, mood: Mood) {
        *self.store.mood.lock().unwrap() = mood;
    }
    fn readings(&self) -> usize {
        self.store.readings.load(Ordering::Relaxed)
    }
    async fn get(&self) -> CatalogLookup {
        self.cache.get(Timestamp::UNIX_EPOCH, Instant::now() + MS(300)).await
    }
    /// The lookup of an id that the copy does not list.
    async fn get_younger(&self) -> CatalogLookup {
        self.cache.get_younger(RETRY_AFTER, Timestamp::UNIX_EPOCH, Instant::now() + MS(300)).await
    }
    async fn lookup(&self) -> Outcome {
        let began = Instant::now();
        let lookup = self.get().await;
        let reading = lookup
            .catalog
            .map(|catalog| (1..).take_while(|id| catalog.resolve(Scope::Campaign(CampaignId(*id))).is_some()).count());
        (reading, lookup.failing, began.elapsed())
    }
}

#[tokio::test(start_paused = true)]
async fn an_old_copy_is_refreshed_by_one_background_reading() {
    let world = World::new().await;
    advance(FRESH_FOR).await;
    for _ in 0..100 {
        assert_eq!(world.lookup().await, (Some(1), false, MS(0)));
    }
    sleep(MS(30)).await;
    assert_eq!((world.lookup().await, world.readings()), ((Some(2), false, MS(0)), 2));
}

#[tokio::test(start_paused = true)]
async fn a_copy_past_its_refresh_time_is_waited_for() {
    let world = World::new().await;
    advance(FRESH_FOR + REVALIDATE_FOR).await;
    assert_eq!(world.lookup().await, (Some(2), false, MS(20)));
}

#[tokio::test(start_paused = true)]
async fn while_the_source_hangs_the_copy_is_used_without_waiting() {
    let world = World::new().await;
    world.be(Mood::Hangs);
    for _ in 0..14 * 60 * 10 {
        let (reading, _, took) = world.lookup().await;
        assert_eq!((reading, took), (Some(1), MS(0)));
        sleep(MS(100)).await;
    }
    assert!(world.get().await.failing);
    // The back-off after a failure is one second, and so is the trial interval of the circuit breaker.
    assert!((100..=14 * 60).contains(&world.readings()), "{} readings in 14 minutes", world.readings());
    world.be(Mood::Takes(MS(20)));
    sleep(SECONDS(2)).await;
    world.get().await;
    sleep(SECONDS(2)).await;
    world.get().await;
    sleep(MS(30)).await;
    let (reading, failing, took) = world.lookup().await;
    assert_eq!((reading, failing, took), (Some(world.readings()), false, MS(0)), "the source has recovered");
}

#[tokio::test(start_paused = true)]
async fn a_copy_older_than_its_limit_is_not_used_while_the_source_hangs() {
    let world = World::new().await;
    world.be(Mood::Hangs);
    advance(MAX_STALE - SECONDS(1)).await;
    assert_eq!(world.lookup().await, (Some(1), true, MS(300)), "the first time-out is not known in advance");
    assert_eq!(world.lookup().await, (Some(1), true, MS(0)));
    advance(SECONDS(1)).await;
    assert_eq!(world.lookup().await.0, None);
}

#[tokio::test(start_paused = true)]
async fn an_old_copy_is_used_without_waiting_only_soon_after_a_failure() {
    let world = World::new().await;
    world.be(Mood::Hangs);
    advance(SECONDS(60)).await;
    assert_eq!(world.lookup().await, (Some(1), true, MS(300)));
    advance(FAILING_FOR).await;
    assert_eq!(world.lookup().await, (Some(1), true, MS(0)), "the source has just failed");
    sleep(SECONDS(1)).await;
    world.be(Mood::Takes(MS(20)));
    advance(SECONDS(13 * 60)).await;
    assert_eq!(world.lookup().await, (Some(4), false, MS(20)), "the failure is minutes ago");
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_is_not_young_enough_is_read_again_and_waited_for() {
    let world = World::new().await;
    advance(RETRY_AFTER).await;
    let lookup = world.get_younger().await;
    assert!(lookup.catalog.unwrap().resolve(Scope::Campaign(CampaignId(2))).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_failed_reading_for_an_unknown_id_fails_its_caller_alone() {
    let world = World::new().await;
    world.be(Mood::Hangs);
    advance(SECONDS(10)).await;
    assert!(world.get_younger().await.failing, "the catalog may list the id by now");
    assert_eq!(world.lookup().await, (Some(1), false, MS(0)), "the copy is fresh for all others");
    assert!(world.get_younger().await.failing, "nor is it known within the back-off");
    assert_eq!(world.readings(), 2);
    // At the end of its fresh time the copy is read again. By then, the failure is no news.
    advance(SECONDS(20)).await;
    assert_eq!(world.lookup().await, (Some(1), false, MS(0)));
    sleep(MS(350)).await;
    assert_eq!(world.lookup().await, (Some(1), true, MS(0)), "it is not fresh, and could not be read");
}

#[tokio::test(start_paused = true)]
async fn a_reading_that_ends_just_after_the_deadline_is_waited_for() {
    let world = World::new().await;
    advance(FRESH_FOR + REVALIDATE_FOR).await;
    let get = async |wait| world.cache.get(Timestamp::UNIX_EPOCH, Instant::now() + wait).await;
    world.be(Mood::Takes(MS(120)));
    assert!(!get(MS(100)).await.failing);
    world.be(Mood::Hangs);
    advance(FRESH_FOR + REVALIDATE_FOR).await;
    let report = get(MS(300) - LOAD_GRACE / 2).await.report;
    assert_eq!(report.took, MS(300), "the report is that of the call");
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_usable_for_as_long_as_its_copy_may_be_refreshed() {
    let world = World::new().await;
    let times = async || {
        let lookup = world.get().await;
        (lookup.fresh_for, lookup.usable_for)
    };
    assert_eq!(times().await, (FRESH_FOR, FRESH_FOR + REVALIDATE_FOR));
    advance(SECONDS(29)).await;
    assert_eq!(times().await, (SECONDS(1), SECONDS(11)));
    world.be(Mood::Hangs);
    advance(SECONDS(1)).await;
    assert_eq!(times().await, (RETRY_AFTER, RETRY_AFTER + REVALIDATE_FOR));
    advance(MAX_STALE - SECONDS(32)).await;
    sleep(SECONDS(1)).await;
    assert_eq!(times().await, (RETRY_AFTER, RETRY_AFTER), "no longer than the copy");
}
