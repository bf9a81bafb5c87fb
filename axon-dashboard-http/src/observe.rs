//! Metrics, for the recorder of the `metrics` facade that the host installs. Without the feature `metrics` nothing is recorded. No
//! id of a campaign, activity, user or request is ever a label: a route is named as it is registered.

use axum::extract::MatchedPath;
use tokio::time::Instant;

#[cfg(feature = "metrics")]
mod keys;

/// Why a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndReason {
    /// The server stops.
    Shutdown,
    /// The reader left an event waiting for too long.
    Evicted,
    /// The campaign or activity is no longer listed.
    NotFound,
    /// The reader left.
    Gone,
}

impl EndReason {
    /// The word for it in events and metrics.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Shutdown => "shutdown",
            Self::Evicted => "evicted",
            Self::NotFound => "not_found",
            Self::Gone => "gone",
        }
    }
}

/// Describes each metric to the installed recorder, the metrics of the core included. Call it once, after the recorder is
/// installed. Without the feature `metrics` it does nothing.
pub fn describe_metrics() {
    axon_metrics::observe::describe();
    #[cfg(feature = "metrics")]
    {
        use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
        let requests = "Requests answered, by route and status; 499: the caller went away";
        describe_counter!("axon_http_requests_total", Unit::Count, requests);
        let duration = "Time until the head of a response, by route";
        describe_histogram!("axon_http_request_duration_seconds", Unit::Seconds, duration);
        describe_gauge!("axon_streams", Unit::Count, "Streams that are open");
        describe_gauge!("axon_stream_samplers", Unit::Count, "Samplers of open streams: one per distinct question");
        describe_counter!("axon_stream_events_total", Unit::Count, "Events handed to readers of streams, by event");
        let delay = "Time from when an update was due until a reader took it; the first of each reader is left out";
        describe_histogram!("axon_stream_update_delay_seconds", Unit::Seconds, delay);
        let ended = "Streams that ended, by reason; gone: the reader left";
        describe_counter!("axon_stream_ended_total", Unit::Count, ended);
    }
}

/// Requests of one route.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    #[cfg(feature = "metrics")]
    keys: std::sync::OnceLock<keys::Keys>,
}

impl Requests {
    /// Counts and times a request that began at `began`.
    pub(crate) fn record(&self, route: Option<&MatchedPath>, status: u16, began: Instant) {
        #[cfg(feature = "metrics")]
        {
            let route = route.map_or("none", MatchedPath::as_str);
            match self.keys.get_or_init(|| keys::Keys::of(route)) {
                keys if keys.are_of(route) => keys.record(status, began),
                _ => keys::Keys::of(route).record(status, began),
            }
        }
        #[cfg(not(feature = "metrics"))]
        let _ = (self, route, status, began);
    }
}

pub(crate) fn stream_opened() {
    #[cfg(feature = "metrics")]
    metrics::gauge!("axon_streams").increment(1);
}

pub(crate) fn stream_ended(reason: EndReason) {
    #[cfg(feature = "metrics")]
    {
        metrics::gauge!("axon_streams").decrement(1);
        metrics::counter!("axon_stream_ended_total", "reason" => reason.word()).increment(1);
    }
    #[cfg(not(feature = "metrics"))]
    let _ = reason;
}

pub(crate) fn stream_event(event: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("axon_stream_events_total", "event" => event).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = event;
}

/// Records that an update, due at `due`, is sent to a reader.
pub(crate) fn stream_update(due: Instant) {
    #[cfg(feature = "metrics")]
    metrics::histogram!("axon_stream_update_delay_seconds").record(due.elapsed().as_secs_f64());
    #[cfg(not(feature = "metrics"))]
    let _ = due;
}

pub(crate) fn sampler_began() {
    #[cfg(feature = "metrics")]
    metrics::gauge!("axon_stream_samplers").increment(1);
}

pub(crate) fn sampler_ended() {
    #[cfg(feature = "metrics")]
    metrics::gauge!("axon_stream_samplers").decrement(1);
}
