//! The plain list at the router's own root, where there is no dashboard page.

use axum::{
    extract::{OriginalUri, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};

use crate::{app::App, headers, html, page::Page, plain, problem::Problem, query::NoParameters};

/// The campaigns as a list, with links into the API.
pub(super) async fn list(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    _: NoParameters,
) -> Result<Response, Problem> {
    let list = app.dashboard().campaigns(app.now()).await?;
    let base = html::base(uri.path());
    let html = plain::campaigns(&list, &base, Page::embedded().is_some(), |instant| {
        instant.with_timezone(&app.dashboard().zone()).format("%Y-%m-%d %H:%M").to_string()
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CACHE_CONTROL, headers::NO_CACHE),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(plain::POLICY)),
        (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    ];
    Ok((headers, html).into_response())
}
