//! A Redis with keys of the test's own, and questions to it.

#![allow(dead_code, reason = "each test uses a part")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

pub(crate) mod cached;
pub(crate) mod misbehaving;
pub(crate) mod monitor;

use std::{
    net::{SocketAddr, ToSocketAddrs as _},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use axon_metrics::{
    ActivityId,
    facts::{RealtimeFacts, Slots, Stock},
    source::{RealtimeQuestion, RealtimeSource as _, SourceError},
    testing::server_url,
};
use axon_metrics_redis::{KeyTemplate, RedisKeys, RedisOptions, RedisRealtime, StockKey};
use redis::{Client, ConnectionAddr, aio::MultiplexedConnection};

/// The environment variable that names the server.
pub(crate) const SERVER: &str = "AXON_TEST_REDIS_URL";

/// What a dashboard gives.
pub(crate) const BUDGET: Duration = Duration::from_millis(150);

/// The address of the server; `None`, said aloud, without one.
pub(crate) fn client() -> Option<Client> {
    server_url(SERVER).map(|url| Client::open(url).unwrap())
}

/// A word that no other test has.
pub(crate) fn word() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    format!("t{}-{:x}-{}", std::process::id(), now, NEXT.fetch_add(1, Ordering::Relaxed))
}

/// What a test writes, under keys of its own. They end by themselves after some minutes, should a test not end well.
pub(crate) struct Data {
    pub(crate) prefix: String,
    pub(crate) client: Client,
    pub(crate) admin: MultiplexedConnection,
}

impl Data {
    pub(crate) async fn new() -> Option<Self> {
        Some(Self::with(client()?).await)
    }

    pub(crate) async fn with(client: Client) -> Self {
        let admin = client.get_multiplexed_async_connection().await.unwrap();
        Self { prefix: format!("{}:", word()), client, admin }
    }

    pub(crate) fn keys(&self) -> RedisKeys {
        let named = |name: &str| format!("{}{name}", self.prefix).parse::<KeyTemplate>().unwrap();
        RedisKeys {
            stock: StockKey::Held(named("campaign:{activityId}:counter")),
            members: named("campaign:{activityId}:users"),
        }
    }

    pub(crate) fn plan_keys(&self) -> RedisKeys {
        let named = |name: &str| format!("{}{name}", self.prefix).parse::<KeyTemplate>().unwrap();
        RedisKeys {
            stock: StockKey::Remaining(named("campaign:{activityId}:remaining")),
            members: named("campaignActivity:{activityId}:participants"),
        }
    }

    pub(crate) fn options(&self) -> RedisOptions {
        RedisOptions::default().with_keys(self.keys())
    }

    pub(crate) fn source(&self) -> RedisRealtime {
        RedisRealtime::with_options(self.client.clone(), self.options())
    }

    /// A source that reaches the server by another address.
    pub(crate) fn source_at(&self, address: SocketAddr) -> RedisRealtime {
        RedisRealtime::with_options(self.client_at(address), self.options())
    }

    pub(crate) fn client_at(&self, address: SocketAddr) -> Client {
        let address = ConnectionAddr::Tcp(address.ip().to_string(), address.port());
        Client::open(self.client.get_connection_info().clone().set_addr(address)).unwrap()
    }

    /// Where the server listens.
    pub(crate) fn server(&self) -> SocketAddr {
        let ConnectionAddr::Tcp(host, port) = self.client.get_connection_info().addr() else {
            panic!("{SERVER} must be a plain redis:// address")
        };
        (host.as_str(), *port).to_socket_addrs().unwrap().next().unwrap()
    }

    /// Writes a counter and members. The values are the activity's number, so that an answer can be told from another's.
    pub(crate) async fn put(&mut self, activity: u64, counter: &str, members: u64) {
        let keys = self.keys();
        let mut pipeline = redis::pipe();
        set(&mut pipeline, &keys.stock.template().key(ActivityId(activity)), counter);
        add(&mut pipeline, &keys.members.key(ActivityId(activity)), 1..=members);
        pipeline.exec_async(&mut self.admin).await.unwrap();
    }

    pub(crate) async fn run(&mut self, command: &[&str]) {
        redis::cmd(command[0]).arg(&command[1..]).exec_async(&mut self.admin).await.unwrap();
    }
}

pub(crate) fn set(pipeline: &mut redis::Pipeline, key: &str, value: &str) {
    pipeline.cmd("SET").arg(key).arg(value).arg("EX").arg(300);
}

pub(crate) fn add(pipeline: &mut redis::Pipeline, key: &str, members: impl IntoIterator<Item = u64>) {
    let members: Vec<u64> = members.into_iter().collect();
    if !members.is_empty() {
        pipeline.cmd("SADD").arg(key).arg(members);
        pipeline.cmd("EXPIRE").arg(key).arg(300);
    }
}

pub(crate) fn question(activities: impl IntoIterator<Item = u64>) -> RealtimeQuestion {
    RealtimeQuestion {
        as_of: "2024-11-12T10:30:00Z".parse().unwrap(),
        budget: BUDGET,
        activities: activities.into_iter().map(ActivityId).collect(),
    }
}

pub(crate) async fn ask(source: &RedisRealtime, activity: u64) -> Result<Slots, SourceError> {
    let facts: RealtimeFacts = source.realtime(&question([activity])).await?;
    Ok(facts.slots[0].1.clone())
}

/// What was measured of both.
pub(crate) fn measured(slots: &Slots) -> (Stock, u64) {
    (slots.stock.as_ref().unwrap().value, slots.members.as_ref().unwrap().value)
}

/// Asks as a viewer's page does until there is a good answer; says how long that took.
pub(crate) async fn healed(source: &RedisRealtime, activity: u64, held: i64) -> Duration {
    let started = Instant::now();
    loop {
        if let Ok(slots) = ask(source, activity).await {
            assert_eq!(measured(&slots).0, Stock::Held(held));
            return started.elapsed();
        }
        assert!(started.elapsed() < Duration::from_secs(10), "never heals");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
