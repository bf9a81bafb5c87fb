//! The state that all routes share.

use std::sync::{Arc, OnceLock};

use axon_metrics::{Dashboard, Timestamp};
use axum::body::Bytes;

use crate::{
    HttpOptions, headers,
    hot_path::{CampaignLists, EncodedBody, InternedUrls, ResponseCache, etag_of},
    problem::Problem,
    reply,
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
    lists: CampaignLists,
    /// The text of the OpenAPI document.
    document_text: Bytes,
    document: OnceLock<EncodedBody>,
    definitions: OnceLock<EncodedBody>,
    options: HttpOptions,
}

impl App {
    pub(crate) fn new(dashboard: Dashboard, document_text: Bytes, options: HttpOptions) -> Self {
        let responses = ResponseCache::new(dashboard.clone(), options.cache_bytes, options.compress);
        let streams = Streams::new(responses.clone(), options.clone());
        Self(Arc::new(Inner {
            dashboard,
            responses,
            urls: InternedUrls::new(),
            streams,
            lists: CampaignLists::default(),
            document_text,
            document: OnceLock::new(),
            definitions: OnceLock::new(),
            options,
        }))
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

    pub(crate) fn lists(&self) -> &CampaignLists {
        &self.0.lists
    }

    /// The OpenAPI document.
    pub(crate) fn document(&self) -> Result<&EncodedBody, Problem> {
        self.encoded_once(&self.0.document, || Ok(self.0.document_text.clone()))
    }

    /// The definitions of the figures, which never change.
    pub(crate) fn definitions(&self) -> Result<&EncodedBody, Problem> {
        self.encoded_once(&self.0.definitions, || Ok(reply::encode(&self.0.dashboard.definitions())?.into()))
    }

    /// A body that never changes, encoded when it is first asked for.
    fn encoded_once<'a>(
        &self,
        kept: &'a OnceLock<EncodedBody>,
        body: impl FnOnce() -> Result<Bytes, Problem>,
    ) -> Result<&'a EncodedBody, Problem> {
        if let Some(encoded) = kept.get() {
            return Ok(encoded);
        }
        let body = body()?;
        let etag = etag_of(&body)?;
        Ok(kept.get_or_init(|| EncodedBody::new(body, etag, headers::revalidated_json(), self.0.options.compress)))
    }

    pub(crate) fn options(&self) -> &HttpOptions {
        &self.0.options
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.0.options.clock)()
    }
}
