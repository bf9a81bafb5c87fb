//! What surrounds every request: its id, the length check, one log line, and the headers all responses have.
//! The log names the route, never the path, the query or a header: those may hold what must not be kept.

use axum::{
    body::HttpBody,
    extract::{MatchedPath, Request},
    http::{HeaderValue, Method, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tokio::time::Instant;
use tracing::{Instrument, info, info_span, warn};

use crate::{problem::Problem, query, reply, request_id, request_id::RequestId};

const TARGET: &str = "axon_dashboard_http::access";
/// The caller went away before there was a response.
const GONE: u16 = 499;

pub(crate) async fn around(request: Request, next: Next) -> Response {
    let id = RequestId::of(request.headers());
    let line = Line::begin(&request, id.clone());
    let span = info_span!(target: "axon_dashboard_http", "request", request_id = %id);
    let mut response = if fits(request.uri()) {
        next.run(request).instrument(span).await
    } else {
        Problem::query("path and query must have at most 8192 bytes together").into_response()
    };
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        problem.write(&mut response, &id);
    }
    reply::add_total_time(response.headers_mut(), line.began.elapsed());
    if let Some(id) = id.header() {
        response.headers_mut().insert(request_id::HEADER, id);
    }
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    line.end(&response);
    response
}

fn fits(uri: &Uri) -> bool {
    uri.path().len() + uri.query().map_or(0, str::len) <= query::MAX_LENGTH
}

/// The request's line in the log, written when it is dropped: also when the caller went away.
struct Line {
    id: RequestId,
    method: &'static str,
    route: Option<MatchedPath>,
    began: Instant,
    status: u16,
    bytes: Option<u64>,
}

impl Line {
    fn begin(request: &Request, id: RequestId) -> Self {
        Self {
            id,
            method: method(request.method()),
            route: request.extensions().get().cloned(),
            began: Instant::now(),
            status: GONE,
            bytes: None,
        }
    }

    fn end(mut self, response: &Response) {
        self.status = response.status().as_u16();
        self.bytes = response.body().size_hint().exact();
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let route = self.route.as_ref().map_or("none", MatchedPath::as_str);
        let duration_ms = reply::milliseconds(self.began.elapsed());
        let Self { id, method, status, bytes, .. } = self;
        if *status >= StatusCode::INTERNAL_SERVER_ERROR.as_u16() {
            warn!(target: TARGET, method, route, status, duration_ms, bytes, request_id = %id, "answered");
        } else {
            info!(target: TARGET, method, route, status, duration_ms, bytes, request_id = %id, "answered");
        }
    }
}

/// A method of a caller's own making is text of the caller's, and not written down.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        Method::TRACE => "TRACE",
        Method::CONNECT => "CONNECT",
        _ => "OTHER",
    }
}
