//! The questions of the tests, around the instant of the plan, and the rows that answer them.

use std::time::Duration;

use axon_examples::stores::sql::{ActivityRow, CampaignRow, EntryRow, PurchaseRow};
use axon_metrics::{
    ActivityId, LedgerStep, ProductId, Timestamp, Window,
    source::{HistoryQuestion, LedgerQuestion, QueryScope, SalesQuestion},
};
use chrono::TimeDelta;

use super::Database;

/// The instant this many seconds after the `as_of` of all questions.
pub(crate) fn at(seconds: i64) -> Timestamp {
    "2024-11-12T10:30:00Z".parse::<Timestamp>().unwrap() + TimeDelta::seconds(seconds)
}

pub(crate) const HOUR: i64 = 3_600;
pub(crate) const DAY: i64 = 24 * HOUR;

/// A question about the steps of the last day, of activities 1 to `activities`.
pub(crate) fn steps(activities: u64, budget: Duration) -> LedgerQuestion {
    LedgerQuestion::new(scope(activities), budget).with_steps([LedgerStep::ApprovedEntry, LedgerStep::Purchase])
}

fn scope(activities: u64) -> QueryScope {
    let day = Window { from: at(-DAY), to: at(0) };
    let scope = QueryScope::new(at(0), (1..=activities).map(ActivityId), day);
    scope.with_previous(Window { from: at(-2 * DAY), to: at(-DAY) })
}

/// The same with sales of product 5.
pub(crate) fn sales(activities: u64, budget: Duration) -> LedgerQuestion {
    let day = Window { from: at(-DAY), to: at(0) };
    steps(activities, budget).with_sales(SalesQuestion::new([ProductId(5)], day))
}

/// A question about a week of history of product 5.
pub(crate) fn history(budget: Duration) -> LedgerQuestion {
    let window = Window { from: at(-8 * DAY), to: at(-DAY) };
    let history = HistoryQuestion::new([ProductId(5)], window, Duration::from_secs(3_600));
    LedgerQuestion::new(scope(0), budget).with_history(history)
}

/// A question about steps, sales and history.
pub(crate) fn everything(budget: Duration) -> LedgerQuestion {
    sales(1, budget).with_history(history(budget).history)
}

pub(crate) fn purchase(id: u64, seconds: i64, activity: Option<u64>) -> PurchaseRow {
    PurchaseRow {
        id,
        user: id,
        product: 5,
        activity,
        price: "12900.00".to_owned(),
        quantity: 1,
        status: "CONFIRMED",
        at: at(seconds),
    }
}

pub(crate) fn activity(id: u64) -> ActivityRow {
    ActivityRow {
        id,
        campaign: 1,
        product: Some(5),
        name: format!("activity {id}"),
        limit: Some(100),
        status: "ACTIVE".into(),
        start: Some(at(-DAY)),
        end: Some(at(DAY)),
        kind: "FIRST_COME_FIRST_SERVE".into(),
        price: "12900.00".into(),
    }
}

/// Inserts campaign 1 with activities 1 and 2,000, three approved entries, and six purchases: two of activity 1, one of
/// activity 2,000, three without an activity, of which two are from the week before.
pub(crate) async fn fill(database: &Database) {
    let campaign = CampaignRow { id: 1, name: "Spring".to_owned(), start: Some(at(-DAY)), end: None, budget: None };
    let store = &database.store;
    store.insert_campaigns(vec![campaign]).await.unwrap();
    store.insert_activities(vec![activity(1), activity(2_000)]).await.unwrap();
    let entry = |id| EntryRow { id, activity: 1, user: id, status: "APPROVED", created_at: at(-HOUR) };
    store.insert_entries(vec![entry(1), entry(2), entry(3)]).await.unwrap();
    let rows = [
        purchase(1, -HOUR, Some(1)),
        purchase(2, -HOUR, Some(1)),
        purchase(3, -HOUR, None),
        purchase(4, -2 * DAY, None),
        purchase(5, -2 * DAY, None),
        purchase(6, -HOUR, Some(2_000)),
    ];
    store.insert_purchases(rows.to_vec()).await.unwrap();
}
