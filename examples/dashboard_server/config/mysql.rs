//! The settings of the store of campaigns, entries and purchases: its address and its clocks.

use anyhow::ensure;
use axon_metrics_mysql::MySqlOptions;
use chrono::FixedOffset;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::values::{Secret, Url, offset, zone};

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

    /// The options of the sources, without what records mean.
    pub(crate) fn options(&self) -> MySqlOptions {
        let options = MySqlOptions::default()
            .with_currency(&self.currency)
            .with_purchase_offset(self.purchase_offset)
            .with_created_offset(self.created_offset)
            .with_schedule_offset(self.schedule_offset);
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
