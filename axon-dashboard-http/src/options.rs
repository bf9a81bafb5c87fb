//! What a host may choose: the clock, and how many requests are worked on at once.

use std::{fmt, sync::Arc};

use axon_metrics::Instant;
use chrono::Utc;

/// Options of [`router`](crate::router).
/// ```
/// let options = axon_dashboard_http::HttpOptions::default().with_max_concurrent(200);
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct HttpOptions {
    pub(crate) clock: Arc<dyn Fn() -> Instant + Send + Sync>,
    pub(crate) max_concurrent: usize,
}

impl HttpOptions {
    /// The clock that answers are made for. Defaults to [`Utc::now`].
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// How many requests are worked on at once; one more is refused at once with 503 `overloaded`. `/livez` and
    /// `/openapi.json` are not counted. Defaults to 1024.
    #[must_use]
    pub fn with_max_concurrent(mut self, requests: usize) -> Self {
        self.max_concurrent = requests;
        self
    }
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self { clock: Arc::new(Utc::now), max_concurrent: 1024 }
    }
}

impl fmt::Debug for HttpOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpOptions").field("max_concurrent", &self.max_concurrent).finish_non_exhaustive()
    }
}
