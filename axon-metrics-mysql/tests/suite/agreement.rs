//! The same generated ledger in the embedded store and on both servers, with both generations of tables: the same facts
//! for random questions.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common;

use std::time::Duration;

use axon_examples::{
    generator::{Config, MemorySink, NdjsonSink, Outputs, Plan, PurchaseStatus, Sink as _},
    stores::{Layout, sql::Clocks},
};
use axon_metrics::{
    ActivityId, CampaignId, Fact, Files, LedgerStep, MemoryStore, Missing, ProductId, Window,
    facts::{LedgerFacts, Sales},
    source::{CatalogSource, Counting, HistoryQuestion, LedgerQuestion, LedgerSource, QueryScope, SalesQuestion},
};
use axon_metrics_mysql::{MySqlCatalog, MySqlLedger, MySqlOptions};
use chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use common::{Database, MariaDb, MySql, PATIENT, Server};

/// Random numbers that are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 0
    }
}

/// The generated catalog and ledger, and the instant that they end at.
fn generate() -> (MemorySink, DateTime<Utc>) {
    let config = Config { events: 30_000, campaigns: 12, ..Config::default() };
    let now = config.now;
    let mut sink = MemorySink::default();
    Plan::new(config).unwrap().generate(&mut sink, |_| {}).unwrap();
    (sink, now)
}

/// The embedded store with the same rows. Without a status: only confirmed purchases, as in such tables.
fn memory(data: &MemorySink, has_status: bool) -> MemoryStore {
    let (mut events, mut catalog, mut ledger, mut realtime) = (vec![], vec![], vec![], vec![]);
    let outputs = Outputs { events: &mut events, catalog: &mut catalog, ledger: &mut ledger, realtime: &mut realtime };
    let mut sink = NdjsonSink::new(&Config::default(), outputs);
    sink.catalog(data.catalog.as_ref().unwrap()).unwrap();
    data.entries.iter().for_each(|entry| sink.entry(entry).unwrap());
    let is_stored = |status| has_status || status == PurchaseStatus::Confirmed;
    data.purchases.iter().filter(|purchase| is_stored(purchase.status)).for_each(|row| sink.purchase(row).unwrap());
    sink.realtime(&[]).unwrap();
    let files = Files::new().catalog_from("catalog", std::io::Cursor::new(catalog));
    MemoryStore::load(files.ledger_from("ledger", std::io::Cursor::new(ledger))).unwrap()
}

fn questions(data: &MemorySink, now: DateTime<Utc>) -> Vec<LedgerQuestion> {
    let catalog = data.catalog.as_ref().unwrap();
    let activities: Vec<u64> = catalog.activities().map(|activity| activity.id.into()).collect();
    let products: Vec<u64> = catalog.products.iter().map(|product| product.id.into()).collect();
    let mut random = Random(7);
    let subset = |random: &mut Random, ids: &[u64]| -> Vec<u64> {
        let limit = random.below(4);
        ids.iter().copied().filter(|_| random.below(8) <= limit).collect()
    };
    let instant =
        |random: &mut Random| now - TimeDelta::milliseconds(i64::try_from(random.below(40 * 86_400_000)).unwrap());
    let window = |random: &mut Random| {
        let (one, two) = (instant(random), instant(random));
        Window { from: one.min(two), to: one.max(two) }
    };
    let question = |_| {
        let scope_activities = subset(&mut random, &activities);
        let funnel =
            scope_activities.iter().copied().filter(|_| random.below(5) > 0).map(ActivityId).collect::<Vec<_>>();
        let steps = match random.below(4) {
            0 => vec![],
            1 => vec![LedgerStep::Purchase],
            2 => vec![LedgerStep::ApprovedEntry],
            _ => vec![LedgerStep::Purchase, LedgerStep::ApprovedEntry],
        };
        let as_of = if random.coin() { now } else { instant(&mut random) };
        let scope = QueryScope::new(as_of, scope_activities.into_iter().map(ActivityId), window(&mut random))
            .with_funnel_activities(funnel)
            .with_previous(random.coin().then(|| window(&mut random)))
            .with_counting(if random.coin() { Counting::Events } else { Counting::Subjects })
            .with_by_activity(random.coin());
        let some_products = |random: &mut Random| subset(random, &products).into_iter().map(ProductId);
        let sales = (random.below(4) > 0).then(|| SalesQuestion::new(some_products(&mut random), window(&mut random)));
        let history = random.coin().then(|| {
            let (products, window) = (some_products(&mut random), window(&mut random));
            HistoryQuestion::new(products, window, Duration::from_secs([3_600, 1_800, 900][random.below(3)]))
        });
        LedgerQuestion::new(scope, PATIENT).with_steps(steps).with_sales(sales).with_history(history)
    };
    (0..60).map(question).collect()
}

/// A fact as a text, without the name of its store.
fn fact_text<T: std::fmt::Debug>(fact: &Fact<T>) -> String {
    match fact {
        Ok(measured) => format!("{:?} up to {}", measured.value, measured.complete_to),
        Err(Missing::NotMeasured(reason)) => format!("{reason:?}"),
        Err(missing) => format!("{missing:?}"),
    }
}

/// The same for sales. Without a status, cancelled purchases are left out.
fn sales_text(fact: &Fact<Sales>, has_status: bool) -> String {
    let mut fact = fact.clone();
    if let (Ok(measured), false) = (&mut fact, has_status) {
        measured.value.cancelled = None;
    }
    // Equal amounts can have different scales.
    if let Ok(measured) = &mut fact {
        measured.value.revenue = measured.value.revenue.normalize();
    }
    fact_text(&fact)
}

/// All facts of an answer as texts.
fn lines(facts: LedgerFacts, has_status: bool) -> Vec<String> {
    let steps = facts.steps;
    let mut lines: Vec<String> = steps.current.iter().chain(&steps.previous).map(fact_text).collect();
    lines.extend(
        steps
            .by_activity
            .iter()
            .map(|(id, counts)| format!("{id}: {:?}", counts.iter().map(fact_text).collect::<Vec<_>>())),
    );
    if let Some(sales) = facts.sales {
        lines.push(format!("promotion {}", sales_text(&sales.promotion, has_status)));
        lines.push(format!("regular {}", sales_text(&sales.regular, has_status)));
        lines.push(format!("others {}", fact_text(&sales.others)));
    }
    lines.extend(facts.history.map(|mut history| {
        if let Ok(measured) = &mut history {
            measured.value.buckets.iter_mut().for_each(|(_, sales)| sales.revenue = sales.revenue.normalize());
        }
        format!("history {}", fact_text(&history))
    }));
    lines
}

/// `hours` is the offset of the wall clocks in the tables.
async fn check_agreement<S: Server>(layout: Layout, hours: i32) {
    let offset = FixedOffset::east_opt(hours * 3_600).unwrap();
    let clocks = Clocks { purchase: offset, created: offset, schedule: offset };
    let Some(database) = Database::with_clocks::<S>(layout, clocks).await else { return };
    let (data, now) = generate();
    let has_status = database.store.has_status();
    let memory = memory(&data, has_status);
    database.store.insert_catalog(data.catalog.as_ref().unwrap()).await.unwrap();
    database.store.insert_entries(data.entries.iter().map(Into::into).collect()).await.unwrap();
    let counts = database.store.insert_purchases(data.purchases.iter().map(Into::into).collect()).await.unwrap();
    assert_eq!(counts.left_out > 0, !has_status);
    let options =
        MySqlOptions::default().with_purchase_offset(offset).with_created_offset(offset).with_schedule_offset(offset);

    let ledger = MySqlLedger::with_options(database.pool(), options.clone());
    let (mut fact_count, mut order_count) = (0, 0);
    for question in questions(&data, now) {
        let expected = lines(memory.ledger(&question).await.unwrap(), has_status);
        let facts = ledger.ledger(&question).await.unwrap();
        order_count += facts.sales.as_ref().map_or(0, |sales| {
            let orders = |fact: &Fact<Sales>| fact.as_ref().map_or(0, |sales| sales.value.orders);
            orders(&sales.promotion) + orders(&sales.regular)
        });
        assert_eq!(lines(facts, has_status), expected, "{question:#?}");
        fact_count += expected.len();
    }
    assert!(fact_count > 200 && order_count > 1_000, "{fact_count} facts, {order_count} orders");

    let catalog = MySqlCatalog::with_options(database.pool(), options).catalog(PATIENT).await.unwrap();
    let expected = memory.catalog(PATIENT).await.unwrap();
    assert_eq!(catalog.campaigns(), expected.campaigns());
    assert_eq!(catalog.currency(), expected.currency());
    assert!(catalog.campaign_of(ActivityId(1)).is_none_or(|id| id > CampaignId(0)));
}

#[tokio::test]
async fn mysql_of_december_2025_agrees_with_the_embedded_store() {
    check_agreement::<MySql>(Layout::Dec2025, 9).await;
}

#[tokio::test]
async fn mysql_of_august_2026_agrees_with_the_embedded_store() {
    check_agreement::<MySql>(Layout::Aug2026, 18).await;
}

#[tokio::test]
async fn mariadb_of_december_2025_agrees_with_the_embedded_store() {
    check_agreement::<MariaDb>(Layout::Dec2025, 0).await;
}

#[tokio::test]
async fn mariadb_of_august_2026_agrees_with_the_embedded_store() {
    check_agreement::<MariaDb>(Layout::Aug2026, 9).await;
}
