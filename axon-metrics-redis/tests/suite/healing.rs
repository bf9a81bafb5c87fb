//! Each fault between the source and a real server: no wrong number, no answer after the budget, and all is well within two
//! seconds of the fault's end. The last three faults are those the driver's own manager does not survive.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a test may say what it measured")]

use crate::common;

use std::{
    num::NonZeroUsize,
    time::{Duration, Instant},
};

use axon_examples::fault_proxy::{Fault, FaultProxy};
use axon_metrics::{
    facts::Stock,
    source::{RealtimeSource as _, SourceError},
};
use axon_metrics_redis::RedisRealtime;

use common::{BUDGET, Data, ask, healed, measured, question};

const BOUND: Duration = Duration::from_secs(2);
/// What a question may take beyond its budget on a busy machine.
const GRACE: Duration = Duration::from_millis(50);
/// So long that pauses between tries have become as long as they get.
const LONG: Duration = Duration::from_millis(1800);
const ACTIVITY: u64 = 789;

struct Drill {
    data: Data,
    proxy: FaultProxy,
    source: RedisRealtime,
}

impl Drill {
    /// A source that has answered once, through a proxy; activity 789 has 45 of its slots taken.
    async fn begin() -> Option<Self> {
        let mut data = Data::new().await?;
        data.put(ACTIVITY, "45", 45).await;
        let proxy = FaultProxy::start(data.server()).await.unwrap();
        let source = data.source_at(proxy.address());
        healed(&source, ACTIVITY, 45).await;
        Some(Self { data, proxy, source })
    }

    /// Asks as viewers do while a fault is in force. Every answer is an error, in time.
    async fn fails_in_time(&self, fault: Duration) -> Vec<SourceError> {
        let mut errors = Vec::new();
        let began = Instant::now();
        while began.elapsed() < fault {
            let started = Instant::now();
            let error = ask(&self.source, ACTIVITY).await.unwrap_err();
            assert!(started.elapsed() <= BUDGET + GRACE, "{:?}: {error:?}", started.elapsed());
            errors.push(error);
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        errors
    }

    async fn heals(&self, fault: &str) {
        self.proxy.set(Fault::None);
        let took = healed(&self.source, ACTIVITY, 45).await;
        println!("{fault}: healed after {} ms", took.as_millis());
        assert!(took <= BOUND, "{fault}: {took:?}");
    }

    async fn survives(fault: Fault) -> Option<Vec<SourceError>> {
        let drill = Self::begin().await?;
        drill.proxy.set(fault);
        let errors = drill.fails_in_time(LONG).await;
        drill.heals(&fault.to_string()).await;
        Some(errors)
    }
}

fn all_unavailable(errors: Option<Vec<SourceError>>) {
    for error in errors.into_iter().flatten() {
        assert!(matches!(error, SourceError::Unavailable { .. }), "{error:?}");
    }
}

/// Lost, or unavailable where that was found out after asking twice.
fn all_lost(errors: Option<Vec<SourceError>>) {
    let Some(errors) = errors else { return };
    let lost = errors.iter().filter(|error| matches!(error, SourceError::Lost { .. })).count();
    let twice = errors.iter().filter(|error| matches!(error, SourceError::Unavailable { .. })).count();
    assert!(lost > 0 && twice <= 1 && lost + twice == errors.len(), "{errors:?}");
}

#[tokio::test]
async fn latency_beyond_the_budget_heals() {
    all_unavailable(Drill::survives(Fault::Latency(Duration::from_millis(300))).await);
}

#[tokio::test]
async fn a_black_hole_heals() {
    all_unavailable(Drill::survives(Fault::Blackhole).await);
}

#[tokio::test]
async fn a_reset_heals() {
    all_lost(Drill::survives(Fault::Reset).await);
}

#[tokio::test]
async fn a_close_heals() {
    all_lost(Drill::survives(Fault::Close).await);
}

#[tokio::test]
async fn a_reply_cut_short_heals() {
    all_lost(Drill::survives(Fault::Cut { after_bytes: 5 }).await);
}

#[tokio::test]
async fn a_drip_heals() {
    let drip = Fault::Drip { bytes: NonZeroUsize::MIN, every: Duration::from_millis(40) };
    all_unavailable(Drill::survives(drip).await);
}

#[tokio::test]
async fn a_closed_port_heals() {
    all_lost(Drill::survives(Fault::Refuse).await);
}

#[tokio::test]
async fn garbage_heals() {
    let _told = Drill::survives(Fault::Garbage).await;
}

#[tokio::test]
async fn a_half_open_connection_heals_while_the_fault_is_in_force() {
    let Some(drill) = Drill::begin().await else { return };
    drill.proxy.set(Fault::HalfOpen);
    let took = healed(&drill.source, ACTIVITY, 45).await;
    println!("half-open: healed after {} ms", took.as_millis());
    assert!(took <= BOUND, "{took:?}");
}

#[tokio::test]
async fn a_password_refused_while_reconnecting_heals() {
    let Some(mut data) = Data::new().await else { return };
    data.put(ACTIVITY, "45", 45).await;
    let user = common::word();
    let allowed = ["on", "resetchannels", "allkeys", "-@all", "+ping", "+hello", "+auth", "+get", "+scard"];
    data.run(&[&["ACL", "SETUSER", &user, ">right"], &allowed[..]].concat()).await;
    let proxy = FaultProxy::start(data.server()).await.unwrap();
    let info = data.client_at(proxy.address()).get_connection_info().clone();
    let settings = info.redis_settings().clone().set_username(&user).set_password("right");
    let client = redis::Client::open(info.set_redis_settings(settings)).unwrap();
    let drill = Drill { source: RedisRealtime::with_options(client, data.options()), data, proxy };
    healed(&drill.source, ACTIVITY, 45).await;

    let mut data = Data::with(drill.data.client.clone()).await;
    data.run(&["ACL", "SETUSER", &user, "resetpass", ">wrong"]).await;
    drill.proxy.drop_connections();
    let errors = drill.fails_in_time(LONG).await;
    assert!(errors.iter().any(|error| matches!(error, SourceError::Denied { .. })), "{errors:?}");
    assert!(!format!("{errors:?}").contains("right"), "{errors:?}");
    data.run(&["ACL", "SETUSER", &user, "resetpass", ">right"]).await;
    drill.heals("AUTH refused").await;
    data.run(&["ACL", "DELUSER", &user]).await;
}

#[tokio::test]
async fn a_question_under_way_when_the_server_dies_is_an_error_in_time_and_heals() {
    for fault in [Fault::Reset, Fault::Close, Fault::Refuse, Fault::Blackhole, Fault::Garbage] {
        let Some(drill) = Drill::begin().await else { return };
        drill.proxy.set(Fault::Latency(Duration::from_millis(100)));
        let source = drill.source.clone();
        let asked = tokio::spawn(async move {
            let started = Instant::now();
            (ask(&source, ACTIVITY).await, started.elapsed())
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        drill.proxy.set(fault);
        let (asked, took) = asked.await.unwrap();
        assert!(asked.is_err() && took <= BUDGET + GRACE, "{fault}: {took:?} {asked:?}");
        drill.heals(&format!("{fault} during a question")).await;
    }
}

#[tokio::test]
async fn a_connection_closed_while_idle_costs_no_question() {
    let Some(drill) = Drill::begin().await else { return };
    for _ in 0..20 {
        drill.proxy.drop_connections();
        let slots = ask(&drill.source, ACTIVITY).await.unwrap();
        assert_eq!(measured(&slots), (Stock::Held(45), 45));
    }
}

#[tokio::test]
async fn the_first_question_waits_for_the_connection_and_all_share_it() {
    let Some(mut data) = Data::new().await else { return };
    data.put(ACTIVITY, "45", 45).await;
    let proxy = FaultProxy::start(data.server()).await.unwrap();
    let source = data.source_at(proxy.address());
    assert_eq!(proxy.counts().connections, 0);
    let asked = (0..50).map(|_| {
        let source = source.clone();
        tokio::spawn(async move { ask(&source, ACTIVITY).await.unwrap() })
    });
    for asked in asked.collect::<Vec<_>>() {
        assert_eq!(measured(&asked.await.unwrap()), (Stock::Held(45), 45));
    }
    assert_eq!(proxy.counts().connections, 1);
}

#[tokio::test]
async fn a_server_that_is_gone_is_told_at_once_after_the_first_question() {
    let Some(drill) = Drill::begin().await else { return };
    drill.proxy.set(Fault::Blackhole);
    drill.fails_in_time(BUDGET * 4).await;
    for _ in 0..10 {
        let started = Instant::now();
        ask(&drill.source, ACTIVITY).await.unwrap_err();
        assert!(started.elapsed() < Duration::from_millis(20), "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn a_server_that_is_gone_is_not_stormed() {
    let Some(drill) = Drill::begin().await else { return };
    drill.proxy.set(Fault::Reset);
    drill.proxy.reset_counts();
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(2) {
        ask(&drill.source, ACTIVITY).await.unwrap_err();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let connections = drill.proxy.counts().connections;
    assert!((2..=12).contains(&connections), "{connections} connections in 2 s");
}

#[tokio::test]
async fn callers_that_give_up_early_do_not_keep_a_dead_connection_alive() {
    let Some(drill) = Drill::begin().await else { return };
    drill.proxy.set(Fault::HalfOpen);
    // As a dashboard does that stops waiting a little before the source does.
    for _ in 0..2 {
        let waited = tokio::time::timeout(BUDGET - Duration::from_millis(10), ask(&drill.source, ACTIVITY)).await;
        assert!(waited.is_err());
        tokio::time::sleep(Duration::from_millis(50)).await;
        if ask(&drill.source, ACTIVITY).await.is_ok() {
            return;
        }
    }
    panic!("the dead connection is still asked");
}

#[tokio::test]
async fn no_reply_is_taken_for_that_to_another_question() {
    let Some(mut data) = Data::new().await else { return };
    const ACTIVITIES: u64 = 20;
    for activity in 1..=ACTIVITIES {
        data.put(activity, &activity.to_string(), activity).await;
    }
    let proxy = FaultProxy::start(data.server()).await.unwrap();
    let source = data.source_at(proxy.address());
    let (mut answered, mut late) = (0, 0);
    for latency in [0, 60, 140, 150, 160, 0, 145, 155, 148, 152] {
        proxy.set(Fault::None);
        healed(&source, 1, 1).await;
        // Around the budget: some replies come in time, some just too late.
        proxy.set(Fault::Latency(Duration::from_millis(latency)));
        let asked: Vec<_> = (1..=ACTIVITIES)
            .map(|activity| {
                let source = source.clone();
                tokio::spawn(async move { (activity, ask(&source, activity).await) })
            })
            .collect();
        for asked in asked {
            match asked.await.unwrap() {
                (activity, Ok(slots)) => {
                    assert_eq!(measured(&slots), (Stock::Held(activity.cast_signed()), activity));
                    answered += 1;
                }
                _ => late += 1,
            }
        }
    }
    assert!(answered >= 20 && late >= 20, "{answered} answered, {late} late");
}

#[tokio::test]
async fn a_source_that_nobody_holds_closes_its_connection() {
    let Some(drill) = Drill::begin().await else { return };
    assert_eq!(drill.proxy.counts().open, 1);
    drop(drill.source);
    let started = Instant::now();
    while drill.proxy.counts().open > 0 {
        assert!(started.elapsed() < BOUND, "still open");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[test]
fn a_source_outlives_the_runtime_that_it_was_first_asked_on() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let Some(mut data) = runtime().block_on(Data::new()) else { return };
    let source = data.source();
    for _ in 0..3 {
        runtime().block_on(async {
            data = Data::with(data.client.clone()).await;
            data.put(ACTIVITY, "45", 45).await;
            let facts = source.realtime(&question([7])).await.unwrap();
            assert_eq!(facts.slots.len(), 1);
        });
    }
}
