//! Compressed bodies: for whom, of which paths, and that each is made once.

use std::io::Read as _;

use axon_dashboard_http::HttpOptions;
use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderMap, Request, StatusCode},
};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use crate::{
    fixture::{CAMPAIGN, app, get},
    live_fixture::LiveFixture,
};

const LIST: &str = "/api/v1/dashboard/campaigns";
/// All paths whose bodies are compressed.
const COMPRESSED: [&str; 5] =
    [CAMPAIGN, "/api/v1/dashboard/activity/789", LIST, "/api/v1/dashboard/definitions", "/openapi.json"];

/// A response with its body as it was sent.
struct Sent {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Sent {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }

    fn decoded(&self) -> String {
        let mut text = String::new();
        match self.header("content-encoding") {
            "" => text.push_str(std::str::from_utf8(&self.body).expect("UTF-8")),
            "gzip" => drop(flate2::read::GzDecoder::new(&*self.body).read_to_string(&mut text).expect("gzip")),
            "br" => drop(brotli::Decompressor::new(&*self.body, 4096).read_to_string(&mut text).expect("brotli")),
            other => panic!("{other} was not accepted"),
        }
        text
    }
}

/// Sends a request with these headers.
async fn ask(app: &Router, method: &str, path: &str, headers: &[(&str, &str)]) -> Sent {
    let mut request = Request::builder().method(method).uri(path).header("X-Request-Id", "test-1");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = app.clone().oneshot(request.body(Body::empty()).expect("a request")).await.expect("infallible");
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    Sent { status: parts.status, headers: parts.headers, body }
}

async fn accepting(app: &Router, path: &str, codings: &str) -> Sent {
    ask(app, "GET", path, &[("Accept-Encoding", codings)]).await
}

#[tokio::test(start_paused = true)]
async fn a_body_is_sent_in_the_coding_that_its_caller_wants_most() {
    for path in COMPRESSED {
        let app = app();
        let plain = ask(&app, "GET", path, &[]).await;
        assert_eq!((plain.status.as_u16(), plain.header("content-encoding")), (200, ""), "{path}");
        assert!(plain.body.len() >= 1024, "{path}");
        for (codings, coding) in [
            ("gzip", "gzip"),
            ("br", "br"),
            ("gzip, deflate, br, zstd", "br"),
            ("br;q=0.5, gzip;q=0.8", "gzip"),
            ("identity;q=0", ""),
            ("deflate", ""),
            ("identity, gzip;q=0.5", ""),
            ("*", "br"),
        ] {
            // The first caller, and one after it.
            for _ in 0..2 {
                let sent = accepting(&app, path, codings).await;
                assert_eq!((sent.status.as_u16(), sent.header("content-encoding")), (200, coding), "{path} {codings}");
                assert_eq!(sent.decoded().into_bytes(), plain.body, "{path} {codings}");
                assert_eq!(sent.header("content-length"), sent.body.len().to_string(), "{path} {codings}");
                assert_eq!(sent.header("content-type"), "application/json", "{path} {codings}");
                assert_eq!(sent.header("x-content-type-options"), "nosniff", "{path} {codings}");
                if !coding.is_empty() {
                    assert!(sent.body.len() * 2 < plain.body.len(), "{path}: {} bytes", sent.body.len());
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn tag_and_vary_are_the_same_in_each_coding_and_of_a_304() {
    for path in COMPRESSED {
        let app = app();
        let etag = ask(&app, "GET", path, &[]).await.header("etag").to_owned();
        assert!(etag.starts_with("W/\""), "{path} {etag}");
        for codings in ["identity", "gzip", "br", "deflate"] {
            let sent = accepting(&app, path, codings).await;
            assert_eq!((sent.header("etag"), sent.header("vary")), (&*etag, "accept-encoding"), "{path} {codings}");
            for method in ["GET", "HEAD"] {
                let headers = [("Accept-Encoding", codings), ("If-None-Match", &etag)];
                let same = ask(&app, method, path, &headers).await;
                assert_eq!((same.status.as_u16(), same.body.len()), (304, 0), "{path} {codings}");
                assert_eq!((same.header("etag"), same.header("vary")), (&*etag, "accept-encoding"), "{path} {codings}");
                assert_eq!((same.header("content-encoding"), same.header("content-length")), ("", ""));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn head_has_the_headers_of_its_get_in_each_coding() {
    for path in COMPRESSED {
        for codings in ["", "gzip", "br"] {
            // The first request of each, and one after it.
            let (one, other) = (app(), app());
            for _ in 0..2 {
                let mut got = accepting(&one, path, codings).await;
                let mut head = ask(&other, "HEAD", path, &[("Accept-Encoding", codings)]).await;
                for headers in [&mut got.headers, &mut head.headers] {
                    // It tells times.
                    headers.remove("server-timing");
                }
                assert_eq!((head.status, &head.headers), (got.status, &got.headers), "{path} {codings}");
                assert_eq!(head.header("content-length"), got.body.len().to_string(), "{path} {codings}");
                assert!(head.body.is_empty(), "{path} {codings}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_is_compressed_once_for_all_its_callers() {
    for path in [CAMPAIGN, LIST] {
        let app = app();
        for codings in ["gzip", "br"] {
            let first = accepting(&app, path, codings).await;
            let again = accepting(&app, path, codings).await;
            let asked_at_once = futures_util::future::join_all((0..5).map(|_| accepting(&app, path, codings))).await;
            for sent in asked_at_once.iter().chain([&again]) {
                assert_eq!(sent.body.as_ptr(), first.body.as_ptr(), "{path} {codings}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_answer_is_compressed_anew() {
    let live = LiveFixture::new();
    let app = live.app();
    let first = accepting(&app, CAMPAIGN, "gzip").await;
    live.hold(50);
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    let later = accepting(&app, CAMPAIGN, "gzip").await;
    assert_ne!(later.header("etag"), first.header("etag"));
    assert_eq!(later.decoded().into_bytes(), ask(&app, "GET", CAMPAIGN, &[]).await.body);
    assert!(later.decoded().contains("\"remainingStock\":50"));
}

#[tokio::test(start_paused = true)]
async fn compressed_bytes_take_room_in_the_cache() {
    let cached = async |codings: &[&str]| {
        let app = LiveFixture::new().router(HttpOptions::default().with_cache_bytes(320 << 10));
        let path = |day: u32| format!("{CAMPAIGN}?startDate=2024-09-{day:02}&endDate=2024-10-15");
        for day in 1..=30 {
            for codings in codings {
                accepting(&app, &path(day), codings).await;
            }
        }
        let mut hits = 0;
        for day in 1..=30 {
            hits += usize::from(get(&app, &path(day)).await.header("cache-status") == "axon-metrics; hit");
        }
        hits
    };
    let (plain, compressed) = (cached(&["identity"]).await, cached(&["gzip", "br"]).await);
    // All 30 have room as they are, and not with their compressed forms.
    assert!(plain == 30 && compressed < plain, "{compressed} with compressed forms, {plain} without");
}

#[tokio::test(start_paused = true)]
async fn compressing_a_cached_answer_needs_no_permit() {
    let live = LiveFixture::new();
    let app = live.router(HttpOptions::default().with_max_concurrent(1));
    get(&app, CAMPAIGN).await;
    let waits = format!("{CAMPAIGN}?period=1d");
    let (other, compressed) = tokio::join!(get(&app, &waits), accepting(&app, CAMPAIGN, "gzip"));
    assert_eq!((other.status.as_u16(), compressed.status.as_u16()), (200, 200));
    assert_eq!(
        (compressed.header("content-encoding"), compressed.header("cache-status")),
        ("gzip", "axon-metrics; hit")
    );
}

#[tokio::test(start_paused = true)]
async fn streams_and_problems_are_not_compressed() {
    let app = app();
    let request = Request::get(format!("{CAMPAIGN}/stream")).header("Accept-Encoding", "gzip, br");
    let request = request.body(Body::empty()).expect("a request");
    let stream = app.clone().oneshot(request).await.expect("infallible");
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    assert_eq!((stream.headers().get("content-encoding"), stream.headers().get("vary")), (None, None));
    let problem = accepting(&app, "/api/v1/dashboard/campaign/9", "gzip, br").await;
    assert_eq!((problem.status.as_u16(), problem.header("content-encoding")), (404, ""));
}

#[tokio::test(start_paused = true)]
async fn a_host_may_leave_compression_to_its_proxy() {
    let app = LiveFixture::new().router(HttpOptions::default().with_compress(false));
    for path in COMPRESSED {
        let sent = accepting(&app, path, "gzip, br").await;
        assert_eq!((sent.header("content-encoding"), sent.header("vary")), ("", ""), "{path}");
    }
}
