//! The shared cache over a real server: every sentence of the trait, round trips, rights, and what others put under its keys.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a test may say what it measured")]

use crate::common;

use std::time::{Duration, Instant};

use async_trait::async_trait;
use axon_examples::fault_proxy::FaultProxy;
use axon_metrics::{cache::DashboardCache as _, testing::CacheStore};
use axon_metrics_redis::{RedisCache, RedisCacheOptions, RedisRealtime};
use redis::{Client, ProtocolVersion};

use common::{
    BUDGET, Data,
    cached::{KEY, entry, found_again, keys, look, taken},
    healed,
    monitor::Monitor,
    word,
};

/// Many tests at the same time can take a while to connect.
async fn empty(protocol: ProtocolVersion) -> Option<RedisCache> {
    let data = Data::new().await?;
    let info = data.client.get_connection_info().clone();
    let settings = info.redis_settings().clone().set_protocol(protocol);
    let client = Client::open(info.set_redis_settings(settings)).unwrap();
    Some(RedisCache::with_options(client, data.cache_options().with_connect_timeout(Duration::from_secs(5))))
}

struct Older;

#[async_trait]
impl CacheStore for Older {
    type Cache = RedisCache;

    async fn empty() -> Option<RedisCache> {
        empty(ProtocolVersion::RESP2).await
    }
}

struct Newer;

#[async_trait]
impl CacheStore for Newer {
    type Cache = RedisCache;

    async fn empty() -> Option<RedisCache> {
        empty(ProtocolVersion::RESP3).await
    }
}

mod older_protocol {
    axon_metrics::dashboard_cache_conformance!(super::Older);
}
mod newer_protocol {
    axon_metrics::dashboard_cache_conformance!(super::Newer);
}

#[tokio::test]
async fn looking_and_keeping_are_one_round_trip_each_however_many_the_widgets() {
    let Some(data) = Data::new().await else { return };
    let proxy = FaultProxy::start(data.server()).await.unwrap();
    let cache = data.cache_at(proxy.address());
    taken(&cache, &[entry(KEY, b"{}")]).await;
    let patient = Duration::from_secs(5);
    for widgets in [1, 5, 200] {
        let names: Vec<_> = (0..widgets).map(|number| format!("{KEY}:{number}")).collect();
        let entries: Vec<_> = names.iter().map(|name| entry(name, &[b'x'; 1_500])).collect();
        proxy.reset_counts();
        cache.put(&entries, patient).await.unwrap();
        let put = proxy.counts();
        proxy.reset_counts();
        let found = cache.get(&names, patient).await.unwrap();
        let got = proxy.counts();
        assert!(found.iter().all(|value| value.as_ref().is_some_and(|value| value.len() == 1_500)));
        println!("{widgets} widgets: {} bytes there, {} back", put.to_server, got.to_clients);
        assert_eq!((put.round_trips, put.connections), (1, 0), "{widgets} put");
        assert_eq!((got.round_trips, got.connections), (1, 0), "{widgets} got");
    }
    proxy.reset_counts();
    cache.put(&[], BUDGET).await.unwrap();
    assert!(cache.get(&[], BUDGET).await.unwrap().is_empty());
    assert_eq!(proxy.counts().round_trips, 0);
}

#[tokio::test]
async fn a_key_stands_as_it_is_behind_the_prefix_and_ends_with_its_time() {
    let Some(mut data) = Data::new().await else { return };
    taken(&data.cache(), &[entry(KEY, b"{\"a\":1}")]).await;
    let full = format!("{}{KEY}", data.prefix);
    let mut ask = redis::pipe();
    ask.cmd("GET").arg(&full).cmd("PTTL").arg(&full);
    let (value, left): (String, u64) = ask.query_async(&mut data.admin).await.unwrap();
    assert_eq!(value, "{\"a\":1}");
    assert!((200_000..=300_000).contains(&left), "{left} ms");
}

#[tokio::test]
async fn caches_with_other_prefixes_do_not_see_each_other() {
    let Some(data) = Data::new().await else { return };
    let of = |name: &str| {
        let options = RedisCacheOptions::default().with_prefix(format!("{}{name}", data.prefix));
        RedisCache::with_options(data.client.clone(), options)
    };
    let (one, other) = (of("a:"), of("b:"));
    taken(&one, &[entry(KEY, b"1")]).await;
    found_again(&one, KEY, b"1").await;
    taken(&other, &[entry("else", b"2")]).await;
    assert_eq!(look(&other, KEY).await.unwrap(), None);
    assert_eq!(look(&one, "else").await.unwrap(), None);
}

#[tokio::test]
async fn a_key_of_another_kind_is_a_miss_and_the_rest_stands() {
    let Some(mut data) = Data::new().await else { return };
    let cache = data.cache();
    taken(&cache, &[entry("good", b"{}")]).await;
    found_again(&cache, "good", b"{}").await;
    let prefix = data.prefix.clone();
    let foreign = |key: &str| format!("{prefix}{key}");
    data.run(&["RPUSH", &foreign("list"), "45"]).await;
    data.run(&["SADD", &foreign("set"), "45"]).await;
    data.run(&["HSET", &foreign("hash"), "45", "45"]).await;
    data.run(&["ZADD", &foreign("sorted"), "45", "45"]).await;
    data.run(&["XADD", &foreign("stream"), "*", "45", "45"]).await;
    let kinds = ["list", "set", "hash", "sorted", "stream"];
    for kind in kinds {
        data.run(&["EXPIRE", &foreign(kind), "300"]).await;
    }
    let asked = [&kinds[..], &["good"]].concat();
    let found = cache.get(&keys(&asked), BUDGET).await.unwrap();
    assert_eq!(found[..5], [None, None, None, None, None]);
    assert_eq!(found[5].as_deref(), Some(&b"{}"[..]));
    // What is put in its place is there.
    taken(&cache, &[entry("list", b"{}")]).await;
    found_again(&cache, "list", b"{}").await;
}

#[tokio::test]
async fn foreign_bytes_are_handed_on_as_they_are() {
    let Some(mut data) = Data::new().await else { return };
    let cache = data.cache();
    let key = format!("{}{KEY}", data.prefix);
    for bytes in [&b"\xff\xfe\x00"[..], b"", b"*1\r\n$3\r\n", "재고".as_bytes()] {
        redis::cmd("SET").arg(&key).arg(bytes).arg("EX").arg(300).exec_async(&mut data.admin).await.unwrap();
        found_again(&cache, KEY, bytes).await;
    }
    data.run(&["SET", &key, "45", "EX", "300"]).await;
    data.run(&["INCR", &key]).await;
    found_again(&cache, KEY, b"46").await;
}

#[tokio::test]
async fn a_value_that_is_too_long_is_a_miss_and_none_is_written() {
    let Some(mut data) = Data::new().await else { return };
    let cache = data.cache();
    let patient = Duration::from_secs(5);
    taken(&cache, &[entry("good", b"{}")]).await;
    let long = format!("{}long", data.prefix);
    let value = vec![b'x'; 5 << 20];
    redis::cmd("SET").arg(&long).arg(&value).arg("EX").arg(300).exec_async(&mut data.admin).await.unwrap();
    let started = Instant::now();
    let found = cache.get(&keys(&["long", "good"]), patient).await.unwrap();
    println!("5 MB beside 2 bytes: {:?}", started.elapsed());
    assert_eq!(found, [None, Some(b"{}".to_vec())]);
    // Within a dashboard's budget it is a miss or an error, and does no harm to what is asked next.
    let started = Instant::now();
    let found = look(&cache, "long").await;
    assert!(started.elapsed() <= BUDGET + Duration::from_millis(100), "{:?}", started.elapsed());
    assert!(found.as_ref().is_ok_and(Option::is_none) || found.is_err(), "{:?}", found.map(|it| it.map(|it| it.len())));
    assert!(found_again(&cache, "good", b"{}").await < Duration::from_secs(2));

    let limit = vec![b'x'; 1 << 20];
    let over = vec![b'x'; (1 << 20) + 1];
    cache.put(&[entry("over", &over), entry("limit", &limit), entry("short", b"{}")], patient).await.unwrap();
    let found = cache.get(&keys(&["over", "limit", "short"]), patient).await.unwrap();
    assert_eq!(found.iter().map(|it| it.as_ref().map(Vec::len)).collect::<Vec<_>>(), [None, Some(1 << 20), Some(2)]);
    let there: u64 =
        redis::cmd("EXISTS").arg(format!("{}over", data.prefix)).query_async(&mut data.admin).await.unwrap();
    assert_eq!(there, 0);
}

#[tokio::test]
async fn nobody_is_told_the_address_or_the_password() {
    let Some(data) = Data::new().await else { return };
    let info = data.client.get_connection_info().clone();
    let settings = info.redis_settings().clone().set_username("axon").set_password("s3cr3t");
    let client = Client::open(info.set_redis_settings(settings)).unwrap();
    let cache = RedisCache::with_options(client, data.cache_options());
    let error = cache.get(&keys(&[KEY]), BUDGET).await.unwrap_err();
    let told = format!("{cache:?} {error:?} {error}");
    assert!(!told.contains("s3cr3t") && !told.contains(&data.server().port().to_string()), "{told}");
    assert!(told.contains("Credentials"), "{told}");
}

/// The rights that the page for operators gives a cache, for keys with a prefix.
fn documented_rights(prefix: &str) -> Vec<String> {
    let page = include_str!("../../../docs/operate/rights.md");
    let line = page.lines().find(|line| line.starts_with("ACL SETUSER axon_cache")).expect("a line with the rights");
    assert!(include_str!("../../README.md").contains(line), "the readme says something else than {line}");
    let words = line.split_whitespace().skip(3).filter(|word| !word.starts_with('>'));
    words.map(|word| word.replace('~', &format!("~{prefix}"))).collect()
}

#[tokio::test]
async fn the_documented_rights_are_enough_and_nothing_else_is_sent() {
    let Some(mut data) = Data::new().await else { return };
    let (user, password) = (word(), word());
    let mut setuser = redis::cmd("ACL");
    setuser.arg("SETUSER").arg(&user).arg(documented_rights(&data.prefix)).arg(format!(">{password}"));
    setuser.exec_async(&mut data.admin).await.unwrap();
    let log = Monitor::of(&data).await;
    let info = data.client.get_connection_info().clone();
    let settings = info.redis_settings().clone().set_username(&user).set_password(&password);
    let as_user = Client::open(info.clone().set_redis_settings(settings.clone())).unwrap();
    for protocol in [ProtocolVersion::RESP2, ProtocolVersion::RESP3] {
        let client = Client::open(info.clone().set_redis_settings(settings.clone().set_protocol(protocol))).unwrap();
        let cache = RedisCache::with_options(client, data.cache_options());
        taken(&cache, &[entry(KEY, b"{}"), entry("dashboard:a789:realtime", b"{}")]).await;
        found_again(&cache, KEY, b"{}").await;
        assert_eq!(look(&cache, "dashboard:nothing").await.unwrap(), None);
    }

    for line in log.ours(&mut data, &user).await {
        let words: Vec<_> = line.split('"').skip(1).step_by(2).collect();
        let command = words[0].to_uppercase();
        assert!(["PING", "HELLO", "AUTH", "MGET", "SET"].contains(&command.as_str()), "{line}");
        // `SET key value PX time`, `MGET key ...`: nothing outside the prefix.
        let named = match command.as_str() {
            "SET" => &words[1..2],
            "MGET" => &words[1..],
            _ => &[],
        };
        assert!(named.iter().all(|key| key.starts_with(&format!("{}dashboard:", data.prefix))), "{line}");
        assert!(command != "SET" || words[3] == "PX", "{line}");
    }

    // Nothing was refused, and anything else would have been.
    let refusals: redis::Value = redis::cmd("ACL").arg("LOG").query_async(&mut data.admin).await.unwrap();
    assert!(!format!("{refusals:?}").contains(&user), "{refusals:?}");
    let mut as_user = as_user.get_multiplexed_async_connection().await.unwrap();
    let own = format!("{}{KEY}", data.prefix);
    let other = format!("{}campaign:789:counter", data.prefix);
    for refused in [
        &["DEL", &own][..],
        &["EXPIRE", &own, "1"],
        &["SET", &other, "1"],
        &["MGET", &other],
        &["KEYS", "*"],
        &["FLUSHDB"],
    ] {
        let error = redis::cmd(refused[0]).arg(&refused[1..]).exec_async(&mut as_user).await.unwrap_err();
        assert_eq!(error.code(), Some("NOPERM"), "{refused:?}");
    }
    data.run(&["ACL", "DELUSER", &user]).await;
}

#[tokio::test]
async fn one_user_may_read_the_counters_and_keep_widgets() {
    let Some(mut data) = Data::new().await else { return };
    data.put(789, "45", 44).await;
    let page = include_str!("../../../docs/operate/rights.md");
    let line = page.lines().find(|line| line.contains("+scard) (~dashboard:*")).expect("a line with both");
    let rights = line.split_whitespace().skip(3).filter(|word| !word.starts_with('>'));
    let rights: Vec<_> = rights.map(|word| word.replace('~', &format!("~{}", data.prefix))).collect();
    let user = word();
    let mut setuser = redis::cmd("ACL");
    setuser.arg("SETUSER").arg(&user).arg(rights).arg(">word");
    setuser.exec_async(&mut data.admin).await.unwrap();
    let info = data.client.get_connection_info().clone();
    let settings = info.redis_settings().clone().set_username(&user).set_password("word");
    let client = Client::open(info.set_redis_settings(settings)).unwrap();
    let cache = RedisCache::with_options(client.clone(), data.cache_options());
    taken(&cache, &[entry(KEY, b"{}")]).await;
    found_again(&cache, KEY, b"{}").await;
    healed(&RedisRealtime::with_options(client, data.options()), 789, 45).await;
    data.run(&["ACL", "DELUSER", &user]).await;
}

#[tokio::test]
async fn a_right_that_is_missing_is_an_error_that_says_so() {
    let Some(mut data) = Data::new().await else { return };
    let user = word();
    let rights: Vec<_> =
        documented_rights(&data.prefix).into_iter().filter(|right| right != "+set" && right != "+mget").collect();
    let mut setuser = redis::cmd("ACL");
    setuser.arg("SETUSER").arg(&user).arg(rights).arg(">word");
    setuser.exec_async(&mut data.admin).await.unwrap();
    let info = data.client.get_connection_info().clone();
    let settings = info.redis_settings().clone().set_username(&user).set_password("word");
    let client = Client::open(info.set_redis_settings(settings)).unwrap();
    let cache = RedisCache::with_options(client, data.cache_options().with_connect_timeout(Duration::from_secs(5)));
    let patient = Duration::from_secs(5);
    let looked = cache.get(&keys(&[KEY]), patient).await.unwrap_err();
    let kept = cache.put(&[entry(KEY, b"{}")], patient).await.unwrap_err();
    for (error, command) in [(looked, "MGET"), (kept, "SET")] {
        let told = format!("{error:?}");
        assert!(told.contains("NOPERM") && told.contains(command) && !told.contains(KEY), "{told}");
    }
    data.run(&["ACL", "DELUSER", &user]).await;
}
