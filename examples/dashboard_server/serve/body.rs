//! Bodies of requests. No path reads one, so none is waited for: one that is long, or of a length nobody knows, is refused before
//! anything is asked of a store.

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderValue, Request, Response, StatusCode, header},
};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};

/// Bytes that a body may have; what some clients send beside a GET without meaning it.
const MOST: u64 = 8 * 1024;

/// A peer still sends while it is refused. So much of that is read and thrown away, that it gets to see why.
const LINGER_BYTES: usize = 16 * 1024 * 1024;
const LINGER_TIME: Duration = Duration::from_secs(2);

/// The refusal of a request for its body; the request itself where there is nothing to refuse.
#[expect(clippy::result_large_err, reason = "the request goes on to the router by value")]
pub(super) fn allowed(request: Request<Incoming>) -> Result<Request<Incoming>, Response<Body>> {
    let size = request.body().size_hint();
    let (status, title, code) = match size.exact() {
        Some(size) if size <= MOST => return Ok(request),
        Some(_) => (StatusCode::PAYLOAD_TOO_LARGE, "Body too large", "body_too_large"),
        None => (StatusCode::LENGTH_REQUIRED, "Length required", "length_required"),
    };
    tokio::spawn(tokio::time::timeout(LINGER_TIME, thrown_away(request.into_body())));
    Err(refusal(status, title, code))
}

/// Reads what the peer sends, up to a bound.
async fn thrown_away(mut body: Incoming) {
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
        "detail": format!("a request needs no body; one of up to {MOST} bytes with its content-length is ignored"),
    });
    let mut response = Response::new(Body::from(problem.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
