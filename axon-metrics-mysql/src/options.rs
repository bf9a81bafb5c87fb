//! The settings of the sources: the meaning of times without a zone, of statuses and of users, and the currency of money.

use axon_metrics::definitions::{AnonymousUsers, StatusNames};
use chrono::FixedOffset;
use chrono_tz::Tz;

use crate::clock::Clock;

/// Settings of [`MySqlCatalog`](crate::MySqlCatalog) and [`MySqlLedger`](crate::MySqlLedger).
///
/// The platform's time columns are `DATETIME`: wall clocks without a zone. What they mean depends on the program
/// that wrote them, so each group of columns has its own setting: an offset from UTC, or a zone, whose clock may change in
/// summer. The last one that is set counts. A `TIMESTAMP` column needs neither, since it stores instants. A health report
/// compares the newest rows with the settings; nothing is changed automatically.
///
/// Names of statuses are compared without case, and without white space around them. Rows whose status is in no list are
/// in no figure, and in the coverage of the figures that they may belong to. Columns of numbers have names, too: `"1"`.
/// ```
/// use axon_metrics_mysql::MySqlOptions;
/// use chrono::FixedOffset;
///
/// let utc = FixedOffset::east_opt(0).expect("an offset");
/// let options = MySqlOptions::default()
///     .with_created_offset(utc)
///     .with_purchase_zone(chrono_tz::America::New_York)
///     .with_confirmed_statuses(["CONFIRMED", "PAID"])
///     .with_currency("KRW");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MySqlOptions {
    pub(crate) purchase: Clock,
    pub(crate) created: Clock,
    pub(crate) schedule: Clock,
    pub(crate) purchase_statuses: StatusNames,
    pub(crate) entry_statuses: StatusNames,
    pub(crate) anonymous_users: AnonymousUsers,
    pub(crate) currency: String,
}

impl Default for MySqlOptions {
    fn default() -> Self {
        let seoul = Clock::SEOUL;
        Self {
            purchase: seoul,
            created: seoul,
            schedule: seoul,
            purchase_statuses: StatusNames::of_purchases(),
            entry_statuses: StatusNames::of_entries(),
            anonymous_users: AnonymousUsers::default(),
            currency: "KRW".to_owned(),
        }
    }
}

impl MySqlOptions {
    /// The offset from UTC of `purchases.purchase_at`. Defaults to +09:00.
    #[must_use]
    pub fn with_purchase_offset(mut self, offset: FixedOffset) -> Self {
        self.purchase = Clock::at(offset);
        self
    }

    /// The zone of `purchases.purchase_at`, instead of an offset.
    #[must_use]
    pub fn with_purchase_zone(mut self, zone: Tz) -> Self {
        self.purchase = Clock::Zone(zone);
        self
    }

    /// The offset from UTC of `campaign_activity_entries.created_at`. Defaults to +09:00.
    #[must_use]
    pub fn with_created_offset(mut self, offset: FixedOffset) -> Self {
        self.created = Clock::at(offset);
        self
    }

    /// The zone of `campaign_activity_entries.created_at`, instead of an offset.
    #[must_use]
    pub fn with_created_zone(mut self, zone: Tz) -> Self {
        self.created = Clock::Zone(zone);
        self
    }

    /// The offset from UTC of the dates of campaigns and activities. Defaults to +09:00.
    #[must_use]
    pub fn with_schedule_offset(mut self, offset: FixedOffset) -> Self {
        self.schedule = Clock::at(offset);
        self
    }

    /// The zone of the dates of campaigns and activities, instead of an offset.
    #[must_use]
    pub fn with_schedule_zone(mut self, zone: Tz) -> Self {
        self.schedule = Clock::Zone(zone);
        self
    }

    /// The statuses of purchases that count. Defaults to `CONFIRMED`.
    #[must_use]
    pub fn with_confirmed_statuses<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.purchase_statuses = self.purchase_statuses.with_counted(names);
        self
    }

    /// The statuses of cancelled purchases. Defaults to `CANCELLED`.
    #[must_use]
    pub fn with_cancelled_statuses<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.purchase_statuses = self.purchase_statuses.with_cancelled(names);
        self
    }

    /// The statuses of refunded purchases. Defaults to `REFUNDED`.
    #[must_use]
    pub fn with_refunded_statuses<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.purchase_statuses = self.purchase_statuses.with_refunded(names);
        self
    }

    /// The statuses of purchases that are no sales and were none, such as `PENDING`. Defaults to none.
    #[must_use]
    pub fn with_ignored_statuses<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.purchase_statuses = self.purchase_statuses.with_ignored(names);
        self
    }

    /// The statuses of entries that count as approved. Defaults to `APPROVED`.
    #[must_use]
    pub fn with_approved_statuses<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.entry_statuses = self.entry_statuses.with_counted(names);
        self
    }

    /// The statuses of entries that are not approved. Defaults to `PENDING`, `REJECTED` and `DUPLICATED`.
    #[must_use]
    pub fn with_unapproved_statuses<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.entry_statuses = self.entry_statuses.with_ignored(names);
        self
    }

    /// All names of statuses of purchases.
    #[must_use]
    pub fn with_purchase_statuses(mut self, names: StatusNames) -> Self {
        self.purchase_statuses = names;
        self
    }

    /// All names of statuses of entries.
    #[must_use]
    pub fn with_entry_statuses(mut self, names: StatusNames) -> Self {
        self.entry_statuses = names;
        self
    }

    /// The texts that name nobody in the place of a user, in columns of text; case and white space around them do not
    /// matter. A row of nobody is a row, and no person. Empty texts and numbers of 0 or below name nobody in any case.
    /// Defaults to `null`, `undefined`, `none`, `nan`, `unknown`, `anonymous`, `guest` and `(not set)`.
    #[must_use]
    pub fn with_anonymous_users<T: Into<String>>(mut self, texts: impl IntoIterator<Item = T>) -> Self {
        self.anonymous_users = AnonymousUsers::new(texts);
        self
    }

    /// The currency of all money, by ISO 4217. Defaults to `KRW`.
    #[must_use]
    pub fn with_currency(mut self, currency: impl Into<String>) -> Self {
        self.currency = currency.into();
        self
    }

    /// The settings that decide the numbers of the ledger and are not the default, as a text.
    pub(crate) fn ledger_definition(&self) -> String {
        let usual = Self::default();
        let mut parts = Vec::new();
        let mut add = |name: &str, is_usual: bool, text: String| {
            if !is_usual {
                parts.push(format!("{name}={text}"));
            }
        };
        add("purchase", self.purchase == usual.purchase, self.purchase.to_string());
        add("created", self.created == usual.created, self.created.to_string());
        let (purchases, entries) = (&self.purchase_statuses, &self.entry_statuses);
        add("status", *purchases == usual.purchase_statuses, purchases.to_string());
        add("entryStatus", *entries == usual.entry_statuses, entries.to_string());
        add("anonymousUsers", self.anonymous_users == usual.anonymous_users, self.anonymous_users.to_string());
        parts.join(";")
    }

    /// The same of the catalog.
    pub(crate) fn catalog_definition(&self) -> String {
        if self.schedule == Self::default().schedule { String::new() } else { format!("schedule={}", self.schedule) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_settings_of_ones_own_are_part_of_the_definition() {
        let options = MySqlOptions::default();
        assert_eq!((options.ledger_definition(), options.catalog_definition()), Default::default());
        let options = options
            .with_purchase_zone(chrono_tz::America::New_York)
            .with_schedule_zone(chrono_tz::America::New_York)
            .with_confirmed_statuses(["paid"]);
        assert_eq!(
            options.ledger_definition(),
            r#"purchase=America/New_York;status=["PAID"]/["CANCELLED"]/["REFUNDED"]/[]"#
        );
        assert_eq!(options.catalog_definition(), "schedule=America/New_York");
        let options = options.with_purchase_offset(FixedOffset::east_opt(9 * 3_600).expect("an offset"));
        assert!(options.ledger_definition().starts_with("status="), "the last of offset and zone counts");
        let options = MySqlOptions::default().with_anonymous_users(["Nobody"]);
        assert_eq!(options.ledger_definition(), r#"anonymousUsers=["nobody"]"#);
    }
}
