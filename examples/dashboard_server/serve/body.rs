//! Bodies of requests. No route reads a body. A request with a long body, or with one of unknown length, is refused before any
//! store is asked.

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderValue, Request, Response, StatusCode, header},
};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};

/// The largest body that is ignored, in bytes: some clients send one with a GET.
const MAX_BODY: u64 = 8 * 1024;

/// A peer still sends its body while it is refused. Up to these bounds the body is read and discarded: a closed connection with
/// unread bytes would be reset, and the peer would not see the response.
const LINGER_BYTES: usize = 16 * 1024 * 1024;
const LINGER_TIME: Duration = Duration::from_secs(2);

/// The request if its body is acceptable, else the response that refuses it.
#[expect(clippy::result_large_err, reason = "the request goes on to the router by value")]
pub(super) fn allowed(request: Request<Incoming>) -> Result<Request<Incoming>, Response<Body>> {
    let size = request.body().size_hint();
    let (status, title, code) = match size.exact() {
        Some(size) if size <= MAX_BODY => return Ok(request),
        Some(_) => (StatusCode::PAYLOAD_TOO_LARGE, "Body too large", "body_too_large"),
        None => (StatusCode::LENGTH_REQUIRED, "Length required", "length_required"),
    };
    tokio::spawn(tokio::time::timeout(LINGER_TIME, discard(request.into_body())));
    Err(refusal(status, title, code))
}

/// Reads and discards the body, up to `LINGER_BYTES`.
async fn discard(mut body: Incoming) {
    let mut left = LINGER_BYTES;
    while let Some(Ok(frame)) = body.frame().await {
        left = match left.checked_sub(frame.data_ref().map_or(0, |data| data.len())) {
            Some(left) => left,
            None => return,
        };
    }
}

fn refusal(status: StatusCode, title: &str, code: &str) -> Response<Body> {
    let problem = serde_json::json!({
        "type": "about:blank",
        "title": title,
        "status": status.as_u16(),
        "code": code,
        "detail": format!("a request needs no body; one of up to {MAX_BODY} bytes with its content-length is ignored"),
    });
    let mut response = Response::new(Body::from(problem.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
