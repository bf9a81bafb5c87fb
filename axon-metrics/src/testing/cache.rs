//! The suite of [`DashboardCache`]: one test per sentence of its documentation.

use std::time::{Duration, Instant};

use super::{
    server,
    stores::{CacheStore, FaultyStore},
    world::{self, BUDGET, assert_valid_name},
};
use crate::keep::{CacheEntry, CacheError, DashboardCache};

const HOUR: Duration = Duration::from_secs(3_600);

fn entry(key: &str, value: &[u8], ttl: Duration) -> CacheEntry {
    CacheEntry { key: key.to_owned(), value: value.to_vec(), ttl }
}

fn keys(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|&key| key.to_owned()).collect()
}

async fn get(cache: &impl DashboardCache, names: &[&str]) -> Vec<Option<Vec<u8>>> {
    cache.get(&keys(names), BUDGET).await.expect("an answer")
}

/// The value under one key.
async fn get_one(cache: &impl DashboardCache, key: &str) -> Option<Vec<u8>> {
    let mut values = get(cache, &[key]).await;
    assert_eq!(values.len(), 1, "one value per key");
    values.remove(0)
}

async fn put(cache: &impl DashboardCache, entries: &[CacheEntry]) {
    cache.put(entries, BUDGET).await.expect("the entries are stored");
}

/// Waits until the entry of a key has expired.
async fn wait_until_expired(cache: &impl DashboardCache, key: &str) {
    let started = Instant::now();
    while get_one(cache, key).await.is_some() {
        assert!(started.elapsed() < Duration::from_secs(10), "the entry of {key} does not expire");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn some(value: &[u8]) -> Option<Vec<u8>> {
    Some(value.to_vec())
}

/// The store's name is lower case, without blanks.
pub async fn the_name_is_lower_case_without_blanks<S: CacheStore>() {
    let Some(cache) = S::empty().await else { return };
    assert_valid_name(cache.name());
}

/// `get` returns the values of the keys, in the order of the keys.
pub async fn what_is_kept_is_found_in_the_order_of_the_keys<S: CacheStore>() {
    let Some(cache) = S::empty().await else { return };
    put(&cache, &[entry("a", b"1", HOUR), entry("b", b"2", HOUR), entry("c", b"3", HOUR)]).await;
    assert_eq!(get(&cache, &["c", "a", "b", "a"]).await, [some(b"3"), some(b"1"), some(b"2"), some(b"1")]);
}

/// `get` returns `None` for a key without an entry.
pub async fn what_is_not_there_is_none<S: CacheStore>() {
    let Some(cache) = S::empty().await else { return };
    assert_eq!(get(&cache, &["a", "b"]).await, [None, None]);
    put(&cache, &[entry("b", b"2", HOUR)]).await;
    assert_eq!(get(&cache, &["a", "b", "c"]).await, [None, some(b"2"), None]);
}

/// `put` replaces an entry: its value and its time to live.
pub async fn an_entry_that_is_there_is_replaced<S: CacheStore>() {
    let Some(cache) = S::empty().await else { return };
    let short = Duration::from_millis(1);
    put(&cache, &[entry("longer", b"old", short), entry("shorter", b"old and much longer", HOUR)]).await;
    put(&cache, &[entry("longer", b"new", HOUR), entry("shorter", b"new", short)]).await;
    wait_until_expired(&cache, "shorter").await;
    assert_eq!(get_one(&cache, "longer").await, some(b"new"));
}

/// Each entry is stored for its time to live, and then expires.
pub async fn each_entry_is_kept_for_its_time_and_then_forgotten<S: CacheStore>() {
    let Some(cache) = S::empty().await else { return };
    let ttl = Duration::from_millis(400);
    let started = Instant::now();
    put(&cache, &[entry("soon", b"1", ttl), entry("late", b"2", HOUR)]).await;
    let values = get(&cache, &["soon", "late"]).await;
    // On a busy machine the entry may expire before it is read.
    assert!(values[0] == some(b"1") || started.elapsed() >= ttl, "{values:?}");
    wait_until_expired(&cache, "soon").await;
    assert!(started.elapsed() >= ttl, "expired after {:?}", started.elapsed());
    assert_eq!(get_one(&cache, "late").await, some(b"2"));
}

/// A time to live of one millisecond is valid.
pub async fn a_millisecond_is_a_time<S: CacheStore>() {
    let Some(cache) = S::empty().await else { return };
    put(&cache, &[entry("a", b"1", Duration::from_millis(1))]).await;
    wait_until_expired(&cache, "a").await;
}

/// The longest possible time to live is valid.
pub async fn a_time_beyond_every_calendar_is_taken<S: CacheStore>() {
    let Some(cache) = S::empty().await else { return };
    put(&cache, &[entry("a", b"1", Duration::MAX)]).await;
    assert_eq!(get_one(&cache, "a").await, some(b"1"));
}

/// Values are stored byte for byte, whatever the bytes.
pub async fn values_are_kept_byte_for_byte<S: CacheStore>() {
    let Some(cache) = S::empty().await else { return };
    let all: Vec<u8> = (0..=255).collect();
    let long = all.repeat(400);
    let values: [&[u8]; 7] = [b"", b"\0", b"\r\n$-1\r\n", b"{\"a\":1}", "재고 🎁".as_bytes(), &all, &long];
    let names: Vec<_> = (0..values.len()).map(|index| format!("value:{index}")).collect();
    let entries: Vec<_> = names.iter().zip(values).map(|(name, value)| entry(name, value, HOUR)).collect();
    put(&cache, &entries).await;
    let stored = cache.get(&names, BUDGET).await.expect("an answer");
    for (value, stored) in values.iter().zip(stored) {
        assert!(stored.as_deref() == Some(value), "a value of {} bytes changed", value.len());
    }
}

/// Keys are opaque: none is a pattern, and similar keys are different.
pub async fn keys_are_taken_as_they_are<S: CacheStore>() {
    let Some(cache) = S::empty().await else { return };
    let strange = ["dashboard:c1:funnel:20240101-open:5f0c", "a", "A", "a ", "a*", "a?", "{a}", "a\r\nb", "a\0b", "가"];
    let entries: Vec<_> = strange.iter().map(|key| entry(key, key.as_bytes(), HOUR)).collect();
    put(&cache, &entries).await;
    let values = get(&cache, &strange).await;
    assert_eq!(values, strange.map(|key| some(key.as_bytes())));
    assert_eq!(get(&cache, &["*", "dashboard:*", "a\r", ""]).await, [None, None, None, None]);
}

/// A `get` without keys and a `put` without entries succeed.
pub async fn nothing_asked_is_nothing_found<S: CacheStore>() {
    let Some(cache) = S::empty().await else { return };
    put(&cache, &[]).await;
    assert!(get(&cache, &[]).await.is_empty());
}

/// Many entries can be in one call.
pub async fn many_entries_are_one_call<S: CacheStore>() {
    let Some(cache) = S::empty().await else { return };
    let names: Vec<_> = (0..200).map(|number| format!("entry:{number}")).collect();
    let entries: Vec<_> = names.iter().map(|name| entry(name, name.as_bytes(), HOUR)).collect();
    put(&cache, &entries).await;
    let values = cache.get(&names, BUDGET).await.expect("an answer");
    assert!(values.iter().zip(&names).all(|(value, name)| value.as_deref() == Some(name.as_bytes())));
}

/// The budget of calls to faulty servers.
const SHORT: Duration = Duration::from_millis(400);

/// An error if the cache does not answer within the budget.
pub async fn silence_is_an_error_within_the_budget<S: FaultyStore>()
where
    S::Source: DashboardCache,
{
    let cache = S::at(server::silent().await);
    let answer: Result<_, CacheError> = world::within(SHORT, cache.get(&keys(&["a", "b"]), SHORT)).await;
    assert!(answer.is_err(), "{answer:?}");
    let result = world::within(SHORT, cache.put(&[entry("a", b"1", HOUR)], SHORT)).await;
    assert!(result.is_err(), "{result:?}");
}

/// An error if there is no connection, or if it breaks.
pub async fn a_lost_connection_is_an_error<S: FaultyStore>()
where
    S::Source: DashboardCache,
{
    for cache in [S::at(server::cut().await), S::at(server::refused().await)] {
        let answer: Result<_, CacheError> = world::within(SHORT, cache.get(&keys(&["a", "b"]), SHORT)).await;
        assert!(answer.is_err(), "{answer:?}");
        let result = world::within(SHORT, cache.put(&[entry("a", b"1", HOUR)], SHORT)).await;
        assert!(result.is_err(), "{result:?}");
    }
}

/// A garbled reply is an error or a miss, never a value.
pub async fn nonsense_is_no_value<S: FaultyStore>()
where
    S::Source: DashboardCache,
{
    let cache = S::at(server::garbled(S::GARBAGE).await);
    for _ in 0..3 {
        let answer = world::within(SHORT, cache.get(&keys(&["a", "b"]), SHORT)).await;
        assert!(answer.as_ref().is_ok_and(|values| values == &[None, None]) || answer.is_err(), "{answer:?}");
        let result = world::within(SHORT, cache.put(&[entry("a", b"1", HOUR)], SHORT)).await;
        assert!(result.is_err(), "{result:?}");
    }
}

/// Generates a test of every sentence of [`DashboardCache`](crate::keep::DashboardCache), for a
/// [`CacheStore`](crate::testing::CacheStore). Needs tokio with `macros`, `rt` and `time`.
#[macro_export]
macro_rules! dashboard_cache_conformance {
    ($store:ty) => {
        $crate::__each_sentence!(cache, $store:
            the_name_is_lower_case_without_blanks
            what_is_kept_is_found_in_the_order_of_the_keys
            what_is_not_there_is_none
            an_entry_that_is_there_is_replaced
            each_entry_is_kept_for_its_time_and_then_forgotten
            a_millisecond_is_a_time
            a_time_beyond_every_calendar_is_taken
            values_are_kept_byte_for_byte
            keys_are_taken_as_they_are
            nothing_asked_is_nothing_found
            many_entries_are_one_call
        );
    };
}

/// Generates tests of a [`DashboardCache`](crate::keep::DashboardCache) over a server that misbehaves
/// ([`FaultyStore`](crate::testing::FaultyStore)).
#[macro_export]
macro_rules! dashboard_cache_server_conformance {
    ($store:ty) => {
        $crate::__each_sentence!(cache, $store:
            silence_is_an_error_within_the_budget
            a_lost_connection_is_an_error
            nonsense_is_no_value
        );
    };
}
