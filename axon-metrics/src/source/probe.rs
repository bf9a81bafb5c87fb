//! The result of a health check of a source.

use super::coverage::LeftOutReason;
use crate::vocabulary::Timestamp;

/// The result of a health check of a source, for health answers and the log.
/// ```
/// use axon_metrics::source::Probe;
/// let probe = Probe::default().with_findings([("version", "8.0")]);
/// assert_eq!(probe.findings, [("version".to_owned(), "8.0".to_owned())]);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Probe {
    /// The time of the newest record before the probe's `as_of`; `None` if there is none, or the store cannot tell.
    pub newest: Option<Timestamp>,
    /// Findings about the store, as name and text (`"occurredAt"`, `"date"`). No ids of users, no secrets.
    pub findings: Vec<(String, String)>,
    /// What makes figures missing or wrong until somebody mends it, each as a sentence that says what to do.
    pub problems: Vec<String>,
    /// The records of the store that cannot be used.
    pub losses: Vec<StoreLoss>,
}

/// Records of a store that cannot be used, for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreLoss {
    /// Why.
    pub reason: LeftOutReason,
    /// What they are: `events`, `entries`, `purchases`, `campaigns`, `activities`.
    pub what: String,
    /// How many.
    pub records: u64,
    /// All records of that kind in the store.
    pub of: u64,
    /// Where the first of them are: file and line, index and field, table, key and column. Never a value that could name a
    /// person.
    pub examples: Vec<String>,
    /// What to do about it, as a sentence.
    pub advice: String,
}

impl StoreLoss {
    /// Records of a kind that cannot be used: so many of all.
    pub fn new(reason: LeftOutReason, what: impl Into<String>, records: u64, of: u64) -> Self {
        Self { reason, what: what.into(), records, of, examples: Vec::new(), advice: String::new() }
    }

    /// Sets where the first of them are; three at most are kept. Defaults to none.
    #[must_use]
    pub fn with_examples<T: Into<String>>(self, examples: impl IntoIterator<Item = T>) -> Self {
        Self { examples: examples.into_iter().take(3).map(Into::into).collect(), ..self }
    }

    /// Sets what to do about it, as a sentence. Defaults to none.
    #[must_use]
    pub fn with_advice(self, advice: impl Into<String>) -> Self {
        Self { advice: advice.into(), ..self }
    }
}

impl Probe {
    /// Sets the time of the newest record. Defaults to `None`.
    #[must_use]
    pub fn with_newest(self, newest: impl Into<Option<Timestamp>>) -> Self {
        Self { newest: newest.into(), ..self }
    }

    /// Sets the findings, as name and text. Defaults to none.
    #[must_use]
    pub fn with_findings<N: Into<String>, T: Into<String>>(self, findings: impl IntoIterator<Item = (N, T)>) -> Self {
        let findings = findings.into_iter().map(|(name, text)| (name.into(), text.into())).collect();
        Self { findings, ..self }
    }

    /// Sets what makes figures missing or wrong until somebody mends it. Defaults to none.
    #[must_use]
    pub fn with_problems<T: Into<String>>(self, problems: impl IntoIterator<Item = T>) -> Self {
        Self { problems: problems.into_iter().map(Into::into).collect(), ..self }
    }

    /// Sets the records of the store that cannot be used. Defaults to none.
    #[must_use]
    pub fn with_losses(self, losses: impl IntoIterator<Item = StoreLoss>) -> Self {
        Self { losses: losses.into_iter().collect(), ..self }
    }
}
