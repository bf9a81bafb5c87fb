//! R11: mixed load and rolling faults for half an hour, and no resource grows.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a drill prints its figures")]

use crate::{platform, proxied_stores, server};

use std::{num::NonZeroUsize, time::Duration};

use axon_examples::{
    fault_proxy::{Fault, Protocol},
    generator::Config,
    load::{Plan, Target},
    process::Process,
    stores::Layout,
};
use platform::Platform;
use proxied_stores::{ProxiedStores, is_drill, serve, settings};
use server::Server;
use tokio::time::{Instant, sleep};

/// The duration of each fault.
const BROKEN: Duration = Duration::from_secs(3);
/// The time without faults between two of them.
const WELL: Duration = Duration::from_secs(4);

/// The protocols of the stores, in their order.
const PROTOCOLS: [Protocol; 3] = [Protocol::Http, Protocol::Mysql, Protocol::Redis];

const fn all_faults(protocol: Protocol) -> [Fault; 10] {
    [
        Fault::Refuse,
        Fault::Latency(Duration::from_secs(2)),
        Fault::Reset,
        Fault::Blackhole,
        Fault::HalfOpen,
        Fault::Garbage,
        Fault::Close,
        Fault::Cut { after_bytes: 3 },
        Fault::Drip { bytes: NonZeroUsize::MIN, every: Duration::from_millis(20) },
        Fault::Unauthorized(protocol),
    ]
}

/// The resources of the process at a moment.
#[derive(Debug, Clone, Copy)]
struct Sample {
    seconds: f64,
    resident: f64,
    files: usize,
    threads: u64,
    tasks: u64,
}

async fn faults(stores: &ProxiedStores) {
    for turn in 0.. {
        sleep(WELL).await;
        let proxy = &stores.proxies[turn % 3];
        let faults = all_faults(PROTOCOLS[turn % 3]);
        proxy.set(faults[turn / 3 % faults.len()]);
        sleep(BROKEN).await;
        proxy.set(Fault::None);
    }
}

async fn samples(server: &Server, into: &std::sync::Mutex<Vec<Sample>>) {
    let process = Process::of(server.pid());
    let began = Instant::now();
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    loop {
        tick.tick().await;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let resident = process.resident().unwrap() as f64;
        into.lock().unwrap().push(Sample {
            seconds: began.elapsed().as_secs_f64(),
            resident,
            files: process.open_files().unwrap(),
            threads: process.threads().unwrap(),
            tasks: tokio::task::block_in_place(|| server.metric("axon_server_tasks")),
        });
    }
}

/// The growth of a value per second, by least squares.
fn slope(samples: &[(f64, f64)]) -> f64 {
    let count = f64::from(u32::try_from(samples.len()).unwrap());
    let mean = |of: fn(&(f64, f64)) -> f64| samples.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|sample| sample.0), mean(|sample| sample.1));
    let over: f64 = samples.iter().map(|sample| (sample.0 - x) * (sample.1 - y)).sum();
    over / samples.iter().map(|sample| (sample.0 - x).powi(2)).sum::<f64>()
}

#[test]
fn growth_is_measured() {
    let _turn = crate::turn();
    let samples: Vec<_> = (0..100).map(|second| (f64::from(second), 5.0 + 3.0 * f64::from(second))).collect();
    assert!((slope(&samples) - 3.0).abs() < 1e-9);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_grows_under_mixed_load_and_rolling_faults() {
    let _turn = crate::turn();
    let now = chrono::DateTime::from(std::time::SystemTime::now());
    let config = Config { events: 5_000, now, ..Config::default() };
    let loaded = Platform::load(Layout::Aug2026, config, "AXON_TEST_MARIADB_URL", None).await;
    let Some(platform) = loaded else { return };
    let duration = Duration::from_secs(if is_drill() { 30 * 60 } else { 10 });
    let warm = duration / 4;
    let stores = ProxiedStores::of(&platform, [0; 3]).await;
    let server = serve(&[], &settings(&platform, &stores.addresses(), &[]));
    let pages: Vec<String> = platform
        .expected
        .campaigns
        .iter()
        .flat_map(|campaign| {
            ["1d", "7d", "30d"].map(|period| format!("campaign/{}?period={period}", campaign.campaign_id))
        })
        .collect();
    let url = |path: &str| format!("http://{}/api/v1/dashboard/{path}", server.address).parse::<Target>().unwrap();
    let streams = pages.iter().take(4).map(|page| url(&page.replace('?', "/stream?")));
    let targets = pages.iter().map(|page| url(page)).chain(streams);
    let plan = Plan::new(targets).with_viewers(60, Duration::from_secs(2)).with_conditional(true);
    let plan = plan.with_streams(40, Duration::from_secs(2)).with_stalled(4).with_duration(duration);
    let resources = std::sync::Mutex::new(Vec::new());
    let report = tokio::select! {
        report = plan.run(|_| {}) => report.unwrap(),
        () = faults(&stores) => unreachable!("faults run until the load ends"),
        () = samples(&server, &resources) => unreachable!("sampling runs until the load ends"),
    };
    stores.set([0; 3]);
    println!("{report}");
    let resources: Vec<Sample> = resources.into_inner().unwrap();
    for sample in resources.iter().step_by((resources.len() / 15).max(1)) {
        let Sample { seconds, resident, files, threads, tasks } = sample;
        println!(
            "  {seconds:6.0} s  {:7.2} MiB resident  {files:4} files  {threads:3} threads  {tasks:4} tasks",
            resident / 1_048_576.0
        );
    }
    let after: Vec<&Sample> = resources.iter().filter(|sample| sample.seconds >= warm.as_secs_f64()).collect();
    let growth = slope(&after.iter().map(|sample| (sample.seconds, sample.resident)).collect::<Vec<_>>());
    let per_hour = growth * 3_600.0 / 1_048_576.0;
    let (early, late) = after.split_at(after.len() / 2);
    let most = |samples: &[&Sample], of: fn(&Sample) -> u64| samples.iter().map(|sample| of(sample)).max().unwrap();
    let files = [early, late].map(|samples| most(samples, |sample| sample.files as u64));
    let threads = [early, late].map(|samples| most(samples, |sample| sample.threads));
    let tasks = [early, late].map(|samples| most(samples, |sample| sample.tasks));
    println!(
        "after {warm:?}: {per_hour:+.2} MiB/h, at most {files:?} files, {threads:?} threads and {tasks:?} tasks in the first and \
         second half"
    );
    assert!(tasks[0] > 0 && tasks[1] <= tasks[0] + 48, "{tasks:?} tasks");
    assert!(files[1] <= files[0] + 24, "{files:?} files");
    assert!(threads[1] <= threads[0] + 2, "{threads:?} threads");
    if is_drill() {
        assert!(per_hour < 1.0, "{per_hour} MiB/h");
    }
    // Whole answers return after the last fault.
    let began = Instant::now();
    loop {
        let (status, answer) = tokio::task::block_in_place(|| server.get(&format!("/api/v1/dashboard/{}", pages[0])));
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        let fresh = |widget: &serde_json::Value| widget["status"] == "fresh";
        if status == 200 && answer["widgets"].as_object().unwrap().values().all(fresh) {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(5), "{status}: {}", answer["sources"]);
        sleep(Duration::from_millis(50)).await;
    }
    let (code, _, _) = server.stop("-TERM");
    assert_eq!(code, Some(0));
    platform.remove().await;
}
