//! R6: four times as many questions as the stores can answer, each another one, so that nothing kept helps.
//!
//! Almost as many are answered as at the best of times; who is refused is told so at once, but for the few who waited for a place
//! in vain (others are let in and not done in time, and told so then). The process does not grow in the second half of the storm
//! by more than 16 MiB (32 in the gate), which is what it keeps of answers, and that has a bound. Two seconds after the storm all
//! is as before.

#![allow(clippy::print_stdout, reason = "a drill prints its figures")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::{far, platform, server};

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
use far::{Far, is_drill, serve, settings};
use platform::Platform;
use server::Server;

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
    /// So many of a hundred who are refused are told so by then.
    refused: (usize, Duration),
    /// Of the best goodput.
    share: f64,
    growth: u64,
    /// How many times the calm p99 it may be, two seconds after.
    after: f64,
}

fn manner() -> Manner {
    let (seconds, millis) = (Duration::from_secs, Duration::from_millis);
    if is_drill() {
        Manner {
            calm: seconds(10),
            storm: seconds(60),
            refused: (95, millis(10)),
            share: 0.9,
            growth: 16 << 20,
            after: 1.25,
        }
    } else {
        // The load generator, the server and the stores share two processors with other tests.
        Manner {
            calm: seconds(2),
            storm: seconds(4),
            refused: (90, millis(250)),
            share: 0.6,
            growth: 32 << 20,
            after: 4.0,
        }
    }
}

/// Questions, each of another second, more than are asked by far.
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

/// One more who asks now and then for so long, each time something else: how long it took to be refused.
fn refusals(server: &Server, targets: &[String], duration: Duration) -> Vec<Duration> {
    let began = Instant::now();
    let mut refusals = Vec::new();
    for target in targets.iter().take_while(|_| began.elapsed() < duration) {
        let asked = Instant::now();
        let (status, body) = server.get(target);
        if status == 503 && body.contains("\"code\":\"overloaded\"") {
            refusals.push(asked.elapsed());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    refusals.sort_unstable();
    refusals
}

struct Drill {
    /// What was not asked yet.
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

/// As many as are made at this rate, at most.
fn requests(rate: f64, duration: Duration) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some thousands")]
    let count = (rate * duration.as_secs_f64()).ceil() as usize;
    count + 1
}

#[tokio::test(flavor = "multi_thread")]
async fn four_times_too_much_costs_those_who_come_too_many_and_nobody_else() {
    let _turn = crate::turn();
    let config = Config { events: 5_000, ..Config::default() };
    let loaded = Platform::load(Layout::Aug2026, config, "AXON_TEST_MARIADB_URL", None).await;
    let Some(platform) = loaded else { return };
    let Manner { calm, storm, refused: (part, at_once), share, growth, after: worse } = manner();
    let far = Far::of(&platform, DISTANCES).await;
    let now = platform.expected.as_of.to_rfc3339();
    let places = PLACES.to_string();
    let settings = settings(&platform, &far.addresses(), &[("limits.behavior_questions", &places)]);
    let server = Arc::new(serve(&["--now", &now], &settings));
    let process = Process::of(server.pid());
    let nominal = nominal();
    let mut others = paths(&platform, 30_000);
    let one_more = others.split_off(15_000);
    let target = |path: &String| format!("http://{}{path}", server.address).parse().unwrap();
    let mut drill = Drill { targets: others.iter().map(target).collect::<Vec<Target>>().into_iter() };

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
    let asking = tokio::task::spawn_blocking({
        let server = Arc::clone(&server);
        move || refusals(&server, &one_more, storm)
    });
    let stormy = drill.at(nominal * 4.0, storm, Duration::from_millis(500)).await;
    let (sizes, refusals) = (sampling.await.unwrap(), asking.await.unwrap());
    let (early, late) = sizes.split_at(sizes.len() / 2);
    let [early, late] = [early, late].map(|sizes| *sizes.iter().max().unwrap());
    let after = drill.at(nominal / 4.0, Duration::from_secs(4), Duration::from_secs(2)).await;

    assert!(!refusals.is_empty(), "nobody was refused");
    let [half, most] = [50, part].map(|part| refusals[(refusals.len() - 1) * part / 100]);
    println!(
        "nominal {nominal:.0}/s, best {best:.1}/s, at four times as much {:.1}/s ({:.0} %); {} times refused, half after {half:?}, \
         {part} of a hundred after {most:?}; resident {} MiB then {} MiB",
        stormy.goodput(),
        100.0 * stormy.goodput() / best,
        refusals.len(),
        early >> 20,
        late >> 20,
    );
    assert!(stormy.goodput() >= share * best, "goodput fell from {best:.1} to {:.1}", stormy.goodput());
    // Nine of ten of all who were not answered, those included who were let in.
    let unanswered = &stormy.by_status[&503];
    assert!(unanswered.p90 <= at_once.as_secs_f64() * 1_000.0, "{unanswered}");
    assert!(most <= at_once, "{most:?} until one was told, {half:?} for half of them");
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

/// What is kept of answers is bounded, however many questions there are, each another one: once that is full nothing grows.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_of_ever_new_questions_has_a_bound() {
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
        // Of kept answers 64 MiB, of widgets 32 MiB of JSON, and what holding them takes.
        let (half, last) = (sizes[sizes.len() / 2], sizes[sizes.len() - 1]);
        assert!(last <= half + (4 << 20), "{half} bytes after half of them, {last} in the end");
    }
}
