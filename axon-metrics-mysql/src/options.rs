//! The settings of the sources: the meaning of times without a zone, and the currency of money.

use chrono::FixedOffset;

use crate::sql_literals::Clock;

/// Settings of [`MySqlCatalog`](crate::MySqlCatalog) and [`MySqlLedger`](crate::MySqlLedger).
///
/// The platform's time columns are `DATETIME`: wall clocks without a zone. Their offset from UTC depends on the program
/// that wrote them, so each group of columns has its own setting. The offset of a `TIMESTAMP` column is not used, since
/// it stores instants. A health report compares the newest rows with the settings; nothing is changed automatically.
/// ```
/// use axon_metrics_mysql::MySqlOptions;
/// use chrono::FixedOffset;
///
/// let utc = FixedOffset::east_opt(0).expect("an offset");
/// let options = MySqlOptions::default().with_created_offset(utc).with_currency("KRW");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MySqlOptions {
    pub(crate) purchase: Clock,
    pub(crate) created: Clock,
    pub(crate) schedule: Clock,
    pub(crate) currency: String,
}

impl Default for MySqlOptions {
    fn default() -> Self {
        let seoul = Clock::SEOUL;
        Self { purchase: seoul, created: seoul, schedule: seoul, currency: "KRW".to_owned() }
    }
}

impl MySqlOptions {
    /// The offset from UTC of `purchases.purchase_at`. Defaults to +09:00.
    #[must_use]
    pub fn with_purchase_offset(mut self, offset: FixedOffset) -> Self {
        self.purchase = Clock::at(offset);
        self
    }

    /// The offset from UTC of `campaign_activity_entries.created_at`. Defaults to +09:00.
    #[must_use]
    pub fn with_created_offset(mut self, offset: FixedOffset) -> Self {
        self.created = Clock::at(offset);
        self
    }

    /// The offset from UTC of the dates of campaigns and activities. Defaults to +09:00.
    #[must_use]
    pub fn with_schedule_offset(mut self, offset: FixedOffset) -> Self {
        self.schedule = Clock::at(offset);
        self
    }

    /// The currency of all money, by ISO 4217. Defaults to `KRW`.
    #[must_use]
    pub fn with_currency(mut self, currency: impl Into<String>) -> Self {
        self.currency = currency.into();
        self
    }
}
