//! What the stores said: each fact is measured, or missing with a typed reason. No rates here, and no zero that was an error.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::error::SourceError;
use crate::vocabulary::{ActivityId, CampaignId, Money, Timestamp};

/// A value a source vouches for, or the reason why there is none. A `Result`, so that pure code may use `?`.
pub type Fact<T> = Result<Measured<T>, Missing>;

/// A value with what is needed to judge it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured<T> {
    /// What was measured.
    pub value: T,
    /// The name of the store that said so.
    pub source: Arc<str>,
    /// How far the source is complete: records that occurred before this instant are in the value.
    pub complete_to: Timestamp,
    /// How far the value can be from the truth.
    pub precision: Precision,
    /// The source answered without some of its parts (a shard, a time-out): the value may be too small.
    pub partial: bool,
    /// How far the store lags behind what happens is assumed, not measured; `complete_to` rests on it.
    pub lag_assumed: bool,
    /// How coarsely the store keeps times, where that can move records across the window's bounds.
    pub time_step: Option<Duration>,
}

impl<T> Measured<T> {
    /// A whole and exact value.
    pub fn exact(value: T, source: impl Into<Arc<str>>, complete_to: Timestamp) -> Self {
        Self {
            value,
            source: source.into(),
            complete_to,
            precision: Precision::Exact,
            partial: false,
            lag_assumed: false,
            time_step: None,
        }
    }

    /// The same measurement of another value, computed from this one.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Measured<U> {
        Measured {
            value: change(self.value),
            source: self.source,
            complete_to: self.complete_to,
            precision: self.precision,
            partial: self.partial,
            lag_assumed: self.lag_assumed,
            time_step: self.time_step,
        }
    }
}

/// How far a value can be from the truth. Ordered: the larger is the worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precision {
    /// Counted one by one.
    Exact,
    /// Estimated; the relative error in parts per million that is not exceeded in practice. Whatever that share is of a small
    /// value, it may be off by one.
    Within {
        /// 500 is 0.05 %.
        parts_per_million: u32,
    },
}

/// Why there is no value.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Missing {
    /// The store has nothing to measure it from.
    NotMeasured(Reason),
    /// The figure has no meaning here (a funnel of an activity without one, buyers of a baseline).
    NotSupported,
    /// More than the product counts.
    TooLarge,
    /// A rate of nothing.
    ZeroDenominator,
    /// The promotion has no start, or there is no whole day of history before it.
    NoBaseline,
    /// An activity without a limit has no stock.
    Unlimited,
    /// The source failed, was too slow, or sent something else than was asked.
    Unavailable(Arc<SourceError>),
    /// It is still being read from this store, which takes longer than an answer may. Asking again will tell.
    Loading(Arc<str>),
}

/// Why a store has nothing to measure a fact from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// The store has no such key.
    KeyMissing,
    /// The store holds something that is no value of this kind.
    BadValue,
    /// Times are stored too coarsely for so short a window.
    TimeResolution,
    /// The store has no such index or table.
    NoIndex,
    /// The index is there and has never received a record.
    NoRecords,
    /// No source of this kind is connected.
    NoSource,
    /// The store keeps no status of purchases.
    NoStatus,
    /// The campaign has no activities yet.
    NoActivities,
    /// None of the activities sells a product.
    NoProducts,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 9] = [
        Self::KeyMissing,
        Self::BadValue,
        Self::TimeResolution,
        Self::NoIndex,
        Self::NoRecords,
        Self::NoSource,
        Self::NoStatus,
        Self::NoActivities,
        Self::NoProducts,
    ];
}

/// One count per step rule, in the order asked.
#[derive(Debug, Clone, Default)]
pub struct StepCounts {
    /// Counts of the current window.
    pub current: Vec<Fact<u64>>,
    /// Counts of the previous window; empty when none was asked.
    pub previous: Vec<Fact<u64>>,
    /// Events of the current window for each activity apart; empty when not asked.
    pub by_activity: Vec<(ActivityId, Vec<Fact<u64>>)>,
}

impl StepCounts {
    pub(crate) fn all(&self) -> impl Iterator<Item = &Fact<u64>> {
        let apart = self.by_activity.iter().flat_map(|(_, counts)| counts);
        self.current.iter().chain(&self.previous).chain(apart)
    }
}

/// The answer to a [`BehaviorQuestion`](crate::source::BehaviorQuestion).
#[derive(Debug, Clone)]
pub struct BehaviorFacts {
    /// The steps' counts.
    pub steps: StepCounts,
    /// For each series asked for, in that order, its counts: one per cell, oldest first.
    pub series: Vec<Fact<Vec<u64>>>,
    /// Distinct subjects with any event in the window asked for; `None` when not asked.
    pub active: Option<Fact<u64>>,
}

/// The answer to a [`LedgerQuestion`](crate::source::LedgerQuestion).
#[derive(Debug, Clone)]
pub struct LedgerFacts {
    /// The steps' counts.
    pub steps: StepCounts,
    /// Sales; `None` when not asked.
    pub sales: Option<SalesFacts>,
    /// Regular purchases over time; `None` when not asked.
    pub history: Option<Fact<History>>,
}

/// Purchases of the promotion and of the shop.
#[derive(Debug, Clone)]
pub struct SalesFacts {
    /// Purchases attributed to the activities of the scope.
    pub promotion: Fact<Sales>,
    /// Purchases of the same products attributed to no activity.
    pub regular: Fact<Sales>,
    /// Purchases of the same products attributed to activities outside the scope.
    pub others: Fact<Vec<OtherSales>>,
}

/// Confirmed orders of another promotion on the same products.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtherSales {
    /// The campaign of the activity; `None` where the store does not know the activity.
    pub campaign: Option<CampaignId>,
    /// The activity the purchases are attributed to.
    pub activity: ActivityId,
    /// Confirmed orders.
    pub orders: u64,
}

/// Confirmed purchases, summed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sales {
    /// Purchases.
    pub orders: u64,
    /// Units sold.
    pub quantity: u64,
    /// Unit price times quantity, exact.
    pub revenue: Money,
    /// Distinct users who bought.
    pub buyers: u64,
    /// Purchases cancelled or refunded, not in the other figures; `None` where the store keeps no status.
    pub cancelled: Option<u64>,
}

/// Regular purchases over time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    /// The instant of the ledger's oldest purchase, of any product: how far back it reaches. `None` for an empty ledger.
    pub since: Option<Timestamp>,
    /// Buckets with at least one purchase, each by its start, oldest first.
    pub buckets: Vec<(Timestamp, BucketSales)>,
}

/// Confirmed regular purchases of one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BucketSales {
    /// Purchases.
    pub orders: u64,
    /// Units sold.
    pub quantity: u64,
    /// Unit price times quantity, exact.
    pub revenue: Money,
}

/// The answer to a [`RealtimeQuestion`](crate::source::RealtimeQuestion): one entry per activity asked, in that order.
#[derive(Debug, Clone)]
pub struct RealtimeFacts {
    /// Slots by activity.
    pub slots: Vec<(ActivityId, Slots)>,
}

/// Slots of one activity. The two figures stand or fail apart.
#[derive(Debug, Clone)]
pub struct Slots {
    /// The counter.
    pub stock: Fact<Stock>,
    /// Size of the set of those who hold a slot.
    pub members: Fact<u64>,
    /// Both were derived from approval events, since no counter is connected.
    pub derived: bool,
}

/// What a store counts: slots taken or slots left. Negative values and values over the limit are passed on as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stock {
    /// Slots taken.
    Held(i64),
    /// Slots left.
    Remaining(i64),
}

/// What the ledger said of the weeks before a promotion, shared by all who ask.
pub(crate) type HistoryFact = Fact<Arc<History>>;
