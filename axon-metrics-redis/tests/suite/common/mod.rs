//! Shared by the tests: a real server with the test's own keys, and questions.

#![allow(dead_code, reason = "each test uses a part")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

pub(crate) mod cache_calls;
pub(crate) mod monitor;
pub(crate) mod scripted;

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

/// The default budget of a dashboard.
pub(crate) const BUDGET: Duration = Duration::from_millis(150);

/// How much longer than its budget a call may take: little in a drill, much on the busy machine of the gate, where other tests
/// and compilers run at the same time.
pub(crate) fn slack() -> Duration {
    Duration::from_millis(if std::env::var_os("AXON_DRILL").is_some() { 20 } else { 500 })
}

/// A client of the server; `None`, with a message, without one.
pub(crate) fn client() -> Option<Client> {
    server_url(SERVER).map(|url| Client::open(url).unwrap())
}

/// A word that no other test uses.
pub(crate) fn word() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    format!("t{}-{:x}-{}", std::process::id(), now, NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The server and the test's own keys. They expire after some minutes, so that a failed test leaves nothing.
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
        let template = |name: &str| format!("{}{name}", self.prefix).parse::<KeyTemplate>().unwrap();
        let stock = StockKey::Held(template("campaign:{activityId}:counter"));
        RedisKeys::new(stock, template("campaign:{activityId}:users"))
    }

    pub(crate) fn plan_keys(&self) -> RedisKeys {
        let template = |name: &str| format!("{}{name}", self.prefix).parse::<KeyTemplate>().unwrap();
        let stock = StockKey::Remaining(template("campaign:{activityId}:remaining"));
        RedisKeys::new(stock, template("campaignActivity:{activityId}:participants"))
    }

    pub(crate) fn options(&self) -> RedisOptions {
        RedisOptions::default().with_keys(self.keys())
    }

    pub(crate) fn source(&self) -> RedisRealtime {
        RedisRealtime::with_options(self.client.clone(), self.options())
    }

    /// A source that connects to this address.
    pub(crate) fn source_at(&self, address: SocketAddr) -> RedisRealtime {
        RedisRealtime::with_options(self.client_at(address), self.options())
    }

    pub(crate) fn client_at(&self, address: SocketAddr) -> Client {
        let address = ConnectionAddr::Tcp(address.ip().to_string(), address.port());
        Client::open(self.client.get_connection_info().clone().set_addr(address)).unwrap()
    }

    /// The address of the server.
    pub(crate) fn server(&self) -> SocketAddr {
        let ConnectionAddr::Tcp(host, port) = self.client.get_connection_info().addr() else {
            panic!("{SERVER} must be a plain redis:// address")
        };
        (host.as_str(), *port).to_socket_addrs().unwrap().next().unwrap()
    }

    /// Writes the counter and this many members of an activity.
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
    let activities = activities.into_iter().map(ActivityId);
    RealtimeQuestion::new("2024-11-12T10:30:00Z".parse().unwrap(), BUDGET, activities)
}

/// The same with a budget of 5 s.
pub(crate) fn patient_question(activities: impl IntoIterator<Item = u64>) -> RealtimeQuestion {
    let mut question = question(activities);
    question.budget = Duration::from_secs(5);
    question
}

pub(crate) async fn ask(source: &RedisRealtime, activity: u64) -> Result<Slots, SourceError> {
    let facts: RealtimeFacts = source.realtime(&question([activity])).await?;
    Ok(facts.slots[0].1.clone())
}

/// The measured stock and number of members.
pub(crate) fn measured(slots: &Slots) -> (Stock, u64) {
    (slots.stock.as_ref().unwrap().value, slots.members.as_ref().unwrap().value)
}

/// Asks every 50 ms until there is an answer. Checks the stock. Returns the time it took.
pub(crate) async fn ask_until_answered(source: &RedisRealtime, activity: u64, held: i64) -> Duration {
    let started = Instant::now();
    loop {
        if let Ok(slots) = ask(source, activity).await {
            assert_eq!(measured(&slots).0, Stock::Held(held));
            return started.elapsed();
        }
        assert!(started.elapsed() < Duration::from_secs(10), "no answer within 10 s");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
