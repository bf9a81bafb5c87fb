//! What a source finds out about its store.

use crate::vocabulary::Timestamp;

/// What a source found out about its store; for health and the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Probe {
    /// When the newest record before the instant asked for occurred, where the store can tell.
    pub newest: Option<Timestamp>,
    /// What was probed, as name and finding (`"occurredAt"`, `"date"`). No ids of users, no secrets.
    pub findings: Vec<(String, String)>,
}
