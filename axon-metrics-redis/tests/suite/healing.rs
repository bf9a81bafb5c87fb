//! Faults between the source and a real server: no wrong number, no error after the budget, and an answer within two
//! seconds of the fault's end. The driver's own manager does not recover from garbage, a half-open connection and
//! rejected credentials.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a test may print its measurements")]

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

use common::{BUDGET, Data, ask, ask_until_answered, measured, question, slack};

/// How long a recovery may take.
const MAX_RECOVERY: Duration = Duration::from_secs(2);
/// The length of a fault: long enough for the back-off to reach its longest pause.
const FAULT_LENGTH: Duration = Duration::from_millis(1800);
const ACTIVITY: u64 = 789;

struct Drill {
    data: Data,
    proxy: FaultProxy,
    source: RedisRealtime,
}

impl Drill {
    /// A source behind a proxy that has answered once. Activity 789 has 45 slots taken.
    async fn start() -> Option<Self> {
        let mut data = Data::new().await?;
        data.put(ACTIVITY, "45", 45).await;
        let proxy = FaultProxy::start(data.server()).await.unwrap();
        let source = data.source_at(proxy.address());
        ask_until_answered(&source, ACTIVITY, 45).await;
        Some(Self { data, proxy, source })
    }

    /// Asks for this time, every 30 ms. Checks that each question is an error within its budget.
    async fn check_errors(&self, length: Duration) -> Vec<SourceError> {
        let mut errors = Vec::new();
        let began = Instant::now();
        while began.elapsed() < length {
            let started = Instant::now();
            let error = ask(&self.source, ACTIVITY).await.unwrap_err();
            assert!(started.elapsed() <= BUDGET + slack(), "{:?}: {error:?}", started.elapsed());
            errors.push(error);
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        errors
    }

    /// Ends the fault. Checks that the source recovers in time.
    async fn check_recovery(&self, fault: &str) {
        self.proxy.set(Fault::None);
        let took = ask_until_answered(&self.source, ACTIVITY, 45).await;
        println!("{fault}: recovered after {} ms", took.as_millis());
        assert!(took <= MAX_RECOVERY, "{fault}: {took:?}");
    }

    /// Runs the drill with one fault. Returns the errors; `None` without a server.
    async fn run(fault: Fault) -> Option<Vec<SourceError>> {
        let drill = Self::start().await?;
        drill.proxy.set(fault);
        let errors = drill.check_errors(FAULT_LENGTH).await;
        drill.check_recovery(&fault.to_string()).await;
        Some(errors)
    }
}

fn check_all_unavailable(errors: Option<Vec<SourceError>>) {
    for error in errors.into_iter().flatten() {
        assert!(matches!(error, SourceError::Unavailable { .. }), "{error:?}");
    }
}

/// At most one error is not `Lost` but `Unavailable`: that of the question whose retry failed.
fn check_all_lost(errors: Option<Vec<SourceError>>) {
    let Some(errors) = errors else { return };
    let lost = errors.iter().filter(|error| matches!(error, SourceError::Lost { .. })).count();
    let after_retry = errors.iter().filter(|error| matches!(error, SourceError::Unavailable { .. })).count();
    assert!(lost > 0 && after_retry <= 1 && lost + after_retry == errors.len(), "{errors:?}");
}

#[tokio::test]
async fn latency_beyond_the_budget_heals() {
    check_all_unavailable(Drill::run(Fault::Latency(Duration::from_millis(300))).await);
}

#[tokio::test]
async fn a_black_hole_heals() {
    check_all_unavailable(Drill::run(Fault::Blackhole).await);
}

#[tokio::test]
async fn a_reset_heals() {
    check_all_lost(Drill::run(Fault::Reset).await);
}

#[tokio::test]
async fn a_close_heals() {
    check_all_lost(Drill::run(Fault::Close).await);
}

#[tokio::test]
async fn a_reply_cut_short_heals() {
    check_all_lost(Drill::run(Fault::Cut { after_bytes: 5 }).await);
}

#[tokio::test]
async fn a_slow_drip_heals() {
    let drip = Fault::Drip { bytes: NonZeroUsize::MIN, every: Duration::from_millis(40) };
    check_all_unavailable(Drill::run(drip).await);
}

#[tokio::test]
async fn a_closed_port_heals() {
    check_all_lost(Drill::run(Fault::Refuse).await);
}

#[tokio::test]
async fn garbage_heals() {
    // Garbage gives errors of several kinds.
    let _errors = Drill::run(Fault::Garbage).await;
}

#[tokio::test]
async fn a_half_open_connection_heals_while_the_fault_is_in_force() {
    let Some(drill) = Drill::start().await else { return };
    drill.proxy.set(Fault::HalfOpen);
    let took = ask_until_answered(&drill.source, ACTIVITY, 45).await;
    println!("half-open: recovered after {} ms", took.as_millis());
    assert!(took <= MAX_RECOVERY, "{took:?}");
}

#[tokio::test]
async fn rejected_credentials_during_a_reconnect_heal() {
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
    ask_until_answered(&drill.source, ACTIVITY, 45).await;

    let mut data = Data::with(drill.data.client.clone()).await;
    data.run(&["ACL", "SETUSER", &user, "resetpass", ">wrong"]).await;
    drill.proxy.drop_connections();
    let errors = drill.check_errors(FAULT_LENGTH).await;
    assert!(errors.iter().any(|error| matches!(error, SourceError::Denied { .. })), "{errors:?}");
    assert!(!format!("{errors:?}").contains("right"), "{errors:?}");
    data.run(&["ACL", "SETUSER", &user, "resetpass", ">right"]).await;
    drill.check_recovery("AUTH rejected").await;
    data.run(&["ACL", "DELUSER", &user]).await;
}

#[tokio::test]
async fn a_fault_during_a_question_is_an_error_in_time_and_heals() {
    for fault in [Fault::Reset, Fault::Close, Fault::Refuse, Fault::Blackhole, Fault::Garbage] {
        let Some(drill) = Drill::start().await else { return };
        drill.proxy.set(Fault::Latency(Duration::from_millis(100)));
        let source = drill.source.clone();
        let task = tokio::spawn(async move {
            let started = Instant::now();
            (ask(&source, ACTIVITY).await, started.elapsed())
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        drill.proxy.set(fault);
        let (result, took) = task.await.unwrap();
        assert!(result.is_err() && took <= BUDGET + slack(), "{fault}: {took:?} {result:?}");
        drill.check_recovery(&format!("{fault} during a question")).await;
    }
}

#[tokio::test]
async fn a_connection_closed_while_idle_costs_no_question() {
    let Some(drill) = Drill::start().await else { return };
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
    let tasks = (0..50).map(|_| {
        let source = source.clone();
        tokio::spawn(async move { ask(&source, ACTIVITY).await.unwrap() })
    });
    for task in tasks.collect::<Vec<_>>() {
        assert_eq!(measured(&task.await.unwrap()), (Stock::Held(45), 45));
    }
    assert_eq!(proxy.counts().connections, 1);
}

#[tokio::test]
async fn questions_fail_at_once_during_an_outage() {
    let Some(drill) = Drill::start().await else { return };
    drill.proxy.set(Fault::Blackhole);
    drill.check_errors(BUDGET * 4).await;
    let began = Instant::now();
    for _ in 0..10 {
        ask(&drill.source, ACTIVITY).await.unwrap_err();
    }
    assert!(began.elapsed() < 5 * BUDGET, "{:?}: most questions waited for the server", began.elapsed());
}

#[tokio::test]
async fn an_outage_causes_no_storm_of_connects() {
    let Some(drill) = Drill::start().await else { return };
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
    let Some(drill) = Drill::start().await else { return };
    drill.proxy.set(Fault::HalfOpen);
    // A dashboard stops waiting a little before the source does.
    for _ in 0..2 {
        let result = tokio::time::timeout(BUDGET - Duration::from_millis(10), ask(&drill.source, ACTIVITY)).await;
        assert!(result.is_err());
        tokio::time::sleep(Duration::from_millis(50)).await;
        if ask(&drill.source, ACTIVITY).await.is_ok() {
            return;
        }
    }
    panic!("the dead connection is still in use");
}

#[tokio::test]
async fn no_reply_is_used_for_another_question() {
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
        ask_until_answered(&source, 1, 1).await;
        // Latencies around the budget: some replies come in time, some just too late.
        proxy.set(Fault::Latency(Duration::from_millis(latency)));
        let tasks: Vec<_> = (1..=ACTIVITIES)
            .map(|activity| {
                let source = source.clone();
                tokio::spawn(async move { (activity, ask(&source, activity).await) })
            })
            .collect();
        for task in tasks {
            match task.await.unwrap() {
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
async fn a_dropped_source_closes_its_connection() {
    let Some(drill) = Drill::start().await else { return };
    assert_eq!(drill.proxy.counts().open, 1);
    drop(drill.source);
    let started = Instant::now();
    while drill.proxy.counts().open > 0 {
        assert!(started.elapsed() < MAX_RECOVERY, "the connection is still open");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[test]
fn a_source_works_on_a_new_runtime() {
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
