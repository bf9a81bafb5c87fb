//! R6: four times as many questions as the stores can answer, each another one, so that nothing kept helps.
//!
//! Almost as many are answered as at the best of times, the rest is refused at once, the process does not grow in the second half
//! of the storm by more than 16 MiB (32 in the gate), which is what its allocator may keep, and two seconds after the storm all is
//! as before.

#![allow(clippy::print_stdout, reason = "a drill prints its figures")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/far.rs"]
mod far;
#[path = "common/platform.rs"]
mod platform;
#[path = "common/server.rs"]
mod server;

use std::time::Duration;

use axon_examples::{
    generator::Config,
    load::{Plan, Report, Target},
    process::Process,
    stores::Layout,
};
use far::{Far, is_drill, serve, settings};
use platform::Platform;

/// Elasticsearch is the narrow place: so far away, and so many questions at once.
const DISTANCES: [u64; 3] = [200, 5, 1];
const PLACES: u64 = 8;

/// Answers a second that this allows at most.
fn nominal() -> f64 {
    1_000.0 * f64::from(u32::try_from(PLACES).unwrap()) / f64::from(u32::try_from(DISTANCES[0]).unwrap())
}

/// Times and bounds.
struct Manner {
    calm: Duration,
    storm: Duration,
    /// By when 90 % of what is not answered are told so. (The others were let in and not done in time.)
    refused_ms: f64,
    /// Of the best goodput.
    share: f64,
    growth: u64,
    /// How many times the calm p99 it may be, two seconds after.
    after: f64,
}

fn manner() -> Manner {
    let seconds = Duration::from_secs;
    if is_drill() {
        Manner { calm: seconds(10), storm: seconds(60), refused_ms: 10.0, share: 0.9, growth: 16 << 20, after: 1.25 }
    } else {
        // The load generator, the server and the stores share two processors with other tests.
        Manner { calm: seconds(2), storm: seconds(4), refused_ms: 250.0, share: 0.6, growth: 32 << 20, after: 4.0 }
    }
}

/// Questions, each of another second, more than are asked by far.
fn targets(address: &str, platform: &Platform, count: u32) -> Vec<Target> {
    let campaigns = platform.expected.campaigns.iter().filter(|campaign| campaign.figures.funnel);
    let campaigns: Vec<u32> = campaigns.map(|campaign| campaign.campaign_id).collect();
    let end = platform.expected.as_of - chrono::TimeDelta::days(3);
    let target = |number: u32| {
        let campaign = campaigns[usize::try_from(number).unwrap() % campaigns.len()];
        let start = (end - chrono::TimeDelta::days(5) - chrono::TimeDelta::seconds(number.into())).format("%FT%TZ");
        let end = end.format("%FT%TZ");
        format!(
            "http://{address}/api/v1/dashboard/campaign/{campaign}?widgets=overview,funnel&period=custom&startDate={start}&endDate={end}"
        )
    };
    (0..count).map(|number| target(number).parse().unwrap()).collect()
}

struct Drill {
    targets: Vec<Target>,
    seed: u64,
}

impl Drill {
    async fn at(&mut self, rate: f64, duration: Duration, warm_up: Duration) -> Report {
        self.seed += 1;
        let plan = Plan::new(self.targets.clone()).with_rate(rate).with_duration(duration).with_warm_up(warm_up);
        let plan = plan.with_connections(1_000).with_timeout(Duration::from_secs(5)).with_seed(self.seed);
        let report = plan.run(|_| {}).await.unwrap();
        println!("at {rate:.0}/s:\n{report}");
        report
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn four_times_too_much_costs_those_who_come_too_many_and_nobody_else() {
    let config = Config { events: 5_000, ..Config::default() };
    let loaded = Platform::load(Layout::Aug2026, config, "AXON_TEST_MARIADB_URL", None).await;
    let Some(platform) = loaded else { return };
    let Manner { calm, storm, refused_ms, share, growth, after: worse } = manner();
    let far = Far::of(&platform, DISTANCES).await;
    let now = platform.expected.as_of.to_rfc3339();
    let places = PLACES.to_string();
    let settings = settings(&platform, &far.addresses(), &[("limits.behavior_questions", &places)]);
    let server = serve(&["--now", &now], &settings);
    let process = Process::of(server.pid());
    let nominal = nominal();
    let mut drill = Drill { targets: targets(&server.address, &platform, 50_000), seed: 0 };

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
    let stormy = drill.at(nominal * 4.0, storm, Duration::from_millis(500)).await;
    let sizes = sampling.await.unwrap();
    let (early, late) = sizes.split_at(sizes.len() / 2);
    let [early, late] = [early, late].map(|sizes| *sizes.iter().max().unwrap());
    let after = drill.at(nominal / 4.0, Duration::from_secs(4), Duration::from_secs(2)).await;

    let refused = stormy.by_status.get(&503).copied().unwrap_or_default();
    println!(
        "nominal {nominal:.0}/s, best {best:.1}/s, at four times as much {:.1}/s ({:.0} %), refused p90 {:.1} ms, resident {} MiB then {} MiB",
        stormy.goodput(),
        100.0 * stormy.goodput() / best,
        refused.p90,
        early >> 20,
        late >> 20,
    );
    assert!(refused.count > 0, "nothing was refused");
    assert!(stormy.goodput() >= share * best, "goodput fell from {best:.1} to {:.1}", stormy.goodput());
    assert!(refused.p90 <= refused_ms, "{refused}");
    assert!(stormy.errors.is_empty(), "{:?}", stormy.errors);
    let other: Vec<_> = stormy.by_status.keys().filter(|status| ![200, 503].contains(*status)).collect();
    assert!(other.is_empty(), "{other:?}");
    assert!(late <= early + growth, "it grew from {early} to {late} bytes");
    assert_eq!(after.failures(), 0, "two seconds after:\n{after}");
    let (p99, calm) = (after.latency.p99, before.latency.p99);
    assert!(p99 <= calm * worse, "p99 {p99} ms two seconds after, {calm} ms before");
    assert_eq!(after.by_status.keys().collect::<Vec<_>>(), [&200]);
    drop(server);
    platform.remove().await;
}
