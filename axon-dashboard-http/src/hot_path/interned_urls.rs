//! Interned URLs: the text of a URL with the request it means, so that each text is parsed once. Only requests without a fault
//! are interned, and whether a request has a fault does not depend on the clock.

use std::{fmt, sync::Arc};

use axon_metrics::DashboardRequest;
use axum::http::Uri;
use quick_cache::{Weighter, sync::Cache};

/// The longest URL that is interned, in bytes. Longer URLs are parsed each time; the page and usual clients send shorter ones.
const MAX_URL_LENGTH: usize = 512;
/// The most bytes of all interned URLs together, overhead included.
const MAX_BYTES: u64 = 4 << 20;
/// The approximate bytes of an entry in addition to its URL.
const ENTRY_OVERHEAD: u64 = 256;

#[derive(Debug, Clone)]
struct UrlWeighter;

impl Weighter<Box<str>, Arc<DashboardRequest>> for UrlWeighter {
    fn weight(&self, text: &Box<str>, _: &Arc<DashboardRequest>) -> u64 {
        ENTRY_OVERHEAD + text.len() as u64
    }
}

/// Requests by the text of their URL.
pub(crate) struct InternedUrls(Cache<Box<str>, Arc<DashboardRequest>, UrlWeighter>);

impl InternedUrls {
    pub(crate) fn new() -> Self {
        Self(Cache::with_weighter(8192, MAX_BYTES, UrlWeighter))
    }

    pub(crate) fn get(&self, uri: &Uri) -> Option<Arc<DashboardRequest>> {
        self.0.get(text(uri)?)
    }

    pub(crate) fn insert(&self, uri: &Uri, request: &Arc<DashboardRequest>) {
        if let Some(text) = text(uri).filter(|text| text.len() <= MAX_URL_LENGTH) {
            self.0.insert(text.into(), Arc::clone(request));
        }
    }
}

fn text(uri: &Uri) -> Option<&str> {
    uri.path_and_query().map(|text| text.as_str())
}

impl fmt::Debug for InternedUrls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InternedUrls").field("entries", &self.0.len()).finish_non_exhaustive()
    }
}
