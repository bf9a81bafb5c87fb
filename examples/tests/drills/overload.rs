//! R6: four times as many requests as the stores can answer, all different, so that caches do not help.
//!
//! The goodput stays close to the best one. Refusals come at once, except for the few requests that wait for a permit in vain or
//! miss their deadline. In the second half of the storm the process grows by no more than 16 MiB (32 in the gate), the bounded
//! caches of answers. Two seconds after the storm all is as before.

#![allow(clippy::print_stdout, reason = "a drill prints its figures")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::{platform, proxied_stores, server};

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axon_examples::{
    generator::Config,
    load::{Plan, Report, Target},
    process::Process,
    stores::Layout,
};
use platform::Platform;
use proxied_stores::{ProxiedStores, is_drill, serve, settings};
use server::Server;

/// The latencies of Elasticsearch, the database and Redis in milliseconds. Elasticsearch is the bottleneck.
const LATENCIES: [u64; 3] = [200, 5, 1];
/// The permits of Elasticsearch.
const PERMITS: u64 = 8;

/// The most answers per second with these permits and latencies.
fn nominal() -> f64 {
    1_000.0 * f64::from(u32::try_from(PERMITS).unwrap()) / f64::from(u32::try_from(LATENCIES[0]).unwrap())
}

/// The times and bounds of a run.
struct Profile {
    calm: Duration,
    storm: Duration,
    /// This percentage of refusals comes within this time.
    refused: (usize, Duration),
    /// The least goodput in the storm, as a share of the best.
    share: f64,
    /// The most growth of resident memory in the second half of the storm, in bytes.
    growth: u64,
    /// The bound on the p99 two seconds after the storm, as a multiple of the calm p99.
    after: f64,
}

fn profile() -> Profile {
    let (seconds, millis) = (Duration::from_secs, Duration::from_millis);
    if is_drill() {
        Profile {
            calm: seconds(10),
            storm: seconds(60),
            refused: (95, millis(10)),
            share: 0.9,
            growth: 16 << 20,
            after: 1.25,
        }
    } else {
        // The load generator, the server and the stores share two processors with other tests.
        Profile {
            calm: seconds(2),
            storm: seconds(4),
            refused: (90, millis(250)),
            share: 0.6,
            growth: 32 << 20,
            after: 4.0,
        }
    }
}

/// Paths of requests that differ in a second of their range.
fn paths(platform: &Platform, count: u32) -> Vec<String> {
    let campaigns = platform.expected.campaigns.iter().filter(|campaign| campaign.figures.funnel);
    let campaigns: Vec<u32> = campaigns.map(|campaign| campaign.campaign_id).collect();
    let end = platform.expected.as_of - chrono::TimeDelta::days(3);
    let path = |number: u32| {
        let campaign = campaigns[usize::try_from(number).unwrap() % campaigns.len()];
        let start = (end - chrono::TimeDelta::days(5) - chrono::TimeDelta::seconds(number.into())).format("%FT%TZ");
        let end = end.format("%FT%TZ");
        format!(
            "/api/v1/dashboard/campaign/{campaign}?widgets=overview,funnel&period=custom&startDate={start}&endDate={end}"
        )
    };
    (0..count).map(path).collect()
}

/// Sends different requests, one at a time, for the duration. Returns the latencies of refusals, sorted.
fn refusals(server: &Server, targets: &[String], duration: Duration) -> Vec<Duration> {
    let began = Instant::now();
    let mut refusals = Vec::new();
    for target in targets.iter().take_while(|_| began.elapsed() < duration) {
        let start = Instant::now();
        let (status, body) = server.get(target);
        if status == 503 && body.contains("\"code\":\"overloaded\"") {
            refusals.push(start.elapsed());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    refusals.sort_unstable();
    refusals
}

struct Drill {
    /// Targets that were not requested yet.
    targets: std::vec::IntoIter<Target>,
}

impl Drill {
    async fn at(&mut self, rate: f64, duration: Duration, warm_up: Duration) -> Report {
        let own: Vec<Target> = self.targets.by_ref().take(requests(rate, duration)).collect();
        let plan = Plan::new(own).with_targets_in_turn(true).with_rate(rate).with_duration(duration);
        let plan = plan.with_warm_up(warm_up).with_connections(1_000).with_timeout(Duration::from_secs(5));
        let report = plan.run(|_| {}).await.unwrap();
        println!("at {rate:.0}/s:\n{report}");
        report
    }
}

/// The most requests that a run of this rate and duration sends.
fn requests(rate: f64, duration: Duration) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some thousands")]
    let count = (rate * duration.as_secs_f64()).ceil() as usize;
    count + 1
}

#[tokio::test(flavor = "multi_thread")]
async fn four_times_the_load_costs_only_the_excess_requests() {
    let _turn = crate::turn();
    let config = Config { events: 5_000, ..Config::default() };
    let loaded = Platform::load(Layout::Aug2026, config, "AXON_TEST_MARIADB_URL", None).await;
    let Some(platform) = loaded else { return };
    let Profile { calm, storm, refused: (part, at_once), share, growth, after: worse } = profile();
    let stores = ProxiedStores::of(&platform, LATENCIES).await;
    let now = platform.expected.as_of.to_rfc3339();
    let permits = PERMITS.to_string();
    let settings = settings(&platform, &stores.addresses(), &[("limits.behavior_questions", &permits)]);
    let server = Arc::new(serve(&["--now", &now], &settings));
    let process = Process::of(server.pid());
    let nominal = nominal();
    let mut load = paths(&platform, 30_000);
    let probes = load.split_off(15_000);
    let target = |path: &String| format!("http://{}{path}", server.address).parse().unwrap();
    let mut drill = Drill { targets: load.iter().map(target).collect::<Vec<Target>>().into_iter() };

    let before = drill.at(nominal / 4.0, Duration::from_secs(4), Duration::from_secs(1)).await;
    let mut best: f64 = 0.0;
    for part in [1.0, 1.25] {
        best = best.max(drill.at(nominal * part, calm, Duration::from_millis(500)).await.goodput());
    }
    let sampling = tokio::spawn(async move {
        let mut sizes = Vec::new();
        let mut tick = tokio::time::interval(Duration::from_millis(250));
        loop {
            tick.tick().await;
            sizes.push(process.resident().unwrap_or_default());
            if sizes.len() * 250 >= usize::try_from(storm.as_millis()).unwrap() {
                return sizes;
            }
        }
    });
    let probing = tokio::task::spawn_blocking({
        let server = Arc::clone(&server);
        move || refusals(&server, &probes, storm)
    });
    let stormy = drill.at(nominal * 4.0, storm, Duration::from_millis(500)).await;
    let (sizes, refusals) = (sampling.await.unwrap(), probing.await.unwrap());
    let (early, late) = sizes.split_at(sizes.len() / 2);
    let [early, late] = [early, late].map(|sizes| *sizes.iter().max().unwrap());
    let after = drill.at(nominal / 4.0, Duration::from_secs(4), Duration::from_secs(2)).await;

    assert!(!refusals.is_empty(), "no request was refused");
    let [half, most] = [50, part].map(|part| refusals[(refusals.len() - 1) * part / 100]);
    println!(
        "nominal {nominal:.0}/s, best {best:.1}/s, at four times as much {:.1}/s ({:.0} %); {} refusals, half within {half:?}, \
         {part} % within {most:?}; resident {} MiB then {} MiB",
        stormy.goodput(),
        100.0 * stormy.goodput() / best,
        refusals.len(),
        early >> 20,
        late >> 20,
    );
    assert!(stormy.goodput() >= share * best, "goodput fell from {best:.1} to {:.1}", stormy.goodput());
    // The p90 of all 503 answers, including requests that had a permit and missed their deadline.
    let unanswered = &stormy.by_status[&503];
    assert!(unanswered.p90 <= at_once.as_secs_f64() * 1_000.0, "{unanswered}");
    assert!(most <= at_once, "{part} % of refusals within {most:?}, half within {half:?}");
    assert!(stormy.errors.is_empty(), "{:?}", stormy.errors);
    let other: Vec<_> = stormy.by_status.keys().filter(|status| ![200, 503].contains(*status)).collect();
    assert!(other.is_empty(), "{other:?}");
    assert!(late <= early + growth, "resident memory grew from {early} to {late} bytes");
    assert_eq!(after.failures(), 0, "two seconds after:\n{after}");
    let (p99, calm) = (after.latency.p99, before.latency.p99);
    assert!(p99 <= calm * worse, "p99 {p99} ms two seconds after, {calm} ms before");
    assert_eq!(after.by_status.keys().collect::<Vec<_>>(), [&200]);
    drop(server);
    platform.remove().await;
}

/// The caches of answers are bounded: once they are full, further cache keys do not grow the process.
#[tokio::test(flavor = "multi_thread")]
async fn caches_of_ever_new_cache_keys_are_bounded() {
    let _turn = crate::turn();
    let (rounds, each, rate) = if is_drill() { (10, 8_000_i64, 800.0) } else { (2, 100, 50.0) };
    let server = Server::with_settings(&["--generate", "2000", "--still"], &[]);
    let process = Process::of(server.pid());
    let today = chrono::DateTime::<chrono::Utc>::from(std::time::SystemTime::now()) - chrono::TimeDelta::days(2);
    let mut sizes = vec![process.resident().unwrap()];
    for round in 0..rounds {
        let target = |number: i64| -> Target {
            let start = today - chrono::TimeDelta::seconds(round * each + number);
            let (start, end) = (start.format("%FT%TZ"), today.format("%FT23:59:59Z"));
            let query = format!("widgets=overview,funnel&period=custom&startDate={start}&endDate={end}");
            format!("http://{}/api/v1/dashboard/campaign/123?{query}", server.address).parse().unwrap()
        };
        let plan = Plan::new((0..each).map(target)).with_targets_in_turn(true).with_rate(rate);
        let duration = Duration::from_secs(u64::try_from(each).unwrap()).div_f64(rate);
        let report = plan.with_duration(duration).run(|_| {}).await.unwrap();
        assert_eq!(report.failures(), 0, "{report}");
        sizes.push(process.resident().unwrap());
    }
    println!("after each {each} questions: {:?} MiB resident", sizes.iter().map(|size| size >> 20).collect::<Vec<_>>());
    if is_drill() {
        // 64 MiB of cached answers, 32 MiB of JSON of cached widgets, and their overhead.
        let (half, last) = (sizes[sizes.len() / 2], sizes[sizes.len() - 1]);
        assert!(last <= half + (4 << 20), "{half} bytes after half of the requests, {last} after all");
    }
}
