//! The options of a host: the clock, the size of the response cache, compression, bounds, times of streams, and the text of
//! `/metrics`.

use std::{fmt, sync::Arc, time::Duration};

use axon_metrics::Timestamp;
use chrono::Utc;
use tokio_util::sync::CancellationToken;

/// The longest time of an option; longer ones are clamped to it. It can be added to any instant without overflow.
const MAX_TIME: Duration = Duration::from_secs(365 * 24 * 3600);

/// Options of [`router`](crate::router). Times longer than a year are clamped to a year.
/// ```
/// let options = axon_dashboard_http::HttpOptions::default().with_max_concurrent(200).with_max_streams(1000);
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct HttpOptions {
    pub(crate) clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    pub(crate) max_concurrent: usize,
    pub(crate) cache_bytes: usize,
    pub(crate) compress: bool,
    pub(crate) max_streams: usize,
    pub(crate) max_stream_keys: usize,
    pub(crate) stream_tick: Duration,
    pub(crate) stream_heartbeat: Duration,
    pub(crate) stream_grace: Duration,
    pub(crate) stall_limit: Duration,
    pub(crate) shutdown: CancellationToken,
    pub(crate) metrics: Option<Arc<dyn Fn() -> String + Send + Sync>>,
    pub(crate) page: bool,
}

impl HttpOptions {
    /// The clock that answers are made for. Defaults to [`Utc::now`].
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// How many requests are handled concurrently; one more is refused at once with 503 `overloaded`. Not counted are `/livez`,
    /// `/readyz`, `/openapi.json`, `/metrics`, the dashboard page, cached answers, and open streams. Defaults to 1024.
    #[must_use]
    pub fn with_max_concurrent(mut self, requests: usize) -> Self {
        self.max_concurrent = requests;
        self
    }

    /// The size of the response cache, which holds encoded answers with their compressed forms, in bytes; 0 disables it. Defaults
    /// to 64 MiB.
    #[must_use]
    pub fn with_cache_bytes(mut self, bytes: usize) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// Whether bodies of JSON are compressed, with gzip or brotli, for callers who accept that: answers, the list of campaigns,
    /// the definitions and the OpenAPI document, from 1 KiB on. Each is compressed once, and its bytes are kept with it. Switch it
    /// off where a proxy compresses. Streams are never compressed; the page's assets always are. Defaults to true.
    #[must_use]
    pub fn with_compress(mut self, compress: bool) -> Self {
        self.compress = compress;
        self
    }

    /// How many streams may be open; one more is refused with 503 `overloaded`. Defaults to 10,000.
    #[must_use]
    pub fn with_max_streams(mut self, streams: usize) -> Self {
        self.max_streams = streams;
        self
    }

    /// How many different questions may be streamed; a stream with one more is refused with 503 `overloaded`. Defaults to
    /// 1,000.
    #[must_use]
    pub fn with_max_stream_keys(mut self, keys: usize) -> Self {
        self.max_stream_keys = keys;
        self
    }

    /// The interval at which the answer of a stream is loaded, at least a millisecond. Defaults to 1 s.
    #[must_use]
    pub fn with_stream_tick(mut self, tick: Duration) -> Self {
        self.stream_tick = tick.clamp(Duration::from_millis(1), MAX_TIME);
        self
    }

    /// After how long without an event a stream sends a heartbeat, at least a millisecond. Defaults to 5 s.
    #[must_use]
    pub fn with_stream_heartbeat(mut self, heartbeat: Duration) -> Self {
        self.stream_heartbeat = heartbeat.clamp(Duration::from_millis(1), MAX_TIME);
        self
    }

    /// How long an answer is still loaded after the last viewer of its stream has left, so that a viewer who reloads the page
    /// joins the running stream. Defaults to 3 s.
    #[must_use]
    pub fn with_stream_grace(mut self, grace: Duration) -> Self {
        self.stream_grace = grace.min(MAX_TIME);
        self
    }

    /// For how long a reader may leave an event unread before its stream is ended with `evicted`. A socket that accepts no bytes
    /// at all must be closed by the server: see the crate's documentation. Defaults to 15 s.
    #[must_use]
    pub fn with_stall_limit(mut self, limit: Duration) -> Self {
        self.stall_limit = limit.min(MAX_TIME);
        self
    }

    /// The token that the host cancels when the server stops: every stream is then ended with `shutdown`, and new ones are
    /// refused. Defaults to a token that is never cancelled: open streams then keep a server from stopping.
    #[must_use]
    pub fn with_shutdown(mut self, shutdown: CancellationToken) -> Self {
        self.shutdown = shutdown;
        self
    }

    /// Renders the text that `/metrics` answers with, for example by a Prometheus recorder. Defaults to none: 404.
    #[must_use]
    pub fn with_metrics(mut self, render: impl Fn() -> String + Send + Sync + 'static) -> Self {
        self.metrics = Some(Arc::new(render));
        self
    }

    /// Whether the dashboard page is served, if the build embeds it (feature `page`). Without the page the root answers 404
    /// `not_found`. Defaults to true.
    #[must_use]
    pub fn with_page(mut self, page: bool) -> Self {
        self.page = page;
        self
    }
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            clock: Arc::new(Utc::now),
            max_concurrent: 1024,
            cache_bytes: 64 << 20,
            compress: true,
            max_streams: 10_000,
            max_stream_keys: 1_000,
            stream_tick: Duration::from_secs(1),
            stream_heartbeat: Duration::from_secs(5),
            stream_grace: Duration::from_secs(3),
            stall_limit: Duration::from_secs(15),
            shutdown: CancellationToken::new(),
            metrics: None,
            page: true,
        }
    }
}

impl fmt::Debug for HttpOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpOptions")
            .field("max_concurrent", &self.max_concurrent)
            .field("cache_bytes", &self.cache_bytes)
            .field("compress", &self.compress)
            .field("max_streams", &self.max_streams)
            .field("max_stream_keys", &self.max_stream_keys)
            .field("stream_tick", &self.stream_tick)
            .field("stream_heartbeat", &self.stream_heartbeat)
            .field("stream_grace", &self.stream_grace)
            .field("stall_limit", &self.stall_limit)
            .field("page", &self.page)
            .finish_non_exhaustive()
    }
}
