//! The expected totals: the figures that a dashboard must show for the generated data as of `now`,
//! as plain data for tests.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::ActivityType;

/// All expected totals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExpectedTotals {
    /// The configuration.
    pub setting: Setting,
    /// The instant of every figure: `now` without its fraction of a second.
    pub as_of: DateTime<Utc>,
    /// The counts that a loader must report.
    pub load: Load,
    /// Per campaign, by id.
    pub campaigns: Vec<ExpectedCampaign>,
}

/// The configuration of the generator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Setting {
    /// Start of the random stream.
    pub seed: u64,
    /// The configured lines of events.
    pub events: u64,
    /// End of the data.
    pub now: DateTime<Utc>,
    /// First instant of the history.
    pub from: DateTime<Utc>,
    /// Whole days of history.
    pub days: u32,
    /// Zone of calendar days and hours.
    pub zone: String,
    /// Whether documents have ids.
    pub export: bool,
}

/// The counts that a loader must report for the files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Load {
    /// Lines of the events file.
    pub lines: u64,
    /// Lines that repeat a document and do not count; 0 without ids.
    pub duplicates: u64,
    /// Lines that repeat an earlier line and count again, since they have no id.
    pub repeated: u64,
    /// Purchases in an index of another service, which do not count; 0 without ids.
    pub forged_purchases: u64,
    /// Stored events: lines without duplicates and forged purchases, future ones included.
    pub events: u64,
    /// Stored events by trigger type.
    pub events_by_trigger: BTreeMap<String, u64>,
    /// Stored events without an activity in their properties.
    pub without_activity: u64,
    /// Stored events without user and session.
    pub without_subject: u64,
    /// Stored events that occurred at or after `asOf`.
    pub future: u64,
    /// Lines that arrived a minute or more after they occurred.
    pub late: u64,
    /// Lines of the ledger that are entries.
    pub entries: u64,
    /// Lines of the ledger that are purchases.
    pub purchases: u64,
}

/// One campaign.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExpectedCampaign {
    /// Campaign id.
    pub campaign_id: u32,
    /// Campaign name.
    pub name: String,
    /// Over the union of its activities; the funnel over those that have one.
    pub figures: Figures,
    /// Per activity, by id.
    pub activities: Vec<ExpectedActivity>,
}

/// One activity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExpectedActivity {
    /// Activity id.
    pub activity_id: u32,
    /// Activity name.
    pub name: String,
    /// Its kind.
    #[serde(rename = "type")]
    pub kind: ActivityType,
    /// Its figures.
    pub figures: Figures,
}

/// The figures of one scope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Whether any activity of the scope has a funnel. If not, the step counts below are 0.
    pub funnel: bool,
    /// Per period.
    pub periods: Periods,
    /// Page views per hour, 24 hours, the last one in progress.
    pub inflow: Vec<InflowHour>,
    /// Distinct subjects with any event of the scope's activities in the five minutes up to
    /// `asOf`.
    pub active_users: u64,
    /// Stock.
    pub stock: Stock,
}

/// The periods.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Periods {
    /// Today.
    #[serde(rename = "1d")]
    pub day: PeriodFigures,
    /// Today and the six days before.
    #[serde(rename = "7d")]
    pub week: PeriodFigures,
    /// Today and the 29 days before.
    #[serde(rename = "30d")]
    pub month: PeriodFigures,
}

/// The figures of one period and of the one it is compared with. Steps are in the order visit,
/// engage, approve, purchase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeriodFigures {
    /// The period up to `asOf`.
    pub range: Range,
    /// The period before, cut at the same elapsed time.
    pub previous_range: Range,
    /// Events per step.
    pub counts: [u64; 4],
    /// Distinct subjects per step.
    pub uniques: [u64; 4],
    /// Events per step of the period before.
    pub previous_counts: [u64; 4],
    /// Distinct subjects per step of the period before.
    pub previous_uniques: [u64; 4],
    /// Approved entries of the ledger; at campaign level of activities with a funnel.
    pub approved_entries: u64,
    /// The same of the period before.
    pub previous_approved_entries: u64,
    /// Sales in the part of the period within the promotion.
    pub sales: SalesFigures,
}

/// A half-open range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// First instant.
    pub from: DateTime<Utc>,
    /// First instant after it.
    pub to: DateTime<Utc>,
}

/// Sales of one scope and period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SalesFigures {
    /// The part of the period within the promotion; `None` if there is none.
    pub range: Option<Range>,
    /// Through the scope's activities.
    pub promotion: Sales,
    /// The same products in the shop.
    pub regular: Sales,
    /// The same products through other activities, by activity id.
    pub other_promotions: Vec<OtherPromotion>,
    /// The expected sales without promotion, by hour of the week over the four whole weeks before;
    /// `None` if the history is shorter, or if the range is empty.
    pub baseline: Option<Baseline>,
}

/// Sums of purchases.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sales {
    /// Confirmed orders.
    pub orders: u64,
    /// Pieces in them.
    pub quantity: u64,
    /// Price times quantity, two decimals.
    pub revenue: String,
    /// Distinct people with a confirmed order.
    pub buyers: u64,
    /// Orders cancelled or refunded.
    pub cancelled: u64,
}

/// Orders of the scope's products through an activity outside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OtherPromotion {
    /// Its campaign.
    pub campaign_id: u32,
    /// The activity.
    pub activity_id: u32,
    /// Confirmed orders.
    pub orders: u64,
}

/// Expected sales without promotion, exact sums rounded once, half-up, two decimals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// Orders.
    pub orders: String,
    /// Pieces.
    pub quantity: String,
    /// Price times quantity.
    pub revenue: String,
}

/// Page views of one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct InflowHour {
    /// First instant of the hour.
    pub from: DateTime<Utc>,
    /// First instant after the hour, also if it is in progress.
    pub to: DateTime<Utc>,
    /// Page views up to `asOf`.
    pub visits: u64,
}

/// Stock of one scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stock {
    /// All slots; `None` if one activity has no limit.
    pub initial_stock: Option<u64>,
    /// Remaining slots by the counters; `None` if one activity has no limit.
    pub remaining_stock: Option<u64>,
    /// Members of the participants' sets, added up.
    pub participants_total: u64,
    /// Counters, added up.
    pub counter: u64,
}
