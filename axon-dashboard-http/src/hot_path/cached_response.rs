//! Sending an answer of the response cache: before any route runs, where its URL is interned.

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
    etag::is_known,
    response_cache::{CacheStatus, Lookup},
};
use crate::{app::App, headers};

/// What is asked for, if the URL is interned.
pub(crate) fn interned(app: &App, request: &Request) -> Option<Arc<DashboardRequest>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    app.urls().get(request.uri())
}

/// The cached answer; a stale one starts a refresh in the background. The response lacks only the request's id.
pub(crate) fn cached(
    app: &App,
    question: &Arc<DashboardRequest>,
    headers: &HeaderMap,
    now: Timestamp,
) -> Option<Response> {
    let lookup = app.responses().get(question, now)?;
    Some(respond(&lookup, headers))
}

/// 200 with the answer, or 304 if the caller has its tag.
pub(crate) fn respond(lookup: &Lookup, headers: &HeaderMap) -> Response {
    let Lookup { answer, status } = lookup;
    let known = is_known(headers, &answer.etag);
    let body = if known { Body::new(EmptyBody) } else { Body::from(answer.body.clone()) };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    *headers = answer.headers.clone();
    if *status != CacheStatus::Hit {
        headers.insert(headers::CACHE_STATUS, cache_status(*status));
    }
    // Only a loaded answer has times of sources: for a cached one, no source was asked.
    if let Some(times) = answer.source_times.as_ref().filter(|_| *status == CacheStatus::Miss) {
        headers.insert(headers::SERVER_TIMING, times.clone());
    }
    if known {
        headers.remove(header::CONTENT_TYPE);
        headers.remove(header::CONTENT_LENGTH);
        *response.status_mut() = StatusCode::NOT_MODIFIED;
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
