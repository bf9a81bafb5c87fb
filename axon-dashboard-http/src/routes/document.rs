//! The OpenAPI document.

use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};

use crate::{app::App, headers, openapi::Problems, query::NoParameters};

/// This document.
#[utoipa::path(
    get, path = "/openapi.json", tag = "operation", operation_id = "openapi",
    responses((status = 200, description = "The document.", body = Object), Problems)
)]
pub(super) async fn openapi(State(app): State<App>, _: NoParameters) -> Response {
    let json = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, json), (header::CACHE_CONTROL, headers::NO_CACHE)], app.document()).into_response()
}
