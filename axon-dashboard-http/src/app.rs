//! The state that all routes share.

use std::sync::Arc;

use axon_metrics::{Dashboard, Timestamp};
use axum::body::Bytes;

use crate::{
    HttpOptions,
    hot_path::{InternedUrls, ResponseCache},
    stream::Streams,
};

/// Clones share everything.
#[derive(Debug, Clone)]
pub(crate) struct App(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    dashboard: Dashboard,
    responses: ResponseCache,
    urls: InternedUrls,
    streams: Streams,
    /// The OpenAPI document, as served.
    document: Bytes,
    options: HttpOptions,
}

impl App {
    pub(crate) fn new(dashboard: Dashboard, document: Bytes, options: HttpOptions) -> Self {
        let responses = ResponseCache::new(dashboard.clone(), options.cache_bytes);
        let streams = Streams::new(responses.clone(), options.clone());
        Self(Arc::new(Inner { dashboard, responses, urls: InternedUrls::new(), streams, document, options }))
    }

    pub(crate) fn dashboard(&self) -> &Dashboard {
        &self.0.dashboard
    }

    pub(crate) fn responses(&self) -> &ResponseCache {
        &self.0.responses
    }

    pub(crate) fn urls(&self) -> &InternedUrls {
        &self.0.urls
    }

    pub(crate) fn streams(&self) -> &Streams {
        &self.0.streams
    }

    pub(crate) fn document(&self) -> Bytes {
        self.0.document.clone()
    }

    pub(crate) fn options(&self) -> &HttpOptions {
        &self.0.options
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.0.options.clock)()
    }
}
