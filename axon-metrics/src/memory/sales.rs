//! Answers a ledger question from one snapshot.
//! Lives here: sums of purchases, counts of rows, and how many rows each figure lacks. Lives elsewhere: the rows and
//! their partitions (`ledger`), records that are no rows (`coverage`).

use std::{collections::BTreeMap, sync::Arc};

use super::{
    coverage::{Tally, future},
    ledger::{Ledger, Outcome, PurchaseLog, PurchaseRow, RowUser},
    snapshot::Snapshot,
    time_log::{Span, TimeLog, bound_micros, instant},
};
use crate::{
    ActivityId, Measured, Missing, Money, ProductId, Reason, Timestamp,
    source::facts::Refunds,
    source::{BucketSales, Fact, History, LedgerFacts, LeftOutReason, OtherSales, Sales, SalesFacts, StepCounts},
    source::{Counting, HistoryQuestion, LedgerQuestion, QueryScope, SalesQuestion},
    vocabulary::LedgerStep,
    vocabulary::Window,
};

pub(super) fn answer(snapshot: &Snapshot, question: &LedgerQuestion) -> LedgerFacts {
    let scope = &*question.scope;
    let ledger =
        Answering { snapshot, ledger: &snapshot.ledger, name: Snapshot::SOURCE_NAME.into(), as_of: scope.as_of };
    let steps = |activities: &[ActivityId], window: Window, counting: Counting| -> Vec<Fact<u64>> {
        let span = Span::of(window, scope.as_of);
        question.steps.iter().map(|step| Ok(ledger.step(*step, activities, span, counting))).collect()
    };
    let union = &scope.funnel_activities;
    let per_activity = if scope.by_activity && !question.steps.is_empty() { &union[..] } else { &[] };
    let by_activity = per_activity.iter().map(|id| (*id, steps(&[*id], scope.current, Counting::Events)));
    let counts = StepCounts::new(steps(union, scope.current, scope.counting))
        .with_previous(scope.previous.map(|window| steps(union, window, scope.counting)).unwrap_or_default())
        .with_by_activity(by_activity.collect());
    let sales = question.sales.as_ref().map(|question| ledger.sales(scope, question));
    let history = question.history.as_ref().map(|question| ledger.history(question));
    LedgerFacts::new(counts).with_sales(sales).with_history(history)
}

/// A snapshot from which a question is answered.
struct Answering<'a> {
    snapshot: &'a Snapshot,
    ledger: &'a Ledger,
    name: Arc<str>,
    as_of: Timestamp,
}

impl Answering<'_> {
    /// The rows of a step, or their distinct users.
    fn step(&self, step: LedgerStep, activities: &[ActivityId], span: Span, counting: Counting) -> Measured<u64> {
        let mut tally = Tally::default();
        let left_out = &self.snapshot.left_out;
        match step {
            LedgerStep::ApprovedEntry => {
                let logs: Vec<_> = self.ledger.approved(activities).collect();
                let unknown = count(self.ledger.of_unknown_status(activities), span);
                tally.in_window(LeftOutReason::UnknownStatus, unknown);
                left_out.entries.tally_rows(activities, span, &mut tally);
                self.tally_future(logs.iter().copied(), &mut tally);
                let (value, used) = self.counted(&logs, |row| row.user, span, counting, &mut tally);
                self.entries_fact(value, used, &tally)
            }
            LedgerStep::Purchase => {
                let mut orders = Vec::new();
                for (outcome, log) in self.ledger.attributed(activities) {
                    match outcome {
                        Outcome::Confirmed | Outcome::Unpriced => orders.push(log),
                        _ => tally_unusable((outcome, log), span, &mut tally),
                    }
                }
                left_out.purchases.tally_rows(activities, span, &mut tally);
                self.tally_future(orders.iter().copied(), &mut tally);
                let (value, used) = self.counted(&orders, |row| row.user, span, counting, &mut tally);
                self.purchases_fact(value, used, &tally)
            }
        }
    }

    /// The rows of the logs or their distinct users, and the number of rows that they were counted from.
    fn counted<T: Copy>(
        &self,
        logs: &[&TimeLog<T>],
        user: impl Fn(&T) -> RowUser,
        span: Span,
        counting: Counting,
        tally: &mut Tally,
    ) -> (u64, u64) {
        let rows = count(logs.iter().copied(), span);
        if counting == Counting::Events {
            return (rows, rows);
        }
        let users = logs.iter().flat_map(|log| log.slices(span)).flatten().map(user);
        let (users, dropped) = self.distinct(users.collect());
        tally.in_window(LeftOutReason::NoSubject, dropped);
        (users, rows - dropped)
    }

    /// The number of distinct users, and that of rows whose user was dropped.
    fn distinct(&self, mut users: Vec<RowUser>) -> (u64, u64) {
        let dropped = |user: &&RowUser| **user == RowUser::DROPPED;
        let dropped = if self.ledger.has_dropped_users { users.iter().filter(dropped).count() } else { 0 };
        users.retain(|user| user.is_known());
        users.sort_unstable();
        users.dedup();
        (users.len() as u64, dropped as u64)
    }

    fn sales(&self, scope: &QueryScope, question: &SalesQuestion) -> SalesFacts {
        let span = Span::of(question.window, scope.as_of);
        let purchases = &self.snapshot.left_out.purchases;
        let mut tally = Tally::default();
        purchases.tally_rows(&scope.activities, span, &mut tally);
        let promotion = self.sum(self.ledger.attributed(&scope.activities), span, tally);
        if question.products.is_empty() {
            let none = || Missing::NotMeasured(Reason::NoProducts);
            return SalesFacts::new(promotion, Err(none()), Err(none()));
        }
        let products = unique(&question.products);
        let mut tally = Tally::default();
        purchases.tally_shop(&products, span, &mut tally);
        let regular = self.sum(self.ledger.of_shop(&products), span, tally);
        SalesFacts::new(promotion, regular, Ok(self.others(&scope.activities, &products, span)))
    }

    /// The sums of purchases, on top of a tally of those that are no rows.
    /// # Errors
    /// [`Missing::TooLarge`] on overflow.
    fn sum<'b>(&self, logs: impl Iterator<Item = PurchaseLog<'b>>, span: Span, mut tally: Tally) -> Fact<Sales> {
        let (mut orders, mut refunds) = (BucketSales::default(), BucketSales::default());
        let (mut unpriced, mut cancelled, mut users) = (0, 0, Vec::new());
        for (outcome, log) in logs {
            match outcome {
                Outcome::Confirmed | Outcome::Unpriced => {
                    for row in log.slices(span).flatten() {
                        add(&mut orders, row)?;
                        users.push(row.user);
                    }
                    unpriced += if outcome == Outcome::Unpriced { log.count(span) as u64 } else { 0 };
                }
                Outcome::Refund => log.slices(span).flatten().try_for_each(|row| add(&mut refunds, row))?,
                Outcome::Reversed => cancelled += log.count(span) as u64,
                Outcome::UnknownStatus | Outcome::BadAmount => tally_unusable((outcome, log), span, &mut tally),
                Outcome::Ignored => continue,
            }
            self.tally_future(std::iter::once(log), &mut tally);
        }
        let used = orders.orders + cancelled + refunds.orders;
        // The orders of a dropped user are used in all figures but the number of buyers.
        let (buyers, dropped) = self.distinct(users);
        tally.in_window(LeftOutReason::NoSubject, dropped);
        let sales = Sales::new(orders, buyers)
            .with_cancelled(cancelled)
            .with_unpriced(unpriced)
            .with_refunds(Refunds::new(refunds.orders, Money::ZERO - refunds.revenue));
        Ok(self.purchases_fact(sales, used, &tally))
    }

    /// The orders of these products by activities outside the scope.
    fn others(&self, activities: &[ActivityId], products: &[ProductId], span: Span) -> Measured<Vec<OtherSales>> {
        let mut orders = BTreeMap::<ActivityId, u64>::new();
        let mut tally = Tally::default();
        self.snapshot.left_out.purchases.tally_others(activities, products, span, &mut tally);
        for (partition, log) in self.ledger.partitions() {
            let sells = partition.product.is_some_and(|product| products.binary_search(&product).is_ok());
            let of_other = |activity: &ActivityId| sells && !activities.contains(activity);
            let Some(activity) = partition.activity.filter(of_other) else { continue };
            match partition.outcome {
                Outcome::Confirmed | Outcome::Unpriced => {
                    *orders.entry(activity).or_default() += log.count(span) as u64;
                    self.tally_future(std::iter::once(log), &mut tally);
                }
                outcome => tally_unusable((outcome, log), span, &mut tally),
            }
        }
        let used = orders.values().sum();
        let campaign = |activity| self.snapshot.catalog.campaign_of(activity);
        let other = |(activity, orders)| OtherSales::new(activity, orders).with_campaign(campaign(activity));
        let others = orders.into_iter().filter(|(_, orders)| *orders > 0).map(other).collect();
        self.purchases_fact(others, used, &tally)
    }

    /// The orders of the shop over time.
    /// # Errors
    /// [`Missing::TooLarge`] on overflow.
    fn history(&self, question: &HistoryQuestion) -> Fact<History> {
        if question.products.is_empty() {
            return Err(Missing::NotMeasured(Reason::NoProducts));
        }
        let products = unique(&question.products);
        let span = Span::of(question.window, self.as_of);
        let length = i64::try_from(question.bucket.as_micros()).unwrap_or(i64::MAX).max(1);
        let mut buckets = BTreeMap::<i64, BucketSales>::new();
        let mut tally = Tally::default();
        self.snapshot.left_out.purchases.tally_shop(&products, span, &mut tally);
        for (outcome, log) in self.ledger.of_shop(&products) {
            match outcome {
                Outcome::Confirmed | Outcome::Unpriced => {
                    for (at, row) in log.timed(span) {
                        add(buckets.entry(at.saturating_sub(span.from) / length).or_default(), row)?;
                    }
                    self.tally_future(std::iter::once(log), &mut tally);
                    if outcome == Outcome::Unpriced {
                        tally.in_window(LeftOutReason::BadAmount, log.count(span) as u64);
                    }
                }
                outcome => tally_unusable((outcome, log), span, &mut tally),
            }
        }
        let used = buckets.values().map(|bucket| bucket.orders).sum();
        let start = |bucket: i64| instant(span.from.saturating_add(bucket.saturating_mul(length)));
        let since = self.ledger.since().filter(|since| *since < bound_micros(self.as_of)).map(instant);
        let buckets = buckets.into_iter().map(|(bucket, sales)| (start(bucket), sales)).collect();
        Ok(self.purchases_fact(History::new(since, buckets), used, &tally))
    }

    /// Tallies rows that are too far in the future.
    fn tally_future<'b, T: Copy + 'b>(&self, logs: impl Iterator<Item = &'b TimeLog<T>>, tally: &mut Tally) {
        let future = future(self.as_of);
        if self.ledger.reaches(future.from) {
            tally.in_store(LeftOutReason::Future, count(logs, future));
        }
    }

    fn entries_fact<T>(&self, value: T, used: u64, tally: &Tally) -> Measured<T> {
        self.fact(value).with_coverage(tally.coverage(used, self.snapshot.entry_records()))
    }

    fn purchases_fact<T>(&self, value: T, used: u64, tally: &Tally) -> Measured<T> {
        self.fact(value).with_coverage(tally.coverage(used, self.snapshot.purchase_records()))
    }

    fn fact<T>(&self, value: T) -> Measured<T> {
        Measured::exact(value, Arc::clone(&self.name), self.as_of)
    }
}

fn count<'a, T: Copy + 'a>(logs: impl Iterator<Item = &'a TimeLog<T>>, span: Span) -> u64 {
    logs.map(|log| log.count(span) as u64).sum()
}

/// Tallies rows whose outcome says that they are left out.
fn tally_unusable((outcome, log): PurchaseLog<'_>, span: Span, tally: &mut Tally) {
    if let Some(reason) = outcome.left_out() {
        tally.in_window(reason, log.count(span) as u64);
    }
}

/// The products, sorted, each once.
fn unique(products: &[ProductId]) -> Vec<ProductId> {
    let mut products = products.to_vec();
    products.sort_unstable();
    products.dedup();
    products
}

fn add(total: &mut BucketSales, row: &PurchaseRow) -> Result<(), Missing> {
    let revenue = row.price.checked_mul(Money::from(row.quantity)).and_then(|paid| total.revenue.checked_add(paid));
    total.orders += 1;
    total.quantity = total.quantity.checked_add(row.quantity).ok_or(Missing::TooLarge)?;
    total.revenue = revenue.ok_or(Missing::TooLarge)?;
    Ok(())
}
