//! The immutable state of the store for readers, as of the last write. A question reads only one snapshot.

use std::sync::Arc;

use super::{
    coverage::LeftOutRecords,
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
    /// All events of the store, each document once: those in `events`, those that belong to no activity, and those left out.
    pub(super) event_records: u64,
    /// The numbers of known subjects. Codes in `events` are below them.
    pub(super) subjects: SubjectCounts,
    pub(super) ledger: Ledger,
    pub(super) counters: Counters,
    pub(super) left_out: Arc<LeftOutRecords>,
}

impl Snapshot {
    /// The name of the source in answers, logs and metrics.
    pub(super) const SOURCE_NAME: &'static str = "memory";

    /// All entries of the store, those that were left out included.
    pub(super) fn entry_records(&self) -> u64 {
        self.ledger.entry_rows + self.left_out.entries.total()
    }

    /// All purchases of the store, those that were left out included.
    pub(super) fn purchase_records(&self) -> u64 {
        self.ledger.purchase_rows + self.left_out.purchases.total()
    }
}
