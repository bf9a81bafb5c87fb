//! What health says: of the server, of its connections, of its clocks.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common;

use axon_examples::stores::{Layout, sql::PurchaseRow};
use axon_metrics::source::{CatalogSource, LedgerSource, Probe};
use axon_metrics_mysql::{MySqlCatalog, MySqlLedger, MySqlOptions, pool_options};
use chrono::{DateTime, FixedOffset, NaiveDateTime, TimeDelta, Utc};
use common::{
    Database, MariaDb, MySql, PATIENT, Server,
    questions::{at, fill, purchase},
};

fn finding<'a>(probe: &'a Probe, name: &str) -> &'a str {
    &probe.findings.iter().find(|(found, _)| found == name).unwrap_or_else(|| panic!("no {name}: {probe:#?}")).1
}

async fn connections<S: Server>() {
    let Some(database) = Database::create::<S>(Layout::Dec2025).await else { return };
    fill(&database).await;
    let pool = pool_options().connect_lazy_with(database.store.connect_options());
    let probe = MySqlLedger::new(pool.clone()).probe(at(0), PATIENT).await.unwrap();
    assert!(finding(&probe, "server").starts_with(S::NAME), "{probe:#?}");
    assert_eq!((finding(&probe, "statementLimit"), finding(&probe, "session")), ("800 ms", "read-only"));
    assert!(finding(&probe, "purchaseStatus").starts_with("not kept"));
    let probe = MySqlCatalog::new(pool).probe(at(0), PATIENT).await.unwrap();
    assert_eq!((finding(&probe, "campaigns"), finding(&probe, "activities")), ("1", "2"));

    let bare = sqlx::MySqlPool::connect_lazy_with(database.store.connect_options());
    for probe in [
        MySqlLedger::new(bare.clone()).probe(at(0), PATIENT).await.unwrap(),
        MySqlCatalog::new(bare).probe(at(0), PATIENT).await.unwrap(),
    ] {
        assert!(finding(&probe, "statementLimit").starts_with("MISSING"), "{probe:#?}");
        assert!(finding(&probe, "session").starts_with("may write"), "{probe:#?}");
    }
}

#[tokio::test]
async fn mysql_says_whether_its_connections_are_safe() {
    connections::<MySql>().await;
}

#[tokio::test]
async fn mariadb_says_whether_its_connections_are_safe() {
    connections::<MariaDb>().await;
}

/// A purchase just made, written by each of the wall clocks in question.
async fn clocks<S: Server>() {
    let Some(database) = Database::create::<S>(Layout::Aug2026).await else { return };
    let now: NaiveDateTime =
        sqlx::query_scalar("SELECT UTC_TIMESTAMP(6)").fetch_one(database.store.pool()).await.unwrap();
    let now: DateTime<Utc> = now.and_utc();
    for (written, wanted) in [
        (9, "it fits"),
        (18, "+09:00 configured, WRONG: the newest row would lie 8 h 5"),
        (0, "would be 1 min old under +00:00"),
    ] {
        database.run("DELETE FROM purchases").await;
        // The loader writes by the clock of Seoul.
        let at = now - TimeDelta::seconds(65) + TimeDelta::hours(written - 9);
        database.store.insert_purchases(vec![PurchaseRow { at, ..purchase(1, 0, None) }]).await.unwrap();
        let probe = MySqlLedger::new(database.pool()).probe(now, PATIENT).await.unwrap();
        assert!(finding(&probe, "purchaseOffset").contains(wanted), "{written}: {probe:#?}");
        assert_eq!(finding(&probe, "createdOffset"), "+09:00 configured; no row to tell by");
        let offset = FixedOffset::east_opt(i32::try_from(written).unwrap() * 3_600).unwrap();
        let options = MySqlOptions::default().with_purchase_offset(offset);
        let probe = MySqlLedger::with_options(database.pool(), options).probe(now, PATIENT).await.unwrap();
        assert!(finding(&probe, "purchaseOffset").ends_with("it fits"), "{written}: {probe:#?}");
        let newest = probe.newest.unwrap();
        assert_eq!(newest, now - TimeDelta::seconds(65), "read by the right clock");
    }
}

#[tokio::test]
async fn mysql_says_what_its_newest_row_tells_of_the_offset() {
    clocks::<MySql>().await;
}

#[tokio::test]
async fn mariadb_says_what_its_newest_row_tells_of_the_offset() {
    clocks::<MariaDb>().await;
}
