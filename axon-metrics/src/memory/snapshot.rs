//! The immutable state of the store for readers, as of the last write. A question reads only one snapshot.

use std::sync::Arc;

use super::{
    events::{Events, Kinds},
    ledger::Ledger,
    slots::Counters,
    subjects::SubjectCounts,
};
use crate::Catalog;

/// The state of the store as of the last write. Cloning is cheap.
#[derive(Debug, Clone, Default)]
pub(super) struct Snapshot {
    pub(super) catalog: Arc<Catalog>,
    pub(super) kinds: Arc<Kinds>,
    pub(super) events: Events,
    /// The numbers of known subjects. Codes in `events` are below them.
    pub(super) subjects: SubjectCounts,
    pub(super) ledger: Ledger,
    pub(super) counters: Counters,
}

impl Snapshot {
    /// The name of the source in answers, logs and metrics.
    pub(super) const SOURCE_NAME: &'static str = "memory";
}
