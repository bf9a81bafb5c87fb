//! What is counted and timed while answering, for whatever recorder of the `metrics` facade the host installs. Without the
//! feature `metrics` nothing is. No id of a campaign, activity, user or request is ever a label.

use std::time::Duration;

use crate::source::{BreakerState, QuestionKind, SourceKind, SourceOutcome};

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

/// Counts and times a question to a source: `axon_source_requests_total{source, seam, outcome}` and
/// `axon_source_duration_seconds{source, seam}`. What was not asked took no time worth a record.
pub(crate) fn source(name: &'static str, kind: QuestionKind, outcome: SourceOutcome, took: Duration) {
    #[cfg(feature = "metrics")]
    {
        let labels = [("source", name), ("seam", kind.name()), ("outcome", outcome.name())];
        metrics::counter!("axon_source_requests_total", &labels).increment(1);
        if !matches!(outcome, SourceOutcome::Shed | SourceOutcome::Open) {
            metrics::histogram!("axon_source_duration_seconds", &labels[..2]).record(took.as_secs_f64());
        }
    }
    #[cfg(not(feature = "metrics"))]
    let _ = (name, kind, outcome, took);
}

/// Counts a question that was asked once more: `axon_source_retries_total{source}`.
pub(crate) fn retried(name: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("axon_source_retries_total", "source" => name).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = name;
}

/// How it stands with a breaker: `axon_breaker_state{source, seam}`, 0 closed, 1 half open, 2 open.
pub(crate) fn breaker(name: &'static str, kind: QuestionKind, state: BreakerState) {
    #[cfg(feature = "metrics")]
    {
        let state = match state {
            BreakerState::Closed => 0.0,
            BreakerState::HalfOpen => 1.0,
            BreakerState::Open => 2.0,
        };
        metrics::gauge!("axon_breaker_state", "source" => name, "seam" => kind.name()).set(state);
    }
    #[cfg(not(feature = "metrics"))]
    let _ = (name, kind, state);
}

/// How old an answer's figures are: `axon_data_age_seconds{source, seam}`.
pub(crate) fn data_age(name: &'static str, kind: SourceKind, age: chrono::Duration) {
    #[cfg(feature = "metrics")]
    metrics::gauge!("axon_data_age_seconds", "source" => name, "seam" => kind.name()).set(age.as_seconds_f64());
    #[cfg(not(feature = "metrics"))]
    let _ = (name, kind, age);
}

/// A question under way: `axon_source_in_flight{source, seam}`, until it is dropped.
#[derive(Debug)]
pub(crate) struct InFlight {
    name: &'static str,
    kind: QuestionKind,
}

impl InFlight {
    pub(crate) fn new(name: &'static str, kind: QuestionKind) -> Self {
        #[cfg(feature = "metrics")]
        metrics::gauge!("axon_source_in_flight", "source" => name, "seam" => kind.name()).increment(1.0);
        Self { name, kind }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        #[cfg(feature = "metrics")]
        metrics::gauge!("axon_source_in_flight", "source" => self.name, "seam" => self.kind.name()).decrement(1.0);
        #[cfg(not(feature = "metrics"))]
        let _ = (self.name, self.kind);
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
