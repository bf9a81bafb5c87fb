//! Metrics of the library, for the recorder of the `metrics` facade that the host installs. Without the feature
//! `metrics` nothing is recorded. No id of a campaign, activity, user or request is ever a label. Also lives here: the limiter of log
//! lines about failures.

mod log_limiter;

use std::time::Duration;

pub use log_limiter::LogLimiter;

#[cfg(feature = "metrics")]
use crate::source::LeftOutReason;
use crate::source::{BreakerState, QuestionKind, SourceKind, SourceOutcome, StoreLoss};

/// The level of a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheLevel {
    /// Encoded answers, in process.
    Answer,
    /// Computed widgets, in process.
    Widget,
    /// Computed widgets, in the shared cache.
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

/// The outcome of a cache lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheOutcome {
    /// A fresh entry.
    Hit,
    /// A stale entry, used while a new one is loaded.
    Refreshing,
    /// A stale entry, used since a store does not answer.
    Stale,
    /// No entry, or one that is too old or not valid.
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

/// Counts a cache lookup: `axon_cache_lookups_total{level, outcome}`.
pub fn cache(level: CacheLevel, outcome: CacheOutcome) {
    #[cfg(feature = "metrics")]
    match (level, outcome) {
        // By far the most frequent: with constant labels the macro builds its key only once.
        (CacheLevel::Answer, CacheOutcome::Hit) => {
            metrics::counter!("axon_cache_lookups_total", "level" => "answer", "outcome" => "hit").increment(1);
        }
        _ => metrics::counter!("axon_cache_lookups_total", "level" => level.name(), "outcome" => outcome.name())
            .increment(1),
    }
    #[cfg(not(feature = "metrics"))]
    let _ = (level.name(), outcome.name());
}

/// Counts a failed write to the shared cache: `axon_cache_write_failures_total`.
pub(crate) fn cache_write_failed() {
    #[cfg(feature = "metrics")]
    metrics::counter!("axon_cache_write_failures_total").increment(1);
}

/// Records the time of a load from the sources: `axon_load_duration_seconds{outcome}`.
pub fn load(outcome: &'static str, took: Duration) {
    #[cfg(feature = "metrics")]
    metrics::histogram!("axon_load_duration_seconds", "outcome" => outcome).record(took.as_secs_f64());
    #[cfg(not(feature = "metrics"))]
    let _ = (outcome, took);
}

/// Counts a load that was refused: it could not have ended by its deadline. `axon_admission_refused_total`.
pub(crate) fn admission_refused() {
    #[cfg(feature = "metrics")]
    metrics::counter!("axon_admission_refused_total").increment(1);
}

/// Counts a question to a source, and records its time: `axon_source_requests_total{source, seam, outcome}` and
/// `axon_source_duration_seconds{source, seam}`. A question that was shed, or met an open circuit breaker, has no time.
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

/// Counts a retry of a question: `axon_source_retries_total{source}`.
pub(crate) fn retried(name: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("axon_source_retries_total", "source" => name).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = name;
}

/// Sets the state of a circuit breaker: `axon_breaker_state{source, seam}`, 0 closed, 1 half open, 2 open.
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

/// Sets the age of an answer's figures: `axon_data_age_seconds{source, seam}`.
pub(crate) fn data_age(name: &'static str, kind: SourceKind, age: chrono::Duration) {
    #[cfg(feature = "metrics")]
    metrics::gauge!("axon_data_age_seconds", "source" => name, "seam" => kind.name()).set(age.as_seconds_f64());
    #[cfg(not(feature = "metrics"))]
    let _ = (name, kind, age);
}

/// Sets how many records of a store cannot be used: `axon_records_left_out{source, seam, reason, where}`, from the last probe. Every
/// reason is set, so that one that is gone is 0.
pub(crate) fn records_left_out(name: &'static str, kind: SourceKind, losses: &[StoreLoss]) {
    #[cfg(feature = "metrics")]
    for reason in LeftOutReason::ALL {
        let records: u64 = losses.iter().filter(|loss| loss.reason == reason).map(|loss| loss.records).sum();
        let labels = [("source", name), ("seam", kind.name()), ("reason", reason.code()), ("where", "store")];
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        metrics::gauge!("axon_records_left_out", &labels).set(records as f64);
    }
    #[cfg(not(feature = "metrics"))]
    let _ = (name, kind, losses);
}

/// Counts a question in flight until it is dropped: `axon_source_in_flight{source, seam}`.
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

/// Describes every metric of this crate to the host's recorder. Call it after the recorder is installed.
pub fn describe() {
    #[cfg(feature = "metrics")]
    {
        use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
        describe_counter!("axon_cache_lookups_total", Unit::Count, "Cache lookups, by level of the cache and outcome");
        describe_counter!("axon_cache_write_failures_total", Unit::Count, "Failed writes to the shared cache");
        describe_histogram!("axon_load_duration_seconds", Unit::Seconds, "Time of a load from the sources, by outcome");
        describe_counter!(
            "axon_admission_refused_total",
            Unit::Count,
            "Loads refused because they could not have ended by their deadline"
        );
        describe_counter!("axon_source_requests_total", Unit::Count, "Questions to a source, by outcome");
        describe_histogram!(
            "axon_source_duration_seconds",
            Unit::Seconds,
            "Time of a question to a source, including waiting for a permit and the retry"
        );
        describe_counter!("axon_source_retries_total", Unit::Count, "Questions retried after a lost connection");
        describe_gauge!(
            "axon_breaker_state",
            "State of the circuit breaker of a source: 0 closed, 1 half open, 2 open"
        );
        describe_gauge!("axon_source_in_flight", Unit::Count, "Questions to a source in flight");
        describe_gauge!(
            "axon_records_left_out",
            Unit::Count,
            "Records of a store that cannot be used, by reason, from the last health check"
        );
        describe_gauge!("axon_data_age_seconds", Unit::Seconds, "Age of the figures of a source in the last answer");
    }
}
