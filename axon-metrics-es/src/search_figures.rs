//! The figures of one search.

use axon_metrics::Precision;

/// The figures of a reply, checked against its search.
pub(crate) struct SearchFigures {
    pub(crate) total: u64,
    pub(crate) subjects: Option<(u64, Precision)>,
    pub(crate) series: Vec<Vec<u64>>,
    /// In the order of the search's activities.
    pub(crate) per_activity: Option<Vec<u64>>,
    pub(crate) partial: bool,
    /// A shard failed.
    pub(crate) failed: bool,
    /// The indices behind a name are no longer those of the mapping.
    pub(crate) changed: bool,
}
