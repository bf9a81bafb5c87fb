//! Faults between the shared cache and a real server: a miss or an error within the budget, no wrong value, and a hit
//! within two seconds of the fault's end.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a test may print its measurements")]

use crate::common;

use std::{
    net::SocketAddr,
    num::NonZeroUsize,
    time::{Duration, Instant},
};

use axon_examples::fault_proxy::{Fault, FaultProxy};
use axon_metrics::{cache::DashboardCache as _, testing::FaultyStore};
use axon_metrics_redis::RedisCache;

use common::{
    BUDGET, Data,
    cache_calls::{KEY, entry, get_one, get_until_hit, keys, put_until_ok},
    scripted::{Replies, ScriptedServer},
    slack,
};

/// How long a recovery may take.
const MAX_RECOVERY: Duration = Duration::from_secs(2);
/// The length of a fault: long enough for the back-off to reach its longest pause.
const FAULT_LENGTH: Duration = Duration::from_millis(1800);
const VALUE: &[u8] = b"{\"steps\":[1234,567,123,45]}";

/// Servers that misbehave.
struct FaultyServer;

impl FaultyStore for FaultyServer {
    type Source = RedisCache;

    fn at(server: SocketAddr) -> RedisCache {
        RedisCache::new(redis::Client::open(format!("redis://{server}")).unwrap())
    }
}

mod faulty_server {
    axon_metrics::dashboard_cache_server_conformance!(super::FaultyServer);
}

struct Drill {
    proxy: FaultProxy,
    cache: RedisCache,
}

impl Drill {
    /// A cache behind a proxy that has had one hit.
    async fn start() -> Option<Self> {
        let data = Data::new().await?;
        let proxy = FaultProxy::start(data.server()).await.unwrap();
        let cache = data.cache_at(proxy.address());
        put_until_ok(&cache, &[entry(KEY, VALUE)]).await;
        get_until_hit(&cache, KEY, VALUE).await;
        Some(Self { proxy, cache })
    }

    /// Gets and puts for this time, every 30 ms. Checks that each call is an error within its budget.
    async fn check_errors(&self, length: Duration) {
        let began = Instant::now();
        while began.elapsed() < length {
            let started = Instant::now();
            let get = get_one(&self.cache, KEY).await;
            assert!(started.elapsed() <= BUDGET + slack(), "{:?}: {get:?}", started.elapsed());
            assert!(get.is_err(), "{get:?}");
            let started = Instant::now();
            let put = self.cache.put(&[entry(KEY, VALUE)], BUDGET).await;
            assert!(started.elapsed() <= BUDGET + slack(), "{:?}: {put:?}", started.elapsed());
            assert!(put.is_err(), "{put:?}");
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// Ends the fault. Checks that the cache recovers in time.
    async fn check_recovery(&self, fault: &str) {
        self.proxy.set(Fault::None);
        let took = get_until_hit(&self.cache, KEY, VALUE).await;
        println!("{fault}: recovered after {} ms", took.as_millis());
        assert!(took <= MAX_RECOVERY, "{fault}: {took:?}");
    }

    async fn run(fault: Fault) {
        let Some(drill) = Self::start().await else { return };
        drill.proxy.set(fault);
        drill.check_errors(FAULT_LENGTH).await;
        drill.check_recovery(&fault.to_string()).await;
    }
}

#[tokio::test]
async fn a_cache_slower_than_its_budget_heals() {
    Drill::run(Fault::Latency(Duration::from_millis(300))).await;
}

#[tokio::test]
async fn a_black_hole_heals() {
    Drill::run(Fault::Blackhole).await;
}

#[tokio::test]
async fn a_reset_heals() {
    Drill::run(Fault::Reset).await;
}

#[tokio::test]
async fn a_close_heals() {
    Drill::run(Fault::Close).await;
}

#[tokio::test]
async fn a_reply_cut_short_heals() {
    Drill::run(Fault::Cut { after_bytes: 3 }).await;
}

#[tokio::test]
async fn a_slow_drip_heals() {
    Drill::run(Fault::Drip { bytes: NonZeroUsize::MIN, every: Duration::from_millis(60) }).await;
}

#[tokio::test]
async fn a_closed_port_heals() {
    Drill::run(Fault::Refuse).await;
}

#[tokio::test]
async fn garbage_heals() {
    Drill::run(Fault::Garbage).await;
}

#[tokio::test]
async fn a_half_open_connection_heals_while_the_fault_is_in_force() {
    let Some(drill) = Drill::start().await else { return };
    drill.proxy.set(Fault::HalfOpen);
    let took = get_until_hit(&drill.cache, KEY, VALUE).await;
    println!("half-open: recovered after {} ms", took.as_millis());
    assert!(took <= MAX_RECOVERY, "{took:?}");
}

#[tokio::test]
async fn a_connection_closed_while_idle_costs_no_hit() {
    let Some(drill) = Drill::start().await else { return };
    for _ in 0..20 {
        drill.proxy.drop_connections();
        assert_eq!(get_one(&drill.cache, KEY).await.unwrap().as_deref(), Some(VALUE));
    }
}

#[tokio::test]
async fn calls_fail_at_once_during_an_outage() {
    let Some(drill) = Drill::start().await else { return };
    drill.proxy.set(Fault::Blackhole);
    drill.check_errors(BUDGET * 4).await;
    let began = Instant::now();
    for _ in 0..10 {
        get_one(&drill.cache, KEY).await.unwrap_err();
    }
    assert!(began.elapsed() < 5 * BUDGET, "{:?}: most calls waited for the server", began.elapsed());
}

#[tokio::test]
async fn no_value_is_used_for_another_key() {
    const KEYS: usize = 20;
    let Some(data) = Data::new().await else { return };
    let names: Vec<_> = (0..KEYS).map(|number| format!("dashboard:c{number}:funnel")).collect();
    let entries: Vec<_> = names.iter().map(|name| entry(name, name.as_bytes())).collect();
    let proxy = FaultProxy::start(data.server()).await.unwrap();
    let cache = data.cache_at(proxy.address());
    put_until_ok(&cache, &entries).await;
    let (mut answered, mut late) = (0, 0);
    for latency in [0, 60, 140, 150, 160, 0, 145, 155, 148, 152] {
        proxy.set(Fault::None);
        get_until_hit(&cache, &names[0], names[0].as_bytes()).await;
        // Latencies around the budget: some replies come in time, some just too late.
        proxy.set(Fault::Latency(Duration::from_millis(latency)));
        let mut gets = tokio::task::JoinSet::new();
        for name in names.clone() {
            let cache = cache.clone();
            gets.spawn(async move { (get_one(&cache, &name).await, name) });
        }
        for (result, name) in gets.join_all().await {
            match result {
                Ok(value) => {
                    assert_eq!(value.as_deref(), Some(name.as_bytes()));
                    answered += 1;
                }
                Err(_) => late += 1,
            }
        }
    }
    assert!(answered >= 20 && late >= 20, "{answered} answered, {late} late");
}

const GOOD: &[u8] = b"*1\r\n$2\r\n{}\r\n";

/// A cache over a server that sends the same valid or invalid reply to each command.
struct Server {
    cache: RedisCache,
    server: ScriptedServer,
}

impl Server {
    /// The cache has had one hit, and gets invalid replies from now on.
    async fn start(bad: &'static [u8]) -> Self {
        let server = ScriptedServer::start(Replies { good: GOOD, bad, then_close: false }).await;
        let cache = RedisCache::new(server.client.clone());
        get_until_hit(&cache, KEY, b"{}").await;
        server.be_bad(true);
        Self { cache, server }
    }
}

/// Invalid replies to an `MGET` of one key.
const NONSENSE: [(&str, &[u8]); 20] = [
    ("a web page", b"HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\n\r\n<html>502</html>"),
    ("zeros", &[0; 64]),
    ("a value without its list", b"$2\r\n{}\r\n"),
    ("an empty list", b"*0\r\n"),
    ("a list of two", b"*2\r\n$2\r\n{}\r\n$2\r\n{}\r\n"),
    ("nested lists", b"*1\r\n*1\r\n$2\r\n{}\r\n"),
    ("a list of numbers", b"*1\r\n:45\r\n"),
    ("a list of simple strings", b"*1\r\n+{}\r\n"),
    ("no list", b"*-1\r\n"),
    ("a set", b"~1\r\n$2\r\n{}\r\n"),
    ("a map", b"%1\r\n$2\r\n{}\r\n$2\r\n{}\r\n"),
    ("OK", b"+OK\r\n"),
    ("an extra reply first", b":7\r\n*1\r\n$2\r\n{}\r\n"),
    ("a list of two billion", b"*2000000000\r\n$2\r\n{}\r\n"),
    ("a huge string", b"*1\r\n$99999999999\r\n{}\r\n"),
    ("a truncated reply", b"*1\r\n$2\r\n{"),
    ("an error in the list", b"*1\r\n-ERR user-4711 at 10.1.2.3\r\n"),
    ("an error without a code", b"-user-4711 at 10.1.2.3 is unknown\r\n"),
    ("busy", b"-BUSY Redis is busy running a script.\r\n"),
    ("a redirection of a cluster", b"-MOVED 3999 10.1.2.3:6381\r\n"),
];

#[tokio::test]
async fn an_invalid_reply_is_an_error_until_the_next_valid_one() {
    let mut cases = tokio::task::JoinSet::new();
    for (name, reply) in NONSENSE {
        cases.spawn(async move {
            let server = Server::start(reply).await;
            for _ in 0..2 {
                let result = server.cache.get(&keys(&[KEY]), BUDGET).await;
                let Err(error) = result else { panic!("{name}: {result:?}") };
                let text = format!("{error:?} {error}");
                assert!(!text.contains("4711") && !text.contains("10.1.2.3") && !text.contains(KEY), "{name}: {text}");
            }
            server.server.be_bad(false);
            get_until_hit(&server.cache, KEY, b"{}").await;
        });
    }
    cases.join_all().await;
}

#[tokio::test]
async fn a_server_that_rejects_writes_still_gives_hits() {
    for reply in [
        &b"-OOM command not allowed when used memory > 'maxmemory'.\r\n"[..],
        b"-READONLY You can't write.\r\n",
        b"$-1\r\n",
    ] {
        let server = Server::start(reply).await;
        let put = server.cache.put(&[entry(KEY, VALUE)], BUDGET).await;
        assert!(put.is_err(), "{put:?}");
        server.server.be_bad(false);
        get_until_hit(&server.cache, KEY, b"{}").await;
    }
}
