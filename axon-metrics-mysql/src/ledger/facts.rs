//! From the rows of a ledger question to its facts. Pure.
//! Lives here: what each figure is made of, and what it is when something is missing. Lives elsewhere: which rows a
//! statement gives (`statement`), how a row is read (`ledger_row`).

use std::{collections::BTreeMap, sync::Arc};

use axon_metrics::{
    ActivityId, CampaignId, Fact, LedgerStep, MAX_ID, Measured, Missing, Money, ProductId, Reason, Timestamp, Window,
    facts::{BucketSales, History, LedgerFacts, OtherSales, Sales, SalesFacts, StepCounts},
    source::{Counting, ErrorChain, HistoryQuestion, LedgerQuestion, QueryScope, SalesQuestion, SourceError},
};
use tracing::warn;

use super::ledger_row::{LedgerRow, StatementPart};
use crate::{
    NAME,
    error::{Cause, Query, QueryError},
    options::MySqlOptions,
    store::schema::{Presence, Schema, TimeColumn},
    text_row::Amount,
};

/// What became of one statement of a question.
#[derive(Debug)]
pub(super) enum StatementResult {
    NotAsked,
    Rows(Vec<LedgerRow>),
    Failed(QueryError),
}

impl StatementResult {
    /// Whether it failed because the tables differ from the cached schema.
    pub(super) fn is_schema_mismatch(&self) -> bool {
        matches!(self, Self::Failed(error) if error.cause.is_schema_mismatch())
    }

    fn take_failure(&mut self) -> Option<QueryError> {
        match std::mem::replace(self, Self::NotAsked) {
            Self::Failed(error) => Some(error),
            result => {
                *self = result;
                None
            }
        }
    }

    /// Its rows, of which a statement that was not asked has none. Logs a failure.
    fn rows(self) -> Rows {
        match self {
            Self::NotAsked => Ok(Vec::new()),
            Self::Rows(rows) => Ok(rows),
            Self::Failed(error) => {
                let error = SourceError::from(error);
                log(&error);
                Err(Missing::Unavailable(Arc::new(error)))
            }
        }
    }
}

/// The rows of one statement, or why there are none.
type Rows = Result<Vec<LedgerRow>, Missing>;

/// The facts of a question. A statement that failed costs the facts it would have given, if another one succeeded.
pub(super) fn facts(
    question: &LedgerQuestion,
    schema: &Schema,
    options: &MySqlOptions,
    mut results: [StatementResult; 3],
) -> Result<LedgerFacts, SourceError> {
    if !results.iter().any(|result| matches!(result, StatementResult::Rows(_)))
        && let Some(error) = results.iter_mut().find_map(StatementResult::take_failure)
    {
        return Err(error.into());
    }
    let builder = FactBuilder { question, scope: &question.scope, schema, options };
    let facts = builder.facts(&results.map(StatementResult::rows));
    facts.map_err(|what| Cause::Wrong(what).during(Query::Attributed).into())
}

/// A failure that costs a part of an answer is handled here, so it is logged here.
fn log(error: &SourceError) {
    warn!(source = NAME, "a part of the ledger is missing: {}", ErrorChain(error));
}

/// A value, or how the rows contradict the question.
type ReplyResult<T> = Result<T, &'static str>;

struct FactBuilder<'a> {
    question: &'a LedgerQuestion,
    scope: &'a QueryScope,
    schema: &'a Schema,
    options: &'a MySqlOptions,
}

impl FactBuilder<'_> {
    fn facts(&self, [by_activity, by_product, history]: &[Rows; 3]) -> ReplyResult<LedgerFacts> {
        let QueryScope { current, previous, funnel_activities, .. } = self.scope;
        let steps = &self.question.steps;
        let counts = |window: Window, now: bool| -> ReplyResult<Vec<Fact<u64>>> {
            steps.iter().map(|step| self.total(by_activity, *step, window, now)).collect()
        };
        let per_activity = |activity: &ActivityId| -> (ActivityId, Vec<Fact<u64>>) {
            (*activity, steps.iter().map(|step| self.of_activity(by_activity, *step, *activity)).collect())
        };
        let listed = if self.scope.by_activity && !steps.is_empty() { &funnel_activities[..] } else { &[] };
        Ok(LedgerFacts {
            steps: StepCounts {
                current: counts(*current, true)?,
                previous: previous.map_or(Ok(Vec::new()), |window| counts(window, false))?,
                by_activity: listed.iter().map(per_activity).collect(),
            },
            sales: self.question.sales.as_ref().map(|asked| self.sales(by_activity, by_product, asked)).transpose()?,
            history: self.question.history.as_ref().map(|asked| self.history(history, asked)).transpose()?,
        })
    }

    fn measured<T>(&self, value: T) -> Measured<T> {
        Measured::exact(value, NAME, self.scope.as_of)
    }

    /// The rows of a step, or why nobody can count them.
    fn rows<'a>(
        &self,
        rows: &'a Rows,
        step: LedgerStep,
        now: bool,
    ) -> Result<(StatementPart, &'a [LedgerRow]), Missing> {
        let part = match step {
            LedgerStep::ApprovedEntry => {
                readable(&self.schema.entries)?;
                if now { StatementPart::EntriesNow } else { StatementPart::EntriesBefore }
            }
            LedgerStep::Purchase => {
                self.purchases()?;
                if now { StatementPart::PurchasesNow } else { StatementPart::PurchasesBefore }
            }
        };
        rows.as_ref().map(|rows| (part, &rows[..])).map_err(Clone::clone)
    }

    fn total(&self, rows: &Rows, step: LedgerStep, window: Window, now: bool) -> ReplyResult<Fact<u64>> {
        let (part, rows) = match self.rows(rows, step, now) {
            Ok(rows) => rows,
            Err(missing) => return Ok(Err(missing)),
        };
        let mut of_part = rows.iter().filter(|row| row.part == part);
        let total = match of_part.clone().find(|row| row.activity.is_none()) {
            Some(row) => match self.scope.counting {
                Counting::Events => row.orders,
                Counting::Subjects => row.users.ok_or("a count of users that is missing")?,
            },
            // Nothing was asked of nothing; and what is grouped by activity has no total of no rows.
            None if self.is_nothing(window) => 0,
            None if now && self.scope.by_activity && of_part.next().is_none() => 0,
            None => return Err("a count that is missing"),
        };
        Ok(Ok(self.measured(total)))
    }

    fn of_activity(&self, rows: &Rows, step: LedgerStep, activity: ActivityId) -> Fact<u64> {
        let (part, rows) = self.rows(rows, step, true)?;
        let id = i64::try_from(activity.0).ok();
        let row = rows.iter().find(|row| row.part == part && row.activity.is_some() && row.activity == id);
        Ok(self.measured(row.map_or(0, |row| row.orders)))
    }

    fn is_nothing(&self, window: Window) -> bool {
        self.scope.funnel_activities.is_empty() || self.is_empty(window)
    }

    fn is_empty(&self, window: Window) -> bool {
        window.to.min(self.scope.as_of) <= window.from
    }

    fn purchases(&self) -> Result<(), Missing> {
        readable(&self.schema.purchases)?;
        match &self.schema.status {
            // Without its status a purchase counts; with one that we may not read, we cannot tell.
            Presence::Present | Presence::Absent => Ok(()),
            refused => readable(refused),
        }
    }

    fn sales(&self, by_activity: &Rows, by_product: &Rows, asked: &SalesQuestion) -> ReplyResult<SalesFacts> {
        let readable = self.purchases();
        let rows = |rows: &Rows| readable.clone().and_then(|()| rows.clone());
        let promotion = match rows(by_activity) {
            Err(missing) => Err(missing),
            Ok(rows) => {
                let row = rows.iter().find(|row| row.part == StatementPart::Promotion);
                let nothing = self.scope.activities.is_empty() || self.is_empty(asked.window);
                if row.is_none() && !nothing {
                    return Err("sums that are missing");
                }
                self.sum(row).map(|sales| self.measured(sales))
            }
        };
        let products = self.of_products(&asked.products, by_product);
        let regular = products.clone().and_then(|rows| {
            let row = rows.iter().find(|row| row.activity == Some(NO_ACTIVITY));
            self.sum(row).map(|sales| self.measured(sales))
        });
        let others = products.map(|rows| self.measured(self.others(rows.iter())));
        Ok(SalesFacts { promotion, regular, others })
    }

    /// The rows of products, or why there are none: without products that is said of the question, whatever the store holds.
    fn of_products<'a>(&self, products: &[ProductId], rows: &'a Rows) -> Result<&'a [LedgerRow], Missing> {
        self.purchases()?;
        match (products, rows) {
            ([], _) => Err(Missing::NotMeasured(Reason::NoProducts)),
            (_, rows) => rows.as_ref().map(|rows| &rows[..]).map_err(Clone::clone),
        }
    }

    /// A row's sales; without a row there were no purchases.
    fn sum(&self, row: Option<&LedgerRow>) -> Result<Sales, Missing> {
        let cancelled = |count: u64| self.schema.status.is_present().then_some(count);
        let Some(row) = row else { return Ok(Sales { cancelled: cancelled(0), ..Sales::default() }) };
        let BucketSales { orders, quantity, revenue } = bucket(row)?;
        let buyers = row.users.ok_or(Missing::NotMeasured(Reason::BadValue))?;
        Ok(Sales { orders, quantity, revenue, buyers, cancelled: cancelled(row.reversed.unwrap_or(0)) })
    }

    fn others<'a>(&self, rows: impl Iterator<Item = &'a LedgerRow>) -> Vec<OtherSales> {
        let valid = |id: Option<i64>| id.and_then(|id| u64::try_from(id).ok()).filter(|id| (1..=MAX_ID).contains(id));
        let mut others = BTreeMap::new();
        for row in rows.filter(|row| row.orders > 0) {
            let Some(activity) = valid(row.activity).map(ActivityId) else { continue };
            if !self.scope.activities.contains(&activity) {
                let campaign = valid(row.campaign).map(CampaignId);
                others.insert(activity, OtherSales { campaign, activity, orders: row.orders });
            }
        }
        others.into_values().collect()
    }

    fn history(&self, rows: &Rows, asked: &HistoryQuestion) -> ReplyResult<Fact<History>> {
        let rows = match self.of_products(&asked.products, rows) {
            Ok(rows) => rows,
            Err(missing) => return Ok(Err(missing)),
        };
        let oldest =
            rows.iter().find(|row| row.part == StatementPart::Oldest).ok_or("an oldest purchase that is missing")?;
        let since = oldest
            .oldest
            .and_then(|wall| self.schema.clock(TimeColumn::Purchase, self.options.purchase).timestamp(wall));
        let mut buckets = BTreeMap::new();
        for row in rows.iter().filter(|row| row.part == StatementPart::History && row.orders > 0) {
            let start = row.slot.and_then(|slot| start(asked, slot)).filter(|start| asked.window.contains(*start));
            let start = start.ok_or("a bucket outside the history")?;
            match bucket(row) {
                Ok(sales) => buckets.insert(start, sales),
                Err(missing) => return Ok(Err(missing)),
            };
        }
        let since = since.filter(|since| *since < self.scope.as_of);
        Ok(Ok(self.measured(History { since, buckets: buckets.into_iter().collect() })))
    }
}

/// What the statement says for no activity.
const NO_ACTIVITY: i64 = -1;

/// Whether a table can be read, or why not.
fn readable(presence: &Presence) -> Result<(), Missing> {
    match presence {
        Presence::Present => Ok(()),
        Presence::Absent => Err(Missing::NotMeasured(Reason::NoIndex)),
        Presence::Refused(fault) => {
            let error = Cause::Server(fault.clone()).during(Query::Tables);
            Err(Missing::Unavailable(Arc::new(error.into())))
        }
    }
}

/// The sums of a row, if none of the purchases in it is invalid.
fn bucket(row: &LedgerRow) -> Result<BucketSales, Missing> {
    let bad = Missing::NotMeasured(Reason::BadValue);
    if row.invalid_rows.is_none_or(|count| count > 0) {
        return Err(bad);
    }
    let exact = |amount: Option<Amount>| match amount {
        None => Ok(Money::ZERO),
        Some(Amount::Exact(money)) => Ok(money),
        Some(Amount::TooLarge) => Err(Missing::TooLarge),
    };
    let quantity = exact(row.quantity)?;
    if !quantity.fract().is_zero() {
        return Err(bad);
    }
    let quantity = u64::try_from(quantity).map_err(|_| Missing::TooLarge)?;
    Ok(BucketSales { orders: row.orders, quantity, revenue: exact(row.revenue)? })
}

/// The first instant of a bucket.
fn start(asked: &HistoryQuestion, slot: u64) -> Option<Timestamp> {
    let length = chrono::TimeDelta::from_std(asked.bucket).ok()?;
    let slots = i32::try_from(slot).ok()?;
    asked.window.from.checked_add_signed(length.checked_mul(slots)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text_row::TextRow;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn question() -> LedgerQuestion {
        let current = Window { from: at("2024-11-11T10:30:00Z"), to: at("2024-11-12T10:30:00Z") };
        let history = Window { from: at("2024-11-10T15:00:00Z"), to: at("2024-11-11T10:00:00Z") };
        let scope = QueryScope {
            as_of: current.to,
            activities: vec![ActivityId(77)],
            funnel_activities: vec![ActivityId(77)],
            current,
            previous: None,
            counting: Counting::Events,
            by_activity: false,
        };
        let bucket = std::time::Duration::from_secs(3_600);
        let products = vec![ProductId(456)];
        let history = HistoryQuestion { products: products.clone(), window: history, bucket };
        LedgerQuestion {
            scope: Arc::new(scope),
            budget: std::time::Duration::from_millis(800),
            steps: vec![LedgerStep::Purchase],
            sales: Some(SalesQuestion { products, window: current }),
            history: Some(history),
        }
    }

    /// The facts of replies, given as text.
    fn facts_of(by_activity: &[&str], by_product: &[&str], history: &[&str]) -> Result<LedgerFacts, SourceError> {
        let result = |rows: &[&str]| {
            let read = |row: &&str| LedgerRow::read(&TextRow::of(&row.split(' ').collect::<Vec<_>>())).expect("a row");
            StatementResult::Rows(rows.iter().map(read).collect())
        };
        let options = MySqlOptions::default();
        facts(&question(), &Schema::of_mysql(), &options, [result(by_activity), result(by_product), result(history)])
    }

    const STEP: &str = "3 NULL NULL NULL 45 NULL NULL NULL NULL NULL NULL";
    const PROMOTION: &str = "5 NULL NULL NULL 45 45 3 0 45 1345500.00 NULL";
    const SOLD: &str = "6 -1 NULL NULL 30 28 1 0 33 990000.00 NULL";
    const OLDEST: &str = "8 NULL NULL NULL 0 NULL NULL NULL NULL NULL NULL";

    #[test]
    fn a_whole_reply_is_measured() {
        let history = "7 NULL 2 NULL 2 NULL NULL 0 3 38700.00 NULL";
        let facts = facts_of(&[STEP, PROMOTION], &[SOLD], &[history, OLDEST]).expect("facts");
        assert_eq!(facts.steps.current[0].as_ref().expect("a count").value, 45);
        let sales = facts.sales.expect("sales");
        assert_eq!(sales.promotion.expect("sums").value.cancelled, Some(3));
        assert_eq!(sales.regular.expect("sums").value.orders, 30);
        let history = facts.history.expect("asked").expect("history").value;
        assert_eq!((history.since, history.buckets.len()), (None, 1));
        assert_eq!(history.buckets[0].0, at("2024-11-10T17:00:00Z"));
    }

    #[test]
    fn a_reply_that_lacks_a_row_is_malformed_and_not_zero() {
        for (by_activity, history) in [
            (&[PROMOTION][..], &[OLDEST][..]),
            (&[STEP], &[OLDEST]),
            (&[STEP, PROMOTION], &[]),
            (&[STEP, PROMOTION], &["7 NULL 9999 NULL 2 NULL NULL 0 3 38700.00 NULL", OLDEST]),
            (&[STEP, PROMOTION], &["7 NULL NULL NULL 2 NULL NULL 0 3 38700.00 NULL", OLDEST]),
        ] {
            let error = facts_of(by_activity, &[SOLD], history).expect_err("malformed");
            assert!(matches!(error, SourceError::Malformed { .. }), "{error:?}");
        }
    }
}
