//! From lines to facts. Pure.
//! Lives here: what each figure is made of, and what it is when something is missing. Lives elsewhere: which lines there
//! are (`statement`), how they are read (`line`).

use std::{collections::BTreeMap, sync::Arc};

use axon_metrics::{
    ActivityId, CampaignId, Fact, LedgerStep, MAX_ID, Measured, Missing, Money, ProductId, Reason, Timestamp, Window,
    facts::{BucketSales, History, LedgerFacts, OtherSales, Sales, SalesFacts, StepCounts},
    source::{Counting, HistoryQuestion, LedgerQuestion, QueryScope, SalesQuestion, SourceError},
};
use tracing::warn;

use super::line::{Line, Part};
use crate::{
    NAME,
    error::{Asking, Cause, Failed},
    options::MySqlOptions,
    row::Amount,
    store::shape::{Part as Place, Shape, Time},
};

/// What became of a statement.
#[derive(Debug)]
pub(super) enum Told {
    NotAsked,
    Lines(Vec<Line>),
    Failed(Failed),
}

impl Told {
    pub(super) fn is_of_tables(&self) -> bool {
        matches!(self, Self::Failed(failed) if failed.cause.is_of_tables())
    }

    fn take_failure(&mut self) -> Option<Failed> {
        match std::mem::replace(self, Self::NotAsked) {
            Self::Failed(failed) => Some(failed),
            told => {
                *self = told;
                None
            }
        }
    }
}

/// The facts of a question. A statement that failed costs the facts it would have given, if another one succeeded.
pub(super) fn facts(
    question: &LedgerQuestion,
    shape: &Shape,
    options: &MySqlOptions,
    mut told: [Told; 3],
) -> Result<LedgerFacts, SourceError> {
    if !told.iter().any(|told| matches!(told, Told::Lines(_)))
        && let Some(failed) = told.iter_mut().find_map(Told::take_failure)
    {
        return Err(failed.into());
    }
    let facts = Facts { question, scope: &question.scope, shape, options };
    let told = facts.told(&told.map(Lines::of));
    told.map_err(|what| Cause::Wrong(what).in_asking(Asking::Attributed).into())
}

/// What one statement said: lines, or why there are none.
type Lines = Result<Vec<Line>, Missing>;

trait OfTold {
    fn of(told: Told) -> Self;
}

impl OfTold for Lines {
    fn of(told: Told) -> Self {
        match told {
            Told::NotAsked => Ok(Vec::new()),
            Told::Lines(lines) => Ok(lines),
            Told::Failed(failed) => {
                let error = SourceError::from(failed);
                log(&error);
                Err(Missing::Unavailable(Arc::new(error)))
            }
        }
    }
}

/// A failure that costs a part of an answer is handled here, so it is logged here.
fn log(error: &SourceError) {
    let mut causes = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        causes = format!("{causes}: {next}");
        cause = next.source();
    }
    warn!(source = NAME, "a part of the ledger is missing: {causes}");
}

/// An answer that is not of the question.
type Checked<T> = Result<T, &'static str>;

struct Facts<'a> {
    question: &'a LedgerQuestion,
    scope: &'a QueryScope,
    shape: &'a Shape,
    options: &'a MySqlOptions,
}

impl Facts<'_> {
    fn told(&self, [by_activity, by_product, history]: &[Lines; 3]) -> Checked<LedgerFacts> {
        let QueryScope { current, previous, funnel_activities, .. } = self.scope;
        let steps = &self.question.steps;
        let counts = |window: Window, now: bool| -> Checked<Vec<Fact<u64>>> {
            steps.iter().map(|step| self.total(by_activity, *step, window, now)).collect()
        };
        let apart = |activity: &ActivityId| -> (ActivityId, Vec<Fact<u64>>) {
            (*activity, steps.iter().map(|step| self.of_activity(by_activity, *step, *activity)).collect())
        };
        let listed = if self.scope.by_activity && !steps.is_empty() { &funnel_activities[..] } else { &[] };
        Ok(LedgerFacts {
            steps: StepCounts {
                current: counts(*current, true)?,
                previous: previous.map_or(Ok(Vec::new()), |window| counts(window, false))?,
                by_activity: listed.iter().map(apart).collect(),
            },
            sales: self.question.sales.as_ref().map(|asked| self.sales(by_activity, by_product, asked)).transpose()?,
            history: self.question.history.as_ref().map(|asked| self.history(history, asked)).transpose()?,
        })
    }

    fn measured<T>(&self, value: T) -> Measured<T> {
        Measured::exact(value, NAME, self.scope.as_of)
    }

    /// The rows of a step, or why nobody can count them.
    fn rows<'a>(&self, lines: &'a Lines, step: LedgerStep, now: bool) -> Result<(Part, &'a [Line]), Missing> {
        let part = match step {
            LedgerStep::ApprovedEntry => {
                readable(&self.shape.entries)?;
                if now { Part::EntriesNow } else { Part::EntriesBefore }
            }
            LedgerStep::Purchase => {
                self.purchases()?;
                if now { Part::PurchasesNow } else { Part::PurchasesBefore }
            }
        };
        lines.as_ref().map(|lines| (part, &lines[..])).map_err(Clone::clone)
    }

    fn total(&self, lines: &Lines, step: LedgerStep, window: Window, now: bool) -> Checked<Fact<u64>> {
        let (part, lines) = match self.rows(lines, step, now) {
            Ok(rows) => rows,
            Err(missing) => return Ok(Err(missing)),
        };
        let mut of_part = lines.iter().filter(|line| line.part == part);
        let total = match of_part.clone().find(|line| line.activity.is_none()) {
            Some(line) => match self.scope.counting {
                Counting::Events => line.orders,
                Counting::Subjects => line.users.ok_or("a count of users that is missing")?,
            },
            // Nothing was asked of nothing; and what is grouped by activity has no total of no rows.
            None if self.is_nothing(window) => 0,
            None if now && self.scope.by_activity && of_part.next().is_none() => 0,
            None => return Err("a count that is missing"),
        };
        Ok(Ok(self.measured(total)))
    }

    fn of_activity(&self, lines: &Lines, step: LedgerStep, activity: ActivityId) -> Fact<u64> {
        let (part, lines) = self.rows(lines, step, true)?;
        let id = i64::try_from(activity.0).ok();
        let line = lines.iter().find(|line| line.part == part && line.activity.is_some() && line.activity == id);
        Ok(self.measured(line.map_or(0, |line| line.orders)))
    }

    fn is_nothing(&self, window: Window) -> bool {
        self.scope.funnel_activities.is_empty() || self.is_empty(window)
    }

    fn is_empty(&self, window: Window) -> bool {
        window.to.min(self.scope.as_of) <= window.from
    }

    fn purchases(&self) -> Result<(), Missing> {
        readable(&self.shape.purchases)?;
        match &self.shape.status {
            // Without its status a purchase counts; with one that we may not read, we cannot tell.
            Place::There | Place::Absent => Ok(()),
            refused => readable(refused),
        }
    }

    fn sales(&self, by_activity: &Lines, by_product: &Lines, asked: &SalesQuestion) -> Checked<SalesFacts> {
        let readable = self.purchases();
        let lines = |lines: &Lines| readable.clone().and_then(|()| lines.clone());
        let promotion = match lines(by_activity) {
            Err(missing) => Err(missing),
            Ok(lines) => {
                let line = lines.iter().find(|line| line.part == Part::Promotion);
                let nothing = self.scope.activities.is_empty() || self.is_empty(asked.window);
                if line.is_none() && !nothing {
                    return Err("sums that are missing");
                }
                self.sum(line).map(|sales| self.measured(sales))
            }
        };
        let products = self.of_products(&asked.products, by_product);
        let regular = products.clone().and_then(|lines| {
            let line = lines.iter().find(|line| line.activity == Some(NO_ACTIVITY));
            self.sum(line).map(|sales| self.measured(sales))
        });
        let others = products.map(|lines| self.measured(self.others(lines.iter())));
        Ok(SalesFacts { promotion, regular, others })
    }

    /// The lines of products, or why there are none: without products that is said of the question, whatever the store holds.
    fn of_products<'a>(&self, products: &[ProductId], lines: &'a Lines) -> Result<&'a [Line], Missing> {
        self.purchases()?;
        match (products, lines) {
            ([], _) => Err(Missing::NotMeasured(Reason::NoProducts)),
            (_, lines) => lines.as_ref().map(|lines| &lines[..]).map_err(Clone::clone),
        }
    }

    /// A line's sales; without a line there were no rows.
    fn sum(&self, line: Option<&Line>) -> Result<Sales, Missing> {
        let cancelled = |count: u64| self.shape.status.is_there().then_some(count);
        let Some(line) = line else { return Ok(Sales { cancelled: cancelled(0), ..Sales::default() }) };
        let BucketSales { orders, quantity, revenue } = bucket(line)?;
        let buyers = line.users.ok_or(Missing::NotMeasured(Reason::BadValue))?;
        Ok(Sales { orders, quantity, revenue, buyers, cancelled: cancelled(line.reversed.unwrap_or(0)) })
    }

    fn others<'a>(&self, lines: impl Iterator<Item = &'a Line>) -> Vec<OtherSales> {
        let valid = |id: Option<i64>| id.and_then(|id| u64::try_from(id).ok()).filter(|id| (1..=MAX_ID).contains(id));
        let mut others = BTreeMap::new();
        for line in lines.filter(|line| line.orders > 0) {
            let Some(activity) = valid(line.activity).map(ActivityId) else { continue };
            if !self.scope.activities.contains(&activity) {
                let campaign = valid(line.campaign).map(CampaignId);
                others.insert(activity, OtherSales { campaign, activity, orders: line.orders });
            }
        }
        others.into_values().collect()
    }

    fn history(&self, lines: &Lines, asked: &HistoryQuestion) -> Checked<Fact<History>> {
        let lines = match self.of_products(&asked.products, lines) {
            Ok(lines) => lines,
            Err(missing) => return Ok(Err(missing)),
        };
        let oldest = lines.iter().find(|line| line.part == Part::Oldest).ok_or("an oldest purchase that is missing")?;
        let since =
            oldest.oldest.and_then(|wall| self.shape.clock(Time::Purchase, self.options.purchase).instant(wall));
        let mut buckets = BTreeMap::new();
        for line in lines.iter().filter(|line| line.part == Part::History && line.orders > 0) {
            let start = line.slot.and_then(|slot| start(asked, slot)).filter(|start| asked.window.contains(*start));
            let start = start.ok_or("a bucket outside the history")?;
            match bucket(line) {
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
fn readable(place: &Place) -> Result<(), Missing> {
    match place {
        Place::There => Ok(()),
        Place::Absent => Err(Missing::NotMeasured(Reason::NoIndex)),
        Place::Refused(fault) => {
            let failed = Cause::Server(fault.clone()).in_asking(Asking::Tables);
            Err(Missing::Unavailable(Arc::new(failed.into())))
        }
    }
}

/// The sums of a line that holds no odd row.
fn bucket(line: &Line) -> Result<BucketSales, Missing> {
    let bad = Missing::NotMeasured(Reason::BadValue);
    if line.odd.is_none_or(|odd| odd > 0) {
        return Err(bad);
    }
    let exact = |amount: Option<Amount>| match amount {
        None => Ok(Money::ZERO),
        Some(Amount::Exact(money)) => Ok(money),
        Some(Amount::TooLarge) => Err(Missing::TooLarge),
    };
    let quantity = exact(line.quantity)?;
    if !quantity.fract().is_zero() {
        return Err(bad);
    }
    let quantity = u64::try_from(quantity).map_err(|_| Missing::TooLarge)?;
    Ok(BucketSales { orders: line.orders, quantity, revenue: exact(line.revenue)? })
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
    use crate::row::Row;

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

    /// What is made of replies, given as text.
    fn told(by_activity: &[&str], by_product: &[&str], history: &[&str]) -> Result<LedgerFacts, SourceError> {
        let lines = |rows: &[&str]| {
            let line = |row: &&str| Line::read(&Row::of(&row.split(' ').collect::<Vec<_>>())).expect("a line");
            Told::Lines(rows.iter().map(line).collect())
        };
        let options = MySqlOptions::default();
        facts(&question(), &Shape::of_mysql(), &options, [lines(by_activity), lines(by_product), lines(history)])
    }

    const STEP: &str = "3 NULL NULL NULL 45 NULL NULL NULL NULL NULL NULL";
    const PROMOTION: &str = "5 NULL NULL NULL 45 45 3 0 45 1345500.00 NULL";
    const SOLD: &str = "6 -1 NULL NULL 30 28 1 0 33 990000.00 NULL";
    const OLDEST: &str = "8 NULL NULL NULL 0 NULL NULL NULL NULL NULL NULL";

    #[test]
    fn a_whole_reply_is_measured() {
        let history = "7 NULL 2 NULL 2 NULL NULL 0 3 38700.00 NULL";
        let facts = told(&[STEP, PROMOTION], &[SOLD], &[history, OLDEST]).expect("facts");
        assert_eq!(facts.steps.current[0].as_ref().expect("a count").value, 45);
        let sales = facts.sales.expect("sales");
        assert_eq!(sales.promotion.expect("sums").value.cancelled, Some(3));
        assert_eq!(sales.regular.expect("sums").value.orders, 30);
        let history = facts.history.expect("asked").expect("history").value;
        assert_eq!((history.since, history.buckets.len()), (None, 1));
        assert_eq!(history.buckets[0].0, at("2024-11-10T17:00:00Z"));
    }

    #[test]
    fn a_reply_that_lacks_a_line_is_malformed_and_not_zero() {
        for (by_activity, history) in [
            (&[PROMOTION][..], &[OLDEST][..]),
            (&[STEP], &[OLDEST]),
            (&[STEP, PROMOTION], &[]),
            (&[STEP, PROMOTION], &["7 NULL 9999 NULL 2 NULL NULL 0 3 38700.00 NULL", OLDEST]),
            (&[STEP, PROMOTION], &["7 NULL NULL NULL 2 NULL NULL 0 3 38700.00 NULL", OLDEST]),
        ] {
            let error = told(by_activity, &[SOLD], history).expect_err("malformed");
            assert!(matches!(error, SourceError::Malformed { .. }), "{error:?}");
        }
    }
}
