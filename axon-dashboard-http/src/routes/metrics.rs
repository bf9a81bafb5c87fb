//! The metrics of the host's recorder.

use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};

use crate::{
    app::App,
    headers,
    openapi::{NoMetrics, Problems},
    problem::Problem,
    query::NoParameters,
};

/// Counts and times, for Prometheus.
#[utoipa::path(
    get, path = "/metrics", tag = "operation", operation_id = "metrics",
    responses((status = 200, description = "The metrics, in the text exposition format.", body = String,
        content_type = "text/plain; version=0.0.4; charset=utf-8"), NoMetrics, Problems)
)]
pub(super) async fn metrics(State(app): State<App>, _: NoParameters) -> Result<Response, Problem> {
    let render = app.options().metrics.as_ref().ok_or_else(Problem::no_metrics)?;
    let text = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, text), (header::CACHE_CONTROL, headers::NO_STORE)], render()).into_response())
}
