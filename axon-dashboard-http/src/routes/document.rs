//! The OpenAPI document.

use axum::{extract::State, http::HeaderMap, response::Response};

use crate::{
    app::App,
    hot_path::send,
    openapi::{NotModified, Problems},
    problem::Problem,
    query::NoParameters,
};

/// This document.
#[utoipa::path(
    get, path = "/openapi.json", tag = "operation", operation_id = "openapi",
    responses((status = 200, description = "The document.", body = Object,
        headers(("ETag" = String, description = "Equal while the document is equal.")),
    ), NotModified, Problems)
)]
pub(super) async fn openapi(State(app): State<App>, _: NoParameters, headers: HeaderMap) -> Result<Response, Problem> {
    Ok(send(app.document()?, &headers).await)
}
