//! The response cache: how long an answer is fresh and stale, which requests share it, and when a 304 is sent.

use std::time::Duration;

use axon_dashboard_http::HttpOptions;
use axum::{Router, body::Body, http::Request};
use futures_util::{FutureExt as _, future::join_all};
use tokio::time::sleep;

use crate::{
    fixture::{CAMPAIGN, Reply, get, send},
    live_fixture::LiveFixture,
};

const ALL: &str = "widgets=overview,funnel,comparison,realtime,activities&compare=previous";
const HIT: &str = "axon-metrics; hit";
const REFRESHING: &str = "axon-metrics; hit; detail=refreshing";
const MISS: &str = "axon-metrics; fwd=miss";

async fn milliseconds(milliseconds: u64) {
    sleep(Duration::from_millis(milliseconds)).await;
}

async fn cache_status(app: &Router, path: &str) -> String {
    let reply = get(app, path).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.header("cache-status").to_owned()
}

/// A request with `If-None-Match`.
async fn get_if_none_match(app: &Router, method: &str, path: &str, tags: &str) -> Reply {
    let request = Request::builder().method(method).uri(path).header("If-None-Match", tags);
    send(app, request.body(Body::empty()).expect("a request")).await
}

#[tokio::test(start_paused = true)]
async fn a_fresh_answer_is_sent_from_the_cache() {
    let live = LiveFixture::new();
    let app = live.app();
    let first = get(&app, CAMPAIGN).await;
    assert_eq!(first.header("cache-status"), MISS);
    milliseconds(500).await;
    let second = get(&app, CAMPAIGN).await;
    assert_eq!((second.status.as_u16(), second.header("cache-status")), (200, HIT));
    assert_eq!((&second.body, second.header("etag")), (&first.body, first.header("etag")));
    assert_eq!(second.header("content-type"), "application/json");
    assert_eq!(second.header("cache-control"), "no-cache");
    assert_eq!(live.loads(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cached_answer_has_its_first_headers_except_the_times_of_its_load() {
    let app = LiveFixture::new().app();
    let (mut first, again) = (get(&app, CAMPAIGN).await, get(&app, CAMPAIGN).await);
    let timing = first.headers.remove("server-timing").expect("times");
    assert!(timing.to_str().expect("ASCII").contains("redis;desc=\"realtime\""), "{timing:?}");
    assert_eq!(first.headers.remove("cache-status").expect("a status"), "axon-metrics; fwd=miss");
    assert_eq!(again.header("cache-status"), "axon-metrics; hit");
    first.headers.insert("cache-status", "axon-metrics; hit".parse().expect("a value"));
    assert_eq!(first.headers, again.headers);
    assert_eq!(again.header("content-length"), again.body.len().to_string());
    // The same answer under a URL that is asked for the first time: no source was asked.
    let other = get(&app, &format!("{CAMPAIGN}?period=7d")).await;
    assert_eq!(other.header("cache-status"), HIT);
    assert!(other.header("server-timing").starts_with("total;dur="), "{}", other.header("server-timing"));
}

#[tokio::test(start_paused = true)]
async fn a_stale_answer_is_sent_while_one_load_refreshes_it() {
    let live = LiveFixture::new();
    let app = live.app();
    let first = get(&app, CAMPAIGN).await;
    milliseconds(1_500).await;
    for _ in 0..5 {
        let again = get(&app, CAMPAIGN).await;
        assert_eq!((again.header("cache-status"), &again.body), (REFRESHING, &first.body));
    }
    milliseconds(50).await;
    assert_eq!(live.loads(), 2, "one for the five");
    let new = get(&app, CAMPAIGN).await;
    assert_eq!(new.header("cache-status"), HIT);
    assert_ne!(new.body, first.body);
}

#[tokio::test(start_paused = true)]
async fn an_expired_answer_is_loaded_before_the_response() {
    let live = LiveFixture::new();
    let app = live.app();
    get(&app, CAMPAIGN).await;
    live.hold(50);
    milliseconds(3_000).await;
    let new = get(&app, CAMPAIGN).await;
    assert_eq!(new.header("cache-status"), MISS);
    assert_eq!(new.json()["data"]["realtime"]["remainingStock"], 50);
}

#[tokio::test(start_paused = true)]
async fn requests_that_mean_the_same_share_one_entry() {
    let app = LiveFixture::new().app();
    assert_eq!(cache_status(&app, &format!("{CAMPAIGN}?widgets=overview,funnel,realtime")).await, MISS);
    for same in [
        "widgets=realtime,funnel,overview",
        "widgets=funnel,overview,realtime,funnel",
        "widgets=overview%2Cfunnel%2Crealtime&period=7d",
        "period=7d&widgets=overview,funnel,realtime&mode=count",
        "widgets=overview,funnel,realtime&startDate=&compare=",
    ] {
        assert_eq!(cache_status(&app, &format!("{CAMPAIGN}?{same}")).await, HIT, "{same}");
    }
    for other in [
        "widgets=overview,funnel",
        "widgets=overview,funnel,realtime&period=1d",
        "widgets=overview,funnel,realtime&mode=unique",
        "widgets=overview,funnel,realtime&compare=previous",
        "widgets=overview,funnel,realtime&period=7d&startDate=2024-01-01",
        "widgets=overview,funnel,realtime&startDate=2024-11-06&endDate=2024-11-12",
    ] {
        assert_eq!(cache_status(&app, &format!("{CAMPAIGN}?{other}")).await, MISS, "{other}");
    }
    assert_eq!(cache_status(&app, "/api/v1/dashboard/activity/789?widgets=overview,funnel,realtime").await, MISS);
}

#[tokio::test(start_paused = true)]
async fn the_tag_ignores_clocks_and_changes_with_a_figure() {
    let live = LiveFixture::new();
    let app = live.app();
    let path = format!("{CAMPAIGN}?{ALL}");
    let first = get(&app, &path).await;
    assert!(first.header("etag").starts_with("W/\""), "{}", first.header("etag"));
    for _ in 0..3 {
        milliseconds(5_000).await;
        let later = get(&app, &path).await;
        assert_ne!(later.json()["timestamp"], first.json()["timestamp"]);
        assert_ne!(later.json()["data"]["realtime"]["lastUpdated"], first.json()["data"]["realtime"]["lastUpdated"]);
        assert_eq!(later.header("etag"), first.header("etag"));
    }
    live.hold(46);
    milliseconds(5_000).await;
    assert_ne!(get(&app, &path).await.header("etag"), first.header("etag"));
}

#[tokio::test(start_paused = true)]
async fn the_tag_changes_with_a_status() {
    let live = LiveFixture::without_stale();
    let app = live.app();
    let first = get(&app, CAMPAIGN).await;
    live.fail(true);
    milliseconds(3_000).await;
    let later = get(&app, CAMPAIGN).await;
    assert_eq!(later.status, 200);
    assert_ne!(later.header("etag"), first.header("etag"));
}

#[tokio::test(start_paused = true)]
async fn a_caller_with_the_current_tag_gets_304_and_no_body() {
    let live = LiveFixture::new();
    let app = live.app();
    let first = get(&app, CAMPAIGN).await;
    let etag = first.header("etag");
    let strong = etag.trim_start_matches("W/");
    for tags in [etag, strong, "*", &format!("\"a\", {etag}, \"b\"")] {
        for method in ["GET", "HEAD"] {
            let reply = get_if_none_match(&app, method, CAMPAIGN, tags).await;
            assert_eq!((reply.status.as_u16(), reply.body.as_str()), (304, ""), "{method} {tags}");
            assert_eq!((reply.header("etag"), reply.header("cache-control")), (etag, "no-cache"));
            assert_eq!((reply.header("cache-status"), reply.header("content-length")), (HIT, ""));
            assert_eq!(reply.header("content-type"), "");
        }
    }
    assert_eq!(get_if_none_match(&app, "GET", CAMPAIGN, "\"other\"").await.status, 200);
    // A newly loaded answer with the same content.
    milliseconds(10_000).await;
    let unchanged = get_if_none_match(&app, "GET", CAMPAIGN, etag).await;
    assert_eq!((unchanged.status.as_u16(), unchanged.header("cache-status")), (304, MISS));
    live.hold(46);
    milliseconds(10_000).await;
    let changed = get_if_none_match(&app, "GET", CAMPAIGN, etag).await;
    assert_eq!(changed.json()["data"]["realtime"]["remainingStock"], 54);
}

#[tokio::test(start_paused = true)]
async fn a_tag_never_hides_a_fault() {
    let app = LiveFixture::new().app();
    for (path, status) in [("/api/v1/dashboard/campaign/999", 404), ("/api/v1/dashboard/campaign/123?x=1", 400)] {
        assert_eq!(get_if_none_match(&app, "GET", path, "*").await.status, status, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_concurrent_requests_share_one_load() {
    let live = LiveFixture::new();
    let app = live.app();
    let replies = join_all((0..1_000).map(|_| get(&app, CAMPAIGN))).await;
    assert!(replies.iter().all(|reply| reply.status == 200 && reply.body == replies[0].body));
    assert_eq!(live.loads(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_cached_even_if_its_callers_went_away() {
    let live = LiveFixture::new();
    let app = live.app();
    assert!(tokio::time::timeout(Duration::from_millis(2), get(&app, CAMPAIGN)).await.is_err());
    milliseconds(50).await;
    assert_eq!(cache_status(&app, CAMPAIGN).await, HIT);
    assert_eq!(live.loads(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cache_of_no_bytes_holds_nothing_and_a_small_one_evicts() {
    let app = LiveFixture::new().router(HttpOptions::default().with_cache_bytes(0));
    assert_eq!(cache_status(&app, CAMPAIGN).await, MISS);
    assert_eq!(cache_status(&app, CAMPAIGN).await, MISS);

    let app = LiveFixture::new().router(HttpOptions::default().with_cache_bytes(32 << 10));
    assert_eq!(cache_status(&app, CAMPAIGN).await, MISS);
    assert_eq!(cache_status(&app, CAMPAIGN).await, HIT);
    for day in 1..=30 {
        let range = format!("startDate=2024-09-{day:02}&endDate=2024-10-15");
        assert_eq!(cache_status(&app, &format!("{CAMPAIGN}?{range}")).await, MISS);
    }
    let cached = join_all((1..=30).map(|day| {
        let (app, range) = (&app, format!("startDate=2024-09-{day:02}&endDate=2024-10-15"));
        async move { cache_status(app, &format!("{CAMPAIGN}?{range}")).await == HIT }
    }));
    let cached = cached.await.into_iter().filter(|cached| *cached).count();
    assert!((1..30).contains(&cached), "{cached} of 30 in 32 KiB");
}

#[tokio::test(start_paused = true)]
async fn a_failed_load_is_not_cached() {
    let live = LiveFixture::without_stale();
    let app = live.app();
    let path = format!("{CAMPAIGN}?widgets=realtime");
    live.fail(true);
    assert_eq!(get(&app, &path).await.status, 503);
    live.fail(false);
    milliseconds(2_000).await;
    assert_eq!(cache_status(&app, &path).await, MISS);
}

#[tokio::test(start_paused = true)]
async fn cached_answers_are_sent_however_busy_the_server_is() {
    let live = LiveFixture::new();
    let app = live.router(HttpOptions::default().with_max_concurrent(1));
    let waits = format!("{CAMPAIGN}?period=1d");
    get(&app, CAMPAIGN).await;
    let too_many = format!("{CAMPAIGN}?period=30d");
    let (other, cached, refused) = tokio::join!(get(&app, &waits), get(&app, CAMPAIGN), get(&app, &too_many));
    assert_eq!((other.status.as_u16(), cached.status.as_u16(), refused.status.as_u16()), (200, 200, 503));
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_today_is_not_sent_tomorrow() {
    // Two hundred milliseconds before midnight in Seoul.
    let live = LiveFixture::starting_at("2024-11-12T14:59:59.800Z".parse().expect("an instant"));
    let app = live.app();
    let path = format!("{CAMPAIGN}?period=1d");
    assert_eq!(get(&app, &path).await.json()["range"]["startDate"], "2024-11-12");
    milliseconds(300).await;
    let next = get(&app, &path).await;
    assert_eq!(next.json()["range"]["startDate"], "2024-11-13", "{}", next.header("cache-status"));
}

#[tokio::test(start_paused = true)]
async fn a_request_after_midnight_gets_no_load_of_the_day_before() {
    // Two milliseconds before midnight in Seoul. A load takes longer.
    let live = LiveFixture::starting_at("2024-11-12T14:59:59.998Z".parse().expect("an instant"));
    let app = live.app();
    let path = format!("{CAMPAIGN}?period=1d");
    let joins = async {
        milliseconds(5).await;
        get(&app, &path).await
    };
    let (before, after) = tokio::join!(get(&app, &path), joins);
    assert_eq!(before.json()["range"]["startDate"], "2024-11-12");
    assert_eq!(after.json()["range"]["startDate"], "2024-11-13");
}

#[tokio::test(start_paused = true)]
async fn setting_the_clock_back_does_not_extend_the_time_to_live() {
    let live = LiveFixture::new();
    let app = live.app();
    get(&app, CAMPAIGN).await;
    live.hold(46);
    live.set_back(60);
    milliseconds(3_000).await;
    let after = get(&app, CAMPAIGN).await;
    assert_eq!(after.header("cache-status"), MISS);
    assert_eq!(after.json()["data"]["realtime"]["remainingStock"], 54);
}

#[test]
fn a_runtime_that_shuts_down_leaves_no_request_waiting() {
    let app = LiveFixture::new().app();
    let (sender, receiver) = std::sync::mpsc::channel();
    let other = app.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let handle = runtime.handle().clone();
        drop(runtime);
        let _entered = handle.enter();
        let reply = get(&other, CAMPAIGN).now_or_never();
        sender.send(reply.map(|reply| reply.status.as_u16())).expect("the test waits for the status");
    });
    assert_eq!(receiver.recv_timeout(Duration::from_secs(10)), Ok(Some(500)));
    let another = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    assert_eq!(another.block_on(get(&app, CAMPAIGN)).status, 200);
}
