//! What values of records mean, as far as settings decide: who is nobody, and which statuses count.

use crate::vocabulary::{AnonymousUsers, StatusNames};

/// Shared by everything that reads or adds records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RecordRules {
    pub(super) anonymous: AnonymousUsers,
    /// The statuses of purchases.
    pub(super) purchases: StatusNames,
    /// The statuses of entries.
    pub(super) entries: StatusNames,
}

impl Default for RecordRules {
    fn default() -> Self {
        Self {
            anonymous: AnonymousUsers::default(),
            purchases: StatusNames::of_purchases(),
            entries: StatusNames::of_entries(),
        }
    }
}
