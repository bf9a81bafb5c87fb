//! R5: viewers who leave before they are answered, thousands of them, at any moment of their request.
//!
//! No answer is a wrong one, no connection to the database is lost, and what was being loaded for who left is loaded to its
//! end and kept for the next.

#![allow(clippy::print_stdout, reason = "a drill prints its figures")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::{far, platform};

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use axon_dashboard_http::{HttpOptions, router};
use axon_examples::{generator::Config, stores::Layout};
use axon_metrics::{Bound, Budgets, DashboardRequest, Lifetimes, Period, Widget};
use chrono::TimeDelta;
use far::{Far, is_drill};
use futures_util::{StreamExt as _, future::join_all, stream};
use platform::{Platform, patient};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

/// How far away the stores are, so that there is a request to leave.
const DISTANCES: [u64; 3] = [30, 10, 5];

/// Longer than a load takes at best.
const LONGEST_STAY: u64 = 60;

/// How many viewers there are at a time: their loads go on when they leave.
const AT_ONCE: usize = 4;

const WIDGETS: [Widget; 3] = [Widget::Overview, Widget::Funnel, Widget::Comparison];

/// A question about days that are over, by its place: its figures stay as they are, and are kept for minutes.
fn question(platform: &Platform, place: u64) -> (DashboardRequest, String) {
    // Those whose events are counted.
    let campaigns = platform.expected.campaigns.iter().filter(|campaign| campaign.figures.funnel);
    let campaigns: Vec<u64> = campaigns.map(|campaign| campaign.campaign_id.into()).collect();
    let campaign = campaigns[usize::try_from(place).unwrap() % campaigns.len()];
    let place = place / campaigns.len() as u64;
    let today = platform.expected.as_of.date_naive();
    let (end, days) = (today - chrono::Days::new(4 + place % 30), place / 30);
    let start = end - chrono::Days::new(days);
    let period = Period::Custom { start: Bound::Date(start), end: Bound::Date(end) };
    let request = DashboardRequest::campaign(campaign).widgets(WIDGETS).period(period);
    let path = format!(
        "/api/v1/dashboard/campaign/{campaign}?widgets=overview,funnel,comparison&period=custom&startDate={start}&endDate={end}"
    );
    (request, path)
}

async fn ask(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

async fn read(mut stream: TcpStream) -> (u16, Value) {
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").expect("an answer");
    (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap())
}

/// The trips so far, when no store has been asked anything for longer than one trip takes.
async fn quiet(far: &Far) -> [u64; 3] {
    let (began, mut before) = (Instant::now(), far.trips());
    loop {
        sleep(Duration::from_millis(150)).await;
        let now = far.trips();
        if now == before {
            return now;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "the stores are still asked: {now:?}");
        before = now;
    }
}

#[derive(Debug, Default)]
struct StormCounts {
    left: u32,
    /// Of these: before there was anything of an answer.
    unanswered: u32,
    good: u32,
    refused: u32,
    flagged: u32,
    wrong: Vec<String>,
}

enum Viewer<'a> {
    Left { answered: bool },
    Answered(&'a String, (u16, Value)),
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_early_costs_nothing_and_what_was_loading_is_kept() {
    let _turn = crate::turn();
    let config = Config { events: 5_000, ..Config::default() };
    let loaded = Platform::load(Layout::Aug2026, config, "AXON_TEST_MARIADB_URL", None).await;
    let Some(platform) = loaded else { return };
    // Each viewer has a question of his own, so that none of them finds what was loaded for another.
    let viewers: u32 = if is_drill() { 5_200 } else { 300 };
    let questions = u64::from(viewers);

    let truthful = platform.patient_dashboard();
    let as_of = platform.expected.as_of;
    let truth: BTreeMap<String, Value> = stream::iter(0..questions)
        .map(async |place| {
            let (request, path) = question(&platform, place);
            let answer = truthful.answer(&request, as_of).await.unwrap();
            (path, serde_json::to_value(&answer.data).unwrap())
        })
        .buffer_unordered(4)
        .collect()
        .await;

    let far = Far::of(&platform, DISTANCES).await;
    // In the gate the stores share a busy machine with others.
    let budgets = if is_drill() { Budgets::default() } else { patient() };
    let pool = platform.pool_at(&far.addresses(), budgets);
    let builder = platform.builder_over(&far.addresses(), budgets, pool.clone());
    let dashboard = builder.lifetimes(Lifetimes::default()).build();
    let began = Instant::now();
    let clock = move || as_of + TimeDelta::from_std(began.elapsed()).unwrap();
    let app = router(dashboard, HttpOptions::default().with_clock(clock));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    // The first question meets no connections yet.
    read(ask(address, truth.keys().next().unwrap()).await).await;

    // Each viewer asks, and most leave somewhere in between, half of them with a reset.
    let mut random = fastrand::Rng::with_seed(7);
    let plans: Vec<_> =
        truth.keys().map(|path| (path, random.u64(..LONGEST_STAY), random.bool(), random.u8(..5) == 0)).collect();
    let mut seen = StormCounts::default();
    let mut storm = stream::iter(plans)
        .map(async |(path, stay, reset, stays)| {
            let stream = ask(address, path).await;
            if stays {
                return Viewer::Answered(path, read(stream).await);
            }
            sleep(Duration::from_millis(stay)).await;
            let answered = stream.try_read(&mut [0]).is_ok();
            if reset {
                stream.set_zero_linger().unwrap();
            }
            Viewer::Left { answered }
        })
        .buffer_unordered(AT_ONCE);
    while let Some(answered) = storm.next().await {
        match answered {
            Viewer::Left { answered } => {
                seen.left += 1;
                seen.unanswered += u32::from(!answered);
            }
            Viewer::Answered(_, (503, _)) => seen.refused += 1,
            Viewer::Answered(path, (200, answer)) => {
                let whole = answer["widgets"].as_object().unwrap().values().all(|widget| widget["status"] == "fresh");
                match (whole, answer["data"] == truth[path]) {
                    (true, true) => seen.good += 1,
                    (false, _) => seen.flagged += 1,
                    (true, false) => seen.wrong.push(format!("{path}: {}", answer["data"])),
                }
            }
            Viewer::Answered(path, other) => seen.wrong.push(format!("{path}: {other:?}")),
        }
    }
    drop(storm);
    let StormCounts { left, unanswered, good, refused, flagged, wrong } = &seen;
    println!(
        "{viewers} viewers: {left} left, {unanswered} of them before they were answered, {good} good answers, {refused} refused, {flagged} flagged, {} wrong",
        wrong.len()
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
    // Four of five leave.
    assert!(*left >= viewers * 10 / 13 && *good > 0, "{left} of {viewers} left, {good} good answers");
    assert!(*unanswered >= left / 2 && (!is_drill() || *unanswered >= 3_000), "{unanswered} of {left} left unanswered");
    // A busy machine may have to refuse some of what is asked at once, and says so.
    assert!(*flagged + *refused <= viewers / 20, "{flagged} flagged, {refused} refused: the stores were well");

    // No place of the pool is lost: all connections come back, and as many as there may be can be had at once.
    let most = usize::try_from(pool.options().get_max_connections()).unwrap();
    // The adapter keeps some of them for five seconds.
    let (began, size) = (Instant::now(), pool.size());
    while pool.num_idle() < usize::try_from(size).unwrap() {
        assert!(began.elapsed() < Duration::from_secs(8), "{} of {size} connections are idle", pool.num_idle());
        sleep(Duration::from_millis(50)).await;
    }
    let idle = began.elapsed();
    let held = timeout(Duration::from_secs(3), join_all((0..most).map(|_| pool.acquire()))).await.expect("in time");
    let held: Vec<_> = held.into_iter().collect::<Result<_, _>>().expect("a connection for each place");
    println!("pool: all {size} connections idle after {idle:?}, {} had at once", held.len());
    drop(held);

    // What nobody waits for any more is loaded to its end, and kept.
    let fresh: Vec<String> = (questions..questions + 24).map(|place| question(&platform, place).1).collect();
    for path in &fresh {
        let before = far.trips()[0];
        let stream = ask(address, path).await;
        let began = Instant::now();
        while far.trips()[0] == before {
            assert!(began.elapsed() < Duration::from_secs(2), "{path} was not asked of Elasticsearch");
            sleep(Duration::from_millis(1)).await;
        }
        stream.set_zero_linger().unwrap();
        drop(stream);
        // One after the other, so that none is refused for the others' sake.
        quiet(&far).await;
    }
    let before = quiet(&far).await;
    for path in &fresh {
        let (status, answer) = read(ask(address, path).await).await;
        assert_eq!(status, 200, "{answer}");
        assert!(answer["widgets"].as_object().unwrap().values().all(|widget| widget["status"] == "fresh"), "{answer}");
    }
    let [elasticsearch, sql, _] = far.trips();
    println!(
        "{} loads without a viewer: {} more trips to Elasticsearch, {} to the database",
        fresh.len(),
        elasticsearch - before[0],
        sql - before[1]
    );
    assert_eq!([elasticsearch, sql], before[..2], "what was loaded for who had left was not kept");
    platform.remove().await;
}
