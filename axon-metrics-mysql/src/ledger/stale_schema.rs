//! An expired schema is probed again before a question is answered. Tested on both servers.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use axon_examples::stores::{
    Layout,
    sql::{Clocks, PurchaseRow, SqlStore},
};
use axon_metrics::{
    ActivityId, LedgerStep, Timestamp, Window,
    source::{LedgerQuestion, LedgerSource, QueryScope},
    testing::server_url,
};
use chrono::TimeDelta;

use super::MySqlLedger;

fn question(as_of: Timestamp) -> LedgerQuestion {
    let scope = QueryScope::new(as_of, [ActivityId(1)], Window { from: as_of - TimeDelta::hours(1), to: as_of });
    LedgerQuestion::new(scope, Duration::from_secs(20)).with_steps([LedgerStep::Purchase])
}

/// While no question is asked, the column `purchases.status` is added and one of two purchases is cancelled.
async fn check_schema_change(server: &str) {
    let Some(url) = server_url(server) else { return };
    let name = format!("axon_stale_{}_{}", std::process::id(), server.len());
    let store = SqlStore::create(&url, &name, Layout::Dec2025, Clocks::default()).await.unwrap();
    let as_of: Timestamp = "2024-11-12T10:30:00Z".parse().unwrap();
    let purchase = |id| PurchaseRow {
        id,
        user: id,
        product: 5,
        activity: Some(1),
        price: "12900.00".to_owned(),
        quantity: 1,
        status: "CONFIRMED",
        at: as_of - TimeDelta::minutes(5),
    };
    store.insert_purchases(vec![purchase(1), purchase(2)]).await.unwrap();
    let ledger = MySqlLedger::new(store.pool().clone());
    let orders = async || ledger.ledger(&question(as_of)).await.unwrap().steps.current[0].as_ref().unwrap().value;
    assert_eq!(orders().await, 2);
    sqlx::raw_sql(
        "ALTER TABLE purchases ADD status VARCHAR(20) NOT NULL DEFAULT 'CONFIRMED'; \
         UPDATE purchases SET status = 'CANCELLED' WHERE id = 2",
    )
    .execute(store.pool())
    .await
    .unwrap();
    ledger.store.age(Duration::from_secs(300));
    assert_eq!(orders().await, 1, "an answer by an expired schema");
    store.drop().await.unwrap();
}

#[tokio::test]
async fn an_expired_schema_of_mysql_is_probed_before_the_answer() {
    check_schema_change("AXON_TEST_MYSQL_URL").await;
}

#[tokio::test]
async fn an_expired_schema_of_mariadb_is_probed_before_the_answer() {
    check_schema_change("AXON_TEST_MARIADB_URL").await;
}
