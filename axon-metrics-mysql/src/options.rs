//! What a caller may choose about the tables: what their zone-less times mean, and in which currency they keep money.

use chrono::FixedOffset;

use crate::sql_literals::Clock;

/// How the tables are read.
///
/// The platform's columns are `DATETIME`: a wall clock without a zone. Which one, depends on what wrote them, so each
/// group of columns has an offset of its own. A column that is a `TIMESTAMP` keeps instants, and its offset is not used. Health says what the newest rows suggest; nothing is switched by itself.
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
    /// The offset from UTC in which `purchases.purchase_at` is kept. Defaults to +09:00.
    #[must_use]
    pub fn with_purchase_offset(mut self, offset: FixedOffset) -> Self {
        self.purchase = Clock::at(offset);
        self
    }

    /// The offset from UTC in which `campaign_activity_entries.created_at` is kept. Defaults to +09:00.
    #[must_use]
    pub fn with_created_offset(mut self, offset: FixedOffset) -> Self {
        self.created = Clock::at(offset);
        self
    }

    /// The offset from UTC in which the dates of campaigns and activities are kept. Defaults to +09:00.
    #[must_use]
    pub fn with_schedule_offset(mut self, offset: FixedOffset) -> Self {
        self.schedule = Clock::at(offset);
        self
    }

    /// The currency of all money, ISO 4217. Defaults to `KRW`.
    #[must_use]
    pub fn with_currency(mut self, currency: impl Into<String>) -> Self {
        self.currency = currency.into();
        self
    }
}
