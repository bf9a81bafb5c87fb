//! Wall clocks with a summer time: each instant of a window, each bucket of a history and each date is the right one.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common;

use std::time::Duration;

use axon_examples::stores::Layout;
use axon_metrics::{
    ActivityId, LedgerStep, ProductId, Timestamp, Window,
    source::{CatalogSource, HistoryQuestion, LedgerQuestion, LedgerSource, QueryScope, SalesQuestion},
};
use axon_metrics_mysql::{MySqlCatalog, MySqlLedger, MySqlOptions};
use chrono_tz::{America::New_York, Australia::Lord_Howe, Tz};
use common::{Database, PATIENT, Server, on_each_server};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn in_zone(zone: Tz) -> MySqlOptions {
    MySqlOptions::default().with_purchase_zone(zone).with_created_zone(zone).with_schedule_zone(zone)
}

/// Purchases in the shop and of activity 77, at these wall times.
async fn purchases(database: &Database, walls: &[&str]) {
    for (id, wall) in (1..).zip(walls) {
        database
            .run(&format!(
                "INSERT INTO purchases (id, user_id, product_id, campaign_activity_id, purchase_type, price, quantity, \
                 purchase_at) VALUES ({id}, {id}, 456, 77, 'CAMPAIGNACTIVITY', 10, 1, '{wall}'), \
                 ({id} + 100, {id}, 456, NULL, 'SHOP', 10, 1, '{wall}')"
            ))
            .await;
    }
}

fn question(window: Window) -> LedgerQuestion {
    let scope = QueryScope::new(at("2025-01-01T00:00:00Z"), [ActivityId(77)], window);
    LedgerQuestion::new(scope, PATIENT)
        .with_steps([LedgerStep::Purchase])
        .with_sales(SalesQuestion::new([ProductId(456)], window))
}

/// The orders of a window, by each of three ways.
async fn orders(ledger: &MySqlLedger, from: &str, to: &str) -> u64 {
    let facts = ledger.ledger(&question(Window { from: at(from), to: at(to) })).await.unwrap();
    let step = facts.steps.current[0].as_ref().unwrap().value;
    let sales = facts.sales.unwrap();
    let counts = [step, sales.promotion.unwrap().value.orders, sales.regular.unwrap().value.orders];
    assert_eq!(counts, [step; 3]);
    step
}

/// The starts of the buckets with purchases.
async fn buckets(ledger: &MySqlLedger, from: &str, to: &str, length: u64) -> Vec<(Timestamp, u64)> {
    let window = Window { from: at(from), to: at(to) };
    let history = HistoryQuestion::new([ProductId(456)], window, Duration::from_secs(length));
    let scope = QueryScope::new(at("2025-01-01T00:00:00Z"), [], Window { from: window.to, to: window.to });
    let facts = ledger.ledger(&LedgerQuestion::new(scope, PATIENT).with_history(history)).await.unwrap();
    let history = facts.history.unwrap().unwrap().value;
    history.buckets.into_iter().map(|(start, sales)| (start, sales.orders)).collect()
}

/// The clocks of New York went back on 2024-11-03 at 06:00 UTC.
async fn a_purchase_counts_on_its_own_day_in_summer_and_in_winter<S: Server>() {
    let Some(database) = Database::create::<S>(Layout::Aug2026).await else { return };
    purchases(&database, &["2024-10-31 23:30:00", "2024-11-05 23:30:00", "2024-11-03 01:30:00", "2024-11-03 02:00:00"])
        .await;
    let ledger = MySqlLedger::with_options(database.pool(), in_zone(New_York));
    assert_eq!(orders(&ledger, "2024-10-31T04:00:00Z", "2024-11-01T04:00:00Z").await, 1, "October 31");
    assert_eq!(orders(&ledger, "2024-11-01T04:00:00Z", "2024-11-02T04:00:00Z").await, 0, "November 1");
    assert_eq!(orders(&ledger, "2024-11-05T05:00:00Z", "2024-11-06T05:00:00Z").await, 1, "November 5");
    assert_eq!(orders(&ledger, "2024-11-06T05:00:00Z", "2024-11-07T05:00:00Z").await, 0, "November 6");
    assert_eq!(orders(&ledger, "2024-11-03T04:00:00Z", "2024-11-04T05:00:00Z").await, 2, "the day of 25 hours");
    // The hour that comes twice counts for the first time.
    assert_eq!(orders(&ledger, "2024-11-03T05:00:00Z", "2024-11-03T06:00:00Z").await, 1);
    assert_eq!(orders(&ledger, "2024-11-03T06:00:00Z", "2024-11-03T07:00:00Z").await, 0);
    assert_eq!(orders(&ledger, "2024-11-03T07:00:00Z", "2024-11-03T08:00:00Z").await, 1);
    let expected = [
        ("2024-11-01T03:00:00Z", 1),
        ("2024-11-03T05:00:00Z", 1),
        ("2024-11-03T07:00:00Z", 1),
        ("2024-11-06T04:00:00Z", 1),
    ];
    let expected: Vec<(Timestamp, u64)> = expected.map(|(start, orders)| (at(start), orders)).to_vec();
    assert_eq!(buckets(&ledger, "2024-10-30T04:00:00Z", "2024-11-08T05:00:00Z", 3_600).await, expected);
    // A fixed offset is right for one half of the year.
    let fixed = MySqlOptions::default().with_purchase_offset(chrono::FixedOffset::west_opt(5 * 3_600).unwrap());
    let ledger = MySqlLedger::with_options(database.pool(), fixed);
    assert_eq!(orders(&ledger, "2024-10-31T04:00:00Z", "2024-11-01T04:00:00Z").await, 0);
}

/// In spring an hour is skipped: what is stored there counts at the change, and costs no bucket.
async fn a_skipped_hour_costs_nothing<S: Server>() {
    let Some(database) = Database::create::<S>(Layout::Aug2026).await else { return };
    purchases(&database, &["2024-03-10 01:59:59", "2024-03-10 02:30:00", "2024-03-10 03:00:00", "2024-03-10 23:00:00"])
        .await;
    let ledger = MySqlLedger::with_options(database.pool(), in_zone(New_York));
    assert_eq!(orders(&ledger, "2024-03-10T05:00:00Z", "2024-03-11T04:00:00Z").await, 4, "the day of 23 hours");
    assert_eq!(orders(&ledger, "2024-03-10T06:00:00Z", "2024-03-10T07:00:00Z").await, 1);
    let expected = [("2024-03-10T06:00:00Z", 1), ("2024-03-10T07:00:00Z", 2), ("2024-03-11T03:00:00Z", 1)];
    let expected: Vec<(Timestamp, u64)> = expected.map(|(start, orders)| (at(start), orders)).to_vec();
    assert_eq!(buckets(&ledger, "2024-03-09T05:00:00Z", "2024-03-12T04:00:00Z", 3_600).await, expected);
    // A window that begins with the change.
    assert_eq!(buckets(&ledger, "2024-03-10T07:00:00Z", "2024-03-12T04:00:00Z", 3_600).await, expected[1..]);
}

/// A change by half an hour, on 2024-04-06 at 15:00 UTC, and two changes in one window.
async fn buckets_of_half_an_hour_follow_a_change_of_half_an_hour<S: Server>() {
    let Some(database) = Database::create::<S>(Layout::Aug2026).await else { return };
    purchases(&database, &["2024-04-07 01:15:00", "2024-04-07 01:45:00", "2024-04-07 02:00:00", "2024-10-06 03:00:00"])
        .await;
    let ledger = MySqlLedger::with_options(database.pool(), in_zone(Lord_Howe));
    let expected = [
        ("2024-04-06T14:00:00Z", 1),
        ("2024-04-06T14:30:00Z", 1),
        ("2024-04-06T15:30:00Z", 1),
        ("2024-10-05T16:00:00Z", 1),
    ];
    let expected: Vec<(Timestamp, u64)> = expected.map(|(start, orders)| (at(start), orders)).to_vec();
    assert_eq!(buckets(&ledger, "2024-04-01T13:00:00Z", "2024-10-10T13:00:00Z", 1_800).await, expected);
}

async fn dates_of_the_catalog_are_read_in_their_zone<S: Server>() {
    let Some(database) = Database::create::<S>(Layout::Aug2026).await else { return };
    database
        .run("INSERT INTO campaigns (id, name, start_at, end_at) VALUES (1, 'Fall', '2024-10-31 00:00:00', '2024-11-06 00:00:00')")
        .await;
    let catalog = MySqlCatalog::with_options(database.pool(), in_zone(New_York)).catalog(PATIENT).await.unwrap();
    let campaign = &catalog.campaigns()[0];
    assert_eq!(campaign.start, Some(at("2024-10-31T04:00:00Z")));
    assert_eq!(campaign.end, Some(at("2024-11-06T05:00:00Z")));
}

on_each_server! {
    a_purchase_counts_on_its_own_day_in_summer_and_in_winter;
    a_skipped_hour_costs_nothing;
    buckets_of_half_an_hour_follow_a_change_of_half_an_hour;
    dates_of_the_catalog_are_read_in_their_zone;
}
