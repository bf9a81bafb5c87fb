//! The settings of what values of records mean, in stores and in files: the names of statuses.

use anyhow::ensure;
use axon_metrics::definitions::StatusNames;
use serde::{Deserialize, Serialize};

use super::values::list;

/// The names of statuses of purchases. `serde(default)`, since merging sources loses empty lists.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PurchaseStatus {
    #[serde(default, deserialize_with = "list")]
    confirmed: Vec<String>,
    #[serde(default, deserialize_with = "list")]
    cancelled: Vec<String>,
    #[serde(default, deserialize_with = "list")]
    refunded: Vec<String>,
    /// Those that are no sales and were none.
    #[serde(default, deserialize_with = "list")]
    ignored: Vec<String>,
}

/// The names of statuses of entries.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EntryStatus {
    #[serde(default, deserialize_with = "list")]
    approved: Vec<String>,
    /// Those that are not approved.
    #[serde(default, deserialize_with = "list")]
    unapproved: Vec<String>,
}

impl Default for PurchaseStatus {
    fn default() -> Self {
        let names = |name: &str| vec![name.to_owned()];
        Self {
            confirmed: names("CONFIRMED"),
            cancelled: names("CANCELLED"),
            refunded: names("REFUNDED"),
            ignored: Vec::new(),
        }
    }
}

impl Default for EntryStatus {
    fn default() -> Self {
        let unapproved = ["PENDING", "REJECTED", "DUPLICATED"].map(str::to_owned).to_vec();
        Self { approved: vec!["APPROVED".to_owned()], unapproved }
    }
}

impl PurchaseStatus {
    /// # Errors
    /// A name is in two lists, or none counts.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        ensure!(!self.confirmed.is_empty(), "confirmed names no status, so no purchase would count");
        named_once(&[&self.confirmed, &self.cancelled, &self.refunded, &self.ignored])
    }

    pub(crate) fn names(&self) -> StatusNames {
        StatusNames::of_purchases()
            .with_counted(&self.confirmed)
            .with_cancelled(&self.cancelled)
            .with_refunded(&self.refunded)
            .with_ignored(&self.ignored)
    }
}

impl EntryStatus {
    /// # Errors
    /// A name is in two lists, or none counts.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        ensure!(!self.approved.is_empty(), "approved names no status, so no entry would count");
        named_once(&[&self.approved, &self.unapproved])
    }

    pub(crate) fn names(&self) -> StatusNames {
        StatusNames::of_entries().with_counted(&self.approved).with_ignored(&self.unapproved)
    }
}

/// Names are compared without case.
fn named_once(lists: &[&Vec<String>]) -> anyhow::Result<()> {
    for (index, list) in lists.iter().enumerate() {
        for name in *list {
            let same = |other: &String| other.trim().to_uppercase() == name.trim().to_uppercase();
            ensure!(!lists[index + 1..].iter().any(|later| later.iter().any(same)), "{name:?} is in two lists");
        }
    }
    Ok(())
}
