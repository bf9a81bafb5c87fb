//! Answers a ledger question from one snapshot.
//! Lives here: sums of purchases, counts of rows. Lives elsewhere: the rows and their partitions (`ledger`).

use std::{collections::BTreeMap, sync::Arc};

use super::{
    ledger::{Ledger, Outcome, PurchaseRow},
    snapshot::Snapshot,
    time_log::{Span, TimeLog, bound_micros, instant},
};
use crate::{
    ActivityId, Catalog, Measured, Missing, Money, ProductId, Reason, Timestamp,
    source::{BucketSales, Fact, History, LedgerFacts, OtherSales, Sales, SalesFacts, StepCounts},
    source::{Counting, HistoryQuestion, LedgerQuestion, QueryScope, SalesQuestion},
    vocabulary::LedgerStep,
    vocabulary::Window,
};

pub(super) fn answer(snapshot: &Snapshot, question: &LedgerQuestion) -> LedgerFacts {
    let scope = &*question.scope;
    let ledger = &snapshot.ledger;
    let name: Arc<str> = Snapshot::SOURCE_NAME.into();
    let steps = |activities: &[ActivityId], window: Window, counting: Counting| -> Vec<Fact<u64>> {
        let span = Span::of(window, scope.as_of);
        let count = |step: &LedgerStep| rows(ledger, *step, activities, span, counting);
        question.steps.iter().map(|step| Ok(Measured::exact(count(step), Arc::clone(&name), scope.as_of))).collect()
    };
    let union = &scope.funnel_activities;
    let per_activity = if scope.by_activity && !question.steps.is_empty() { &union[..] } else { &[] };
    let by_activity = per_activity.iter().map(|id| (*id, steps(&[*id], scope.current, Counting::Events)));
    let counts = StepCounts::new(steps(union, scope.current, scope.counting))
        .with_previous(scope.previous.map(|window| steps(union, window, scope.counting)).unwrap_or_default())
        .with_by_activity(by_activity.collect());
    let sales = question.sales.as_ref().map(|question| sales(ledger, &snapshot.catalog, scope, question));
    let history = question.history.as_ref().map(|question| {
        let history = history(ledger, question, scope.as_of);
        history.map(|history| Measured::exact(history, Arc::clone(&name), scope.as_of))
    });
    LedgerFacts::new(counts).with_sales(sales).with_history(history)
}

/// The number of rows of a step, or of their distinct users.
fn rows(ledger: &Ledger, step: LedgerStep, activities: &[ActivityId], span: Span, counting: Counting) -> u64 {
    match (step, counting) {
        (LedgerStep::ApprovedEntry, Counting::Events) => count(ledger.approved(activities), span),
        (LedgerStep::ApprovedEntry, Counting::Subjects) => {
            let slices = ledger.approved(activities).flat_map(|log| log.slices(span));
            distinct(slices.flatten().map(|row| row.user))
        }
        (LedgerStep::Purchase, Counting::Events) => count(ledger.attributed(activities, Outcome::Confirmed), span),
        (LedgerStep::Purchase, Counting::Subjects) => {
            let slices = ledger.attributed(activities, Outcome::Confirmed).flat_map(|log| log.slices(span));
            distinct(slices.flatten().map(|row| row.user))
        }
    }
}

fn count<'a, T: Copy + 'a>(logs: impl Iterator<Item = &'a TimeLog<T>>, span: Span) -> u64 {
    logs.map(|log| log.count(span) as u64).sum()
}

fn distinct(users: impl Iterator<Item = u64>) -> u64 {
    let mut users: Vec<u64> = users.collect();
    users.sort_unstable();
    users.dedup();
    users.len() as u64
}

fn sales(ledger: &Ledger, catalog: &Catalog, scope: &QueryScope, question: &SalesQuestion) -> SalesFacts {
    let span = Span::of(question.window, scope.as_of);
    let measured =
        |sales: Result<Sales, Missing>| sales.map(|sales| Measured::exact(sales, Snapshot::SOURCE_NAME, scope.as_of));
    let activities = &scope.activities;
    let promotion = measured(sum(
        ledger.attributed(activities, Outcome::Confirmed),
        ledger.attributed(activities, Outcome::Reversed),
        span,
    ));
    if question.products.is_empty() {
        let none = || Missing::NotMeasured(Reason::NoProducts);
        return SalesFacts::new(promotion, Err(none()), Err(none()));
    }
    let products = unique(&question.products);
    let regular = measured(sum(
        ledger.of_shop(&products, Outcome::Confirmed),
        ledger.of_shop(&products, Outcome::Reversed),
        span,
    ));
    let mut orders = BTreeMap::<ActivityId, u64>::new();
    for (partition, log) in ledger.partitions().filter(|(partition, _)| partition.outcome == Outcome::Confirmed) {
        let sells = partition.product.is_some_and(|product| products.binary_search(&product).is_ok());
        if let Some(activity) = partition.activity.filter(|activity| sells && !activities.contains(activity)) {
            *orders.entry(activity).or_default() += log.count(span) as u64;
        }
    }
    let other = |(activity, orders)| OtherSales::new(activity, orders).with_campaign(catalog.campaign_of(activity));
    let others = orders.into_iter().filter(|(_, orders)| *orders > 0).map(other).collect();
    SalesFacts::new(promotion, regular, Ok(Measured::exact(others, Snapshot::SOURCE_NAME, scope.as_of)))
}

/// The products, sorted, each once.
fn unique(products: &[ProductId]) -> Vec<ProductId> {
    let mut products = products.to_vec();
    products.sort_unstable();
    products.dedup();
    products
}

/// The sums of the confirmed purchases in a span, and the number of reversed purchases.
/// # Errors
/// [`Missing::TooLarge`] on overflow.
fn sum<'a>(
    confirmed: impl Iterator<Item = &'a TimeLog<PurchaseRow>>,
    reversed: impl Iterator<Item = &'a TimeLog<PurchaseRow>>,
    span: Span,
) -> Result<Sales, Missing> {
    let mut total = BucketSales::default();
    let mut users = Vec::new();
    for row in confirmed.flat_map(|log| log.slices(span)).flatten() {
        add(&mut total, row)?;
        users.push(row.user);
    }
    Ok(Sales::new(total, distinct(users.into_iter())).with_cancelled(count(reversed, span)))
}

fn add(total: &mut BucketSales, row: &PurchaseRow) -> Result<(), Missing> {
    let revenue = row.price.checked_mul(Money::from(row.quantity)).and_then(|paid| total.revenue.checked_add(paid));
    total.orders += 1;
    total.quantity = total.quantity.checked_add(row.quantity).ok_or(Missing::TooLarge)?;
    total.revenue = revenue.ok_or(Missing::TooLarge)?;
    Ok(())
}

fn history(ledger: &Ledger, question: &HistoryQuestion, as_of: Timestamp) -> Result<History, Missing> {
    if question.products.is_empty() {
        return Err(Missing::NotMeasured(Reason::NoProducts));
    }
    let products = unique(&question.products);
    let span = Span::of(question.window, as_of);
    let length = i64::try_from(question.bucket.as_micros()).unwrap_or(i64::MAX).max(1);
    let mut buckets = BTreeMap::<i64, BucketSales>::new();
    for (at, row) in ledger.of_shop(&products, Outcome::Confirmed).flat_map(|log| log.timed(span)) {
        add(buckets.entry(at.saturating_sub(span.from) / length).or_default(), row)?;
    }
    let start = |bucket: i64| instant(span.from.saturating_add(bucket.saturating_mul(length)));
    let since = ledger.since().filter(|since| *since < bound_micros(as_of)).map(instant);
    Ok(History::new(since, buckets.into_iter().map(|(bucket, sales)| (start(bucket), sales)).collect()))
}
