//! The routes, each with its part of the OpenAPI document: every registered route is documented, except those of the page.

use std::sync::Arc;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{app::App, page::PageBundle};

mod answers;
mod catalog;
mod document;
mod health;
mod metrics;
mod page_routes;
mod streams;

/// Routes that need a permit, since they ask sources.
pub(crate) fn limited() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(catalog::campaigns))
        .routes(routes!(answers::campaign))
        .routes(routes!(streams::campaign_stream))
        .routes(routes!(answers::activity))
        .routes(routes!(streams::activity_stream))
        .routes(routes!(catalog::definitions))
}

/// Routes that need no permit, so that they answer however busy the others are. Health probes the sources at most once a second.
pub(crate) fn unlimited(page: Option<Arc<PageBundle>>) -> OpenApiRouter<App> {
    let page = page.map_or_else(page_routes::routes_without_page, page_routes::routes);
    OpenApiRouter::from(page)
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .routes(routes!(metrics::metrics))
        .routes(routes!(document::openapi))
}
