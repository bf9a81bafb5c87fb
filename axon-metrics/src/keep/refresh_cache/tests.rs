//! When a key is loaded, who waits, and what is used meanwhile. Time is paused.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Mutex;

use tokio::time::{advance, sleep};

use super::*;

const MS: fn(u64) -> Duration = Duration::from_millis;
const SECONDS: fn(u64) -> Duration = Duration::from_secs;

impl Clock for i32 {}

/// What the next loads do.
#[derive(Debug, Clone)]
enum Next {
    Value,
    Fail(LoadError<&'static str>),
    Panic,
    Hang,
}

/// A store whose loads take 100 ms and give 1, 2, 3 and so on; fresh for 10 s, usable for 20 s, stale for 60 s.
#[derive(Clone)]
struct Store {
    cache: RefreshCache<&'static str, u32, &'static str>,
    loads: Arc<Mutex<u32>>,
    next: Arc<Mutex<Next>>,
}

impl Store {
    fn new() -> Self {
        Self { cache: RefreshCache::entries(100), loads: Arc::default(), next: Arc::new(Mutex::new(Next::Value)) }
    }
    fn next(&self, next: Next) {
        *self.next.lock().unwrap() = next;
    }
    fn loads(&self) -> u32 {
        *self.loads.lock().unwrap()
    }
    fn load(&self) -> impl Future<Output = LoadResult<u32, &'static str>> + Send + use<> {
        let (loads, next) = (Arc::clone(&self.loads), self.next.lock().unwrap().clone());
        async move {
            let number = {
                let mut loads = loads.lock().unwrap();
                *loads += 1;
                *loads
            };
            sleep(MS(100)).await;
            match next {
                Next::Value => {
                    let at = Instant::now();
                    Ok((number, Expiry::new(at, at + SECONDS(10), at + SECONDS(20)).stale_until(at + SECONDS(60))))
                }
                Next::Fail(error) => Err(error),
                Next::Panic => panic!("this load panics"),
                Next::Hang => std::future::pending().await,
            }
        }
    }
    fn lookup(&self, key: &'static str) -> Lookup<u32, &'static str> {
        self.cache.get(&key, Instant::now(), || self.load())
    }
    /// What a caller gets that waits for a second, and how long it waited.
    async fn get(&self, key: &'static str) -> (Option<Result<u32, &'static str>>, Duration) {
        let began = Instant::now();
        let result = match self.lookup(key) {
            Lookup::Ready { value, .. } => Some(Ok(value)),
            Lookup::Failed(error) => Some(Err(error)),
            Lookup::Pending(pending) => pending.wait(began + SECONDS(1)).await,
        };
        (result, began.elapsed())
    }
    /// A store with a value that was loaded now.
    async fn loaded() -> Self {
        let store = Self::new();
        assert_eq!(store.get("a").await, (Some(Ok(1)), MS(100)));
        store
    }
}

fn fails() -> LoadError<&'static str> {
    LoadError::new("down")
}

#[tokio::test(start_paused = true)]
async fn concurrent_callers_of_one_key_share_one_load() {
    let store = Store::new();
    let (a, b, other) = tokio::join!(store.get("a"), store.get("a"), store.get("b"));
    assert_eq!((a.0, b.0, store.loads()), (Some(Ok(1)), Some(Ok(1)), 2));
    assert_eq!(other.0, Some(Ok(2)));
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_cancels_nothing() {
    let store = Store::new();
    drop(store.lookup("a"));
    sleep(MS(150)).await;
    assert_eq!((store.get("a").await, store.loads()), ((Some(Ok(1)), MS(0)), 1));
}

#[tokio::test(start_paused = true)]
async fn a_fresh_value_is_used_and_not_loaded_again() {
    let store = Store::loaded().await;
    advance(SECONDS(10) - MS(1)).await;
    assert!(matches!(store.lookup("a"), Lookup::Ready { value: 1, is_fresh: true, error: None }));
    sleep(MS(200)).await;
    assert_eq!(store.loads(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_usable_value_is_used_while_one_load_runs_in_the_background() {
    let store = Store::loaded().await;
    advance(SECONDS(10)).await;
    for _ in 0..100 {
        assert!(matches!(store.lookup("a"), Lookup::Ready { value: 1, is_fresh: false, error: None }));
    }
    sleep(MS(150)).await;
    assert!(matches!(store.lookup("a"), Lookup::Ready { value: 2, is_fresh: true, .. }));
    assert_eq!(store.loads(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_value_that_is_no_longer_usable_is_waited_for() {
    let store = Store::loaded().await;
    advance(SECONDS(20)).await;
    assert_eq!((store.get("a").await, store.loads()), ((Some(Ok(2)), MS(100)), 2));
}

#[tokio::test(start_paused = true)]
async fn a_failure_without_back_off_is_shared_and_not_cached() {
    let store = Store::new();
    store.next(Next::Fail(fails()));
    let (a, b) = tokio::join!(store.get("a"), store.get("a"));
    assert_eq!((a.0, b.0, store.loads()), (Some(Err("down")), Some(Err("down")), 1));
    assert!(store.cache.is_empty());
    assert_eq!((store.get("a").await.0, store.loads()), (Some(Err("down")), 2));
}

#[tokio::test(start_paused = true)]
async fn callers_get_the_error_until_the_back_off_ends() {
    let store = Store::new();
    store.next(Next::Fail(fails().retry_after(SECONDS(5))));
    assert_eq!(store.get("a").await, (Some(Err("down")), MS(100)));
    store.next(Next::Value);
    advance(SECONDS(5) - MS(1)).await;
    assert_eq!((store.get("a").await, store.loads()), ((Some(Err("down")), MS(0)), 1));
    advance(MS(1)).await;
    assert_eq!(store.get("a").await, (Some(Ok(2)), MS(100)));
}

#[tokio::test(start_paused = true)]
async fn a_failed_refresh_backs_off_and_a_usable_value_stays_in_use() {
    let store = Store::loaded().await;
    store.next(Next::Fail(fails().refresh_after(SECONDS(3))));
    advance(SECONDS(12)).await;
    assert_eq!(store.get("a").await.0, Some(Ok(1)));
    sleep(MS(150)).await;
    for _ in 0..10 {
        assert!(matches!(store.lookup("a"), Lookup::Ready { value: 1, error: Some("down"), .. }));
    }
    assert_eq!(store.loads(), 2);
    advance(SECONDS(3)).await;
    assert_eq!(store.get("a").await.0, Some(Ok(1)));
    sleep(MS(150)).await;
    assert_eq!(store.loads(), 3);
    // No longer usable, and no back-off for those who wait.
    advance(SECONDS(10)).await;
    assert_eq!((store.get("a").await, store.loads()), ((Some(Err("down")), MS(100)), 4));
}

#[tokio::test(start_paused = true)]
async fn a_value_outlives_its_use_while_loads_fail_up_to_its_limit() {
    let store = Store::loaded().await;
    store.next(Next::Fail(fails().retry_after(SECONDS(1)).stale_for(Duration::MAX)));
    advance(SECONDS(30)).await;
    assert_eq!(store.get("a").await, (Some(Err("down")), MS(100)), "the first failure is not known in advance");
    assert_eq!(store.get("a").await, (Some(Ok(1)), MS(0)));
    assert_eq!(store.cache.get_stale(&"a", Instant::now()), Some(1));
    advance(SECONDS(30)).await;
    assert_eq!(store.cache.get_stale(&"a", Instant::now()), None);
    assert_eq!(store.get("a").await.0, Some(Err("down")));
    store.next(Next::Value);
    advance(SECONDS(2)).await;
    assert!(matches!(store.get("a").await.0, Some(Ok(value)) if value > 1));
    assert!(matches!(store.lookup("a"), Lookup::Ready { error: None, .. }), "a success clears the failure");
}

#[tokio::test(start_paused = true)]
async fn a_value_outlives_its_use_only_as_long_as_the_failure_says() {
    let store = Store::loaded().await;
    store.next(Next::Fail(fails().refresh_after(SECONDS(60)).stale_for(SECONDS(5))));
    advance(SECONDS(19)).await;
    assert_eq!(store.get("a").await.0, Some(Ok(1)));
    sleep(MS(150)).await;
    advance(SECONDS(4)).await;
    assert_eq!(store.get("a").await, (Some(Ok(1)), MS(0)));
    advance(SECONDS(1)).await;
    assert_eq!(store.get("a").await, (Some(Err("down")), MS(100)));
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_says_that_a_value_is_wrong_drops_it() {
    let store = Store::loaded().await;
    store.next(Next::Fail(fails().drops_value()));
    advance(SECONDS(10)).await;
    assert_eq!(store.get("a").await.0, Some(Ok(1)));
    sleep(MS(150)).await;
    assert!(store.cache.is_empty());
    assert_eq!(store.get("a").await.0, Some(Err("down")));
}

#[tokio::test(start_paused = true)]
async fn a_load_that_panics_ends_for_all_and_leaves_what_was_cached() {
    let store = Store::new();
    store.next(Next::Panic);
    let (a, b) = tokio::join!(store.get("a"), store.get("a"));
    assert_eq!((a.0, b.0), (None, None));
    assert!(a.1 < SECONDS(1), "at once, not at the deadline");
    let store = Store::loaded().await;
    store.next(Next::Panic);
    advance(SECONDS(10)).await;
    assert_eq!(store.get("a").await.0, Some(Ok(1)));
    sleep(MS(150)).await;
    store.next(Next::Value);
    assert_eq!(store.get("a").await.0, Some(Ok(1)));
    sleep(MS(150)).await;
    assert_eq!(store.get("a").await.0, Some(Ok(3)));
}

#[tokio::test(start_paused = true)]
async fn a_load_that_hangs_is_joined_and_left_at_the_deadline() {
    let store = Store::new();
    store.next(Next::Hang);
    assert_eq!(store.get("a").await, (None, SECONDS(1)));
    assert_eq!((store.get("a").await, store.loads()), ((None, SECONDS(1)), 1));
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_does_not_accept_the_value_waits_for_a_load() {
    let store = Store::loaded().await;
    let lookup = |least: u32| store.cache.get_if(&"a", Instant::now(), move |value| *value >= least, || store.load());
    assert!(matches!(lookup(1), Lookup::Ready { value: 1, .. }));
    let Lookup::Pending(pending) = lookup(2) else { panic!("not accepted") };
    assert_eq!(pending.wait(Instant::now() + SECONDS(1)).await, Some(Ok(2)));
}

#[tokio::test(start_paused = true)]
async fn a_cached_only_lookup_of_an_empty_key_starts_no_load() {
    let store = Store::new();
    let cached = |store: &Store| store.cache.get_cached(&"a", Instant::now(), || store.load());
    assert_eq!(cached(&store), None);
    assert_eq!(store.loads(), 0);
    let store = Store::loaded().await;
    assert_eq!((cached(&store), store.cache.get_if_fresh(&"a", Instant::now())), (Some((1, true)), Some(1)));
    advance(SECONDS(10)).await;
    assert_eq!((cached(&store), store.cache.get_if_fresh(&"a", Instant::now())), (Some((1, false)), None));
    sleep(MS(150)).await;
    assert_eq!(store.loads(), 2);
    advance(SECONDS(20)).await;
    assert_eq!((cached(&store), store.loads()), (None, 2));
}

#[tokio::test(start_paused = true)]
async fn a_reload_joins_the_load_in_progress_whatever_is_cached() {
    let store = Store::loaded().await;
    let (first, started) = store.cache.reload(&"a", || store.load());
    let (second, joined) = store.cache.reload(&"a", || store.load());
    assert_eq!((started, joined), (true, false));
    assert_eq!((first.result().await, second.result().await), (Some(Ok(2)), Some(Ok(2))));
}

#[tokio::test(start_paused = true)]
async fn an_invalidated_value_is_dropped_and_another_one_is_not() {
    let store = Store::loaded().await;
    store.cache.invalidate(&"a", |value| *value == 7);
    assert_eq!(store.get("a").await.0, Some(Ok(1)));
    store.cache.invalidate(&"a", |value| *value == 1);
    assert_eq!(store.get("a").await, (Some(Ok(2)), MS(100)));
}

#[tokio::test(start_paused = true)]
async fn a_load_replaces_no_value_that_was_inserted_meanwhile() {
    for next in [Next::Value, Next::Fail(fails().retry_after(SECONDS(5))), Next::Fail(fails().drops_value())] {
        let store = Store::new();
        store.next(next);
        let Lookup::Pending(pending) = store.lookup("a") else { panic!("the cache is empty") };
        sleep(MS(50)).await;
        let now = Instant::now();
        store.cache.insert(&"a", 50, Expiry::new(now, now + SECONDS(1), now + SECONDS(2)));
        assert!(pending.wait(now + SECONDS(1)).await.is_some(), "who waits for the load gets its result");
        assert!(matches!(store.lookup("a"), Lookup::Ready { value: 50, is_fresh: true, error: None }));
        store.next(Next::Value);
        advance(SECONDS(2)).await;
        assert_eq!(store.get("a").await, (Some(Ok(2)), MS(100)), "later loads are cached again");
        assert_eq!(store.get("a").await, (Some(Ok(2)), MS(0)));
    }
}

#[tokio::test(start_paused = true)]
async fn an_invalidated_value_does_not_come_back_with_an_earlier_load() {
    let store = Store::loaded().await;
    advance(SECONDS(10)).await;
    assert_eq!(store.get("a").await.0, Some(Ok(1)), "a load begins in the background");
    sleep(MS(50)).await;
    store.cache.invalidate(&"a", |value| *value == 1);
    let Lookup::Pending(pending) = store.lookup("a") else { panic!("the value was dropped") };
    sleep(MS(60)).await;
    assert_eq!(store.cache.get_stale(&"a", Instant::now()), None, "the earlier load has ended");
    assert_eq!(pending.result().await, Some(Ok(3)));
    assert_eq!(store.get("a").await, (Some(Ok(3)), MS(0)));
}

#[tokio::test(start_paused = true)]
async fn a_value_that_many_invalidate_is_loaded_once() {
    let store = Store::loaded().await;
    for _ in 0..10 {
        store.cache.invalidate(&"a", |value| *value == 1);
        assert!(matches!(store.lookup("a"), Lookup::Pending(_)));
        sleep(MS(5)).await;
    }
    sleep(MS(100)).await;
    assert_eq!((store.get("a").await.0, store.loads()), (Some(Ok(2)), 2));
}

#[tokio::test(start_paused = true)]
async fn a_clock_read_before_a_load_ended_starts_no_second_load() {
    let store = Store::new();
    let before = Instant::now();
    assert_eq!(store.get("a").await, (Some(Ok(1)), MS(100)));
    let (cache, load) = (&store.cache, || store.load());
    assert!(matches!(cache.get(&"a", before, load), Lookup::Ready { value: 1, is_fresh: true, error: None }));
    assert_eq!(cache.get_cached(&"a", before, load), Some((1, true)));
    assert_eq!((cache.get_if_fresh(&"a", before), cache.get_stale(&"a", before)), (Some(1), Some(1)));
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_reported_until_its_times_are_over() {
    let store = Store::loaded().await;
    store.next(Next::Fail(fails().refresh_after(SECONDS(3))));
    let (pending, _) = store.cache.reload(&"a", || store.load());
    assert_eq!(pending.result().await, Some(Err("down")));
    assert!(matches!(store.lookup("a"), Lookup::Ready { value: 1, is_fresh: true, error: Some("down") }));
    advance(SECONDS(3)).await;
    assert!(matches!(store.lookup("a"), Lookup::Ready { value: 1, is_fresh: true, error: None }));
}

#[tokio::test(start_paused = true)]
async fn a_value_with_a_shortened_time_to_live_is_refreshed_and_used() {
    let store = Store::loaded().await;
    store.cache.refresh_by(&"a", Instant::now() + SECONDS(1), |value| *value == 7);
    advance(SECONDS(2)).await;
    assert!(matches!(store.lookup("a"), Lookup::Ready { is_fresh: true, .. }));
    store.cache.refresh_by(&"a", Instant::now() + SECONDS(1), |value| *value == 1);
    advance(SECONDS(1)).await;
    assert!(matches!(store.lookup("a"), Lookup::Ready { value: 1, is_fresh: false, .. }));
    sleep(MS(150)).await;
    assert_eq!(store.get("a").await.0, Some(Ok(2)));
}

#[tokio::test(start_paused = true)]
async fn a_value_that_was_loaded_elsewhere_is_used() {
    let (store, now) = (Store::loaded().await, Instant::now());
    store.cache.insert(&"a", 50, Expiry::new(now, now + SECONDS(1), now + SECONDS(2)));
    assert_eq!(store.get("a").await.0, Some(Ok(50)));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_ends_the_use_of_a_value() {
    let cache: RefreshCache<(), u32, (), i32> = RefreshCache::single();
    let load = |value: u32, at: i32| {
        move || async move {
            Ok((value, Expiry { fresh: at - 2..at + 10, usable: at - 2..at + 20, stale: at - 2..at + 20 }))
        }
    };
    let get = async |value, now| match cache.get(&(), now, load(value, now)) {
        Lookup::Ready { value, .. } => value,
        Lookup::Pending(pending) => pending.result().await.unwrap().unwrap(),
        Lookup::Failed(()) => panic!("no load fails"),
    };
    assert_eq!(get(1, 100).await, 1);
    assert_eq!(get(2, 98).await, 1, "callers' instants may differ by this much");
    assert_eq!(get(3, 97).await, 3);
    assert_eq!(get(4, 100).await, 3);
}

#[tokio::test(start_paused = true)]
async fn what_expires_at_once_is_not_cached() {
    let cache: RefreshCache<(), u32, (), i32> = RefreshCache::single();
    let load = || async { Ok((1, Expiry::new(5, 5, 5))) };
    let Lookup::Pending(pending) = cache.get(&(), 5, load) else { panic!("nothing is cached") };
    assert_eq!((pending.result().await, cache.len()), (Some(Ok(1)), 0));
}

#[tokio::test(start_paused = true)]
async fn entries_are_bounded_by_their_weight() {
    let cache: RefreshCache<u32, Vec<u8>, (), i32> = RefreshCache::weighted(100, 10_000, |_, value| value.len() as u64);
    for key in 0..1_000 {
        cache.insert(&key, vec![0; 100], Expiry::new(0, 1, 1));
    }
    assert!((50..=100).contains(&cache.len()), "{}", cache.len());
    let few: RefreshCache<u32, u32, (), i32> = RefreshCache::entries(8);
    for key in 0..1_000 {
        few.insert(&key, key, Expiry::new(0, 1, 1));
    }
    assert!((4..=8).contains(&few.len()), "{}", few.len());
}

#[tokio::test(start_paused = true)]
async fn another_form_of_a_value_is_weighed_anew_and_keeps_its_times() {
    let cache: RefreshCache<u32, Vec<u8>, (), i32> = RefreshCache::weighted(100, 10_000, |_, value| value.len() as u64);
    for key in 0..50 {
        cache.insert(&key, vec![0; 100], Expiry::new(0, 5, 5));
    }
    assert_eq!(cache.len(), 50);
    for key in 0..50 {
        cache.replace(&key, vec![1; 1_000], |value| value.len() == 100);
    }
    assert!((1..=10).contains(&cache.len()), "{}", cache.len());
    let cached: Vec<_> = (0..50).filter_map(|key| cache.get_if_fresh(&key, 4).map(|value| (key, value))).collect();
    assert!(!cached.is_empty() && cached.iter().all(|(_, value)| value.len() == 1_000));
    let key = cached[0].0;
    assert_eq!(cache.get_if_fresh(&key, 5), None);
    cache.replace(&key, vec![2], |value| value.len() == 100);
    assert_eq!(cache.get_if_fresh(&key, 4), Some(vec![1; 1_000]), "another value is left as it is");
    cache.replace(&1_000, vec![2], |_| true);
    assert_eq!(cache.get_if_fresh(&1_000, 0), None, "nothing is added");
}

#[tokio::test(start_paused = true)]
async fn an_entry_of_an_eighth_of_the_bound_is_cached() {
    let cache: RefreshCache<u32, Vec<u8>, (), i32> =
        RefreshCache::weighted(10_000, 80_000, |_, value| value.len() as u64);
    for key in 0..100 {
        cache.insert(&key, vec![0; 10_000], Expiry::new(0, 1, 1));
        assert!(cache.get_if_fresh(&key, 0).is_some(), "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_value_is_never_evicted() {
    let cache: RefreshCache<(), u32, (), i32> = RefreshCache::single();
    for value in 0..1_000 {
        cache.insert(&(), value, Expiry::new(0, 1, 1));
        assert_eq!(cache.get_if_fresh(&(), 0), Some(value));
    }
}

#[tokio::test(start_paused = true)]
async fn many_keys_are_loaded_at_once_each_by_one_load() {
    let cache: RefreshCache<u32, u32, (), i32> = RefreshCache::entries(10_000);
    let loads = Arc::new(Mutex::new(0));
    let load = |key: u32| {
        let loads = Arc::clone(&loads);
        async move {
            *loads.lock().unwrap() += 1;
            sleep(MS(u64::from(key % 50))).await;
            Ok((key, Expiry::new(0, 1, 1)))
        }
    };
    let callers = (0..5_000_u32).map(|caller| {
        let key = caller % 1_000;
        match cache.get(&key, 0, || load(key)) {
            Lookup::Pending(pending) => (key, pending),
            other => panic!("{other:?}"),
        }
    });
    for (key, pending) in callers.collect::<Vec<_>>() {
        assert_eq!(pending.result().await, Some(Ok(key)));
    }
    assert_eq!((*loads.lock().unwrap(), cache.len()), (1_000, 1_000));
}
