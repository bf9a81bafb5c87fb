//! When the catalog is read again, who waits for it, and what is there while it fails. Time is paused.

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

/// A catalog of as many campaigns as it was asked times.
struct Store {
    asked: AtomicUsize,
    mood: Shared<Mood>,
}

#[async_trait]
impl CatalogSource for Store {
    fn name(&self) -> &'static str {
        "mysql"
    }
    async fn catalog(&self, _: Duration) -> Result<Catalog, SourceError> {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        let mood = *self.mood.lock().unwrap();
        match mood {
            Mood::Takes(time) => sleep(time).await,
            Mood::Hangs => std::future::pending().await,
        }
        let campaign = |id| Campaign {
            id: CampaignId(id),
            name: "A".into(),
            start: None,
            end: None,
            budget: None,
            activities: Vec::new(),
        };
        Ok(Catalog::new("KRW", (1..=u64::try_from(asked).unwrap()).map(campaign).collect()).unwrap())
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

/// What a look gave: of which reading the copy is, whether the source is said to fail, and how long it took.
type Seen = (Option<usize>, bool, Duration);

impl World {
    /// A store that takes 20 ms, read once.
    async fn new() -> Self {
        let store = Arc::new(Store { asked: AtomicUsize::new(0), mood: Shared::new(Mood::Takes(MS(20))) });
        let guard = guards(PerSource::from_fn(|_| "mysql"), &Budgets::default(), &Concurrency::default())
            [QuestionKind::Catalog]
            .clone();
        let cache = Arc::new(CatalogCache::new(Arc::clone(&store) as Arc<dyn CatalogSource>, guard, MS(300)));
        let world = Self { store, cache };
        assert_eq!(world.seen().await, (Some(1), false, MS(20)));
        world
    }
    fn be(&self, mood: Mood) {
        *self.store.mood.lock().unwrap() = mood;
    }
    fn asked(&self) -> usize {
        self.store.asked.load(Ordering::Relaxed)
    }
    async fn get(&self) -> CatalogLookup {
        self.cache.get(Timestamp::UNIX_EPOCH, Instant::now() + MS(300)).await
    }
    async fn seen(&self) -> Seen {
        let began = Instant::now();
        let look = self.get().await;
        let reading = look
            .catalog
            .map(|catalog| (1..).take_while(|id| catalog.resolve(Scope::Campaign(CampaignId(*id))).is_some()).count());
        (reading, look.failing, began.elapsed())
    }
}

#[tokio::test(start_paused = true)]
async fn an_old_copy_is_read_again_once_behind_all_who_ask_and_nobody_waits() {
    let world = World::new().await;
    advance(FRESH_FOR).await;
    for _ in 0..100 {
        assert_eq!(world.seen().await, (Some(1), false, MS(0)));
    }
    sleep(MS(30)).await;
    assert_eq!((world.seen().await, world.asked()), ((Some(2), false, MS(0)), 2));
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_nobody_asked_for_in_time_is_waited_for() {
    let world = World::new().await;
    advance(FRESH_FOR + REVALIDATE_FOR).await;
    assert_eq!(world.seen().await, (Some(2), false, MS(20)));
}

#[tokio::test(start_paused = true)]
async fn while_the_source_hangs_the_copy_is_there_at_once_and_it_is_asked_once_a_second_at_most() {
    let world = World::new().await;
    world.be(Mood::Hangs);
    for _ in 0..14 * 60 * 10 {
        let (reading, _, took) = world.seen().await;
        assert_eq!((reading, took), (Some(1), MS(0)));
        sleep(MS(100)).await;
    }
    assert!(world.get().await.failing);
    // A second after each failure; and the breaker lets through no more than one in a second.
    assert!((100..=14 * 60).contains(&world.asked()), "asked {} times in 14 minutes", world.asked());
    world.be(Mood::Takes(MS(20)));
    sleep(SECONDS(2)).await;
    world.get().await;
    sleep(SECONDS(2)).await;
    world.get().await;
    sleep(MS(30)).await;
    let (reading, failing, took) = world.seen().await;
    assert_eq!((reading, failing, took), (Some(world.asked()), false, MS(0)), "well again");
}

#[tokio::test(start_paused = true)]
async fn a_copy_of_a_quarter_of_an_hour_is_none_while_the_source_hangs() {
    let world = World::new().await;
    world.be(Mood::Hangs);
    advance(MAX_STALE - SECONDS(1)).await;
    assert_eq!(world.seen().await, (Some(1), true, MS(300)), "nobody knew that it hangs");
    assert_eq!(world.seen().await, (Some(1), true, MS(0)));
    advance(SECONDS(1)).await;
    assert_eq!(world.seen().await.0, None);
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_does_not_list_what_is_asked_for_is_read_again_and_waited_for() {
    let world = World::new().await;
    advance(RETRY_AFTER).await;
    let look = world.cache.get_younger(RETRY_AFTER, Timestamp::UNIX_EPOCH, Instant::now() + MS(300)).await;
    assert!(look.catalog.unwrap().resolve(Scope::Campaign(CampaignId(2))).is_some());
}

#[tokio::test(start_paused = true)]
async fn what_is_made_of_a_copy_is_usable_for_as_long_as_it_may_be_read_again_behind() {
    let world = World::new().await;
    let times = async || {
        let look = world.get().await;
        (look.fresh_for, look.usable_for)
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
