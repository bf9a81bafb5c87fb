//! The routes, each with its part of the OpenAPI document: what is registered is what is documented, but for what is there
//! for people.

use std::sync::Arc;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{app::App, page::Page};

mod answers;
mod catalog;
mod document;
mod health;
mod metrics;
mod page;
mod streams;
pub(crate) use answers::at_hand;

/// Routes that do work, and are counted.
pub(crate) fn limited() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(catalog::campaigns))
        .routes(routes!(answers::campaign))
        .routes(routes!(streams::campaign_stream))
        .routes(routes!(answers::activity))
        .routes(routes!(streams::activity_stream))
        .routes(routes!(catalog::definitions))
}

/// Routes that answer however busy the others are, the page's among them; the sources are probed at most once a second.
pub(crate) fn unlimited(page: Option<Arc<Page>>) -> OpenApiRouter<App> {
    let page = page.map_or_else(page::routes_without_page, page::routes);
    OpenApiRouter::from(page)
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .routes(routes!(metrics::metrics))
        .routes(routes!(document::openapi))
}
