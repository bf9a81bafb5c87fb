//! The health report: the server, its sessions, the configured offsets.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common;

use axon_examples::stores::{Layout, sql::PurchaseRow};
use axon_metrics::source::{CatalogSource, LedgerSource};
use axon_metrics_mysql::{MySqlCatalog, MySqlLedger, MySqlOptions, pool_options};
use chrono::{DateTime, FixedOffset, NaiveDateTime, TimeDelta, Utc};
use common::{
    Database, PATIENT, Server, finding, on_each_server,
    questions::{at, fill, purchase},
};

async fn health_reports_the_session_limits<S: Server>() {
    let Some(database) = Database::create::<S>(Layout::Dec2025).await else { return };
    fill(&database).await;
    let pool = pool_options().connect_lazy_with(database.store.connect_options());
    let probe = MySqlLedger::new(pool.clone()).probe(at(0), PATIENT).await.unwrap();
    assert!(finding(&probe, "server").starts_with(S::NAME), "{probe:#?}");
    assert_eq!((finding(&probe, "statementLimit"), finding(&probe, "session")), ("800 ms", "read-only"));
    assert!(finding(&probe, "purchaseStatus").starts_with("absent"));
    let probe = MySqlCatalog::new(pool).probe(at(0), PATIENT).await.unwrap();
    assert_eq!((finding(&probe, "campaigns"), finding(&probe, "activities")), ("1", "2"));

    let plain_pool = sqlx::MySqlPool::connect_lazy_with(database.store.connect_options());
    for probe in [
        MySqlLedger::new(plain_pool.clone()).probe(at(0), PATIENT).await.unwrap(),
        MySqlCatalog::new(plain_pool).probe(at(0), PATIENT).await.unwrap(),
    ] {
        assert!(finding(&probe, "statementLimit").starts_with("MISSING"), "{probe:#?}");
        assert!(finding(&probe, "session").starts_with("may write"), "{probe:#?}");
    }
}

/// A new purchase, written by each of the possible wall clocks.
async fn health_compares_the_offset_with_the_newest_row<S: Server>() {
    let Some(database) = Database::create::<S>(Layout::Aug2026).await else { return };
    let now: NaiveDateTime =
        sqlx::query_scalar("SELECT UTC_TIMESTAMP(6)").fetch_one(database.store.pool()).await.unwrap();
    let now: DateTime<Utc> = now.and_utc();
    for (written, expected) in [
        (9, "it fits"),
        (18, "+09:00 configured, WRONG: the newest row would lie 8 h 5"),
        (0, "would be 1 min old under +00:00"),
    ] {
        database.run("DELETE FROM purchases").await;
        // The loader writes the wall clock of Seoul.
        let at = now - TimeDelta::seconds(65) + TimeDelta::hours(written - 9);
        database.store.insert_purchases(vec![PurchaseRow { at, ..purchase(1, 0, None) }]).await.unwrap();
        let probe = MySqlLedger::new(database.pool()).probe(now, PATIENT).await.unwrap();
        assert!(finding(&probe, "purchaseOffset").contains(expected), "{written}: {probe:#?}");
        assert_eq!(finding(&probe, "createdOffset"), "+09:00 configured; not verified: no rows");
        let offset = FixedOffset::east_opt(i32::try_from(written).unwrap() * 3_600).unwrap();
        let options = MySqlOptions::default().with_purchase_offset(offset);
        let probe = MySqlLedger::with_options(database.pool(), options).probe(now, PATIENT).await.unwrap();
        assert!(finding(&probe, "purchaseOffset").ends_with("it fits"), "{written}: {probe:#?}");
        let newest = probe.newest.unwrap();
        assert_eq!(newest, now - TimeDelta::seconds(65), "the newest time is read by the wrong clock");
    }
}

on_each_server! {
    health_reports_the_session_limits;
    health_compares_the_offset_with_the_newest_row;
}
