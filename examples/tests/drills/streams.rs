//! P11 and P12: thousands of viewers of one stream load the stores like one, cost little each, are told in time, and can all come
//! back at once.
//!
//! The gate does it with hundreds, and asserts what a busy machine can keep; a drill with a thousand and with ten thousand.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a drill prints its figures")]

use crate::{far, platform, server, visits};

use std::{sync::Arc, time::Duration};

use axon_examples::{
    generator::{ActivityType, Config},
    load::{Plan, Report, Target},
    process::Process,
    stores::Layout,
};
use far::{Far, is_drill, serve, settings};
use platform::Platform;
use server::Server;
use visits::Visits;

/// Who comes while others look.
const VISITOR: u64 = 987_654_321;
const SETTLES: Duration = Duration::from_secs(1);

async fn streamed(targets: Vec<Target>, count: usize, ramp: Duration, duration: Duration) -> Report {
    let plan = Plan::new(targets).with_targets_in_turn(true).with_streams(count, ramp).with_duration(duration);
    let plan = plan.with_timeout(Duration::from_secs(60));
    plan.run(|_| {}).await.unwrap()
}

fn whole(report: &Report, count: usize) {
    let streams = report.streams.as_ref().unwrap();
    assert_eq!(report.failures(), 0, "{report}");
    assert_eq!(streams.first_event.count, count as u64, "{report}");
}

/// As a number, for ratios.
fn float(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_viewers_load_the_stores_like_one() {
    let _turn = crate::turn();
    let now = chrono::DateTime::from(std::time::SystemTime::now());
    let config = Config { events: 5_000, now, ..Config::default() };
    let loaded = Platform::load(Layout::Aug2026, config, "AXON_TEST_MARIADB_URL", None).await;
    let Some(platform) = loaded else { return };
    let far = Far::of(&platform, [0; 3]).await;
    let (sizes, duration) = if is_drill() { (vec![1_000, 10_000], 30) } else { (vec![300], 3) };
    let duration = Duration::from_secs(duration);
    let server = Arc::new(serve(&[], &settings(&platform, &far.addresses(), &[])));
    let campaign = platform.expected.campaigns.iter().find(|campaign| campaign.figures.funnel).unwrap().campaign_id;
    let activities = &platform.catalog.campaigns.iter().find(|one| one.id == campaign).unwrap().activities;
    let activity = activities.iter().find(|one| one.kind == ActivityType::FirstComeFirstServe).unwrap().id;
    // Somebody comes each second, so that each second there is something to tell all viewers.
    let visits = Visits::of(&platform, VISITOR, activity.into(), campaign.into());
    let coming = tokio::spawn(async move {
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        loop {
            tick.tick().await;
            visits.visit(std::time::SystemTime::now().into()).await;
        }
    });
    let target: Target =
        format!("http://{}/api/v1/dashboard/campaign/{campaign}/stream", server.address).parse().unwrap();
    let process = Process::of(server.pid());

    let trips = async |count: usize, ramp: Duration| {
        // Until nobody samples for those before.
        tokio::time::sleep(Duration::from_secs(4)).await;
        let before = far.trips();
        let report = streamed(vec![target.clone()], count, ramp, duration + ramp).await;
        whole(&report, count);
        let after = far.trips();
        (report, [0, 1, 2].map(|store| after[store] - before[store]))
    };
    let (_, of_one) = trips(1, Duration::ZERO).await;
    println!("1 stream for {duration:?}: {of_one:?} trips to Elasticsearch, the database and Redis");
    for size in sizes {
        let ramp = Duration::from_millis(size as u64 / 4);
        let small = process.resident().unwrap();
        // While all are connected and none comes or goes.
        let sampled = tokio::task::spawn_blocking({
            let server = Arc::clone(&server);
            move || {
                let spent = || {
                    assert_eq!(server.metric("axon_streams"), size as u64, "all are there");
                    (server.metric("axon_stream_events_total{event=\"update\"}"), process.cpu_nanos())
                };
                std::thread::sleep(Duration::from_secs(4) + ramp + duration / 4);
                let before = spent();
                std::thread::sleep(duration / 4);
                let large = process.resident().unwrap();
                std::thread::sleep(duration / 4);
                let after = spent();
                (large, after.0 - before.0, after.1 - before.1)
            }
        });
        let (report, of_many) = trips(size, ramp).await;
        let (large, events, cpu) = sampled.await.unwrap();
        let streams = report.streams.as_ref().unwrap();
        let each = large.saturating_sub(small) / size as u64;
        let micros = float(cpu / 1_000) / float(events);
        println!(
            "{size} streams: {of_many:?} trips, {:.1} KiB each, {micros:.1} us of processor per update ({events}), first event p99 {:.0} ms",
            float(each) / 1024.0,
            streams.first_event.p99,
        );
        // The ramp makes the time a little longer, and the database is read for the catalog now and then, for nobody's sake.
        for ((many, one), more) in of_many.into_iter().zip(of_one).zip([1.1, 1.15, 1.1]) {
            let allowed = float(one) * (more + ramp.as_secs_f64() / duration.as_secs_f64()) + 4.0;
            assert!(float(many) <= allowed, "{of_many:?} trips for {size} streams, {of_one:?} for one");
        }
        if is_drill() {
            assert!(each <= 24 << 10, "{each} bytes for each");
            assert!(events >= 5 * size as u64, "{events} updates for {size} streams");
        }
        // Of fewer viewers an update costs more: asking the stores is its own, too.
        if size >= 10_000 {
            assert!(micros <= 20.0, "{micros} us for each update");
        }
    }
    coming.abort();
    drop(server);
    platform.remove().await;
}

/// A server with data of its own that changes each second.
fn lively() -> Server {
    server::Server::with_settings(&["--generate", "20000"], &[])
}

#[tokio::test(flavor = "multi_thread")]
async fn all_viewers_can_come_back_at_once() {
    let _turn = crate::turn();
    let (size, rounds, bound) = if is_drill() { (10_000, 5, 5_000.0) } else { (500, 1, 10_000.0) };
    let server = lively();
    let target: Target = format!("http://{}/api/v1/dashboard/campaign/123/stream", server.address).parse().unwrap();
    for round in 1..=rounds {
        let duration = Duration::from_secs(if is_drill() { 10 } else { 3 });
        let report = streamed(vec![target.clone()], size, Duration::ZERO, duration).await;
        whole(&report, size);
        let all = report.streams.as_ref().unwrap().all_after_ms.unwrap();
        println!("storm {round}: {size} streams told after {all:.0} ms");
        assert!(all <= bound, "{all} ms");
        tokio::time::sleep(SETTLES).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_questions_do_not_wait_for_each_other() {
    let _turn = crate::turn();
    let (keys, duration) = if is_drill() { (1_000, 30) } else { (60, 4) };
    let server = lively();
    let widgets = ["overview", "funnel", "overview,funnel", "realtime", "overview,realtime", "funnel,realtime"];
    let targets: Vec<Target> = (0..keys)
        .map(|key: usize| {
            let campaign = 123 + key % 4;
            let widgets = widgets[key / 4 % widgets.len()];
            let first = chrono::Utc::now().date_naive() - chrono::Days::new((key / 24) as u64 + 1);
            let last = chrono::Utc::now().date_naive() + chrono::Days::new(1);
            format!(
                "http://{}/api/v1/dashboard/campaign/{campaign}/stream?widgets={widgets}&period=custom&startDate={first}&endDate={last}",
                server.address
            )
            .parse()
            .unwrap()
        })
        .collect();
    let report = streamed(targets, keys, Duration::from_secs(1), Duration::from_secs(duration)).await;
    println!("{keys} streams of {keys} questions:\n{report}");
    assert_eq!(report.failures(), 0, "{report}");
    // Where nothing changes a heartbeat comes five seconds after the event before; what is longer is late.
    let streams = report.streams.as_ref().unwrap();
    let late = streams.quiet.p99 - 5_000.0;
    println!("heartbeats late by {late:.0} ms, p99");
    // An update is late from when its question had to be asked until the server hands it on, the load included.
    let within = |bound: &str| server.metric(&format!("axon_stream_update_delay_seconds_bucket{{le=\"{bound}\"}}"));
    let updates = within("+Inf");
    for bound in ["0.01", "0.025", "0.05", "0.1", "0.25", "1"] {
        println!("{:6.2} % of {updates} updates within {bound} s", 100.0 * float(within(bound)) / float(updates));
    }
    assert!(updates >= keys as u64, "{updates} updates");
    if is_drill() {
        assert!(streams.quiet.count >= keys as u64, "too few heartbeats to tell: {report}");
        assert!(late <= 250.0, "{late} ms");
        assert!(within("0.25") * 100 >= updates * 99, "{} of {updates} updates within 250 ms", within("0.25"));
    }
}
