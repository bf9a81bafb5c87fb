//! Streams: which events are sent when, how many streams may be open, and how they end.

use std::{sync::LazyLock, time::Duration};

use axon_dashboard_http::{CancellationToken, HttpOptions};
use axum::{Router, body::Body, http::Request};
use futures_util::future::join_all;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};
use tower::ServiceExt as _;

use crate::{
    fixture::{CAMPAIGN, Fixture, get, now},
    live_fixture::LiveFixture,
    schema::{mismatch, unknown},
};

const PATH: &str = "/api/v1/dashboard/campaign/123/stream";
const REALTIME: &str = "/api/v1/dashboard/campaign/123/stream?widgets=realtime";

/// An event, as a browser reads it.
#[derive(Debug, PartialEq)]
pub(crate) struct Event {
    name: String,
    id: Option<u64>,
    retry: Option<u64>,
    data: Value,
}

/// An open stream.
#[derive(Debug)]
pub(crate) struct Stream {
    body: Body,
    text: String,
}

impl Stream {
    pub(crate) async fn open(app: &Router, path: &str) -> Self {
        let request = Request::get(path).body(Body::empty()).expect("a request");
        let response = app.clone().oneshot(request).await.expect("infallible");
        assert_eq!(response.status(), 200, "{path}");
        Self { body: response.into_body(), text: String::new() }
    }

    /// The next event; `None` when the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                return Some(read(block.trim_end()));
            }
            let frame = self.body.frame().await?.expect("a frame");
            self.text.push_str(std::str::from_utf8(frame.data_ref().expect("data")).expect("UTF-8"));
        }
    }

    /// The events of the next `seconds`, each read as soon as it is sent.
    async fn within(&mut self, seconds: u64) -> Vec<Event> {
        let until = Instant::now() + Duration::from_secs(seconds);
        let mut events = Vec::new();
        while let Ok(Some(event)) = tokio::time::timeout_at(until, self.next()).await {
            events.push(event);
        }
        events
    }
}

fn read(block: &str) -> Event {
    let mut event = Event { name: String::new(), id: None, retry: None, data: Value::Null };
    for line in block.lines() {
        let (field, value) = line.split_once(": ").unwrap_or_else(|| panic!("no field: {line}"));
        match field {
            "event" => value.clone_into(&mut event.name),
            "id" => event.id = Some(value.parse().expect("a number")),
            "retry" => event.retry = Some(value.parse().expect("a number")),
            "data" => event.data = serde_json::from_str(value).expect("JSON on one line"),
            other => panic!("no field of events: {other}"),
        }
    }
    assert_documented(&event, block);
    event
}

/// Validates an event against the OpenAPI document: every event that any test reads.
fn assert_documented(event: &Event, block: &str) {
    static DOCUMENT: LazyLock<Value> =
        LazyLock::new(|| serde_json::from_str(include_str!("../golden/openapi.json")).expect("JSON"));
    let schemas = DOCUMENT["components"]["schemas"]["StreamEvent"]["oneOf"].as_array().expect("schemas");
    let is_it = |schema: &&Value| schema["properties"]["event"]["const"] == event.name.as_str();
    let schema = schemas.iter().find(is_it).unwrap_or_else(|| panic!("no schema of {}", event.name));
    let fields: Vec<&str> = block.lines().filter_map(|line| line.split(": ").next()).collect();
    assert!(fields.iter().all(|field| schema["properties"][field].is_object()), "{fields:?}");
    let required = schema["required"].as_array().expect("names");
    assert!(required.iter().all(|name| fields.contains(&name.as_str().expect("a name"))), "{fields:?}");
    let data = &schema["properties"]["data"]["contentSchema"];
    assert_eq!(mismatch(&DOCUMENT, data, &event.data, &event.name), None);
    assert_eq!(unknown(&DOCUMENT, data, &event.data, &event.name), [""; 0]);
}

fn names(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.name.as_str()).collect()
}

fn stock(event: &Event) -> &Value {
    &event.data["data"]["realtime"]["remainingStock"]
}

async fn seconds(seconds: u64) {
    sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn the_first_event_comes_at_once_and_is_the_whole_answer() {
    let app = LiveFixture::new().app();
    let answer = get(&app, CAMPAIGN).await.json();
    let opened = Instant::now();
    let mut stream = Stream::open(&app, PATH).await;
    let first = stream.next().await.expect("an event");
    assert_eq!(opened.elapsed(), Duration::ZERO);
    assert_eq!((first.name.as_str(), first.id, &first.data), ("update", Some(1), &answer));
    assert!((1_500..=4_500).contains(&first.retry.expect("a time to wait")), "{first:?}");
}

#[tokio::test(start_paused = true)]
async fn readers_are_told_to_reconnect_after_different_times() {
    let app = LiveFixture::new().app();
    let mut times = Vec::new();
    for _ in 0..20 {
        times.push(Stream::open(&app, PATH).await.next().await.expect("an event").retry);
    }
    times.sort_unstable();
    times.dedup();
    assert!(times.len() > 10, "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn the_headers_of_a_stream_disable_buffering_by_proxies() {
    let request = Request::get(PATH).body(Body::empty()).expect("a request");
    let response = LiveFixture::new().app().oneshot(request).await.expect("infallible");
    let header = |name: &str| response.headers().get(name).map_or("", |value| value.to_str().expect("ASCII"));
    assert_eq!(header("content-type"), "text/event-stream");
    assert_eq!((header("cache-control"), header("x-accel-buffering")), ("no-store", "no"));
    assert_eq!((header("content-length"), header("x-content-type-options")), ("", "nosniff"));
}

#[tokio::test(start_paused = true)]
async fn an_update_is_sent_if_a_figure_changes_not_if_only_time_does() {
    let live = LiveFixture::new();
    let mut stream = Stream::open(&live.app(), PATH).await;
    stream.next().await.expect("the first");
    let quiet = stream.within(16).await;
    assert_eq!(names(&quiet), ["heartbeat"; 3]);
    live.hold(46);
    let changed = Instant::now();
    let update = stream.next().await.expect("an update");
    assert_eq!((update.name.as_str(), update.id, stock(&update)), ("update", Some(2), &json!(54)));
    assert!(changed.elapsed() < Duration::from_millis(2_600), "{:?}", changed.elapsed());
    assert_eq!(update.retry, None);
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_says_when_and_how_far_the_figures_are_complete() {
    let app = LiveFixture::new().app();
    let mut stream = Stream::open(&app, PATH).await;
    stream.next().await.expect("the first");
    let opened = Instant::now();
    let heartbeat = stream.next().await.expect("a heartbeat");
    assert!(opened.elapsed() <= Duration::from_millis(5_100), "{:?}", opened.elapsed());
    let instant = |name: &str| -> axon_metrics::Timestamp {
        heartbeat.data[name].as_str().expect("an instant").parse().expect("an instant")
    };
    assert!(instant("timestamp") > now());
    let age = instant("timestamp") - instant("asOf");
    assert!((2..=4).contains(&age.num_seconds()), "{age}");
    assert_eq!(heartbeat.data.as_object().map(serde_json::Map::len), Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_thousand_viewers_load_the_stores_like_one() {
    async fn loads(viewers: usize) -> usize {
        let live = LiveFixture::new();
        let app = live.app();
        let streams = (0..viewers).map(|_| async {
            let mut stream = Stream::open(&app, PATH).await;
            // Not a multiple of the heartbeat's 5 s, so that the last heartbeat is not cut off for some viewers.
            stream.within(18).await
        });
        let all = join_all(streams).await;
        // Each viewer has its own retry time; everything else is the same for all.
        let compared = |events: &[Event]| -> Vec<_> {
            events.iter().map(|event| (event.name.clone(), event.id, event.data.clone())).collect()
        };
        for events in &all {
            assert_eq!(compared(events), compared(&all[0]));
        }
        live.loads()
    }
    let one = loads(1).await;
    assert!((8..=20).contains(&one), "{one} in 18 s");
    assert_eq!(loads(1_000).await, one);
}

#[tokio::test(start_paused = true)]
async fn streams_and_polls_of_one_question_share_their_loads() {
    let live = LiveFixture::new();
    let app = live.app();
    let mut stream = Stream::open(&app, PATH).await;
    stream.within(10).await;
    let before = live.loads();
    let polls = async {
        for _ in 0..100 {
            assert_eq!(get(&app, CAMPAIGN).await.status, 200);
            sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::join!(polls, stream.within(10));
    let shared = live.loads() - before;
    assert!(shared <= 12, "{shared} in 10 s");
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_gets_the_latest_update_and_none_between() {
    let live = LiveFixture::new();
    let app = live.app();
    let mut slow = Stream::open(&app, PATH).await;
    slow.next().await.expect("the first");
    for held in 46..50 {
        live.hold(held);
        seconds(2).await;
    }
    // Longer than the heartbeat interval: a later heartbeat must not hide the update before it.
    seconds(6).await;
    let next = slow.next().await.expect("an event");
    assert_eq!((next.name.as_str(), stock(&next)), ("update", &json!(51)));
    assert_eq!(names(&slow.within(2).await).len(), 0, "nothing is left over");
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_leaves_events_waiting_is_evicted() {
    let live = LiveFixture::new();
    let app = live.app();
    let (mut stalls, mut reads) = (Stream::open(&app, PATH).await, Stream::open(&app, PATH).await);
    stalls.next().await.expect("the first");
    let read = reads.within(24).await;
    assert!(read.iter().all(|event| event.name != "end"), "{read:?}");
    let end = stalls.next().await.expect("the end");
    assert_eq!((end.name.as_str(), end.data), ("end", json!({"reason": "evicted"})));
    assert_eq!(stalls.next().await, None);
    assert_eq!(names(&reads.within(6).await), ["heartbeat"]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_above_the_limit_is_refused_until_one_ends() {
    let app = LiveFixture::new().router(HttpOptions::default().with_max_streams(2));
    let (one, _two) = (Stream::open(&app, PATH).await, Stream::open(&app, REALTIME).await);
    let refused = get(&app, PATH).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["code"]), (503, &json!("overloaded")));
    assert_eq!(refused.header("retry-after"), "5");
    drop(one);
    Stream::open(&app, PATH).await;
}

#[tokio::test(start_paused = true)]
async fn a_question_above_the_limit_is_refused_and_others_are_joined() {
    let app = LiveFixture::new().router(HttpOptions::default().with_max_stream_keys(1));
    let stream = Stream::open(&app, &format!("{PATH}?widgets=overview,funnel")).await;
    let refused = get(&app, REALTIME).await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (503, "5"));
    Stream::open(&app, &format!("{PATH}?widgets=funnel,overview&mode=count")).await;
    drop(stream);
    seconds(6).await;
    Stream::open(&app, REALTIME).await;
}

#[tokio::test(start_paused = true)]
async fn a_question_without_viewers_is_no_longer_loaded() {
    let live = LiveFixture::new();
    let app = live.app();
    let stream = Stream::open(&app, PATH).await;
    seconds(5).await;
    let watched = live.loads();
    assert!(watched >= 3, "{watched}");
    drop(stream);
    seconds(5).await;
    let left = live.loads();
    assert!(left <= watched + 5, "a few seconds of grace");
    seconds(60).await;
    assert_eq!(live.loads(), left);
}

#[tokio::test(start_paused = true)]
async fn an_open_stream_holds_no_permit_of_requests() {
    let app = LiveFixture::new().router(HttpOptions::default().with_max_concurrent(1));
    let _streams = (Stream::open(&app, PATH).await, Stream::open(&app, REALTIME).await);
    assert_eq!(get(&app, "/api/v1/dashboard/definitions").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn when_the_server_stops_every_stream_ends_and_says_so() {
    let shutdown = CancellationToken::new();
    let app = LiveFixture::new().router(HttpOptions::default().with_shutdown(shutdown.clone()));
    let mut streams = Vec::new();
    for index in 0..1_000 {
        let path = if index % 2 == 0 { PATH } else { REALTIME };
        let mut stream = Stream::open(&app, path).await;
        if index % 3 == 0 {
            stream.next().await.expect("the first");
        }
        streams.push(stream);
    }
    shutdown.cancel();
    let stopped = Instant::now();
    for mut stream in streams {
        let events = timeout(Duration::from_secs(1), async {
            let mut events = Vec::new();
            while let Some(event) = stream.next().await {
                events.push(event);
            }
            events
        });
        let events = events.await.expect("an end");
        let end = events.last().expect("an event");
        assert_eq!((end.name.as_str(), &end.data), ("end", &json!({"reason": "shutdown"})));
    }
    assert!(stopped.elapsed() < Duration::from_millis(100), "{:?}", stopped.elapsed());
    assert_eq!(get(&app, PATH).await.status, 503);
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_when_the_campaign_is_no_longer_listed() {
    let live = LiveFixture::new();
    let app = live.app();
    let mut stream = Stream::open(&app, PATH).await;
    live.empty_catalog();
    let events = stream.within(60).await;
    let end = events.last().expect("an event");
    assert_eq!((end.name.as_str(), &end.data), ("end", &json!({"reason": "not_found"})));
    assert_eq!(stream.next().await, None);
    assert_eq!(get(&app, PATH).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn faults_are_answered_before_a_stream_begins() {
    let live = LiveFixture::without_stale();
    let app = live.app();
    for (path, fields) in [
        ("/api/v1/dashboard/campaign/0/stream?x=1", &["campaignId", "x"][..]),
        ("/api/v1/dashboard/activity/789/stream?widgets=activities&mode=unique_ordered", &["widgets", "mode"]),
        ("/api/v1/dashboard/campaign/123/stream?period=custom&startDate=soon", &["startDate", "endDate"]),
        ("/api/v1/dashboard/campaign/123/stream?widgets=overview%0A%0Aevent:%20end", &["widgets"]),
        ("/api/v1/dashboard/campaign/123/stream?%0D%0Adata=1&=&%FF=%00", &["\r\ndata", "", "\u{fffd}"]),
        ("/api/v1/dashboard/campaign/1%0A2/stream", &["campaignId"]),
    ] {
        let reply = get(&app, path).await;
        assert_eq!((reply.status.as_u16(), reply.header("content-type")), (400, "application/problem+json"), "{path}");
        let names = reply.fields();
        assert!(fields.iter().all(|field| names.iter().any(|name| name == field)), "{path}: {names:?}");
    }
    assert_eq!(get(&app, "/api/v1/dashboard/campaign/999/stream").await.status, 404);
    assert_eq!(get(&app, "/api/v1/dashboard/activity/999/stream").await.status, 404);
    live.fail(true);
    let reply = get(&app, REALTIME).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["code"]), (503, &json!("unavailable")));
}

#[tokio::test(start_paused = true)]
async fn a_failed_load_is_an_event_and_keeps_the_stream_open() {
    let live = LiveFixture::without_stale();
    let app = live.app();
    let mut stream = Stream::open(&app, REALTIME).await;
    stream.next().await.expect("the first");
    live.fail(true);
    let failing = stream.within(10).await;
    // Until the load fails, the cached figures are sent, marked as stale.
    let states = |events: &[Event]| -> Vec<Value> {
        let updates = events.iter().filter(|event| event.name == "update");
        updates.map(|event| event.data["widgets"]["realtime"]["status"].clone()).collect()
    };
    assert!(states(&failing).iter().all(|status| status == "stale"), "{failing:?}");
    let last = &failing.last().expect("a heartbeat").data;
    assert_eq!((&last["asOf"], &last["code"]), (&Value::Null, &json!("unavailable")));
    assert_eq!(get(&app, REALTIME).await.status, 503, "a new caller does not get the answer from before");
    live.fail(false);
    let healed = stream.within(10).await;
    assert!(states(&healed).iter().all(|status| status == "fresh"), "{healed:?}");
    let last = &healed.last().expect("an event").data;
    assert!(last["code"].is_null() && !last["asOf"].is_null(), "{healed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_moves_on_at_midnight() {
    // Three seconds before midnight in Seoul.
    let live = LiveFixture::starting_at("2024-11-12T14:59:57Z".parse().expect("an instant"));
    let mut stream = Stream::open(&live.app(), &format!("{PATH}?period=1d")).await;
    let days = |events: &[Event]| -> Vec<String> {
        events.iter().filter_map(|event| event.data["range"]["startDate"].as_str().map(str::to_owned)).collect()
    };
    assert_eq!(days(&stream.within(6).await), ["2024-11-12", "2024-11-13"]);
}

#[tokio::test(start_paused = true)]
async fn a_name_with_line_breaks_cannot_end_an_event() {
    let named = Fixture::named("a\n\nevent: end\ndata: {}\r\r\u{2028}");
    let app = LiveFixture::of(named, now(), axon_metrics::Lifetimes::default()).app();
    let mut stream = Stream::open(&app, &format!("{PATH}?widgets=activities")).await;
    let first = stream.next().await.expect("an event");
    assert_eq!(first.data["data"]["activities"][0]["name"], "a\n\nevent: end\ndata: {}\r\r\u{2028}");
    assert_eq!(names(&stream.within(6).await), ["heartbeat"]);
}

#[tokio::test(start_paused = true)]
async fn a_failing_source_causes_an_update_with_its_status() {
    let live = LiveFixture::new();
    let mut stream = Stream::open(&live.app(), REALTIME).await;
    stream.next().await.expect("the first");
    live.fail(true);
    let stale = stream.next().await.expect("an update");
    assert_eq!((stale.name.as_str(), &stale.data["widgets"]["realtime"]["status"]), ("update", &json!("stale")));
    assert_eq!(stock(&stale), &json!(55));
    live.fail(false);
    let healed = stream.within(10).await;
    assert!(healed.iter().any(|event| event.data["widgets"]["realtime"]["status"] == "fresh"), "{healed:?}");
}

#[tokio::test(start_paused = true)]
async fn the_longest_times_mean_never() {
    let never = Duration::MAX;
    let options = HttpOptions::default().with_stream_tick(never).with_stream_heartbeat(never);
    let options = options.with_stream_grace(never).with_stall_limit(never);
    let live = LiveFixture::new();
    let app = live.router(options);
    let mut stream = Stream::open(&app, PATH).await;
    assert_eq!(names(&stream.within(3_600).await), ["update"]);
    drop(stream);
    seconds(3_600).await;
    assert_eq!(names(&Stream::open(&app, PATH).await.within(1).await), ["update"]);
}
