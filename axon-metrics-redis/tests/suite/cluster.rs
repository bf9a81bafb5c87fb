//! The source and the cache on a cluster: the core's conformance suite, and single nodes that fail. Needs the
//! comma-separated addresses of the nodes in `AXON_TEST_REDIS_CLUSTER_URLS`.

#![cfg(feature = "cluster")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a test may print its measurements")]

use crate::common;

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use axon_examples::fault_proxy::{Fault, FaultProxy};
use axon_metrics::{
    ActivityId, Missing,
    cache::DashboardCache as _,
    facts::{Slots, Stock},
    source::{ErrorChain, RealtimeSource as _, SourceError},
    testing::{CacheStore, RealtimeStore, SlotRecord, server_url},
};
use axon_metrics_redis::{
    KeyTemplate, RedisAddress, RedisCache, RedisCacheOptions, RedisKeys, RedisOptions, RedisRealtime, StockKey,
};
use redis::{
    Client, ConnectionAddr,
    cluster::{ClusterClient, ClusterClientBuilder, NodeAddress},
    cluster_async::ClusterConnection,
};

use common::{
    BUDGET,
    cache_calls::{entry, put_until_ok},
    patient_question, question, slack, word,
};

fn nodes() -> Option<Vec<String>> {
    server_url("AXON_TEST_REDIS_CLUSTER_URLS").map(|urls| urls.split(',').map(str::to_owned).collect())
}

fn keys(prefix: &str) -> RedisKeys {
    let template = |name: &str| format!("{prefix}:{name}").parse::<KeyTemplate>().unwrap();
    let stock = StockKey::Held(template("campaign:{activityId}:counter"));
    RedisKeys::new(stock, template("campaign:{activityId}:users"))
}

async fn put(cluster: &mut ClusterConnection, keys: &RedisKeys, slot: &SlotRecord) {
    let mut commands = Vec::new();
    if let Some(counter) = slot.counter {
        let mut set = redis::cmd("SET");
        set.arg(keys.stock.template().key(slot.activity)).arg(counter).arg("EX").arg(300);
        commands.push(set);
    }
    if let Some(members) = slot.members.as_ref().filter(|members| !members.is_empty()) {
        let key = keys.members.key(slot.activity);
        let mut add = redis::cmd("SADD");
        add.arg(&key).arg(members);
        let mut expire = redis::cmd("EXPIRE");
        expire.arg(&key).arg(300);
        commands.extend([add, expire]);
    }
    for command in commands {
        command.exec_async(cluster).await.unwrap();
    }
}

struct Cluster;

#[async_trait]
impl RealtimeStore for Cluster {
    type Source = RedisRealtime;

    fn stock(counter: i64) -> Stock {
        Stock::Held(counter)
    }

    async fn holding(slots: &[SlotRecord]) -> Option<RedisRealtime> {
        let client = ClusterClient::new(nodes()?).unwrap();
        let keys = keys(&word());
        let mut cluster = client.get_async_connection().await.unwrap();
        for slot in slots {
            put(&mut cluster, &keys, slot).await;
        }
        let options = RedisOptions::default().with_keys(keys).with_connect_timeout(Duration::from_secs(5));
        Some(RedisRealtime::cluster_with_options(client, options))
    }
}

#[async_trait]
impl CacheStore for Cluster {
    type Cache = RedisCache;

    async fn empty() -> Option<RedisCache> {
        let client = ClusterClient::new(nodes()?).unwrap();
        let options = RedisCacheOptions::default().with_prefix(format!("{}:", word()));
        Some(RedisCache::cluster_with_options(client, options.with_connect_timeout(Duration::from_secs(5))))
    }
}

mod slots {
    axon_metrics::realtime_source_conformance!(super::Cluster);
}
mod cache {
    axon_metrics::dashboard_cache_conformance!(super::Cluster);
}

const ACTIVITIES: u64 = 30;
/// A counter and a number of members per activity.
const FIGURES: usize = 60;

/// Thirty activities in a cluster with a proxy in front of each node. The counter of an activity is its id.
struct Drill {
    proxies: Vec<FaultProxy>,
    source: RedisRealtime,
}

/// A proxy in front of each node, and a client that connects through the proxies.
async fn start_proxies(nodes: Vec<String>) -> (Vec<FaultProxy>, ClusterClient) {
    let (mut proxies, mut mapped) = (Vec::new(), HashMap::new());
    for node in &nodes {
        let client = Client::open(node.as_str()).unwrap();
        let ConnectionAddr::Tcp(host, port) = client.get_connection_info().addr() else {
            panic!("not a plain redis:// address")
        };
        let upstream = tokio::net::lookup_host((host.as_str(), *port)).await.unwrap().next().unwrap();
        let proxy = FaultProxy::start(upstream).await.unwrap();
        let address = proxy.address();
        mapped
            .insert(NodeAddress::new(host.as_str(), *port), NodeAddress::new(address.ip().to_string(), address.port()));
        proxies.push(proxy);
    }
    (proxies, ClusterClientBuilder::new(nodes).node_address_map(mapped).build().unwrap())
}

impl Drill {
    /// The source has had all figures once.
    async fn start() -> Option<Self> {
        let nodes = nodes()?;
        let keys = keys(&word());
        let mut cluster = ClusterClient::new(nodes.clone()).unwrap().get_async_connection().await.unwrap();
        for activity in 1..=ACTIVITIES {
            let counter: &'static str = activity.to_string().leak();
            let activity = ActivityId(activity);
            let slot = SlotRecord { activity, counter: Some(counter), members: Some((1..=activity.0).collect()) };
            put(&mut cluster, &keys, &slot).await;
        }
        let (proxies, client) = start_proxies(nodes).await;
        let source = RedisRealtime::cluster_with_options(client, RedisOptions::default().with_keys(keys));
        let drill = Self { proxies, source };
        drill.check_recovery("start").await;
        drill.source.realtime(&question(1..=ACTIVITIES)).await.unwrap();
        assert!(drill.proxies.iter().all(|proxy| proxy.counts().connections > 0), "a node got no connection");
        Some(drill)
    }

    /// Asks once. Checks that the question ends within its budget, and that every figure is right or missing.
    async fn ask(&self) -> Result<Vec<(ActivityId, Slots)>, SourceError> {
        let started = Instant::now();
        let result = self.source.realtime(&question(1..=ACTIVITIES)).await;
        assert!(started.elapsed() <= BUDGET + slack(), "{:?}", started.elapsed());
        let slots = result?.slots;
        for (activity, slots) in &slots {
            let held = slots.stock.as_ref().map(|stock| stock.value);
            assert!(held.is_err() || held.is_ok_and(|held| held == Stock::Held(activity.0.cast_signed())));
            let missing = slots.stock.as_ref().err().or(slots.members.as_ref().err());
            assert!(matches!(missing, None | Some(Missing::Unavailable(_))), "{slots:?}");
        }
        Ok(slots)
    }

    /// The number of measured figures.
    async fn figures(&self) -> usize {
        let slots = self.ask().await.unwrap_or_default();
        slots.iter().map(|(_, slots)| usize::from(slots.stock.is_ok()) + usize::from(slots.members.is_ok())).sum()
    }

    /// Checks that all figures are measured again in time.
    async fn check_recovery(&self, fault: &str) {
        let started = Instant::now();
        while self.figures().await < FIGURES {
            assert!(started.elapsed() < Duration::from_secs(10), "{fault}: no recovery within 10 s");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        println!("{fault}: recovered after {} ms", started.elapsed().as_millis());
        assert!(started.elapsed() <= Duration::from_secs(2), "{fault}: {:?}", started.elapsed());
    }

    /// Runs the drill with a fault on one node. Checks that the others still give their figures.
    async fn run_on_one_node(fault: Fault) {
        let Some(drill) = Self::start().await else { return };
        drill.proxies[1].set(fault);
        let began = Instant::now();
        let mut counts = Vec::new();
        while began.elapsed() < Duration::from_millis(1800) {
            counts.push(drill.figures().await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        println!("{fault}: figures {counts:?}");
        // Two thirds of the slots are on the other nodes.
        let last = &counts[counts.len() - 5..];
        assert!(last.iter().all(|figures| (20..FIGURES).contains(figures)), "{fault}: {counts:?}");
        drill.proxies[1].set(Fault::None);
        drill.check_recovery(&fault.to_string()).await;
    }
}

#[tokio::test]
async fn a_node_that_is_down_costs_its_own_figures_and_heals() {
    Drill::run_on_one_node(Fault::Refuse).await;
}

#[tokio::test]
async fn a_node_that_hangs_costs_its_own_figures_and_heals() {
    Drill::run_on_one_node(Fault::Blackhole).await;
}

#[tokio::test]
async fn a_node_that_sends_garbage_costs_its_own_figures_and_heals() {
    Drill::run_on_one_node(Fault::Garbage).await;
}

#[tokio::test]
async fn half_open_connections_to_all_nodes_heal_during_the_fault() {
    let Some(drill) = Drill::start().await else { return };
    for proxy in &drill.proxies {
        proxy.set(Fault::HalfOpen);
    }
    drill.check_recovery("half-open").await;
}

#[tokio::test]
async fn an_outage_of_all_nodes_is_an_error_and_heals() {
    for fault in [Fault::Refuse, Fault::Blackhole, Fault::Reset, Fault::Garbage] {
        let Some(drill) = Drill::start().await else { return };
        for proxy in &drill.proxies {
            proxy.set(fault);
        }
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(1800) {
            drill.ask().await.unwrap_err();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        for proxy in &drill.proxies {
            proxy.set(Fault::None);
        }
        drill.check_recovery(&format!("all nodes {fault}")).await;
    }
}

#[tokio::test]
async fn the_documented_rights_and_cluster_slots_are_enough() {
    let Some(nodes) = nodes() else { return };
    let (user, prefix) = (word(), word());
    let rights = format!(
        "reset on >{user} resetchannels -@all +ping +hello +auth +cluster|slots (%R~{prefix}:campaign:* +get +scard)"
    );
    for node in &nodes {
        let mut admin = Client::open(node.as_str()).unwrap().get_multiplexed_async_connection().await.unwrap();
        let mut setuser = redis::cmd("ACL");
        setuser.arg("SETUSER").arg(&user).arg(rights.split(' ').collect::<Vec<_>>());
        setuser.exec_async(&mut admin).await.unwrap();
    }
    let keys = keys(&prefix);
    let mut cluster = ClusterClient::new(nodes.clone()).unwrap().get_async_connection().await.unwrap();
    for activity in 1..=9 {
        let slot = SlotRecord { activity: ActivityId(activity), counter: Some("45"), members: Some(vec![1]) };
        put(&mut cluster, &keys, &slot).await;
    }
    let client = ClusterClientBuilder::new(nodes.clone()).username(&user).password(&user).build().unwrap();
    let options = RedisOptions::default().with_keys(keys).with_connect_timeout(Duration::from_secs(5));
    let source = RedisRealtime::cluster_with_options(client, options);
    let patient = patient_question(1..=9);
    for (_, slots) in source.realtime(&patient).await.unwrap().slots {
        assert_eq!(common::measured(&slots), (Stock::Held(45), 1));
    }
    source.probe(patient.as_of, patient.budget).await.unwrap();
    for node in &nodes {
        let mut admin = Client::open(node.as_str()).unwrap().get_multiplexed_async_connection().await.unwrap();
        let denials: redis::Value = redis::cmd("ACL").arg("LOG").query_async(&mut admin).await.unwrap();
        println!("denied: {}", format!("{denials:?}").matches(&user).count());
        redis::cmd("ACL").arg("DELUSER").arg(&user).exec_async(&mut admin).await.unwrap();
    }
}

/// The counters of thirty activities, in keys of the test's own.
async fn put_counters(nodes: &[String]) -> RedisKeys {
    let keys = keys(&word());
    let mut cluster = ClusterClient::new(nodes.to_vec()).unwrap().get_async_connection().await.unwrap();
    for activity in 1..=ACTIVITIES {
        let slot = SlotRecord { activity: ActivityId(activity), counter: Some("45"), members: Some(vec![1]) };
        put(&mut cluster, &keys, &slot).await;
    }
    keys
}

fn source_at(address: &str, keys: &RedisKeys) -> RedisRealtime {
    let options = RedisOptions::default().with_keys(keys.clone()).with_connect_timeout(Duration::from_secs(5));
    RedisRealtime::at(&RedisAddress::parse(address).unwrap(), options).unwrap()
}

#[tokio::test]
async fn several_addresses_are_a_cluster_and_one_by_its_scheme() {
    let Some(nodes) = nodes() else { return };
    let keys = put_counters(&nodes).await;
    let hosts: Vec<_> = nodes.iter().map(|node| node.trim_start_matches("redis://")).collect();
    for address in [
        nodes.join(","),
        format!("redis://{}", hosts.join(",")),
        format!("redis+cluster://{}/0?protocol=resp3", hosts[1]),
    ] {
        let source = source_at(&address, &keys);
        let patient = patient_question(1..=ACTIVITIES);
        for (_, slots) in source.realtime(&patient).await.unwrap().slots {
            assert_eq!(common::measured(&slots), (Stock::Held(45), 1), "{address}");
        }
        let probe = source.probe(patient.as_of, patient.budget).await.unwrap();
        assert!(probe.findings.contains(&("connection".to_owned(), "cluster".to_owned())), "{probe:?}");
    }
}

#[tokio::test]
async fn one_node_of_a_cluster_as_a_server_says_what_to_configure() {
    let Some(nodes) = nodes() else { return };
    let keys = put_counters(&nodes).await;
    for node in &nodes {
        let source = source_at(node, &keys);
        let patient = patient_question(1..=ACTIVITIES);
        let question = source.realtime(&patient).await.unwrap_err();
        let probe = source.probe(patient.as_of, patient.budget).await.unwrap_err();
        for error in [question, probe] {
            assert!(matches!(error, SourceError::Malformed { .. }), "{error:?}");
            let text = ErrorChain(&error).to_string();
            assert!(text.contains("a node of a cluster: configure all its addresses as a cluster"), "{text}");
        }
    }
    // The cache of one node reads several keys by one command, which no node answers.
    let options = RedisCacheOptions::default().with_prefix(format!("{}:", word()));
    let options = options.with_connect_timeout(Duration::from_secs(5));
    let cache = RedisCache::at(&RedisAddress::parse(&nodes[0]).unwrap(), options).unwrap();
    let names: Vec<_> = (0..30).map(|number| format!("dashboard:c{number}:funnel")).collect();
    let error = cache.get(&names, Duration::from_secs(5)).await.unwrap_err();
    assert!(ErrorChain(&error).to_string().contains("a node of a cluster"), "{error:?}");
}

#[tokio::test]
async fn a_node_that_is_down_costs_its_own_cache_entries_and_heals() {
    const KEYS: usize = 30;
    for fault in [Fault::Refuse, Fault::Blackhole, Fault::Garbage] {
        let Some(nodes) = nodes() else { return };
        let (proxies, client) = start_proxies(nodes).await;
        let options = RedisCacheOptions::default().with_prefix(format!("{}:", word()));
        let cache = RedisCache::cluster_with_options(client, options);
        let names: Vec<_> = (0..KEYS).map(|number| format!("dashboard:c{number}:funnel")).collect();
        put_until_ok(&cache, &names.iter().map(|name| entry(name, name.as_bytes())).collect::<Vec<_>>()).await;
        let hits = || async {
            let started = Instant::now();
            let values = cache.get(&names, BUDGET).await.unwrap_or_else(|_| vec![None; KEYS]);
            assert!(started.elapsed() <= BUDGET + slack(), "{:?}", started.elapsed());
            let check = |(name, value): (&String, Option<Vec<u8>>)| {
                assert!(value.as_deref().is_none_or(|value| value == name.as_bytes()));
                usize::from(value.is_some())
            };
            names.iter().zip(values).map(check).sum::<usize>()
        };
        proxies[1].set(fault);
        let (began, mut counts) = (Instant::now(), Vec::new());
        while began.elapsed() < Duration::from_millis(1800) {
            counts.push(hits().await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        println!("{fault}: hits {counts:?}");
        // Two thirds of the slots are on the other nodes.
        let last = &counts[counts.len() - 5..];
        assert!(last.iter().all(|hits| (10..KEYS).contains(hits)), "{fault}: {counts:?}");
        proxies[1].set(Fault::None);
        let recovery = Instant::now();
        while hits().await < KEYS {
            assert!(recovery.elapsed() <= Duration::from_secs(2), "{fault}: {:?}", recovery.elapsed());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        println!("{fault}: recovered after {} ms", recovery.elapsed().as_millis());
    }
}
