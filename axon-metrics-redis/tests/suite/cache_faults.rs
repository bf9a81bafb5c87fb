//! The shared cache when Redis misbehaves: a miss or an error within the budget, never a value that was not put, and all is
//! well within two seconds of the fault's end.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a test may say what it measured")]

use crate::common;

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use axon_examples::fault_proxy::{Fault, FaultProxy};
use axon_metrics::{cache::DashboardCache as _, testing::FaultyStore};
use axon_metrics_redis::RedisCache;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use common::{
    BUDGET, Data,
    cached::{KEY, entry, found_again, keys, look, taken},
};

const BOUND: Duration = Duration::from_secs(2);
/// What a question may take beyond its time: little in a drill, more on the gate's busy machine.
fn grace() -> Duration {
    Duration::from_millis(if std::env::var_os("AXON_DRILL").is_some() { 20 } else { 150 })
}

/// So long that pauses between tries have become as long as they get.
const LONG: Duration = Duration::from_millis(1800);
const VALUE: &[u8] = b"{\"steps\":[1234,567,123,45]}";

/// A server that answers with noise, or not at all.
struct Misbehaving;

#[async_trait]
impl FaultyStore for Misbehaving {
    type Source = RedisCache;

    async fn silent() -> RedisCache {
        RedisCache::new(common::misbehaving::client(Fault::Blackhole).await)
    }

    async fn garbled() -> RedisCache {
        RedisCache::new(common::misbehaving::client(Fault::Garbage).await)
    }

    async fn cut() -> RedisCache {
        RedisCache::new(common::misbehaving::client(Fault::Close).await)
    }

    async fn refused() -> RedisCache {
        RedisCache::new(common::misbehaving::client(Fault::Refuse).await)
    }
}

mod misbehaving {
    axon_metrics::dashboard_cache_server_conformance!(super::Misbehaving);
}

struct Drill {
    proxy: FaultProxy,
    cache: RedisCache,
}

impl Drill {
    /// A cache that has found its value once, through a proxy.
    async fn begin() -> Option<Self> {
        let data = Data::new().await?;
        let proxy = FaultProxy::start(data.server()).await.unwrap();
        let cache = data.cache_at(proxy.address());
        taken(&cache, &[entry(KEY, VALUE)]).await;
        found_again(&cache, KEY, VALUE).await;
        Some(Self { proxy, cache })
    }

    /// Looks and keeps as a dashboard does while a fault is in force: all fail, in time.
    async fn fails_in_time(&self, fault: Duration) {
        let began = Instant::now();
        while began.elapsed() < fault {
            let started = Instant::now();
            let looked = look(&self.cache, KEY).await;
            assert!(started.elapsed() <= BUDGET + grace(), "{:?}: {looked:?}", started.elapsed());
            assert!(looked.is_err(), "{looked:?}");
            let started = Instant::now();
            let kept = self.cache.put(&[entry(KEY, VALUE)], BUDGET).await;
            assert!(started.elapsed() <= BUDGET + grace(), "{:?}: {kept:?}", started.elapsed());
            assert!(kept.is_err(), "{kept:?}");
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    async fn heals(&self, fault: &str) {
        self.proxy.set(Fault::None);
        let took = found_again(&self.cache, KEY, VALUE).await;
        println!("{fault}: healed after {} ms", took.as_millis());
        assert!(took <= BOUND, "{fault}: {took:?}");
    }

    async fn survives(fault: Fault) {
        let Some(drill) = Self::begin().await else { return };
        drill.proxy.set(fault);
        drill.fails_in_time(LONG).await;
        drill.heals(&fault.to_string()).await;
    }
}

#[tokio::test]
async fn a_cache_slower_than_its_budget_heals() {
    Drill::survives(Fault::Latency(Duration::from_millis(300))).await;
}

#[tokio::test]
async fn a_black_hole_heals() {
    Drill::survives(Fault::Blackhole).await;
}

#[tokio::test]
async fn a_reset_heals() {
    Drill::survives(Fault::Reset).await;
}

#[tokio::test]
async fn a_close_heals() {
    Drill::survives(Fault::Close).await;
}

#[tokio::test]
async fn a_reply_cut_short_heals() {
    Drill::survives(Fault::Cut { after_bytes: 3 }).await;
}

#[tokio::test]
async fn a_drip_heals() {
    Drill::survives(Fault::Drip { bytes: NonZeroUsize::MIN, every: Duration::from_millis(60) }).await;
}

#[tokio::test]
async fn a_closed_port_heals() {
    Drill::survives(Fault::Refuse).await;
}

#[tokio::test]
async fn garbage_heals() {
    Drill::survives(Fault::Garbage).await;
}

#[tokio::test]
async fn a_half_open_connection_heals_while_the_fault_is_in_force() {
    let Some(drill) = Drill::begin().await else { return };
    drill.proxy.set(Fault::HalfOpen);
    let took = found_again(&drill.cache, KEY, VALUE).await;
    println!("half-open: healed after {} ms", took.as_millis());
    assert!(took <= BOUND, "{took:?}");
}

#[tokio::test]
async fn a_connection_closed_while_idle_costs_no_hit() {
    let Some(drill) = Drill::begin().await else { return };
    for _ in 0..20 {
        drill.proxy.drop_connections();
        assert_eq!(look(&drill.cache, KEY).await.unwrap().as_deref(), Some(VALUE));
    }
}

#[tokio::test]
async fn a_cache_that_is_gone_is_told_at_once_after_the_first_question() {
    let Some(drill) = Drill::begin().await else { return };
    drill.proxy.set(Fault::Blackhole);
    drill.fails_in_time(BUDGET * 4).await;
    for _ in 0..10 {
        let started = Instant::now();
        look(&drill.cache, KEY).await.unwrap_err();
        assert!(started.elapsed() < grace(), "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn no_value_is_taken_for_that_of_another_key() {
    const KEYS: usize = 20;
    let Some(data) = Data::new().await else { return };
    let names: Vec<_> = (0..KEYS).map(|number| format!("dashboard:c{number}:funnel")).collect();
    let entries: Vec<_> = names.iter().map(|name| entry(name, name.as_bytes())).collect();
    let proxy = FaultProxy::start(data.server()).await.unwrap();
    let cache = data.cache_at(proxy.address());
    taken(&cache, &entries).await;
    let (mut answered, mut late) = (0, 0);
    for latency in [0, 60, 140, 150, 160, 0, 145, 155, 148, 152] {
        proxy.set(Fault::None);
        found_again(&cache, &names[0], names[0].as_bytes()).await;
        // Around the budget: some replies come in time, some just too late.
        proxy.set(Fault::Latency(Duration::from_millis(latency)));
        let mut looking = tokio::task::JoinSet::new();
        for name in names.clone() {
            let cache = cache.clone();
            looking.spawn(async move { (look(&cache, &name).await, name) });
        }
        for (found, name) in looking.join_all().await {
            match found {
                Ok(found) => {
                    assert_eq!(found.as_deref(), Some(name.as_bytes()));
                    answered += 1;
                }
                Err(_) => late += 1,
            }
        }
    }
    assert!(answered >= 20 && late >= 20, "{answered} answered, {late} late");
}

const GOOD: &[u8] = b"*1\r\n$2\r\n{}\r\n";

/// A server that greets as Redis does and answers each question with the same bytes, good ones or bad ones.
struct Server {
    cache: RedisCache,
    bad: Arc<AtomicBool>,
}

impl Server {
    async fn answering(reply: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let bad = Arc::new(AtomicBool::new(false));
        let switch = Arc::clone(&bad);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, reply, Arc::clone(&switch)));
            }
        });
        let cache = RedisCache::new(redis::Client::open(format!("redis://{address}")).unwrap());
        found_again(&cache, KEY, b"{}").await;
        bad.store(true, Ordering::Relaxed);
        Self { cache, bad }
    }
}

async fn serve(mut client: TcpStream, reply: &'static [u8], bad: Arc<AtomicBool>) {
    let mut request = vec![0; 4096];
    while let Ok(read @ 1..) = client.read(&mut request).await {
        let ping = request[..read].windows(4).any(|word| word == b"PING");
        let answer: &[u8] = match bad.load(Ordering::Relaxed) {
            _ if ping => b"+PONG\r\n",
            true => reply,
            false => GOOD,
        };
        if client.write_all(answer).await.is_err() {
            return;
        }
    }
}

/// Replies in place of a list of one value.
const NONSENSE: [(&str, &[u8]); 20] = [
    ("a web page", b"HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\n\r\n<html>502</html>"),
    ("zeros", &[0; 64]),
    ("a value without its list", b"$2\r\n{}\r\n"),
    ("an empty list", b"*0\r\n"),
    ("a list of two", b"*2\r\n$2\r\n{}\r\n$2\r\n{}\r\n"),
    ("a list in a list", b"*1\r\n*1\r\n$2\r\n{}\r\n"),
    ("a list of numbers", b"*1\r\n:45\r\n"),
    ("a list of simple strings", b"*1\r\n+{}\r\n"),
    ("no list", b"*-1\r\n"),
    ("a set", b"~1\r\n$2\r\n{}\r\n"),
    ("a map", b"%1\r\n$2\r\n{}\r\n$2\r\n{}\r\n"),
    ("ok", b"+OK\r\n"),
    ("a reply too many before", b":7\r\n*1\r\n$2\r\n{}\r\n"),
    ("a list of very many", b"*2000000000\r\n$2\r\n{}\r\n"),
    ("a string of very many bytes", b"*1\r\n$99999999999\r\n{}\r\n"),
    ("half a reply", b"*1\r\n$2\r\n{"),
    ("an error in the list", b"*1\r\n-ERR user-4711 at 10.1.2.3\r\n"),
    ("an error that is none of Redis", b"-user-4711 at 10.1.2.3 is unknown\r\n"),
    ("busy", b"-BUSY Redis is busy running a script.\r\n"),
    ("a node of a cluster", b"-MOVED 3999 10.1.2.3:6381\r\n"),
];

#[tokio::test]
async fn nonsense_is_never_a_value_and_is_forgotten_with_the_next_good_reply() {
    let mut cases = tokio::task::JoinSet::new();
    for (name, reply) in NONSENSE {
        cases.spawn(async move {
            let server = Server::answering(reply).await;
            for _ in 0..2 {
                let found = server.cache.get(&keys(&[KEY]), BUDGET).await;
                let Err(error) = found else { panic!("{name}: {found:?}") };
                let told = format!("{error:?} {error}");
                assert!(!told.contains("4711") && !told.contains("10.1.2.3") && !told.contains(KEY), "{name}: {told}");
            }
            server.bad.store(false, Ordering::Relaxed);
            found_again(&server.cache, KEY, b"{}").await;
        });
    }
    cases.join_all().await;
}

#[tokio::test]
async fn a_server_that_takes_nothing_is_an_error_and_still_looked_at() {
    for reply in [
        &b"-OOM command not allowed when used memory > 'maxmemory'.\r\n"[..],
        b"-READONLY You can't write.\r\n",
        b"$-1\r\n",
    ] {
        let server = Server::answering(reply).await;
        let kept = server.cache.put(&[entry(KEY, VALUE)], BUDGET).await;
        assert!(kept.is_err(), "{kept:?}");
        server.bad.store(false, Ordering::Relaxed);
        found_again(&server.cache, KEY, b"{}").await;
    }
}
