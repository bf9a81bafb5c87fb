//! The headers of every response.

use axum::{
    body::{Body, Bytes},
    http::Request,
};
use http_body_util::{BodyExt, Full};

use crate::fixture::{CAMPAIGN, PLAN, app, ask, get, send};

const ALL: &[&str] = &[
    "/",
    "/livez",
    "/readyz",
    "/openapi.json",
    "/nowhere",
    CAMPAIGN,
    "/api/v1/dashboard/campaigns",
    "/api/v1/dashboard/definitions",
    "/api/v1/dashboard/campaign/0",
];

#[tokio::test(start_paused = true)]
async fn a_harmless_request_id_of_the_caller_is_returned() {
    for path in ALL {
        let reply = get(&app(), path).await;
        assert_eq!(reply.header("x-request-id"), "test-1", "{path}");
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
        assert!(reply.header("server-timing").contains("total;dur="), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn any_other_request_id_is_replaced() {
    let long = "x".repeat(129);
    for given in [None, Some(""), Some("a b"), Some("<script>"), Some("a;b"), Some(long.as_str())] {
        let mut request = Request::builder().uri("/nowhere");
        if let Some(given) = given {
            request = request.header("X-Request-Id", given);
        }
        let reply = send(&app(), request.body(Body::empty()).expect("a request")).await;
        let id = reply.header("x-request-id");
        assert!(id.len() == 26 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{given:?} became {id}");
        assert_eq!(reply.json()["requestId"], id);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_says_how_long_each_source_took() {
    let app = app();
    let timing = "mysql;desc=\"catalog\";dur=3, elasticsearch;desc=\"behavior\";dur=12, \
                  redis;desc=\"realtime\";dur=1, total;dur=15";
    // The paused clock moves in whole milliseconds, and a timer may fire one late.
    let reply = get(&app, PLAN).await;
    let names = |text: &str| -> Vec<String> {
        text.split(", ").map(|entry| entry.rsplit_once("dur=").expect("a duration").0.to_owned()).collect()
    };
    assert_eq!(names(reply.header("server-timing")), names(timing));
}

#[tokio::test(start_paused = true)]
async fn answers_may_be_cached_only_with_revalidation() {
    for (path, cache) in
        [(CAMPAIGN, "no-cache"), ("/openapi.json", "no-cache"), ("/livez", "no-store"), ("/x", "no-store")]
    {
        assert_eq!(get(&app(), path).await.header("cache-control"), cache, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn head_is_get_without_the_body() {
    for path in ALL {
        let (mut head, mut get) = (ask(&app(), "HEAD", path).await, get(&app(), path).await);
        for reply in [&mut head, &mut get] {
            // It tells times.
            assert!(reply.headers.remove("server-timing").is_some(), "{path}");
        }
        assert_eq!((head.status, &head.headers), (get.status, &get.headers), "{path}");
        assert_eq!(head.header("content-length"), get.body.len().to_string(), "{path}");
        assert_eq!(head.body, "", "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_is_not_read() {
    let body = Body::new(Full::new(Bytes::from_static(b"{}")).map_frame(|_| panic!("the body was read")));
    let request = Request::builder().uri(CAMPAIGN).body(body).expect("a request");
    assert_eq!(send(&app(), request).await.status, 200);
}
