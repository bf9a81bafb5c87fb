//! Sending an encoded body: answers of the response cache before any route runs, where their URL is interned; other bodies by
//! their routes.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axon_metrics::{DashboardRequest, Timestamp};
use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::Response,
};

use super::{
    answer_headers::HIT,
    encoded_body::{EncodedBody, Form},
    response_cache::{CacheStatus, Lookup},
};
use crate::{accept::Coding, app::App, headers};

/// What is asked for, if the URL is interned.
pub(crate) fn interned(app: &App, request: &Request) -> Option<Arc<DashboardRequest>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    app.urls().get(request.uri())
}

/// The cached answer; a stale one starts a refresh in the background.
pub(crate) fn cached(app: &App, question: &Arc<DashboardRequest>, now: Timestamp) -> Option<Lookup> {
    app.responses().get(question, now)
}

/// 200 with the answer in the coding that the caller wants most, or 304 if the caller has its tag. The response lacks only the
/// request's id.
/// # Errors
/// The coding, if the answer is yet to be compressed: see [`compress`].
pub(crate) fn respond(lookup: &Lookup, headers: &HeaderMap) -> Result<Response, Coding> {
    let encoded = &lookup.answer.encoded;
    if encoded.is_known(headers) {
        return Ok(with_status(not_modified(encoded), lookup));
    }
    let coding = encoded.coding(headers);
    let form = encoded.form(coding).ok_or(coding)?;
    Ok(with_status(ok(form), lookup))
}

/// Compresses the answer, unless somebody did meanwhile, and responds with it.
pub(crate) async fn compress(app: &App, question: &Arc<DashboardRequest>, lookup: &Lookup, coding: Coding) -> Response {
    let form = lookup.answer.encoded.compressed(coding).await;
    app.responses().weigh_anew(question, &lookup.answer);
    with_status(ok(form), lookup)
}

/// 200 with a body that is not an answer, or 304 if the caller has its tag.
pub(crate) async fn send(encoded: &EncodedBody, headers: &HeaderMap) -> Response {
    if encoded.is_known(headers) {
        return not_modified(encoded);
    }
    ok(encoded.compressed(encoded.coding(headers)).await)
}

fn ok(form: &Form) -> Response {
    let mut response = Response::new(Body::from(form.body.clone()));
    *response.headers_mut() = form.headers.clone();
    response
}

fn not_modified(encoded: &EncodedBody) -> Response {
    let mut response = Response::new(Body::new(EmptyBody));
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    let headers = response.headers_mut();
    *headers = encoded.plain().headers.clone();
    headers.remove(header::CONTENT_TYPE);
    headers.remove(header::CONTENT_LENGTH);
    response
}

/// Adds how the cache served the answer, and for a loaded one the times of its sources.
fn with_status(mut response: Response, Lookup { answer, status }: &Lookup) -> Response {
    let headers = response.headers_mut();
    if *status != CacheStatus::Hit {
        headers.insert(headers::CACHE_STATUS, cache_status(*status));
    }
    // Only a loaded answer has times of sources: for a cached one, no source was asked.
    if let Some(times) = answer.source_times.as_ref().filter(|_| *status == CacheStatus::Miss) {
        headers.insert(headers::SERVER_TIMING, times.clone());
    }
    response
}

fn cache_status(status: CacheStatus) -> HeaderValue {
    HeaderValue::from_static(match status {
        CacheStatus::Hit => HIT,
        CacheStatus::Refreshing => "axon-metrics; hit; detail=refreshing",
        CacheStatus::Miss => "axon-metrics; fwd=miss",
    })
}

/// The body of a 304. It states no length, since `Content-Length` would be that of the 200.
struct EmptyBody;

impl HttpBody for EmptyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        true
    }
}
