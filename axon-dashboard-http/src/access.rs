//! What surrounds every request: its id, the length check, the early exit for cached answers, one log line, and the headers of
//! all responses. The log names the route, never the path, the query or a header, since those may hold personal data.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::HttpBody,
    extract::{MatchedPath, Request},
    http::{Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use chrono::Utc;
use futures_util::future::{BoxFuture, Either};
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt as _};
use tracing::{Instrument, Span, info, info_span, warn};

use crate::{
    app::App, headers, hot_path, observe::Requests, problem::Problem, query, request_id, request_id::RequestId,
};

const TARGET: &str = "axon_dashboard_http::access";
/// The status logged for a caller who went away before there was a response.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// Puts [`Access`] around a route.
#[derive(Debug, Clone)]
pub(crate) struct AccessLayer(pub(crate) App);

impl<S> Layer<S> for AccessLayer {
    type Service = Access<S>;

    fn layer(&self, inner: S) -> Access<S> {
        Access(Arc::new(Inner { inner, app: self.0.clone(), requests: Arc::default() }))
    }
}

/// A route with the layer around it. It is a service and not a function for axum's `from_fn`, for two reasons. A cached answer is
/// sent without an await, so no future is allocated. And axum clones a service for each request: this one clones the inner
/// service only if the answer is not cached.
#[derive(Debug)]
pub(crate) struct Access<S>(Arc<Inner<S>>);

#[derive(Debug)]
struct Inner<S> {
    inner: S,
    app: App,
    requests: Arc<Requests>,
}

impl<S> Clone for Access<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S> Service<Request> for Access<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Ready<Result<Response, Infallible>>, BoxFuture<'static, Result<Response, Infallible>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let began = Instant::now();
        let Inner { inner, app, requests } = &*self.0;
        let question = hot_path::interned(app, &request);
        let now = if question.is_some() { app.now() } else { Utc::now() };
        let id = RequestId::of(request.headers(), now);
        let span = span(&id);
        if let Some(question) = question {
            // In the span: the log lines of a refresh that the lookup starts have the request's id.
            if let Some(lookup) = span.in_scope(|| hot_path::cached(app, &question, now)) {
                let coding = match hot_path::respond(&lookup, request.headers()) {
                    Ok(response) => {
                        return Either::Left(ready(Ok(send_cached(requests, &request, response, id, began))));
                    }
                    Err(coding) => coding,
                };
                // The first caller who takes this coding waits for it, and needs no permit: no source is asked.
                let (line, app) = (Line::begin(Arc::clone(requests), &request, id, began), app.clone());
                return Either::Right(Box::pin(async move {
                    Ok(line.end(hot_path::compress(&app, &question, &lookup, coding).await))
                }));
            }
        }
        let line = Line::begin(Arc::clone(requests), &request, id, began);
        if !fits(request.uri()) {
            let problem = Problem::query("path and query must have at most 8192 bytes together");
            return Either::Left(ready(Ok(line.end(problem.into_response()))));
        }
        let response = inner.clone().oneshot(request).instrument(span);
        Either::Right(Box::pin(async move {
            let response = response.await?;
            Ok(line.end(response))
        }))
    }
}

/// The span of a request. Log lines of sources stand in it; the span of a cached answer closes at once.
fn span(id: &RequestId) -> Span {
    info_span!(target: "axon_dashboard_http", "request", request_id = %id)
}

fn fits(uri: &Uri) -> bool {
    uri.path().len() + uri.query().map_or(0, str::len) <= query::MAX_LENGTH
}

/// The response of a cached answer, which has all headers but the request's id.
fn send_cached(
    requests: &Requests,
    request: &Request,
    mut response: Response,
    mut id: RequestId,
    began: Instant,
) -> Response {
    log(requests, &id, method(request.method()), request.extensions().get(), Some(&response), began);
    response.headers_mut().insert(request_id::HEADER, id.take());
    response
}

/// The log line of a request that is not served from the cache. Written once: with the response, or on drop, which means that the
/// caller went away.
struct Line {
    requests: Arc<Requests>,
    id: RequestId,
    method: &'static str,
    route: Option<MatchedPath>,
    began: Instant,
    written: bool,
}

impl Line {
    fn begin(requests: Arc<Requests>, request: &Request, id: RequestId, began: Instant) -> Self {
        Self {
            requests,
            id,
            method: method(request.method()),
            route: request.extensions().get().cloned(),
            began,
            written: false,
        }
    }

    /// Completes the response: writes its problem, and adds the headers of all responses.
    fn end(mut self, mut response: Response) -> Response {
        if let Some(problem) = response.extensions_mut().remove::<Problem>() {
            problem.write(&mut response, &self.id);
        }
        log(&self.requests, &self.id, self.method, self.route.as_ref(), Some(&response), self.began);
        self.written = true;
        let headers = response.headers_mut();
        headers::add_total_time(headers, self.began.elapsed());
        headers.insert(request_id::HEADER, self.id.take());
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, headers::NOSNIFF);
        response
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if !self.written {
            log(&self.requests, &self.id, self.method, self.route.as_ref(), None, self.began);
        }
    }
}

/// Counts a request and writes its log line. No response means that the caller went away. The clock is read only if the log or a
/// recorder takes the duration.
fn log(
    requests: &Requests,
    id: &RequestId,
    method: &str,
    route: Option<&MatchedPath>,
    response: Option<&Response>,
    began: Instant,
) {
    let status = response.map_or(CLIENT_CLOSED_REQUEST, |response| response.status().as_u16());
    let bytes = response.and_then(|response| response.body().size_hint().exact());
    requests.record(route, status, began);
    let route = route.map_or("none", MatchedPath::as_str);
    let duration_ms = || milliseconds(began.elapsed());
    // The message is the same for every outcome, also if the caller went away: `status` tells them apart.
    if status >= StatusCode::INTERNAL_SERVER_ERROR.as_u16() {
        warn!(target: TARGET, method, route, status, duration_ms = duration_ms(), bytes, request_id = %id, "request answered");
    } else {
        info!(target: TARGET, method, route, status, duration_ms = duration_ms(), bytes, request_id = %id, "request answered");
    }
}

/// The method for the log. An unknown method is the caller's own text, and is not logged.
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

/// Milliseconds, three decimals.
fn milliseconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1e3
}
