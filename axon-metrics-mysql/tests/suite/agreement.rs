//! The same generated ledger in the embedded store and on both servers, in both generations of tables: the same answers to
//! questions drawn at random, fact for fact.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common;

use std::{sync::Arc, time::Duration};

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

/// Numbers that are the same in every run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn yes(&mut self) -> bool {
        self.below(2) == 0
    }
}

fn made() -> (MemorySink, DateTime<Utc>) {
    let config = Config { events: 30_000, campaigns: 12, ..Config::default() };
    let now = config.now;
    let mut made = MemorySink::default();
    Plan::new(config).unwrap().generate(&mut made, |_| {}).unwrap();
    (made, now)
}

/// The embedded store with the same rows; in layouts without a status, those that stood.
fn memory(made: &MemorySink, has_status: bool) -> MemoryStore {
    let (mut events, mut catalog, mut ledger, mut realtime) = (vec![], vec![], vec![], vec![]);
    let outputs = Outputs { events: &mut events, catalog: &mut catalog, ledger: &mut ledger, realtime: &mut realtime };
    let mut sink = NdjsonSink::new(&Config::default(), outputs);
    sink.catalog(made.catalog.as_ref().unwrap()).unwrap();
    made.entries.iter().for_each(|entry| sink.entry(entry).unwrap());
    let stood = |status| has_status || status == PurchaseStatus::Confirmed;
    made.purchases.iter().filter(|purchase| stood(purchase.status)).for_each(|row| sink.purchase(row).unwrap());
    sink.realtime(&[]).unwrap();
    let files = Files::new().catalog_from("catalog", std::io::Cursor::new(catalog));
    MemoryStore::load(files.ledger_from("ledger", std::io::Cursor::new(ledger))).unwrap()
}

fn questions(made: &MemorySink, now: DateTime<Utc>) -> Vec<LedgerQuestion> {
    let catalog = made.catalog.as_ref().unwrap();
    let activities: Vec<u64> = catalog.activities().map(|activity| activity.id.into()).collect();
    let products: Vec<u64> = catalog.products.iter().map(|product| product.id.into()).collect();
    let mut draw = Draw(7);
    let some = |draw: &mut Draw, ids: &[u64]| -> Vec<u64> {
        let most = draw.below(4);
        ids.iter().copied().filter(|_| draw.below(8) <= most).collect()
    };
    let instant = |draw: &mut Draw| now - TimeDelta::milliseconds(i64::try_from(draw.below(40 * 86_400_000)).unwrap());
    let window = |draw: &mut Draw| {
        let (one, two) = (instant(draw), instant(draw));
        Window { from: one.min(two), to: one.max(two) }
    };
    let question = |_| {
        let chosen = some(&mut draw, &activities);
        let funnel = chosen.iter().copied().filter(|_| draw.below(5) > 0).map(ActivityId).collect();
        let steps = match draw.below(4) {
            0 => vec![],
            1 => vec![LedgerStep::Purchase],
            2 => vec![LedgerStep::ApprovedEntry],
            _ => vec![LedgerStep::Purchase, LedgerStep::ApprovedEntry],
        };
        let scope = QueryScope {
            as_of: if draw.yes() { now } else { instant(&mut draw) },
            activities: chosen.into_iter().map(ActivityId).collect(),
            funnel_activities: funnel,
            current: window(&mut draw),
            previous: draw.yes().then(|| window(&mut draw)),
            counting: if draw.yes() { Counting::Events } else { Counting::Subjects },
            by_activity: draw.yes(),
        };
        let sales = (draw.below(4) > 0).then(|| SalesQuestion {
            products: some(&mut draw, &products).into_iter().map(ProductId).collect(),
            window: window(&mut draw),
        });
        let history = draw.yes().then(|| HistoryQuestion {
            products: some(&mut draw, &products).into_iter().map(ProductId).collect(),
            window: window(&mut draw),
            bucket: Duration::from_secs([3_600, 1_800, 900][draw.below(3)]),
        });
        LedgerQuestion { scope: Arc::new(scope), budget: PATIENT, steps, sales, history }
    };
    (0..60).map(question).collect()
}

/// A fact without the name of its store.
fn told<T: std::fmt::Debug>(fact: &Fact<T>) -> String {
    match fact {
        Ok(measured) => format!("{:?} up to {}", measured.value, measured.complete_to),
        Err(Missing::NotMeasured(reason)) => format!("{reason:?}"),
        Err(missing) => format!("{missing:?}"),
    }
}

fn sales(fact: &Fact<Sales>, has_status: bool) -> String {
    let mut fact = fact.clone();
    if let (Ok(measured), false) = (&mut fact, has_status) {
        measured.value.cancelled = None;
    }
    // Scales differ, values do not.
    if let Ok(measured) = &mut fact {
        measured.value.revenue = measured.value.revenue.normalize();
    }
    told(&fact)
}

fn all(facts: LedgerFacts, has_status: bool) -> Vec<String> {
    let steps = facts.steps;
    let mut lines: Vec<String> = steps.current.iter().chain(&steps.previous).map(told).collect();
    lines.extend(
        steps.by_activity.iter().map(|(id, counts)| format!("{id}: {:?}", counts.iter().map(told).collect::<Vec<_>>())),
    );
    if let Some(found) = facts.sales {
        lines.push(format!("promotion {}", sales(&found.promotion, has_status)));
        lines.push(format!("regular {}", sales(&found.regular, has_status)));
        lines.push(format!("others {}", told(&found.others)));
    }
    lines.extend(facts.history.map(|mut history| {
        if let Ok(measured) = &mut history {
            measured.value.buckets.iter_mut().for_each(|(_, sales)| sales.revenue = sales.revenue.normalize());
        }
        format!("history {}", told(&history))
    }));
    lines
}

async fn agree<S: Server>(layout: Layout, hours: i32) {
    let offset = FixedOffset::east_opt(hours * 3_600).unwrap();
    let clocks = Clocks { purchase: offset, created: offset, schedule: offset };
    let Some(database) = Database::with_clocks::<S>(layout, clocks).await else { return };
    let (made, now) = made();
    let has_status = database.store.has_status();
    let memory = memory(&made, has_status);
    database.store.insert_catalog(made.catalog.as_ref().unwrap()).await.unwrap();
    database.store.insert_entries(made.entries.iter().map(Into::into).collect()).await.unwrap();
    let inserted = database.store.insert_purchases(made.purchases.iter().map(Into::into).collect()).await.unwrap();
    assert_eq!(inserted.left_out > 0, !has_status);
    let options =
        MySqlOptions::default().with_purchase_offset(offset).with_created_offset(offset).with_schedule_offset(offset);

    let ledger = MySqlLedger::with_options(database.pool(), options.clone());
    let (mut asked, mut sold) = (0, 0);
    for question in questions(&made, now) {
        let wanted = all(memory.ledger(&question).await.unwrap(), has_status);
        let found = ledger.ledger(&question).await.unwrap();
        sold += found.sales.as_ref().map_or(0, |sales| {
            let orders = |fact: &Fact<Sales>| fact.as_ref().map_or(0, |sales| sales.value.orders);
            orders(&sales.promotion) + orders(&sales.regular)
        });
        assert_eq!(all(found, has_status), wanted, "{question:#?}");
        asked += wanted.len();
    }
    assert!(asked > 200 && sold > 1_000, "{asked} facts, {sold} orders");

    let catalog = MySqlCatalog::with_options(database.pool(), options).catalog(PATIENT).await.unwrap();
    let wanted = memory.catalog(PATIENT).await.unwrap();
    assert_eq!(catalog.campaigns(), wanted.campaigns());
    assert_eq!(catalog.currency(), wanted.currency());
    assert!(catalog.campaign_of(ActivityId(1)).is_none_or(|id| id > CampaignId(0)));
}

#[tokio::test]
async fn mysql_of_december_2025_agrees_with_the_embedded_store() {
    agree::<MySql>(Layout::Dec2025, 9).await;
}

#[tokio::test]
async fn mysql_of_august_2026_agrees_with_the_embedded_store() {
    agree::<MySql>(Layout::Aug2026, 18).await;
}

#[tokio::test]
async fn mariadb_of_december_2025_agrees_with_the_embedded_store() {
    agree::<MariaDb>(Layout::Dec2025, 0).await;
}

#[tokio::test]
async fn mariadb_of_august_2026_agrees_with_the_embedded_store() {
    agree::<MariaDb>(Layout::Aug2026, 9).await;
}
