//! P11 and P12: thousands of viewers of one stream load the stores like one, cost little each, get updates in time, and can all
//! reconnect at once.
//!
//! The gate runs hundreds with bounds for a busy machine; a drill runs a thousand and ten thousand.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a drill prints its figures")]

use crate::{platform, proxied_stores, server, visits};

use std::{sync::Arc, time::Duration};

use axon_examples::{
    generator::{ActivityType, Config},
    load::{Plan, Report, Target},
    process::Process,
    stores::Layout,
};
use platform::Platform;
use proxied_stores::{ProxiedStores, is_drill, serve, settings};
use server::Server;
use visits::Visits;

/// The user of the live visits.
const VISITOR: u64 = 987_654_321;
/// The pause between two rounds.
const PAUSE: Duration = Duration::from_secs(1);

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

/// The number as a float, for ratios.
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
    let stores = ProxiedStores::of(&platform, [0; 3]).await;
    let (sizes, duration) = if is_drill() { (vec![1_000, 10_000], 30) } else { (vec![300], 3) };
    let duration = Duration::from_secs(duration);
    let server = Arc::new(serve(&[], &settings(&platform, &stores.addresses(), &[])));
    let campaign = platform.expected.campaigns.iter().find(|campaign| campaign.figures.funnel).unwrap().campaign_id;
    let activities = &platform.catalog.campaigns.iter().find(|one| one.id == campaign).unwrap().activities;
    let activity = activities.iter().find(|one| one.kind == ActivityType::FirstComeFirstServe).unwrap().id;
    // A visit every second, so that every second all viewers get an update.
    let visits = Visits::of(&platform, VISITOR, activity.into(), campaign.into());
    let visiting = tokio::spawn(async move {
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
        // Until the sampling for earlier streams has ended.
        tokio::time::sleep(Duration::from_secs(4)).await;
        let before = stores.trips();
        let report = streamed(vec![target.clone()], count, ramp, duration + ramp).await;
        whole(&report, count);
        let after = stores.trips();
        (report, [0, 1, 2].map(|store| after[store] - before[store]))
    };
    let (_, of_one) = trips(1, Duration::ZERO).await;
    println!("1 stream for {duration:?}: {of_one:?} trips to Elasticsearch, the database and Redis");
    for size in sizes {
        let ramp = Duration::from_millis(size as u64 / 4);
        let small = process.resident().unwrap();
        // Measured while all are connected and none connects or disconnects.
        let sampled = tokio::task::spawn_blocking({
            let server = Arc::clone(&server);
            move || {
                let spent = || {
                    assert_eq!(server.metric("axon_streams"), size as u64, "not all streams are open");
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
        // The ramp makes the run a little longer, and the catalog is refreshed from the database regardless of viewers.
        for ((many, one), more) in of_many.into_iter().zip(of_one).zip([1.1, 1.15, 1.1]) {
            let allowed = float(one) * (more + ramp.as_secs_f64() / duration.as_secs_f64()) + 4.0;
            assert!(float(many) <= allowed, "{of_many:?} trips for {size} streams, {of_one:?} for one");
        }
        if is_drill() {
            assert!(each <= 24 << 10, "{each} bytes per stream");
            assert!(events >= 5 * size as u64, "{events} updates for {size} streams");
        }
        // With fewer viewers an update costs more, since it includes its share of the queries.
        if size >= 10_000 {
            assert!(micros <= 20.0, "{micros} us per update");
        }
    }
    visiting.abort();
    drop(server);
    platform.remove().await;
}

/// A server with generated data that changes every second.
fn live_server() -> Server {
    server::Server::with_settings(&["--generate", "20000"], &[])
}

#[tokio::test(flavor = "multi_thread")]
async fn all_viewers_can_reconnect_at_once() {
    let _turn = crate::turn();
    let (size, rounds, bound) = if is_drill() { (10_000, 5, 5_000.0) } else { (500, 1, 10_000.0) };
    let server = live_server();
    let target: Target = format!("http://{}/api/v1/dashboard/campaign/123/stream", server.address).parse().unwrap();
    for round in 1..=rounds {
        let duration = Duration::from_secs(if is_drill() { 10 } else { 3 });
        let report = streamed(vec![target.clone()], size, Duration::ZERO, duration).await;
        whole(&report, size);
        let all = report.streams.as_ref().unwrap().all_after_ms.unwrap();
        println!("storm {round}: {size} streams got their first event within {all:.0} ms");
        assert!(all <= bound, "{all} ms");
        tokio::time::sleep(PAUSE).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_of_a_thousand_cache_keys_do_not_delay_each_other() {
    let _turn = crate::turn();
    let (keys, duration) = if is_drill() { (1_000, 30) } else { (60, 4) };
    let server = live_server();
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
    println!("{keys} streams of {keys} cache keys:\n{report}");
    assert_eq!(report.failures(), 0, "{report}");
    // Without a change a heartbeat is due five seconds after the previous event.
    let streams = report.streams.as_ref().unwrap();
    let late = streams.quiet.p99 - 5_000.0;
    println!("heartbeats late by {late:.0} ms, p99");
    // The delay of an update runs from the due time of its sample until the server sends it, including the load.
    let within = |bound: &str| server.metric(&format!("axon_stream_update_delay_seconds_bucket{{le=\"{bound}\"}}"));
    let updates = within("+Inf");
    for bound in ["0.01", "0.025", "0.05", "0.1", "0.25", "1"] {
        println!("{:6.2} % of {updates} updates within {bound} s", 100.0 * float(within(bound)) / float(updates));
    }
    assert!(updates >= keys as u64, "{updates} updates");
    if is_drill() {
        assert!(streams.quiet.count >= keys as u64, "too few heartbeats for a quantile: {report}");
        assert!(late <= 250.0, "{late} ms");
        assert!(within("0.25") * 100 >= updates * 99, "{} of {updates} updates within 250 ms", within("0.25"));
    }
}
