//! Each type that a column may have gives the same facts. A type that loses digits gives none, and is named.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common;

use axon_examples::stores::Layout;
use axon_metrics::{
    Missing, Reason,
    facts::LedgerFacts,
    source::{CatalogSource, Counting, LedgerQuestion, LedgerSource, QueryScope},
};
use axon_metrics_mysql::{MySqlCatalog, MySqlLedger};
use common::{
    Database, PATIENT, Server, on_each_server,
    questions::{at, everything, fill},
};

/// Each column with the types that are tried. `TEXT` is in no index, so the tables have none here.
const LEDGER_TYPES: [(&str, &str, &[&str]); 10] = [
    (
        "purchases",
        "user_id",
        &["INT UNSIGNED", "DECIMAL(20, 0)", "DOUBLE", "BIT(64)", "VARCHAR(40)", "TEXT", "VARBINARY(40)"],
    ),
    (
        "purchases",
        "product_id",
        &["SMALLINT", "DECIMAL(20, 2)", "DOUBLE", "BIT(64)", "VARCHAR(40)", "TEXT", "VARBINARY(40)"],
    ),
    (
        "purchases",
        "campaign_activity_id",
        &["INT", "DECIMAL(20, 2)", "DOUBLE", "BIT(64)", "VARCHAR(40)", "TEXT", "VARBINARY(40)"],
    ),
    (
        "purchases",
        "price",
        &["INT", "BIGINT UNSIGNED", "DECIMAL(65, 10)", "DOUBLE", "VARCHAR(40)", "TEXT", "VARBINARY(40)"],
    ),
    (
        "purchases",
        "quantity",
        &["TINYINT", "BIGINT UNSIGNED", "DECIMAL(10, 2)", "FLOAT", "DOUBLE", "BIT(8)", "VARCHAR(40)", "VARBINARY(8)"],
    ),
    (
        "purchases",
        "status",
        &[
            "CHAR(20)",
            "ENUM('CONFIRMED', 'CANCELLED')",
            "TEXT",
            "VARBINARY(20)",
            "BINARY(20)",
            "VARCHAR(20) CHARACTER SET latin1",
        ],
    ),
    ("purchases", "purchase_at", &["DATETIME", "DATETIME(3)", "DATETIME(6)"]),
    (
        "campaign_activity_entries",
        "campaign_activity_id",
        &["INT", "DECIMAL(20, 0)", "DOUBLE", "BIT(64)", "VARCHAR(40)", "VARBINARY(40)"],
    ),
    (
        "campaign_activity_entries",
        "user_id",
        &["INT UNSIGNED", "DECIMAL(20, 0)", "DOUBLE", "BIT(64)", "VARCHAR(40)", "VARBINARY(40)"],
    ),
    ("campaign_activity_entries", "status", &["CHAR(20)", "ENUM('APPROVED')", "TEXT", "VARBINARY(20)"]),
];

const CATALOG_TYPES: [(&str, &str, &[&str]); 9] = [
    ("campaigns", "id", &["INT UNSIGNED", "DECIMAL(20, 0)", "DOUBLE", "VARCHAR(40)", "VARBINARY(40)"]),
    ("campaigns", "name", &["CHAR(40)", "TEXT", "VARBINARY(40)", "BLOB"]),
    ("campaigns", "start_at", &["DATETIME", "VARCHAR(40)", "VARBINARY(40)"]),
    ("campaign_activities", "id", &["INT UNSIGNED", "DECIMAL(20, 0)", "VARCHAR(40)"]),
    ("campaign_activities", "campaign_id", &["INT UNSIGNED", "DECIMAL(20, 0)", "VARCHAR(40)"]),
    ("campaign_activities", "product_id", &["INT", "DECIMAL(20, 2)", "DOUBLE", "VARCHAR(40)"]),
    (
        "campaign_activities",
        "limit_count",
        &["BIGINT UNSIGNED", "DECIMAL(10, 2)", "DOUBLE", "VARCHAR(40)", "VARBINARY(40)"],
    ),
    ("campaign_activities", "activity_type", &["CHAR(40)", "ENUM('FIRST_COME_FIRST_SERVE')", "TEXT", "VARBINARY(40)"]),
    ("campaign_activities", "end_date", &["DATETIME(3)", "TEXT"]),
];

const REFUSED: [(&str, &str, &str); 6] = [
    ("purchases", "price", "FLOAT"),
    ("purchases", "user_id", "FLOAT"),
    ("purchases", "purchase_at", "VARCHAR(40)"),
    ("purchases", "purchase_at", "DATE"),
    ("campaign_activity_entries", "created_at", "BIGINT"),
    ("campaign_activity_entries", "status", "DOUBLE"),
];

fn questions() -> [LedgerQuestion; 2] {
    [Counting::Events, Counting::Subjects].map(|counting| {
        let mut question = everything(PATIENT);
        let scope = QueryScope::clone(&question.scope).with_counting(counting).with_by_activity(true);
        question.scope = scope.into();
        question
    })
}

/// All facts of both questions as text.
async fn facts_of(database: &Database) -> String {
    // Equal amounts can have different scales.
    let normal = |mut facts: LedgerFacts| {
        for fact in facts.sales.iter_mut().flat_map(|sales| [&mut sales.promotion, &mut sales.regular]).flatten() {
            fact.value.revenue = fact.value.revenue.normalize();
            fact.value.refunds.revenue = fact.value.refunds.revenue.normalize();
        }
        for (_, bucket) in facts.history.iter_mut().flatten().flat_map(|history| &mut history.value.buckets) {
            bucket.revenue = bucket.revenue.normalize();
        }
        facts
    };
    let ledger = MySqlLedger::new(database.pool());
    let mut text = String::new();
    for question in questions() {
        text += &format!("{:#?}\n", normal(ledger.ledger(&question).await.unwrap()));
    }
    text
}

async fn with_type(database: &Database, table: &str, column: &str, kind: &str) {
    database.run(&format!("ALTER TABLE {table} MODIFY {column} {kind} NULL")).await;
}

/// The type of a column, to restore it.
async fn type_of(database: &Database, table: &str, column: &str) -> String {
    let rows: Vec<(Vec<u8>,)> = sqlx::query_as(
        "SELECT column_type FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ? AND column_name = ?",
    )
    .bind(table)
    .bind(column)
    .fetch_all(database.store.pool())
    .await
    .unwrap();
    String::from_utf8(rows[0].0.clone()).unwrap()
}

async fn filled<S: Server>() -> Option<Database> {
    let database = Database::create::<S>(Layout::Aug2026).await?;
    fill(&database).await;
    database
        .run(
            "ALTER TABLE purchases DROP KEY idx_purchase_activity_lookup, DROP KEY idx_purchase_activity_status_period, \
             DROP KEY idx_purchase_user_history, DROP KEY uk_campaign_purchase_user; \
             ALTER TABLE campaign_activity_entries DROP KEY uk_campaign_activity_entry_activity_user",
        )
        .await;
    Some(database)
}

async fn the_type_of_a_column_changes_no_fact<S: Server>() {
    let Some(database) = filled::<S>().await else { return };
    let expected = facts_of(&database).await;
    assert!(expected.contains("orders: 2") && expected.contains("buyers: 2"), "{expected}");
    for (table, column, kinds) in LEDGER_TYPES {
        let usual = type_of(&database, table, column).await;
        for kind in kinds {
            with_type(&database, table, column, kind).await;
            check_equal(&facts_of(&database).await, &expected, &format!("{table}.{column} {kind}"));
            with_type(&database, table, column, &usual).await;
            // A `BINARY` is padded.
            if kind.starts_with("BINARY") {
                database.run(&format!("UPDATE {table} SET {column} = TRIM(TRAILING X'00' FROM {column})")).await;
            }
        }
    }
    check_equal(&facts_of(&database).await, &expected, "the types as they were");
}

/// Names the first lines that differ.
fn check_equal(actual: &str, expected: &str, what: &str) {
    let differing = actual.lines().zip(expected.lines()).find(|(actual, expected)| actual != expected);
    assert_eq!((differing, actual.len()), (None, expected.len()), "{what}");
}

async fn the_type_of_a_column_changes_no_campaign<S: Server>() {
    let Some(database) = Database::create::<S>(Layout::Aug2026).await else { return };
    fill(&database).await;
    database
        .run(
            "ALTER TABLE campaigns MODIFY id BIGINT NOT NULL, DROP PRIMARY KEY; \
              ALTER TABLE campaign_activities MODIFY id BIGINT NOT NULL, DROP PRIMARY KEY",
        )
        .await;
    let source = MySqlCatalog::new(database.pool());
    let expected = source.catalog(PATIENT).await.unwrap();
    assert_eq!(expected.campaigns()[0].activities.len(), 2);
    for (table, column, kinds) in CATALOG_TYPES {
        let usual = type_of(&database, table, column).await;
        for kind in kinds {
            with_type(&database, table, column, kind).await;
            let probe = source.probe(at(0), PATIENT).await.unwrap();
            assert!(probe.problems.is_empty() && probe.losses.is_empty(), "{table}.{column} {kind}: {probe:#?}");
            let mut campaigns = source.catalog(PATIENT).await.unwrap().campaigns().to_vec();
            campaigns[0].activities.sort_by_key(|activity| activity.id);
            assert_eq!(campaigns, expected.campaigns(), "{table}.{column} {kind}");
            with_type(&database, table, column, &usual).await;
        }
    }
    // A day without a time begins and ends with that day.
    database.run("UPDATE campaigns SET start_at = '2024-11-06', end_at = '2024-11-20'").await;
    database.run("ALTER TABLE campaigns MODIFY start_at DATE, MODIFY end_at DATE").await;
    let campaign = &source.catalog(PATIENT).await.unwrap().campaigns()[0].clone();
    let text = |date: Option<axon_metrics::Timestamp>| date.unwrap().to_rfc3339();
    assert_eq!(text(campaign.start), "2024-11-05T15:00:00+00:00");
    assert_eq!(text(campaign.end), "2024-11-20T15:00:00+00:00");
}

async fn a_type_that_loses_digits_is_named_and_gives_no_fact<S: Server>() {
    let Some(database) = filled::<S>().await else { return };
    for (table, column, kind) in REFUSED {
        let usual = type_of(&database, table, column).await;
        database.run(&format!("CREATE TABLE kept AS SELECT id, {column} AS value FROM {table}")).await;
        database
            .run(&format!("ALTER TABLE {table} DROP COLUMN {column}; ALTER TABLE {table} ADD {column} {kind} NULL"))
            .await;
        let ledger = MySqlLedger::new(database.pool());
        let facts = ledger.ledger(&everything(PATIENT)).await.unwrap();
        let (step, others) = if table == "purchases" { (1, 0) } else { (0, 1) };
        let fact = &facts.steps.current[step];
        assert!(matches!(fact, Err(Missing::NotMeasured(Reason::BadValue))), "{table}.{column} {kind}: {fact:?}");
        assert!(facts.steps.current[others].is_ok(), "{table}.{column} {kind}");
        let probe = ledger.probe(at(0), PATIENT).await.unwrap();
        let name = format!("{table}.{column} is of type ");
        assert!(probe.problems.iter().any(|problem| problem.starts_with(&name)), "{probe:#?}");
        database
            .run(&format!(
                "ALTER TABLE {table} DROP COLUMN {column}; ALTER TABLE {table} ADD {column} {usual} NULL; \
                 UPDATE {table} AS t JOIN kept AS k ON k.id = t.id SET t.{column} = k.value; DROP TABLE kept"
            ))
            .await;
    }
}

on_each_server! {
    the_type_of_a_column_changes_no_fact;
    the_type_of_a_column_changes_no_campaign;
    a_type_that_loses_digits_is_named_and_gives_no_fact;
}
