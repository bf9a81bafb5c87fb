//! The result of a health check of a source.

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
}
