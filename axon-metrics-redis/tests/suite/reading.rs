//! The source on a real server: round trips, rights, and values of every type.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a test may print its measurements")]

use crate::common;

use std::time::{Duration, Instant};

use axon_examples::{
    fault_proxy::FaultProxy,
    generator::{Config, Plan},
    stores::{
        Layout,
        redis::{Keys, Loader},
    },
};
use axon_metrics::{
    ActivityId, Missing, Reason,
    facts::Stock,
    source::{RealtimeSource as _, SourceError},
};
use axon_metrics_redis::{RedisAddress, RedisKeys, RedisOptions, RedisRealtime, StockKey};
use redis::Client;

use common::{Data, ask, ask_until_answered, measured, monitor::Monitor, patient_question, question, word};

#[tokio::test]
async fn a_question_is_one_round_trip_for_1_and_for_1000_activities() {
    let Some(mut data) = Data::new().await else { return };
    data.put(1, "1", 1).await;
    let proxy = FaultProxy::start(data.server()).await.unwrap();
    let source = data.source_at(proxy.address());
    ask_until_answered(&source, 1, 1).await;
    for activities in [1, 20, 1_000] {
        proxy.reset_counts();
        let started = Instant::now();
        let patient = patient_question(1..=activities);
        let facts = source.realtime(&patient).await.unwrap();
        let took = started.elapsed();
        assert_eq!(facts.slots.len() as u64, activities);
        let counts = proxy.counts();
        println!("{activities} activities: {took:?}, {} bytes there, {} back", counts.to_server, counts.to_clients);
        assert_eq!((counts.round_trips, counts.connections), (1, 0), "{activities} activities");
    }
}

#[tokio::test]
async fn a_question_without_activities_sends_nothing() {
    let Some(data) = Data::new().await else { return };
    let proxy = FaultProxy::start(data.server()).await.unwrap();
    let source = data.source_at(proxy.address());
    assert!(source.realtime(&question([])).await.unwrap().slots.is_empty());
    assert_eq!(proxy.counts().connections, 0);
}

#[tokio::test]
async fn a_key_of_another_type_costs_its_own_facts_only() {
    let Some(mut data) = Data::new().await else { return };
    let (counter, members) = (format!("{}campaign:7:counter", data.prefix), format!("{}campaign:7:users", data.prefix));
    data.run(&["RPUSH", &counter, "45"]).await;
    data.run(&["SET", &members, "45", "EX", "300"]).await;
    data.run(&["EXPIRE", &counter, "300"]).await;
    data.put(8, "45", 44).await;
    let source = data.source();
    ask_until_answered(&source, 8, 45).await;
    let slots = ask(&source, 7).await.unwrap();
    assert!(matches!(slots.stock, Err(Missing::NotMeasured(Reason::BadValue))), "{slots:?}");
    assert!(matches!(slots.members, Err(Missing::NotMeasured(Reason::BadValue))), "{slots:?}");
    assert_eq!(measured(&ask(&source, 8).await.unwrap()), (Stock::Held(45), 44));
}

/// The rights of a reader on the page for operators, as words, for keys with a prefix: on Redis 7, before it, and with
/// a cache.
fn documented_rights(prefix: &str) -> Vec<Vec<String>> {
    let page = include_str!("../../../docs/operate/rights.md");
    let lines: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("ACL SETUSER axon_ro ")).collect();
    let readme = include_str!("../../README.md");
    for line in &lines[..2] {
        assert!(readme.contains(&format!("ACL SETUSER axon_ro {line}")), "the readme differs: {line}");
    }
    let words = |line: &&str| {
        let words = line.split_whitespace().filter(|word| !word.starts_with('>'));
        words.map(|word| word.replace('~', &format!("~{prefix}"))).collect()
    };
    lines.iter().map(words).collect()
}

/// Creates a user with these rights. Returns the name, and a client of the user.
async fn create_user(data: &mut Data, rights: &[String]) -> (String, Client) {
    let (user, password) = (word(), word());
    let mut setuser = redis::cmd("ACL");
    setuser.arg("SETUSER").arg(&user).arg(rights).arg(format!(">{password}"));
    setuser.exec_async(&mut data.admin).await.unwrap();
    let info = data.client.get_connection_info().clone();
    let settings = info.redis_settings().clone().set_username(&user).set_password(password);
    (user, Client::open(info.set_redis_settings(settings)).unwrap())
}

#[tokio::test]
async fn the_documented_rights_are_enough_and_nothing_is_written() {
    let Some(mut data) = Data::new().await else { return };
    data.put(789, "45", 44).await;
    let documented = documented_rights(&data.prefix);
    assert_eq!(documented.len(), 3);
    for rights in documented {
        check_rights(&mut data, &rights).await;
    }
}

/// Checks that a user with these rights can answer every question, and that nothing else is sent.
async fn check_rights(data: &mut Data, rights: &[String]) {
    let (user, client) = create_user(data, rights).await;
    let log = Monitor::start(data).await;
    for protocol in [redis::ProtocolVersion::RESP2, redis::ProtocolVersion::RESP3] {
        let info = client.get_connection_info().clone();
        let settings = info.redis_settings().clone().set_protocol(protocol);
        let client = Client::open(info.set_redis_settings(settings)).unwrap();
        let source = RedisRealtime::with_options(client, data.options());
        ask_until_answered(&source, 789, 45).await;
        assert_eq!(measured(&ask(&source, 789).await.unwrap()), (Stock::Held(45), 44));
        source.probe(question([]).as_of, Duration::from_secs(1)).await.unwrap();
    }

    for line in log.own_lines(data, &user).await {
        let command = line.split('"').nth(1).unwrap().to_uppercase();
        assert!(["PING", "HELLO", "AUTH", "GET", "SCARD"].contains(&command.as_str()), "{line}");
    }

    // No command was denied, and a write is.
    let denials: redis::Value = redis::cmd("ACL").arg("LOG").query_async(&mut data.admin).await.unwrap();
    assert!(!format!("{denials:?}").contains(&user), "{denials:?}");
    let mut as_user = client.get_multiplexed_async_connection().await.unwrap();
    for write in [["SET", "counter", "1"], ["DEL", "counter", "x"], ["SADD", "users", "1"], ["EXPIRE", "users", "1"]] {
        let mut command = redis::cmd(write[0]);
        command.arg(format!("{}campaign:789:{}", data.prefix, write[1])).arg(write[2]);
        let error = command.exec_async(&mut as_user).await.unwrap_err();
        assert_eq!(error.code(), Some("NOPERM"), "{write:?}");
    }
    data.run(&["ACL", "DELUSER", &user]).await;
}

#[tokio::test]
async fn a_missing_right_costs_its_own_facts_and_is_named() {
    let Some(mut data) = Data::new().await else { return };
    data.put(789, "45", 44).await;
    let rights: Vec<_> =
        documented_rights(&data.prefix).remove(0).into_iter().filter(|word| !word.contains("scard")).collect();
    let rights: Vec<_> =
        rights.iter().map(|word| if word.ends_with("+get") { format!("{word})") } else { word.clone() }).collect();
    let (user, client) = create_user(&mut data, &rights).await;
    let source = RedisRealtime::with_options(client, data.options().with_connect_timeout(Duration::from_secs(5)));
    let patient = patient_question([789]);
    let slots = source.realtime(&patient).await.unwrap().slots.remove(0).1;
    assert_eq!(slots.stock.unwrap().value, Stock::Held(45));
    let Err(Missing::Unavailable(error)) = slots.members else { panic!("{:?}", slots.members) };
    let SourceError::Denied { missing, .. } = &*error else { panic!("{error:?}") };
    assert!(missing.starts_with("the right to SCARD ") && missing.ends_with("{activityId}:users"), "{missing}");
    let probe = source.probe(question([]).as_of, Duration::from_secs(1)).await;
    assert!(matches!(probe, Err(SourceError::Denied { .. })), "{probe:?}");
    data.run(&["ACL", "DELUSER", &user]).await;
}

#[tokio::test]
async fn a_probe_reports_the_keys_and_no_address() {
    let Some(data) = Data::new().await else { return };
    let source = RedisRealtime::with_options(data.client.clone(), RedisOptions::plan());
    let probe = source.probe(question([]).as_of, Duration::from_secs(5)).await.unwrap();
    assert_eq!(probe.newest, None);
    let finding = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    assert!(
        probe.findings.contains(&finding("stock key", "campaign:{activityId}:remaining (slots left)")),
        "{probe:?}"
    );
    assert!(
        probe.findings.contains(&finding("members key", "campaignActivity:{activityId}:participants")),
        "{probe:?}"
    );
    let text = format!("{probe:?} {source:?}");
    assert!(!text.contains(&data.server().port().to_string()), "{text}");
}

#[tokio::test]
async fn generated_slots_are_read_in_each_layout() {
    let Some(client) = common::client() else { return };
    let plan = Plan::new(Config { events: 20_000, ..Config::default() }).unwrap();
    let mut sink = axon_examples::generator::MemorySink::default();
    plan.generate(&mut sink, |_| {}).unwrap();
    let catalog = sink.catalog.unwrap();
    let limit = |id: u32| {
        let mut activities = catalog.campaigns.iter().flat_map(|campaign| &campaign.activities);
        activities.find(|activity| activity.id == id).and_then(|activity| activity.limit_count)
    };
    assert!(!sink.slots.is_empty());
    for layout in Layout::ALL {
        let names = Keys::of(layout).with_prefix(format!("{}:", word()));
        let mut loader = Loader::connect(&client, names.clone()).await.unwrap();
        let mut progress = 0;
        loader.load(&catalog, &sink.slots, |count| progress = count).await.unwrap();
        assert_eq!(progress, sink.slots.len());

        let counter = names.counter().parse().unwrap();
        let stock = if names.counts_down() { StockKey::Remaining(counter) } else { StockKey::Held(counter) };
        let keys = RedisKeys::new(stock, names.members().parse().unwrap());
        let source = RedisRealtime::with_options(client.clone(), RedisOptions::default().with_keys(keys));
        let all = patient_question(sink.slots.iter().map(|slot| slot.activity_id.into()));
        let facts = source.realtime(&all).await.unwrap();
        for (slot, (activity, slots)) in sink.slots.iter().zip(&facts.slots) {
            assert_eq!(*activity, ActivityId(slot.activity_id.into()));
            let held = i64::from(slot.counter);
            match (limit(slot.activity_id), names.counts_down()) {
                (Some(limit), true) => {
                    assert_eq!(slots.stock.as_ref().unwrap().value, Stock::Remaining(i64::from(limit) - held));
                }
                (None, true) => assert!(matches!(slots.stock, Err(Missing::NotMeasured(Reason::KeyMissing)))),
                (_, false) => assert_eq!(slots.stock.as_ref().unwrap().value, Stock::Held(held)),
            }
            match slot.members.len() {
                0 => assert!(matches!(slots.members, Err(Missing::NotMeasured(Reason::KeyMissing)))),
                members => assert_eq!(slots.members.as_ref().unwrap().value, members as u64),
            }
        }

        loader.delete(&catalog).await.unwrap();
        let facts = source.realtime(&all).await.unwrap();
        assert!(facts.slots.iter().all(|(_, slots)| slots.stock.is_err() && slots.members.is_err()));
    }
}

#[tokio::test]
async fn a_database_number_is_selected_and_a_missing_one_is_denied() {
    let Some(mut data) = Data::new().await else { return };
    data.put(789, "45", 44).await;
    let at = |db: i64| {
        let info = data.client.get_connection_info().clone();
        let settings = info.redis_settings().clone().set_db(db);
        RedisRealtime::with_options(Client::open(info.set_redis_settings(settings)).unwrap(), data.options())
    };
    let other_database = at(1);
    let patient = patient_question([789]);
    let slots = other_database.realtime(&patient).await.unwrap().slots.remove(0).1;
    assert!(matches!(slots.stock, Err(Missing::NotMeasured(Reason::KeyMissing))), "{slots:?}");
    let result = at(100_000).realtime(&patient).await;
    assert!(matches!(result, Err(SourceError::Denied { .. })), "{result:?}");
}

#[tokio::test]
async fn an_address_may_name_the_database_as_a_path_or_a_parameter() {
    let Some(base) = Data::new().await else { return };
    let server = base.server();
    let mut third = Data::with(Client::open(format!("redis://{server}/3")).unwrap()).await;
    third.put(789, "45", 44).await;
    let patient = patient_question([789]);
    for (address, found) in [
        (format!("redis://{server}?db=3"), true),
        (format!("redis://{server}/3"), true),
        (format!("valkey://{server}/?db=3&protocol=resp3"), true),
        (format!("redis://{server}"), false),
        (format!("redis://{server}?db=0"), false),
    ] {
        let options = third.options().with_connect_timeout(Duration::from_secs(5));
        let source = RedisRealtime::at(&RedisAddress::parse(&address).unwrap(), options).unwrap();
        let slots = source.realtime(&patient).await.unwrap().slots.remove(0).1;
        assert_eq!(slots.stock.is_ok(), found, "{address}: {slots:?}");
    }
}
