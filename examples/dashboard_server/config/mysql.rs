//! The settings of the store of campaigns, entries and purchases: its address, its clocks, and the names of its statuses.

use anyhow::ensure;
use axon_metrics_mysql::MySqlOptions;
use chrono::FixedOffset;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::values::{Secret, Url, list, offset, zone};

/// The store of campaigns, entries and purchases.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MySql {
    pub(crate) url: Url,
    pub(crate) password: Secret,
    pub(crate) password_file: String,
    /// PEM files: the authority of the server's certificate, the client's certificate, and its key.
    pub(crate) ca_file: String,
    pub(crate) client_certificate: String,
    pub(crate) client_key: String,
    pub(crate) max_connections: u32,
    pub(crate) currency: String,
    #[serde(with = "offset")]
    purchase_offset: FixedOffset,
    #[serde(with = "offset")]
    created_offset: FixedOffset,
    #[serde(with = "offset")]
    schedule_offset: FixedOffset,
    /// Zones, instead of offsets; `None`: the offset counts.
    #[serde(with = "zone")]
    purchase_zone: Option<Tz>,
    #[serde(with = "zone")]
    created_zone: Option<Tz>,
    #[serde(with = "zone")]
    schedule_zone: Option<Tz>,
}

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

const SEOUL: FixedOffset = FixedOffset::east_opt(9 * 3_600).expect("nine hours are an offset");

impl Default for MySql {
    fn default() -> Self {
        Self {
            url: Url::default(),
            password: Secret::default(),
            password_file: String::new(),
            ca_file: String::new(),
            client_certificate: String::new(),
            client_key: String::new(),
            max_connections: 14,
            currency: "KRW".into(),
            purchase_offset: SEOUL,
            created_offset: SEOUL,
            schedule_offset: SEOUL,
            purchase_zone: None,
            created_zone: None,
            schedule_zone: None,
        }
    }
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

impl MySql {
    /// # Errors
    /// A clock is set twice.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        for (name, offset, zone) in [
            ("purchase", self.purchase_offset, self.purchase_zone),
            ("created", self.created_offset, self.created_zone),
            ("schedule", self.schedule_offset, self.schedule_zone),
        ] {
            ensure!(zone.is_none() || offset == SEOUL, "{name}_offset and {name}_zone are both set: remove one");
        }
        Ok(())
    }

    /// The options of the sources.
    pub(crate) fn options(&self, purchases: &PurchaseStatus, entries: &EntryStatus) -> MySqlOptions {
        let options = MySqlOptions::default()
            .with_currency(&self.currency)
            .with_purchase_offset(self.purchase_offset)
            .with_created_offset(self.created_offset)
            .with_schedule_offset(self.schedule_offset)
            .with_confirmed_statuses(&purchases.confirmed)
            .with_cancelled_statuses(&purchases.cancelled)
            .with_refunded_statuses(&purchases.refunded)
            .with_ignored_statuses(&purchases.ignored)
            .with_approved_statuses(&entries.approved)
            .with_unapproved_statuses(&entries.unapproved);
        let options = match self.purchase_zone {
            Some(zone) => options.with_purchase_zone(zone),
            None => options,
        };
        let options = match self.created_zone {
            Some(zone) => options.with_created_zone(zone),
            None => options,
        };
        match self.schedule_zone {
            Some(zone) => options.with_schedule_zone(zone),
            None => options,
        }
    }
}

impl PurchaseStatus {
    /// # Errors
    /// A name is in two lists, or none counts.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        ensure!(!self.confirmed.is_empty(), "confirmed names no status, so no purchase would count");
        named_once(&[&self.confirmed, &self.cancelled, &self.refunded, &self.ignored])
    }
}

impl EntryStatus {
    /// # Errors
    /// A name is in two lists, or none counts.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        ensure!(!self.approved.is_empty(), "approved names no status, so no entry would count");
        named_once(&[&self.approved, &self.unapproved])
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
