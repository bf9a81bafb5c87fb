//! Wall clocks with a summer time: each instant of a window, each bucket of a history and each date is the right one.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common;

use std::{sync::Arc, time::Duration};

use axon_examples::stores::Layout;
use axon_metrics::{
    ActivityId, Budgets, Dashboard, DashboardRequest, LedgerStep, MemoryStore, Period, ProductId, Record, StepRules,
    Timestamp, Widget, Window,
    answer::WidgetStatus,
    catalog::{Activity, ActivityKind, Campaign, Catalog},
    period::Bound,
    source::{CatalogSource, Counting, HistoryQuestion, LedgerQuestion, LedgerSource, QueryScope, SalesQuestion},
    widget::WarningCode,
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

/// New York, 2024-11-03: what is stored from 01:00 to 02:00 counts for the first pass, and is counted in the same scan.
async fn rows_of_the_hour_that_comes_twice_are_said<S: Server>() {
    let Some(database) = Database::create::<S>(Layout::Aug2026).await else { return };
    purchases(&database, &["2024-11-03 00:59:59", "2024-11-03 01:30:00", "2024-11-03 01:59:59", "2024-11-03 02:00:00"])
        .await;
    database
        .run(
            "INSERT INTO campaign_activity_entries (id, campaign_activity_id, user_id, status, requested_at, created_at) \
             VALUES (1, 77, 1, 'APPROVED', '2024-11-03', '2024-11-03 01:30:00'), \
             (2, 77, 2, 'APPROVED', '2024-11-03', '2024-11-03 02:30:00'), (3, 77, 3, 'PENDING', '2024-11-03', '2024-11-03 01:30:00')",
        )
        .await;
    let ledger = MySqlLedger::with_options(database.pool(), in_zone(New_York));
    let day = ["2024-11-03T04:00:00Z", "2024-11-04T05:00:00Z"];
    for counting in [Counting::Events, Counting::Subjects] {
        // Orders, and rows of the hour that comes twice.
        for ([from, to], [orders, twice], [entries, entries_twice]) in [
            (day, [4, 2], [2, 1]),
            (["2024-11-03T05:00:00Z", "2024-11-03T06:00:00Z"], [2, 2], [1, 1]),
            (["2024-11-03T05:45:00Z", "2024-11-03T07:30:00Z"], [2, 1], [0, 0]),
            (["2024-11-03T06:00:00Z", "2024-11-03T08:00:00Z"], [1, 0], [1, 0]),
            (["2024-11-02T04:00:00Z", "2024-11-03T05:00:00Z"], [1, 0], [0, 0]),
        ] {
            let mut question = question(Window { from: at(from), to: at(to) });
            let scope = Arc::make_mut(&mut question.scope);
            (scope.counting, scope.by_activity) = (counting, true);
            question.steps.push(LedgerStep::ApprovedEntry);
            let facts = ledger.ledger(&question).await.unwrap();
            for steps in [&facts.steps.current, &facts.steps.by_activity[0].1] {
                let counts: Vec<_> = steps.iter().map(|fact| fact.as_ref().unwrap()).collect();
                let counts: Vec<_> = counts.iter().map(|fact| [fact.value, fact.ambiguous]).collect();
                assert_eq!(counts, [[orders, twice], [entries, entries_twice]], "{counting:?}, {from}");
            }
            let sales = facts.sales.unwrap();
            for sales in [sales.promotion.unwrap(), sales.regular.unwrap()] {
                assert_eq!([sales.value.orders, sales.ambiguous], [orders, twice], "{counting:?}, {from}");
            }
        }
    }
    // A history, and clocks without such an hour.
    let window = Window { from: at("2024-10-28T04:00:00Z"), to: at("2024-11-05T05:00:00Z") };
    let history = HistoryQuestion::new([ProductId(456)], window, Duration::from_secs(3_600));
    let scope = QueryScope::new(at("2025-01-01T00:00:00Z"), [], Window { from: window.to, to: window.to });
    let history = LedgerQuestion::new(scope, PATIENT).with_history(history);
    assert_eq!(ledger.ledger(&history).await.unwrap().history.unwrap().unwrap().ambiguous, 2);
    let seoul = MySqlLedger::with_options(database.pool(), in_zone(chrono_tz::Asia::Seoul));
    assert_eq!(seoul.ledger(&history).await.unwrap().history.unwrap().unwrap().ambiguous, 0);
}

/// The warning of an answer.
async fn an_answer_warns_of_the_hour_that_comes_twice<S: Server>() {
    let Some(database) = Database::create::<S>(Layout::Aug2026).await else { return };
    purchases(&database, &["2024-11-03 01:30:00", "2024-11-03 12:00:00"]).await;
    let activity = Activity::new(77, "A", ActivityKind::FirstComeFirstServe)
        .with_start(at("2024-10-30T00:00:00Z"))
        .with_end(at("2024-11-20T00:00:00Z"))
        .with_product(ProductId(456));
    let catalog = Catalog::new("USD", vec![Campaign::new(1, "Fall", [activity])]).unwrap();
    let dashboard = Dashboard::builder()
        .catalog(MemoryStore::new(catalog))
        .ledger(MySqlLedger::with_options(database.pool(), in_zone(New_York)))
        .step_rules(StepRules::default().with("purchase", Record::Ledger(LedgerStep::Purchase)).unwrap())
        .budgets(Budgets::all(PATIENT))
        .zone(New_York)
        .build();
    for (day, expected) in [("2024-11-03", Some(1)), ("2024-11-02", None)] {
        let day = Bound::Date(day.parse().unwrap());
        let request = DashboardRequest::activity(77)
            .widgets([Widget::Funnel, Widget::Comparison])
            .period(Period::Custom { start: day, end: day });
        let answer = dashboard.answer(&request, at("2024-11-12T10:30:00Z")).await.unwrap();
        let warnings = |widget| {
            let warnings = answer.widgets[&widget].warnings.iter();
            let warnings = warnings.filter(|warning| warning.code == WarningCode::AmbiguousHour);
            let field = |field: &Option<String>| field.clone().unwrap_or_default();
            warnings.map(|warning| (field(&warning.field), warning.number("records"))).collect::<Vec<_>>()
        };
        let of = |field: &str| expected.map(|records| (field.to_owned(), Some(records)));
        assert_eq!(warnings(Widget::Funnel), of("steps[3].value").into_iter().collect::<Vec<_>>(), "{day:?}");
        let sales: Vec<_> = of("promotion").into_iter().chain(of("regular")).collect();
        assert_eq!(warnings(Widget::Comparison), sales, "{day:?}");
        assert_eq!(answer.widgets[&Widget::Comparison].status, WidgetStatus::Fresh, "{day:?}: the figures are whole");
    }
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
    rows_of_the_hour_that_comes_twice_are_said;
    an_answer_warns_of_the_hour_that_comes_twice;
    a_skipped_hour_costs_nothing;
    buckets_of_half_an_hour_follow_a_change_of_half_an_hour;
    dates_of_the_catalog_are_read_in_their_zone;
}
