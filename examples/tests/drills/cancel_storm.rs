//! R5: thousands of clients that disconnect before their answer, at any moment of their request.
//!
//! No answer is wrong, no connection to the database is lost, and the load of a cancelled request runs to its end and fills the
//! cache.

#![allow(clippy::print_stdout, reason = "a drill prints its figures")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::{platform, proxied_stores};

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use axon_dashboard_http::{HttpOptions, router};
use axon_examples::{generator::Config, stores::Layout};
use axon_metrics::{Bound, Budgets, DashboardRequest, Lifetimes, Period, Widget};
use chrono::TimeDelta;
use futures_util::{StreamExt as _, future::join_all, stream};
use platform::{Platform, patient};
use proxied_stores::{ProxiedStores, is_drill};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

/// The latencies of Elasticsearch, the database and Redis in milliseconds: long enough to disconnect during a request.
const LATENCIES: [u64; 3] = [30, 10, 5];

/// The upper bound of the time until a client disconnects, in milliseconds. The fastest load takes less.
const MAX_STAY: u64 = 60;

/// The number of concurrent clients. Loads of disconnected ones go on, so the stores have more to do.
const CLIENTS: usize = 4;

const WIDGETS: [Widget; 3] = [Widget::Overview, Widget::Funnel, Widget::Comparison];

/// The request of an index, about past days: its figures do not change, and are cached for minutes.
fn question(platform: &Platform, index: u64) -> (DashboardRequest, String) {
    // Campaigns with a funnel.
    let campaigns = platform.expected.campaigns.iter().filter(|campaign| campaign.figures.funnel);
    let campaigns: Vec<u64> = campaigns.map(|campaign| campaign.campaign_id.into()).collect();
    let campaign = campaigns[usize::try_from(index).unwrap() % campaigns.len()];
    let index = index / campaigns.len() as u64;
    let today = platform.expected.as_of.date_naive();
    let (end, days) = (today - chrono::Days::new(4 + index % 30), index / 30);
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

/// Waits until the stores get no request for longer than one round trip. Returns the round trips so far.
async fn quiet(stores: &ProxiedStores) -> [u64; 3] {
    let (began, mut before) = (Instant::now(), stores.trips());
    loop {
        sleep(Duration::from_millis(150)).await;
        let now = stores.trips();
        if now == before {
            return now;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "the stores still get requests: {now:?} round trips");
        before = now;
    }
}

#[derive(Debug, Default)]
struct StormCounts {
    left: u32,
    /// Of `left`, those before the first byte of an answer.
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
async fn a_cancelled_request_costs_nothing_and_fills_the_cache() {
    let _turn = crate::turn();
    let config = Config { events: 5_000, ..Config::default() };
    let loaded = Platform::load(Layout::Aug2026, config, "AXON_TEST_MARIADB_URL", None).await;
    let Some(platform) = loaded else { return };
    // Each client has a request of its own, so that none is answered from the cache.
    let viewers: u32 = if is_drill() { 5_200 } else { 300 };
    let questions = u64::from(viewers);

    let truthful = platform.patient_dashboard();
    let as_of = platform.expected.as_of;
    let truth: BTreeMap<String, Value> = stream::iter(0..questions)
        .map(async |index| {
            let (request, path) = question(&platform, index);
            let answer = truthful.answer(&request, as_of).await.unwrap();
            (path, serde_json::to_value(&answer.data).unwrap())
        })
        .buffer_unordered(4)
        .collect()
        .await;

    let stores = ProxiedStores::of(&platform, LATENCIES).await;
    // In the gate the stores share a busy machine with other tests.
    let budgets = if is_drill() { Budgets::default() } else { patient() };
    let pool = platform.pool_at(&stores.addresses(), budgets);
    let builder = platform.builder_over(&stores.addresses(), budgets, pool.clone());
    let dashboard = builder.lifetimes(Lifetimes::default()).build();
    let began = Instant::now();
    let clock = move || as_of + TimeDelta::from_std(began.elapsed()).unwrap();
    let app = router(dashboard, HttpOptions::default().with_clock(clock));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    // The first request opens connections.
    read(ask(address, truth.keys().next().unwrap()).await).await;

    // Most clients disconnect before their answer, half of them with a reset.
    let mut random = fastrand::Rng::with_seed(7);
    let plans: Vec<_> =
        truth.keys().map(|path| (path, random.u64(..MAX_STAY), random.bool(), random.u8(..5) == 0)).collect();
    let mut counts = StormCounts::default();
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
        .buffer_unordered(CLIENTS);
    while let Some(answered) = storm.next().await {
        match answered {
            Viewer::Left { answered } => {
                counts.left += 1;
                counts.unanswered += u32::from(!answered);
            }
            Viewer::Answered(_, (503, _)) => counts.refused += 1,
            Viewer::Answered(path, (200, answer)) => {
                let whole = answer["widgets"].as_object().unwrap().values().all(|widget| widget["status"] == "fresh");
                match (whole, answer["data"] == truth[path]) {
                    (true, true) => counts.good += 1,
                    (false, _) => counts.flagged += 1,
                    (true, false) => counts.wrong.push(format!("{path}: {}", answer["data"])),
                }
            }
            Viewer::Answered(path, other) => counts.wrong.push(format!("{path}: {other:?}")),
        }
    }
    drop(storm);
    let StormCounts { left, unanswered, good, refused, flagged, wrong } = &counts;
    println!(
        "{viewers} viewers: {left} left, {unanswered} of them before their answer, {good} good answers, {refused} refused, {flagged} flagged, {} wrong",
        wrong.len()
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
    // Four of five disconnect.
    assert!(*left >= viewers * 10 / 13 && *good > 0, "{left} of {viewers} left, {good} good answers");
    assert!(*unanswered >= left / 2 && (!is_drill() || *unanswered >= 3_000), "{unanswered} of {left} left unanswered");
    // A busy machine may have to refuse or flag some requests.
    assert!(
        *flagged + *refused <= viewers / 20,
        "{flagged} flagged, {refused} refused, although the stores had no fault"
    );

    // No connection of the pool is lost: all become idle, and the pool's maximum can be acquired at once.
    let most = usize::try_from(pool.options().get_max_connections()).unwrap();
    // The adapter holds some of them for five seconds.
    let (began, size) = (Instant::now(), pool.size());
    while pool.num_idle() < usize::try_from(size).unwrap() {
        assert!(began.elapsed() < Duration::from_secs(8), "{} of {size} connections are idle", pool.num_idle());
        sleep(Duration::from_millis(50)).await;
    }
    let idle = began.elapsed();
    let held = timeout(Duration::from_secs(3), join_all((0..most).map(|_| pool.acquire()))).await.expect("in time");
    let held: Vec<_> = held.into_iter().collect::<Result<_, _>>().expect("the pool's maximum of connections");
    println!("pool: all {size} connections idle after {idle:?}, {} acquired at once", held.len());
    drop(held);

    // A load without a client runs to its end, and fills the cache.
    let fresh: Vec<String> = (questions..questions + 24).map(|index| question(&platform, index).1).collect();
    for path in &fresh {
        let before = stores.trips()[0];
        let stream = ask(address, path).await;
        let began = Instant::now();
        while stores.trips()[0] == before {
            assert!(began.elapsed() < Duration::from_secs(2), "{path} caused no request to Elasticsearch");
            sleep(Duration::from_millis(1)).await;
        }
        stream.set_zero_linger().unwrap();
        drop(stream);
        // One at a time, so that none is refused for lack of a permit.
        quiet(&stores).await;
    }
    let before = quiet(&stores).await;
    for path in &fresh {
        let (status, answer) = read(ask(address, path).await).await;
        assert_eq!(status, 200, "{answer}");
        assert!(answer["widgets"].as_object().unwrap().values().all(|widget| widget["status"] == "fresh"), "{answer}");
    }
    let [elasticsearch, sql, _] = stores.trips();
    println!(
        "{} loads without a client: {} more trips to Elasticsearch, {} to the database",
        fresh.len(),
        elasticsearch - before[0],
        sql - before[1]
    );
    assert_eq!([elasticsearch, sql], before[..2], "the load of a disconnected client did not fill the cache");
    platform.remove().await;
}
