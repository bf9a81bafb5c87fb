//! URLs asked before: their text and what it was found to mean, so that it is read once. Only requests without a fault are
//! here, and whether a request has one does not depend on the clock.

use std::{fmt, sync::Arc};

use axon_metrics::DashboardRequest;
use axum::http::Uri;
use quick_cache::{Weighter, sync::Cache};

/// Longer texts are read each time: those of honest callers are shorter.
const MAX_LENGTH: usize = 512;
/// Bytes of texts that are remembered.
const CAPACITY: u64 = 4 << 20;
const OVERHEAD: u64 = 256;

#[derive(Debug, Clone)]
struct ByLength;

impl Weighter<Box<str>, Arc<DashboardRequest>> for ByLength {
    fn weight(&self, text: &Box<str>, _: &Arc<DashboardRequest>) -> u64 {
        OVERHEAD + text.len() as u64
    }
}

/// What texts mean.
pub(crate) struct Texts(Cache<Box<str>, Arc<DashboardRequest>, ByLength>);

impl Texts {
    pub(crate) fn new() -> Self {
        Self(Cache::with_weighter(8192, CAPACITY, ByLength))
    }

    pub(crate) fn meaning(&self, uri: &Uri) -> Option<Arc<DashboardRequest>> {
        self.0.get(text(uri)?)
    }

    pub(crate) fn remember(&self, uri: &Uri, request: &Arc<DashboardRequest>) {
        if let Some(text) = text(uri).filter(|text| text.len() <= MAX_LENGTH) {
            self.0.insert(text.into(), Arc::clone(request));
        }
    }
}

fn text(uri: &Uri) -> Option<&str> {
    uri.path_and_query().map(|text| text.as_str())
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Texts").field("kept", &self.0.len()).finish_non_exhaustive()
    }
}
