//! The plain page at the router's own root.

use axum::{
    extract::{OriginalUri, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};

use crate::{app::App, openapi::Problems, page, problem::Problem, query::NoParameters, reply};

/// The campaigns as a page, with links into the API.
#[utoipa::path(
    get, path = "/", tag = "catalog", operation_id = "page",
    responses((status = 200, description = "The page.", body = String, content_type = "text/html; charset=utf-8"), Problems)
)]
pub(super) async fn campaigns_page(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    _: NoParameters,
) -> Result<Response, Problem> {
    let list = app.dashboard().campaigns(app.now()).await?;
    let html = page::campaigns(&list, &page::base(uri.path()), |instant| {
        instant.with_timezone(&app.dashboard().zone()).format("%Y-%m-%d %H:%M").to_string()
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CACHE_CONTROL, reply::NO_CACHE),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(page::POLICY)),
        (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    ];
    Ok((headers, html).into_response())
}
