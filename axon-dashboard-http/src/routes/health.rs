//! Whether the process is up, and whether it can answer.

use axon_metrics::Health;
use axum::{extract::State, http::StatusCode, response::Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{app::App, headers, openapi::Problems, problem::Problem, query::NoParameters, reply};

/// The process is up.
#[derive(Serialize, ToSchema)]
pub(super) struct Alive {
    /// Always true.
    alive: bool,
}

/// Whether the process is up. Asks no source.
#[utoipa::path(
    get, path = "/livez", tag = "operation", operation_id = "livez",
    responses((status = 200, description = "It is.", body = Alive), Problems)
)]
pub(super) async fn livez(_: NoParameters) -> Result<Response, Problem> {
    reply::json(StatusCode::OK, headers::NO_STORE, &Alive { alive: true })
}

/// The health of each source. Ready while the catalog or its cached copy answers.
#[utoipa::path(
    get, path = "/readyz", tag = "operation", operation_id = "readyz",
    responses((status = 200, description = "Questions can be answered.", body = Health),
        Problems,
        (status = 503, description = "No question can be answered now.", body = Health))
)]
pub(super) async fn readyz(State(app): State<App>, _: NoParameters) -> Result<Response, Problem> {
    let health = app.dashboard().health(app.now()).await;
    let status = if health.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    reply::json(status, headers::NO_STORE, &health)
}
