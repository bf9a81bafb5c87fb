//! What is counted and timed while answering, for whatever recorder of the `metrics` facade the host installs. Without the
//! feature `metrics` nothing is. No id of a campaign, activity, user or request is ever a label.

use std::time::Duration;

use crate::{BreakerState, answer::SourceKind};

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
    match (level, outcome) {
        // By far the most frequent, under a key that is not made each time.
        (CacheLevel::Answer, CacheOutcome::Hit) => {
            metrics::counter!("axon_cache_lookups_total", "level" => "answer", "outcome" => "hit").increment(1);
        }
        _ => metrics::counter!("axon_cache_lookups_total", "level" => level.name(), "outcome" => outcome.name())
            .increment(1),
    }
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
pub(crate) fn admission_refused() {
    #[cfg(feature = "metrics")]
    metrics::counter!("axon_admission_refused_total").increment(1);
}

/// How a question to a source went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SourceOutcome {
    /// Answered.
    Ok,
    /// Answered in part.
    Partial,
    /// Not answered, or too late.
    Unavailable,
    /// The store said that it is too busy.
    Overloaded,
    /// Answered with something else.
    Malformed,
    /// Refused.
    Denied,
    /// The connection was lost, and no other one did.
    Lost,
    /// Not asked: too many wait for this store.
    Shed,
    /// Not asked: the store failed too often.
    Open,
}

impl SourceOutcome {
    pub(crate) const ALL: [Self; 9] = [
        Self::Ok,
        Self::Partial,
        Self::Unavailable,
        Self::Overloaded,
        Self::Malformed,
        Self::Denied,
        Self::Lost,
        Self::Shed,
        Self::Open,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Partial => "partial",
            Self::Unavailable => "unavailable",
            Self::Overloaded => "overloaded",
            Self::Malformed => "malformed",
            Self::Denied => "denied",
            Self::Lost => "lost",
            Self::Shed => "shed",
            Self::Open => "open",
        }
    }
}

/// Counts and times a question to a source: `axon_source_requests_total{source, seam, outcome}` and
/// `axon_source_duration_seconds{source, seam}`. What was not asked took no time worth a record.
pub(crate) fn source(name: &'static str, seam: SourceKind, outcome: SourceOutcome, took: Duration) {
    #[cfg(feature = "metrics")]
    {
        let labels = [("source", name), ("seam", seam.name()), ("outcome", outcome.name())];
        metrics::counter!("axon_source_requests_total", &labels).increment(1);
        if !matches!(outcome, SourceOutcome::Shed | SourceOutcome::Open) {
            metrics::histogram!("axon_source_duration_seconds", &labels[..2]).record(took.as_secs_f64());
        }
    }
    #[cfg(not(feature = "metrics"))]
    let _ = (name, seam, outcome, took);
}

/// Counts a question that was asked once more: `axon_source_retries_total{source}`.
pub(crate) fn retried(name: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("axon_source_retries_total", "source" => name).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = name;
}

/// How it stands with a breaker: `axon_breaker_state{source, seam}`, 0 closed, 1 half open, 2 open.
pub(crate) fn breaker(name: &'static str, seam: SourceKind, state: BreakerState) {
    #[cfg(feature = "metrics")]
    {
        let state = match state {
            BreakerState::Closed => 0.0,
            BreakerState::HalfOpen => 1.0,
            BreakerState::Open => 2.0,
        };
        metrics::gauge!("axon_breaker_state", "source" => name, "seam" => seam.name()).set(state);
    }
    #[cfg(not(feature = "metrics"))]
    let _ = (name, seam, state);
}

/// How old an answer's figures are: `axon_data_age_seconds{source, seam}`.
pub(crate) fn data_age(name: &'static str, seam: SourceKind, age: chrono::Duration) {
    #[cfg(feature = "metrics")]
    metrics::gauge!("axon_data_age_seconds", "source" => name, "seam" => seam.name()).set(age.as_seconds_f64());
    #[cfg(not(feature = "metrics"))]
    let _ = (name, seam, age);
}

/// A question under way: `axon_source_in_flight{source, seam}`, until it is dropped.
#[derive(Debug)]
pub(crate) struct InFlight {
    name: &'static str,
    seam: SourceKind,
}

impl InFlight {
    pub(crate) fn new(name: &'static str, seam: SourceKind) -> Self {
        #[cfg(feature = "metrics")]
        metrics::gauge!("axon_source_in_flight", "source" => name, "seam" => seam.name()).increment(1.0);
        Self { name, seam }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        #[cfg(feature = "metrics")]
        metrics::gauge!("axon_source_in_flight", "source" => self.name, "seam" => self.seam.name()).decrement(1.0);
        #[cfg(not(feature = "metrics"))]
        let _ = (self.name, self.seam);
    }
}

/// Tells the host's recorder what every metric of this crate is. Call it once the recorder is installed.
pub fn describe() {
    #[cfg(feature = "metrics")]
    {
        use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
        describe_counter!("axon_cache_lookups_total", Unit::Count, "Looks into a cache, by its level and by outcome");
        describe_histogram!(
            "axon_load_duration_seconds",
            Unit::Seconds,
            "Time to load an answer from the sources, by outcome"
        );
        describe_counter!(
            "axon_admission_refused_total",
            Unit::Count,
            "Loads that were refused at once since they could not be done in time"
        );
        describe_counter!("axon_source_requests_total", Unit::Count, "Questions to a source, by outcome");
        describe_histogram!(
            "axon_source_duration_seconds",
            Unit::Seconds,
            "Time of a question to a source, waiting and asking once more included"
        );
        describe_counter!(
            "axon_source_retries_total",
            Unit::Count,
            "Questions that were asked once more since the connection was lost"
        );
        describe_gauge!(
            "axon_breaker_state",
            "Whether a source is asked: 0 yes, 1 it is tried again, 2 not for now, since it failed too often"
        );
        describe_gauge!("axon_source_in_flight", Unit::Count, "Questions that a source is being asked");
        describe_gauge!(
            "axon_data_age_seconds",
            Unit::Seconds,
            "How far the last answer's figures of a source lag behind the answer"
        );
    }
}
