//! What every route has at hand.

use std::sync::Arc;

use axon_metrics::{Dashboard, Instant};
use axum::body::Bytes;

#[derive(Clone)]
pub(crate) struct App {
    pub(crate) dashboard: Dashboard,
    /// The OpenAPI document, as served.
    pub(crate) document: Bytes,
    pub(crate) clock: Arc<dyn Fn() -> Instant + Send + Sync>,
}

impl App {
    pub(crate) fn now(&self) -> Instant {
        (self.clock)()
    }
}
