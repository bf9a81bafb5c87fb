//! The result of a health check of a source.

use crate::vocabulary::Timestamp;

/// The result of a health check of a source, for health answers and the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Probe {
    /// The time of the newest record before the probe's `as_of`; `None` if there is none, or the store cannot tell.
    pub newest: Option<Timestamp>,
    /// Findings about the store, as name and text (`"occurredAt"`, `"date"`). No ids of users, no secrets.
    pub findings: Vec<(String, String)>,
}
