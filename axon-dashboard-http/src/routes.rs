//! The routes, each with its part of the OpenAPI document: what is registered is what is documented, but for what is there
//! for people.

use std::sync::Arc;

use axum::routing::get;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{app::App, page::Page};

mod answers;
mod catalog;
mod document;
mod health;
mod metrics;
mod page;
mod plain;
mod streams;
pub(crate) use answers::at_hand;

/// Routes that do work, and are counted; without a page, the plain list that is there instead.
pub(crate) fn limited(page: Option<&Arc<Page>>) -> OpenApiRouter<App> {
    let plain = if page.is_none() { OpenApiRouter::new().route("/", get(plain::list)) } else { OpenApiRouter::new() };
    plain
        .routes(routes!(catalog::campaigns))
        .routes(routes!(answers::campaign))
        .routes(routes!(streams::campaign_stream))
        .routes(routes!(answers::activity))
        .routes(routes!(streams::activity_stream))
        .routes(routes!(catalog::definitions))
}

/// Routes that answer however busy the others are, the page's among them; the sources are probed at most once a second.
pub(crate) fn unlimited(page: Option<Arc<Page>>) -> OpenApiRouter<App> {
    page.map_or_else(OpenApiRouter::new, |page| page::routes(page).into())
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .routes(routes!(metrics::metrics))
        .routes(routes!(document::openapi))
}
