//! Comparison: sales of the promotion, of the shop for the same products in the same time, and the expected sales.

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{
    input::{Compute, Facts, WidgetInput},
    notes::{Notes, value},
};
pub use crate::stats::baseline::BaselineMethod;
use crate::{
    ActivityId, CampaignId, Missing, ProductId,
    source::{Coverage, Fact, LeftOutReason, Sales, Tolerance, believed},
    stats::baseline::{Expectation, expected},
    stats::rate::Exact,
    vocabulary::IdText,
    wire::{Warning, WarningCode},
};

/// Sales of the range inside the promotion. Null is missing, never 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Comparison {
    /// Purchases attributed to the activities.
    pub promotion: SalesFigures,
    /// Shop purchases of the same products.
    pub regular: SalesFigures,
    /// Shop purchases of the same products, as expected from the weeks before.
    pub baseline: Baseline,
    /// The currency of all revenue.
    pub currency: String,
    /// The products compared.
    pub products: Vec<ProductId>,
    /// The ids of these products as text, in the same order.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>, example = json!(["456"])))]
    pub product_keys: Vec<IdText<ProductId>>,
    /// Purchases of the same products by other activities, not in the other figures; null if not available.
    pub other_promotions: Option<Vec<OtherPromotion>>,
}

/// Confirmed purchases, summed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct SalesFigures {
    /// Purchases.
    pub orders: Option<u64>,
    /// Units.
    pub quantity: Option<u64>,
    /// Unit price times quantity.
    pub revenue: Option<Amount>,
    /// Distinct users who bought.
    pub buyers: Option<u64>,
    /// Purchases cancelled or refunded, not in the other figures.
    pub cancelled: Option<u64>,
    /// Rows that give money back: exactly one of price and quantity is negative. They are no orders.
    #[serde(default)]
    pub refunds: RefundFigures,
    /// Revenue less the money given back.
    #[serde(default, rename = "netRevenue")]
    pub net_revenue: Option<Amount>,
}

/// Rows that give money back, summed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct RefundFigures {
    /// Rows.
    pub rows: Option<u64>,
    /// Unit price times quantity, negative or 0.
    pub revenue: Option<Amount>,
}

/// Expected shop purchases, had there been no promotion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Baseline {
    /// Purchases, two decimals.
    pub orders: Option<Exact>,
    /// Units, two decimals.
    pub quantity: Option<Exact>,
    /// Revenue, two decimals.
    pub revenue: Option<Amount>,
    /// Always null: buyers do not add up over hours.
    pub buyers: Option<u64>,
    /// Whole weeks the mean was taken over.
    pub weeks: Option<u32>,
    /// How the mean was taken.
    pub method: Option<BaselineMethod>,
}

/// Confirmed orders of another activity on the same products.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct OtherPromotion {
    /// The activity's campaign; null when the ledger does not know it.
    pub campaign_id: Option<CampaignId>,
    /// The campaign's id as text; null when the ledger does not know it.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, example = "124"))]
    pub campaign_key: Option<IdText<CampaignId>>,
    /// The activity.
    pub activity_id: ActivityId,
    /// The activity's id as text.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "790"))]
    pub activity_key: IdText<ActivityId>,
    /// Its confirmed orders.
    pub orders: u64,
}

/// Money: an exact decimal, on the wire a string with at least two decimals (`"1345500.00"`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = String))]
pub struct Amount(pub Decimal);

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let exact = self.0.normalize();
        let decimals = usize::try_from(exact.scale().max(2)).unwrap_or(2);
        serializer.collect_str(&format_args!("{exact:.decimals$}"))
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|_| D::Error::custom("an amount must be a decimal in a string"))
    }
}

impl Compute for Comparison {
    fn compute(input: &WidgetInput<'_>, facts: &Facts, notes: &mut Notes) -> Self {
        let sales = &facts.sales;
        Self {
            promotion: SalesFigures::compute("promotion", &sales.promotion, input.tolerance, notes),
            regular: SalesFigures::compute("regular", &sales.regular, input.tolerance, notes),
            baseline: Baseline::compute(input, facts, notes),
            currency: input.currency.to_owned(),
            products: input.sales.products.clone(),
            product_keys: input.sales.products.iter().copied().map(IdText).collect(),
            other_promotions: notes.figure("otherPromotions", &sales.others).map(|others| {
                let other = |sales: crate::source::OtherSales| OtherPromotion {
                    campaign_id: sales.campaign,
                    campaign_key: sales.campaign.map(IdText),
                    activity_id: sales.activity,
                    activity_key: IdText(sales.activity),
                    orders: sales.orders,
                };
                others.into_iter().map(other).collect()
            }),
        }
    }
}

impl SalesFigures {
    fn compute(name: &str, sales: &Fact<Sales>, tolerance: Tolerance, notes: &mut Notes) -> Self {
        notes.record(name, sales);
        let money = priced(sales, tolerance);
        let revenue = notes.figure(format!("{name}.revenue"), &money).map(Amount);
        let sales = value(sales);
        let mut figure = |figure: &str, pick: fn(&Sales) -> Option<u64>| {
            let value = sales.as_ref().map_err(Clone::clone);
            let no_status = Missing::NotMeasured(crate::Reason::NoStatus);
            notes.derived(format!("{name}.{figure}"), value.and_then(|sales| pick(sales).ok_or(no_status)))
        };
        let orders = figure("orders", |sales| Some(sales.orders));
        let quantity = figure("quantity", |sales| Some(sales.quantity));
        let buyers = figure("buyers", |sales| Some(sales.buyers));
        let cancelled = figure("cancelled", |sales| sales.cancelled);
        let rows = figure("refunds.rows", |sales| Some(sales.refunds.rows));
        if let Some(rows) = rows.filter(|rows| *rows > 0) {
            let warning = Warning::new(WarningCode::Refunds, "rows give money back; they are no orders").about(name);
            notes.warn(warning.with("rows", i64::try_from(rows).ok()));
        }
        let refunded = sales.map(|sales| sales.refunds.revenue);
        let net = value(&money).and_then(|money| money.checked_add(refunded.clone()?).ok_or(Missing::TooLarge));
        let refunds = notes.derived(format!("{name}.refunds.revenue"), refunded.map(Amount));
        let net_revenue = notes.derived(format!("{name}.netRevenue"), net.map(Amount));
        Self {
            orders,
            quantity,
            revenue,
            buyers,
            cancelled,
            refunds: RefundFigures { rows, revenue: refunds },
            net_revenue,
        }
    }
}

/// The revenue, which is made of the orders with a price.
fn priced(sales: &Fact<Sales>, tolerance: Tolerance) -> Fact<Decimal> {
    let measured = sales.as_ref().map_err(Clone::clone)?;
    let Sales { orders, unpriced, revenue, .. } = measured.value;
    let coverage = Coverage::of(orders.saturating_sub(unpriced)).left_out_in_window(LeftOutReason::BadAmount, unpriced);
    // The hour that comes twice is a matter of the sales as a whole.
    let money = measured.clone().map(|_| revenue).with_ambiguous(0).with_coverage(coverage);
    believed(Ok(money), tolerance)
}

impl Baseline {
    fn compute(input: &WidgetInput<'_>, facts: &Facts, notes: &mut Notes) -> Self {
        let expected = if input.scope.activities.is_empty() {
            Err(Missing::NotMeasured(crate::Reason::NoActivities))
        } else {
            expectation(input, facts, notes)
        };
        if let Ok(Expectation { method, weeks, days, .. }) = &expected
            && *method != BaselineMethod::HourOfWeek
        {
            let message = "the ledger holds fewer than two whole weeks before the promotion";
            let warning = Warning::new(WarningCode::BaselineFallback, message).about("baseline.method");
            notes.warn(warning.with("weeks", Some(i64::from(*weeks))).with("days", Some(i64::from(*days))));
        }
        let mut figure = |name: &str, pick: fn(&Expectation) -> Result<Decimal, Missing>| {
            let value = expected.as_ref().map_err(Clone::clone).and_then(pick);
            notes.derived(format!("baseline.{name}"), value)
        };
        let orders = figure("orders", |expected| expected.orders.clone()).map(Exact::new);
        let quantity = figure("quantity", |expected| expected.quantity.clone()).map(Exact::new);
        let revenue = figure("revenue", |expected| expected.revenue.clone()).map(Amount);
        let buyers = notes.derived("baseline.buyers", Err(Missing::NotSupported));
        let weeks =
            notes.derived("baseline.weeks", expected.as_ref().map(|expected| expected.weeks).map_err(Clone::clone));
        let method = notes.derived("baseline.method", expected.map(|expected| expected.method));
        Self { orders, quantity, revenue, buyers, weeks, method }
    }
}

/// The expected sales, with a warning if the history is old.
fn expectation(input: &WidgetInput<'_>, facts: &Facts, notes: &mut Notes) -> Result<Expectation, Missing> {
    let start = input.scope.promotion_start().ok_or(Missing::NoBaseline)?;
    let history = facts.history.as_ref().map_err(Clone::clone)?;
    notes.record_cached("baseline", history);
    let age = input.as_of - history.complete_to;
    if age.to_std().is_ok_and(|age| age > input.history_old) {
        let message = "the history before the promotion is old, since it could not be refreshed";
        let warning = Warning::new(WarningCode::BaselineOld, message).about("baseline");
        // In whole hours: minutes would make the answer different every minute.
        notes.warn(warning.with("hours", Some(age.num_hours())));
    }
    expected(&history.value, start, input.sales.window, input.as_of, input.zone, input.baseline_weeks)
}
