//! What readers see: everything as of the last write, immutable. A question reads one snapshot from beginning to end.

use std::sync::Arc;

use super::{
    events::{Events, Kinds},
    ledger::Ledger,
    slots::Counters,
    subjects::SubjectCounts,
};
use crate::Catalog;

/// Everything as of the last write. Cloning is cheap.
#[derive(Debug, Clone, Default)]
pub(super) struct Snapshot {
    pub(super) catalog: Arc<Catalog>,
    pub(super) kinds: Arc<Kinds>,
    pub(super) events: Events,
    /// How many subjects there are, at most.
    pub(super) subjects: SubjectCounts,
    pub(super) ledger: Ledger,
    pub(super) counters: Counters,
}

impl Snapshot {
    /// The name of the source in answers, logs and metrics.
    pub(super) const SOURCE_NAME: &'static str = "memory";
}
