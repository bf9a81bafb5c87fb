//! Facts: values that stores measured, each with its quality, or missing with a typed reason. An error is never a zero.
//! Adapters make them with `new` and `with_…`, so that a fact can get a further part without a change to any adapter.
//! Lives elsewhere: rates (`stats/rate`).

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

pub use super::coverage::{Coverage, LeftOut, LeftOutPlace, LeftOutReason, NothingUsed};
use super::error::SourceError;
use crate::vocabulary::{ActivityId, CampaignId, Money, Timestamp};

/// A value that a source measured, or the reason why there is none. A `Result`, so that pure code can use `?`.
pub type Fact<T> = Result<Measured<T>, Missing>;

/// A measured value with its source and quality.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Measured<T> {
    /// What was measured.
    pub value: T,
    /// The name of the store that measured it.
    pub source: Arc<str>,
    /// The instant up to which the value is complete: records that occurred before it are included.
    pub complete_to: Timestamp,
    /// How far the value can be from the truth.
    pub precision: Precision,
    /// Whether a part of the store did not answer (a shard, a time-out): the value may be too small.
    pub partial: bool,
    /// Whether `complete_to` is based on an assumed lag of the store, not on a measured one.
    pub lag_assumed: bool,
    /// The resolution of the store's times, if it is so coarse that records can cross the window's bounds; else `None`.
    pub time_step: Option<Duration>,
    /// Records in it whose time comes twice, since a clock was set back and stored times do not tell the two passes apart. All
    /// of them count for the first pass.
    pub ambiguous: u64,
    /// The records it was made from, and those that could not be used.
    pub coverage: Coverage,
}

impl<T> Measured<T> {
    /// A complete and exact value.
    pub fn exact(value: T, source: impl Into<Arc<str>>, complete_to: Timestamp) -> Self {
        Self {
            value,
            source: source.into(),
            complete_to,
            precision: Precision::Exact,
            partial: false,
            lag_assumed: false,
            time_step: None,
            ambiguous: 0,
            coverage: Coverage::default(),
        }
    }

    /// Sets how far the value can be from the truth. Defaults to exact.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// Sets whether a part of the store did not answer. Defaults to false.
    #[must_use]
    pub fn with_partial(self, partial: bool) -> Self {
        Self { partial, ..self }
    }

    /// Sets whether `complete_to` is based on an assumed lag of the store. Defaults to false.
    #[must_use]
    pub fn with_lag_assumed(self, lag_assumed: bool) -> Self {
        Self { lag_assumed, ..self }
    }

    /// Sets the resolution of the store's times, if it is so coarse that records can cross the window's bounds.
    /// Defaults to `None`.
    #[must_use]
    pub fn with_time_step(self, time_step: impl Into<Option<Duration>>) -> Self {
        Self { time_step: time_step.into(), ..self }
    }

    /// Sets the number of records in it whose time comes twice, and which count for the first time. Defaults to 0.
    #[must_use]
    pub fn with_ambiguous(self, ambiguous: u64) -> Self {
        Self { ambiguous, ..self }
    }

    /// Sets which records it was made from, and which could not be used. Defaults to unknown.
    #[must_use]
    pub fn with_coverage(self, coverage: Coverage) -> Self {
        Self { coverage, ..self }
    }

    /// Replaces the value by one computed from it. Source and quality stay.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Measured<U> {
        Measured {
            value: change(self.value),
            source: self.source,
            complete_to: self.complete_to,
            precision: self.precision,
            partial: self.partial,
            lag_assumed: self.lag_assumed,
            time_step: self.time_step,
            ambiguous: self.ambiguous,
            coverage: self.coverage,
        }
    }
}

/// How far a value can be from the truth. Ordered: the greater is the worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Precision {
    /// Counted one by one.
    Exact,
    /// Estimated, with a relative error that is not exceeded in practice. A small value may still be off by one.
    Within {
        /// The relative error in parts per million: 500 is 0.05 %.
        parts_per_million: u32,
    },
}

/// Why there is no value.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Missing {
    /// The store has nothing to measure it from.
    NotMeasured(Reason),
    /// No record was used, and records that may belong to it were left out: it is not known to be 0. Only the dashboard gives
    /// this reason; a source gives the [`Coverage`] of its value.
    NothingUsed(Arc<NothingUsed>),
    /// The figure has no meaning here (a funnel of an activity without one, buyers of a baseline).
    NotSupported,
    /// The value overflows its type.
    TooLarge,
    /// The denominator of a rate is 0.
    ZeroDenominator,
    /// The promotion has no start, or there is no whole day of history before it.
    NoBaseline,
    /// An activity without a limit has no stock.
    Unlimited,
    /// The source failed, was too slow, or sent a malformed answer.
    Unavailable(Arc<SourceError>),
    /// It is still being loaded from this store, which takes longer than an answer may. A later answer has it.
    Loading(Arc<str>),
}

impl Missing {
    /// Whether a figure is missing that should be there, for what the store holds. A figure that has no meaning here is no gap,
    /// and one that a source failed to give is a failure. A missing key is no gap before the start.
    pub(crate) fn is_gap(&self) -> bool {
        match self {
            Self::NothingUsed(_) => true,
            Self::NotMeasured(reason) => match reason {
                Reason::KeyMissing | Reason::BadValue | Reason::NoIndex | Reason::NoRecords => true,
                Reason::TimeResolution
                | Reason::NoSource
                | Reason::NoStatus
                | Reason::NoActivities
                | Reason::NoProducts => false,
            },
            _ => false,
        }
    }
}

/// Why a store has nothing to measure a fact from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// The store has no such key.
    KeyMissing,
    /// The stored value is not of the expected type.
    BadValue,
    /// Times are stored too coarsely for so short a window.
    TimeResolution,
    /// The store has no such index or table.
    NoIndex,
    /// The index exists and has never received a record.
    NoRecords,
    /// No source of this kind is connected.
    NoSource,
    /// The store has no status of purchases.
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

/// One count per step rule, in the order of the question.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct StepCounts {
    /// Counts of the current window.
    pub current: Vec<Fact<u64>>,
    /// Counts of the previous window; empty if the question has none.
    pub previous: Vec<Fact<u64>>,
    /// Records of the current window per funnel activity; empty if not asked for.
    pub by_activity: Vec<(ActivityId, Vec<Fact<u64>>)>,
}

impl StepCounts {
    /// Counts of the current window alone. A question without steps has [`StepCounts::default`].
    pub fn new(current: Vec<Fact<u64>>) -> Self {
        Self { current, ..Self::default() }
    }

    /// Sets the counts of the previous window. Defaults to none.
    #[must_use]
    pub fn with_previous(self, previous: Vec<Fact<u64>>) -> Self {
        Self { previous, ..self }
    }

    /// Sets the counts per funnel activity. Defaults to none.
    #[must_use]
    pub fn with_by_activity(self, by_activity: Vec<(ActivityId, Vec<Fact<u64>>)>) -> Self {
        Self { by_activity, ..self }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Fact<u64>> {
        let per_activity = self.by_activity.iter().flat_map(|(_, counts)| counts);
        self.current.iter().chain(&self.previous).chain(per_activity)
    }
}

/// The answer to a [`BehaviorQuestion`](crate::source::BehaviorQuestion).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BehaviorFacts {
    /// The steps' counts.
    pub steps: StepCounts,
    /// The counts of each series of the question, in that order: one per cell, oldest first.
    pub series: Vec<Fact<Vec<u64>>>,
    /// Distinct subjects with any event in the question's `active` window; `None` if not asked for.
    pub active: Option<Fact<u64>>,
}

impl BehaviorFacts {
    /// The answer to a question for steps alone.
    pub fn new(steps: StepCounts) -> Self {
        Self { steps, series: Vec::new(), active: None }
    }

    /// Sets the counts of each series. Defaults to none.
    #[must_use]
    pub fn with_series(self, series: Vec<Fact<Vec<u64>>>) -> Self {
        Self { series, ..self }
    }

    /// Sets the active subjects. Defaults to `None`: not asked for.
    #[must_use]
    pub fn with_active(self, active: impl Into<Option<Fact<u64>>>) -> Self {
        Self { active: active.into(), ..self }
    }
}

/// The answer to a [`LedgerQuestion`](crate::source::LedgerQuestion).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LedgerFacts {
    /// The steps' counts.
    pub steps: StepCounts,
    /// Sales; `None` if not asked for.
    pub sales: Option<SalesFacts>,
    /// Regular purchases over time; `None` if not asked for.
    pub history: Option<Fact<History>>,
}

impl LedgerFacts {
    /// The answer to a question for steps alone.
    pub fn new(steps: StepCounts) -> Self {
        Self { steps, sales: None, history: None }
    }

    /// Sets the sales. Defaults to `None`: not asked for.
    #[must_use]
    pub fn with_sales(self, sales: impl Into<Option<SalesFacts>>) -> Self {
        Self { sales: sales.into(), ..self }
    }

    /// Sets the regular purchases over time. Defaults to `None`: not asked for.
    #[must_use]
    pub fn with_history(self, history: impl Into<Option<Fact<History>>>) -> Self {
        Self { history: history.into(), ..self }
    }
}

/// Purchases of the promotion and of the shop.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SalesFacts {
    /// Purchases attributed to the activities of the scope.
    pub promotion: Fact<Sales>,
    /// Purchases of the same products attributed to no activity.
    pub regular: Fact<Sales>,
    /// Purchases of the same products attributed to activities outside the scope.
    pub others: Fact<Vec<OtherSales>>,
}

impl SalesFacts {
    /// The purchases of the promotion, of the shop, and of other promotions.
    pub fn new(promotion: Fact<Sales>, regular: Fact<Sales>, others: Fact<Vec<OtherSales>>) -> Self {
        Self { promotion, regular, others }
    }
}

/// Confirmed orders of another promotion on the same products.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct OtherSales {
    /// The campaign of the activity; `None` if the store does not know the activity.
    pub campaign: Option<CampaignId>,
    /// The activity the purchases are attributed to.
    pub activity: ActivityId,
    /// Confirmed orders.
    pub orders: u64,
}

impl OtherSales {
    /// Orders of an activity whose campaign the store does not know.
    pub fn new(activity: ActivityId, orders: u64) -> Self {
        Self { campaign: None, activity, orders }
    }

    /// Sets the campaign of the activity. Defaults to `None`.
    #[must_use]
    pub fn with_campaign(self, campaign: impl Into<Option<CampaignId>>) -> Self {
        Self { campaign: campaign.into(), ..self }
    }
}

/// Confirmed purchases, summed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Sales {
    /// Purchases.
    pub orders: u64,
    /// Units sold.
    pub quantity: u64,
    /// Unit price times quantity, exact.
    pub revenue: Money,
    /// Distinct users who bought.
    pub buyers: u64,
    /// Purchases cancelled or refunded, which are not in the other figures; `None` if the store has no status.
    pub cancelled: Option<u64>,
    /// Orders without a price. They are in the other figures, and not in `revenue`.
    pub unpriced: u64,
    /// Rows that give money back, which are in no other figure.
    pub refunds: Refunds,
}

/// Rows with exactly one of price and quantity negative, of any status but cancelled and refunded. They are no orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Refunds {
    /// Rows.
    pub rows: u64,
    /// Unit price times quantity, exact; negative or 0.
    pub revenue: Money,
}

impl Refunds {
    /// Rows, and the money that they give back: negative or 0.
    pub fn new(rows: u64, revenue: Money) -> Self {
        Self { rows, revenue }
    }
}

impl Sales {
    /// Sums of purchases, and the number of distinct users who bought, from a store without a status of purchases.
    pub fn new(sums: BucketSales, buyers: u64) -> Self {
        let BucketSales { orders, quantity, revenue } = sums;
        Self { orders, quantity, revenue, buyers, cancelled: None, unpriced: 0, refunds: Refunds::default() }
    }

    /// Sets the number of purchases cancelled or refunded. Defaults to `None`: the store has no status.
    #[must_use]
    pub fn with_cancelled(self, cancelled: impl Into<Option<u64>>) -> Self {
        Self { cancelled: cancelled.into(), ..self }
    }

    /// Sets the number of orders without a price. Defaults to 0.
    #[must_use]
    pub fn with_unpriced(self, unpriced: u64) -> Self {
        Self { unpriced, ..self }
    }

    /// Sets the rows that give money back. Defaults to none.
    #[must_use]
    pub fn with_refunds(self, refunds: Refunds) -> Self {
        Self { refunds, ..self }
    }
}

/// Regular purchases over time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct History {
    /// The time of the ledger's oldest purchase, of any product: how far back it reaches. `None` for an empty ledger.
    pub since: Option<Timestamp>,
    /// Buckets with at least one purchase, each by its start, oldest first.
    pub buckets: Vec<(Timestamp, BucketSales)>,
}

impl History {
    /// How far back the ledger reaches, and the buckets.
    pub fn new(since: Option<Timestamp>, buckets: Vec<(Timestamp, BucketSales)>) -> Self {
        Self { since, buckets }
    }
}

/// Confirmed purchases of one bucket of time, or of one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct BucketSales {
    /// Purchases.
    pub orders: u64,
    /// Units sold.
    pub quantity: u64,
    /// Unit price times quantity, exact.
    pub revenue: Money,
}

impl BucketSales {
    /// Purchases, units and money.
    pub fn new(orders: u64, quantity: u64, revenue: Money) -> Self {
        Self { orders, quantity, revenue }
    }
}

/// The answer to a [`RealtimeQuestion`](crate::source::RealtimeQuestion): one entry per activity of the
/// question, in that order.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RealtimeFacts {
    /// Slots by activity.
    pub slots: Vec<(ActivityId, Slots)>,
}

impl RealtimeFacts {
    /// The slots of each activity.
    pub fn new(slots: Vec<(ActivityId, Slots)>) -> Self {
        Self { slots }
    }
}

/// Slots of one activity. Each of the two figures may be missing without the other.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Slots {
    /// The counter.
    pub stock: Fact<Stock>,
    /// The number of users who hold a slot.
    pub members: Fact<u64>,
    /// Whether both are derived from approval events, since no counter is connected.
    pub derived: bool,
}

impl Slots {
    /// A counter and the number of users who hold a slot, as the store has them.
    pub fn new(stock: Fact<Stock>, members: Fact<u64>) -> Self {
        Self { stock, members, derived: false }
    }

    /// Sets whether both are derived from approval events. Defaults to false.
    #[must_use]
    pub fn with_derived(self, derived: bool) -> Self {
        Self { derived, ..self }
    }
}

/// The value of a slot counter, which counts slots taken or slots left. It can be negative or over the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stock {
    /// Slots taken.
    Held(i64),
    /// Slots left.
    Remaining(i64),
}

/// The history of the weeks before a promotion; shared, since many loads use it.
pub(crate) type HistoryFact = Fact<Arc<History>>;
