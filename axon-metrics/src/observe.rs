//! What is counted and timed while answering, for whatever recorder of the `metrics` facade the host installs. Without the
//! feature `metrics` nothing is. No id of a campaign, activity, user or request is ever a label.

use std::time::Duration;

/// Where an answer or a widget was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheLevel {
    /// The encoded answer, in process.
    Answer,
    /// A finished widget, in process.
    Widget,
    /// A finished widget, in the shared cache.
    Shared,
}

impl CacheLevel {
    fn name(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Widget => "widget",
            Self::Shared => "shared",
        }
    }
}

/// How a look into a cache went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheOutcome {
    /// Found, and fresh.
    Hit,
    /// Found, and shown while a new one is loaded.
    Refreshing,
    /// Found, and shown as stale since a store does not answer.
    Stale,
    /// Not there, too old, or not to be trusted.
    Miss,
    /// The cache itself failed.
    Error,
}

impl CacheOutcome {
    fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Refreshing => "refreshing",
            Self::Stale => "stale",
            Self::Miss => "miss",
            Self::Error => "error",
        }
    }
}

/// Counts a look into a cache: `axon_cache_lookups_total{level, outcome}`.
pub fn cache(level: CacheLevel, outcome: CacheOutcome) {
    #[cfg(feature = "metrics")]
    metrics::counter!("axon_cache_lookups_total", "level" => level.name(), "outcome" => outcome.name()).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = (level.name(), outcome.name());
}

/// Times a load of an answer from the sources: `axon_load_duration_seconds{outcome}`.
pub fn load(outcome: &'static str, took: Duration) {
    #[cfg(feature = "metrics")]
    metrics::histogram!("axon_load_duration_seconds", "outcome" => outcome).record(took.as_secs_f64());
    #[cfg(not(feature = "metrics"))]
    let _ = (outcome, took);
}

/// Counts a load that was refused since it could not be done in time: `axon_admission_refused_total`.
pub fn admission_refused() {
    #[cfg(feature = "metrics")]
    metrics::counter!("axon_admission_refused_total").increment(1);
}
