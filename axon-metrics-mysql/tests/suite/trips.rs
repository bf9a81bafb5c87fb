//! The number of commands that a server gets, counted by a proxy.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common;

use std::{sync::atomic::Ordering, time::Duration};

use axon_examples::stores::Layout;
use axon_metrics::source::{CatalogSource, LedgerSource};
use axon_metrics_mysql::{MySqlCatalog, MySqlLedger};
use common::{
    Database, MariaDb, MySql, PATIENT, Server, on_each_server, pool_to,
    proxy::{Proxy, through},
    questions::{fill, history, sales, steps},
};

/// A question about steps is one statement, about sales two, about a history one, about the catalog one. The number of
/// activities does not matter, and there is no ping.
async fn a_statement_is_one_command<S: Server>(layout: Layout) {
    let Some(database) = Database::create::<S>(layout).await else { return };
    fill(&database).await;
    let options = database.store.connect_options();
    let proxy = Proxy::before(&options).await;
    let pool = pool_to(through(&proxy, &options));
    let (ledger, catalog) = (MySqlLedger::new(pool.clone()), MySqlCatalog::new(pool));
    ledger.ledger(&sales(1, PATIENT)).await.unwrap();
    catalog.catalog(PATIENT).await.unwrap();
    // Connections are released or cached by now.
    tokio::time::sleep(Duration::from_millis(100)).await;

    let questions = [
        (1, steps(1, PATIENT)),
        (1, steps(1_000, PATIENT)),
        (2, sales(1, PATIENT)),
        (2, sales(1_000, PATIENT)),
        (1, history(PATIENT)),
    ];
    for (expected, question) in questions {
        let before = proxy.commands();
        ledger.ledger(&question).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(proxy.commands() - before, expected, "{} activities", question.scope.activities.len());
    }
    let before = proxy.commands();
    catalog.catalog(PATIENT).await.unwrap();
    assert_eq!(proxy.commands() - before, 1);
    assert_eq!(proxy.stats.pings.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn cached_connections_are_released_after_some_seconds() {
    let Some(database) = Database::create::<MySql>(Layout::Aug2026).await else { return };
    let pool = database.pool();
    let ledger = MySqlLedger::new(pool.clone());
    ledger.ledger(&sales(1, PATIENT)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(pool.num_idle(), 0, "a connection is not cached");
    assert!([1, 2].contains(&pool.size()), "{} connections", pool.size());
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(pool.num_idle(), usize::try_from(pool.size()).unwrap(), "a connection is still cached");
    ledger.ledger(&sales(1, PATIENT)).await.unwrap();
    // Closing waits for all connections, so cached ones must be released at once.
    tokio::time::timeout(Duration::from_secs(2), pool.close()).await.expect("closed");
}

#[test]
fn a_source_may_outlive_its_runtime() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let owned = runtime.block_on(async {
        let database = Database::create::<MariaDb>(Layout::Aug2026).await?;
        let ledger = MySqlLedger::new(database.pool());
        ledger.ledger(&sales(1, PATIENT)).await.unwrap();
        Some((ledger, database))
    });
    drop(runtime);
    let Some((ledger, database)) = owned else { return };
    drop(ledger);
    drop(database);
}

on_each_server! {
    a_statement_is_one_command(Layout::Aug2026, Layout::Dec2025);
}
