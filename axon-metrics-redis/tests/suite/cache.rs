//! The shared cache on a real server: the core's conformance suite, round trips, rights, and foreign values under its
//! keys.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a test may print its measurements")]

use crate::common;

use std::time::{Duration, Instant};

use async_trait::async_trait;
use axon_examples::fault_proxy::FaultProxy;
use axon_metrics::{cache::DashboardCache as _, testing::CacheStore};
use axon_metrics_redis::{RedisCache, RedisCacheOptions, RedisRealtime};
use redis::{Client, ProtocolVersion};

use common::{
    BUDGET, Data, ask_until_answered,
    cache_calls::{KEY, entry, get_one, get_until_hit, keys, put_until_ok},
    monitor::Monitor,
    slack, word,
};

/// A cache with a long connect timeout, since many tests connect at the same time.
async fn empty(protocol: ProtocolVersion) -> Option<RedisCache> {
    let data = Data::new().await?;
    let info = data.client.get_connection_info().clone();
    let settings = info.redis_settings().clone().set_protocol(protocol);
    let client = Client::open(info.set_redis_settings(settings)).unwrap();
    Some(RedisCache::with_options(client, data.cache_options().with_connect_timeout(Duration::from_secs(5))))
}

struct Resp2;

#[async_trait]
impl CacheStore for Resp2 {
    type Cache = RedisCache;

    async fn empty() -> Option<RedisCache> {
        empty(ProtocolVersion::RESP2).await
    }
}

struct Resp3;

#[async_trait]
impl CacheStore for Resp3 {
    type Cache = RedisCache;

    async fn empty() -> Option<RedisCache> {
        empty(ProtocolVersion::RESP3).await
    }
}

mod resp2 {
    axon_metrics::dashboard_cache_conformance!(super::Resp2);
}
mod resp3 {
    axon_metrics::dashboard_cache_conformance!(super::Resp3);
}

#[tokio::test]
async fn get_and_put_are_one_round_trip_each_for_any_number_of_widgets() {
    let Some(data) = Data::new().await else { return };
    let proxy = FaultProxy::start(data.server()).await.unwrap();
    let cache = data.cache_at(proxy.address());
    put_until_ok(&cache, &[entry(KEY, b"{}")]).await;
    let patient = Duration::from_secs(5);
    for widgets in [1, 5, 200] {
        let names: Vec<_> = (0..widgets).map(|number| format!("{KEY}:{number}")).collect();
        let entries: Vec<_> = names.iter().map(|name| entry(name, &[b'x'; 1_500])).collect();
        proxy.reset_counts();
        cache.put(&entries, patient).await.unwrap();
        let put = proxy.counts();
        proxy.reset_counts();
        let values = cache.get(&names, patient).await.unwrap();
        let get = proxy.counts();
        assert!(values.iter().all(|value| value.as_ref().is_some_and(|value| value.len() == 1_500)));
        println!("{widgets} widgets: {} bytes there, {} back", put.to_server, get.to_clients);
        assert_eq!((put.round_trips, put.connections), (1, 0), "{widgets} put");
        assert_eq!((get.round_trips, get.connections), (1, 0), "{widgets} get");
    }
    proxy.reset_counts();
    cache.put(&[], BUDGET).await.unwrap();
    assert!(cache.get(&[], BUDGET).await.unwrap().is_empty());
    assert_eq!(proxy.counts().round_trips, 0);
}

#[tokio::test]
async fn a_key_follows_the_prefix_unchanged_and_expires() {
    let Some(mut data) = Data::new().await else { return };
    put_until_ok(&data.cache(), &[entry(KEY, b"{\"a\":1}")]).await;
    let full = format!("{}{KEY}", data.prefix);
    let mut pipeline = redis::pipe();
    pipeline.cmd("GET").arg(&full).cmd("PTTL").arg(&full);
    let (value, ttl): (String, u64) = pipeline.query_async(&mut data.admin).await.unwrap();
    assert_eq!(value, "{\"a\":1}");
    assert!((200_000..=300_000).contains(&ttl), "{ttl} ms");
}

#[tokio::test]
async fn caches_with_different_prefixes_are_separate() {
    let Some(data) = Data::new().await else { return };
    let of = |name: &str| {
        let options = RedisCacheOptions::default().with_prefix(format!("{}{name}", data.prefix));
        RedisCache::with_options(data.client.clone(), options)
    };
    let (one, other) = (of("a:"), of("b:"));
    put_until_ok(&one, &[entry(KEY, b"1")]).await;
    get_until_hit(&one, KEY, b"1").await;
    put_until_ok(&other, &[entry("else", b"2")]).await;
    assert_eq!(get_one(&other, KEY).await.unwrap(), None);
    assert_eq!(get_one(&one, "else").await.unwrap(), None);
}

#[tokio::test]
async fn a_key_of_another_type_is_a_miss_and_others_are_hits() {
    let Some(mut data) = Data::new().await else { return };
    let cache = data.cache();
    put_until_ok(&cache, &[entry("good", b"{}")]).await;
    get_until_hit(&cache, "good", b"{}").await;
    let prefix = data.prefix.clone();
    let foreign = |key: &str| format!("{prefix}{key}");
    data.run(&["RPUSH", &foreign("list"), "45"]).await;
    data.run(&["SADD", &foreign("set"), "45"]).await;
    data.run(&["HSET", &foreign("hash"), "45", "45"]).await;
    data.run(&["ZADD", &foreign("sorted"), "45", "45"]).await;
    data.run(&["XADD", &foreign("stream"), "*", "45", "45"]).await;
    let types = ["list", "set", "hash", "sorted", "stream"];
    for name in types {
        data.run(&["EXPIRE", &foreign(name), "300"]).await;
    }
    let names = [&types[..], &["good"]].concat();
    let values = cache.get(&keys(&names), BUDGET).await.unwrap();
    assert_eq!(values[..5], [None, None, None, None, None]);
    assert_eq!(values[5].as_deref(), Some(&b"{}"[..]));
    // A put replaces a value of another type.
    put_until_ok(&cache, &[entry("list", b"{}")]).await;
    get_until_hit(&cache, "list", b"{}").await;
}

#[tokio::test]
async fn foreign_bytes_are_passed_on_unchanged() {
    let Some(mut data) = Data::new().await else { return };
    let cache = data.cache();
    let key = format!("{}{KEY}", data.prefix);
    for bytes in [&b"\xff\xfe\x00"[..], b"", b"*1\r\n$3\r\n", "재고".as_bytes()] {
        redis::cmd("SET").arg(&key).arg(bytes).arg("EX").arg(300).exec_async(&mut data.admin).await.unwrap();
        get_until_hit(&cache, KEY, bytes).await;
    }
    data.run(&["SET", &key, "45", "EX", "300"]).await;
    data.run(&["INCR", &key]).await;
    get_until_hit(&cache, KEY, b"46").await;
}

#[tokio::test]
async fn a_value_that_is_too_long_is_a_miss_and_is_not_written() {
    let Some(mut data) = Data::new().await else { return };
    let cache = data.cache();
    let patient = Duration::from_secs(5);
    put_until_ok(&cache, &[entry("good", b"{}")]).await;
    let long = format!("{}long", data.prefix);
    let value = vec![b'x'; 5 << 20];
    redis::cmd("SET").arg(&long).arg(&value).arg("EX").arg(300).exec_async(&mut data.admin).await.unwrap();
    let started = Instant::now();
    let values = cache.get(&keys(&["long", "good"]), patient).await.unwrap();
    println!("5 MB and 2 bytes: {:?}", started.elapsed());
    assert_eq!(values, [None, Some(b"{}".to_vec())]);
    // Within a dashboard's budget it is a miss or an error, and the next call is a hit.
    let started = Instant::now();
    let result = get_one(&cache, "long").await;
    assert!(started.elapsed() <= BUDGET + slack(), "{:?}", started.elapsed());
    let is_miss_or_error = result.as_ref().map_or(true, Option::is_none);
    assert!(is_miss_or_error, "{:?}", result.map(|value| value.map(|bytes| bytes.len())));
    assert!(get_until_hit(&cache, "good", b"{}").await < Duration::from_secs(2));

    let limit = vec![b'x'; 1 << 20];
    let over = vec![b'x'; (1 << 20) + 1];
    cache.put(&[entry("over", &over), entry("limit", &limit), entry("short", b"{}")], patient).await.unwrap();
    let values = cache.get(&keys(&["over", "limit", "short"]), patient).await.unwrap();
    assert_eq!(
        values.iter().map(|value| value.as_ref().map(Vec::len)).collect::<Vec<_>>(),
        [None, Some(1 << 20), Some(2)]
    );
    let count: u64 =
        redis::cmd("EXISTS").arg(format!("{}over", data.prefix)).query_async(&mut data.admin).await.unwrap();
    assert_eq!(count, 0);
}

#[tokio::test]
async fn errors_contain_no_address_and_no_password() {
    let Some(data) = Data::new().await else { return };
    let info = data.client.get_connection_info().clone();
    let settings = info.redis_settings().clone().set_username("axon").set_password("s3cr3t");
    let client = Client::open(info.set_redis_settings(settings)).unwrap();
    let cache = RedisCache::with_options(client, data.cache_options());
    let error = cache.get(&keys(&[KEY]), BUDGET).await.unwrap_err();
    let text = format!("{cache:?} {error:?} {error}");
    assert!(!text.contains("s3cr3t") && !text.contains(&data.server().port().to_string()), "{text}");
    assert!(text.contains("Credentials"), "{text}");
}

/// The rights of a cache on the page for operators, for keys with a prefix.
fn documented_rights(prefix: &str) -> Vec<String> {
    let page = include_str!("../../../docs/operate/rights.md");
    let line = page.lines().find(|line| line.starts_with("ACL SETUSER axon_cache")).expect("a line with the rights");
    assert!(include_str!("../../README.md").contains(line), "the readme differs: {line}");
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
    let log = Monitor::start(&data).await;
    let info = data.client.get_connection_info().clone();
    let settings = info.redis_settings().clone().set_username(&user).set_password(&password);
    let as_user = Client::open(info.clone().set_redis_settings(settings.clone())).unwrap();
    for protocol in [ProtocolVersion::RESP2, ProtocolVersion::RESP3] {
        let client = Client::open(info.clone().set_redis_settings(settings.clone().set_protocol(protocol))).unwrap();
        let cache = RedisCache::with_options(client, data.cache_options());
        put_until_ok(&cache, &[entry(KEY, b"{}"), entry("dashboard:a789:realtime", b"{}")]).await;
        get_until_hit(&cache, KEY, b"{}").await;
        assert_eq!(get_one(&cache, "dashboard:nothing").await.unwrap(), None);
    }

    for line in log.own_lines(&mut data, &user).await {
        let words: Vec<_> = line.split('"').skip(1).step_by(2).collect();
        let command = words[0].to_uppercase();
        assert!(["PING", "HELLO", "AUTH", "MGET", "SET"].contains(&command.as_str()), "{line}");
        // `SET key value PX time` and `MGET key ...`: all keys must have the prefix.
        let keys = match command.as_str() {
            "SET" => &words[1..2],
            "MGET" => &words[1..],
            _ => &[],
        };
        assert!(keys.iter().all(|key| key.starts_with(&format!("{}dashboard:", data.prefix))), "{line}");
        assert!(command != "SET" || words[3] == "PX", "{line}");
    }

    // No command was denied, and any other one is.
    let denials: redis::Value = redis::cmd("ACL").arg("LOG").query_async(&mut data.admin).await.unwrap();
    assert!(!format!("{denials:?}").contains(&user), "{denials:?}");
    let mut as_user = as_user.get_multiplexed_async_connection().await.unwrap();
    let own = format!("{}{KEY}", data.prefix);
    let other = format!("{}campaign:789:counter", data.prefix);
    for command in [
        &["DEL", &own][..],
        &["EXPIRE", &own, "1"],
        &["SET", &other, "1"],
        &["MGET", &other],
        &["KEYS", "*"],
        &["FLUSHDB"],
    ] {
        let error = redis::cmd(command[0]).arg(&command[1..]).exec_async(&mut as_user).await.unwrap_err();
        assert_eq!(error.code(), Some("NOPERM"), "{command:?}");
    }
    data.run(&["ACL", "DELUSER", &user]).await;
}

#[tokio::test]
async fn one_user_may_read_counters_and_cache_widgets() {
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
    put_until_ok(&cache, &[entry(KEY, b"{}")]).await;
    get_until_hit(&cache, KEY, b"{}").await;
    ask_until_answered(&RedisRealtime::with_options(client, data.options()), 789, 45).await;
    data.run(&["ACL", "DELUSER", &user]).await;
}

#[tokio::test]
async fn a_missing_right_is_an_error_that_names_the_command() {
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
    let get_error = cache.get(&keys(&[KEY]), patient).await.unwrap_err();
    let put_error = cache.put(&[entry(KEY, b"{}")], patient).await.unwrap_err();
    for (error, command) in [(get_error, "MGET"), (put_error, "SET")] {
        let text = format!("{error:?}");
        assert!(text.contains("NOPERM") && text.contains(command) && !text.contains(KEY), "{text}");
    }
    data.run(&["ACL", "DELUSER", &user]).await;
}
