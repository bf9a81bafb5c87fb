//! The router: its routes, the layers around them, and the answers to unknown paths and wrong methods.

use std::sync::Arc;

use axon_metrics::Dashboard;
use axum::{Router, middleware};
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;

use crate::{HttpOptions, access::AccessLayer, app::App, limit, openapi, page::PageBundle, problem::Problem, routes};

/// The dashboard's paths, to be served at the root or nested in a host's router. Unknown paths and wrong methods under it
/// are answered here, too, as problem details. The crate's documentation has an example.
///
/// Who may see what is decided by the host, in a layer around this router.
pub fn router(dashboard: Dashboard, options: HttpOptions) -> Router {
    let permits = Arc::new(Semaphore::new(options.max_concurrent.min(Semaphore::MAX_PERMITS)));
    let page = if options.page { PageBundle::embedded() } else { None };
    let limited = routes::limited().route_layer(middleware::from_fn_with_state(permits, limit::limit));
    let (router, document) = openapi::document(limited.merge(routes::unlimited(page)));
    let app = App::new(dashboard, document, options);
    router
        .fallback(async || Problem::no_such_path())
        .method_not_allowed_fallback(async || Problem::wrong_method())
        .layer(CatchPanicLayer::custom(|_| Problem::internal().into_http()))
        .layer(AccessLayer(app.clone()))
        .with_state(app)
}
