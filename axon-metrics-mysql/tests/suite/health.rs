//! The health report: the server, its sessions, the configured offsets.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common;

use axon_examples::stores::{
    Layout,
    sql::{EntryRow, PurchaseRow},
};
use axon_metrics::{
    ActivityId, LedgerStep, Window,
    facts::LeftOutReason,
    source::{CatalogSource, LedgerQuestion, LedgerSource, QueryScope},
};
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

/// A purchase a minute ago by the clock of Seoul.
async fn database_of_now<S: Server>() -> Option<(Database, DateTime<Utc>)> {
    let database = Database::create::<S>(Layout::Aug2026).await?;
    let now: NaiveDateTime =
        sqlx::query_scalar("SELECT UTC_TIMESTAMP(6)").fetch_one(database.store.pool()).await.unwrap();
    let at = now.and_utc() - TimeDelta::seconds(65);
    database.store.insert_purchases(vec![PurchaseRow { at, ..purchase(1, 0, Some(1)) }]).await.unwrap();
    let entry = EntryRow { id: 1, activity: 1, user: 1, status: "APPROVED", created_at: at };
    database.store.insert_entries(vec![entry]).await.unwrap();
    Some((database, now.and_utc()))
}

fn with_offset(hours: i32) -> MySqlOptions {
    MySqlOptions::default().with_purchase_offset(FixedOffset::east_opt(hours * 3_600).unwrap())
}

/// Why records were left out of the counts of entries and of purchases.
async fn reasons(ledger: &MySqlLedger, now: DateTime<Utc>) -> [Vec<LeftOutReason>; 2] {
    let day = Window { from: now - TimeDelta::days(1), to: now };
    let question = LedgerQuestion::new(QueryScope::new(now, [ActivityId(1)], day), PATIENT)
        .with_steps([LedgerStep::ApprovedEntry, LedgerStep::Purchase]);
    let steps = ledger.ledger(&question).await.unwrap().steps.current;
    let reasons =
        |index: usize| steps[index].as_ref().unwrap().coverage.left_out().iter().map(|one| one.reason).collect();
    [reasons(0), reasons(1)]
}

/// Rows of last year that were imported since have the highest ids. The figures that a wrong clock moves say so.
async fn a_wrong_offset_is_found_behind_an_import_of_older_rows<S: Server>() {
    let Some((database, now)) = database_of_now::<S>().await else { return };
    let imported = (10..3_010).map(|id| {
        let at = now - TimeDelta::days(365) - TimeDelta::minutes(i64::try_from(id).unwrap());
        PurchaseRow { at, ..purchase(id, 0, None) }
    });
    database.store.insert_purchases(imported.collect()).await.unwrap();
    let ledger = MySqlLedger::with_options(database.pool(), with_offset(0));
    assert_eq!(reasons(&ledger, now).await, [vec![], vec![LeftOutReason::OffsetWrong]]);
    let probe = ledger.probe(now, PATIENT).await.unwrap();
    let text = "+00:00 configured, WRONG: the newest row would lie 8 h 5";
    assert!(finding(&probe, "purchaseOffset").starts_with(text), "{probe:#?}");
    let problem = "purchases.purchase_at is read by a wrong clock: the newest row would lie 8 h 5";
    assert!(probe.problems[0].starts_with(problem) && probe.problems[0].contains("mysql.purchase_zone"), "{probe:#?}");
    let ledger = MySqlLedger::new(database.pool());
    assert_eq!(reasons(&ledger, now).await, [vec![], vec![]]);
    let probe = ledger.probe(now, PATIENT).await.unwrap();
    assert!(finding(&probe, "purchaseOffset").ends_with("it fits") && probe.problems.is_empty(), "{probe:#?}");
    assert_eq!(probe.newest, Some(now - TimeDelta::seconds(65)), "the newest by time");
}

/// New rows that are always five hours old.
async fn an_offset_that_is_too_large_is_found_by_new_rows<S: Server>() {
    let Some((database, now)) = database_of_now::<S>().await else { return };
    let ledger = MySqlLedger::with_options(database.pool(), with_offset(14));
    for (id, is_wrong) in [(2, false), (3, false), (4, true)] {
        let probe = ledger.probe(now, PATIENT).await.unwrap();
        assert_eq!(
            finding(&probe, "purchaseOffset").contains("WRONG: new rows keep coming 5 h 0"),
            is_wrong,
            "{probe:#?}"
        );
        let at = now - TimeDelta::seconds(65 - i64::try_from(id).unwrap());
        database.store.insert_purchases(vec![PurchaseRow { at, ..purchase(id, 0, Some(1)) }]).await.unwrap();
    }
    assert_eq!(reasons(&ledger, now).await, [vec![], vec![LeftOutReason::OffsetWrong]]);
}

/// One order for tomorrow among many is no wrong clock.
async fn a_single_row_in_the_future_is_no_wrong_offset<S: Server>() {
    let Some((database, now)) = database_of_now::<S>().await else { return };
    let rows = (2..12).map(|id| PurchaseRow { at: now - TimeDelta::minutes(3), ..purchase(id, 0, Some(1)) });
    let tomorrow = PurchaseRow { at: now + TimeDelta::hours(20), ..purchase(50, 0, Some(2)) };
    database.store.insert_purchases(rows.chain([tomorrow]).collect()).await.unwrap();
    let ledger = MySqlLedger::new(database.pool());
    assert_eq!(reasons(&ledger, now).await, [vec![], vec![]]);
    let probe = ledger.probe(now, PATIENT).await.unwrap();
    assert!(finding(&probe, "purchaseOffset").ends_with("it fits"), "{probe:#?}");
}

async fn health_names_a_table_that_is_not_there<S: Server>() {
    let Some(database) = Database::create::<S>(Layout::Aug2026).await else { return };
    database.run("DROP TABLE campaign_activity_entries").await;
    let probe = MySqlLedger::new(database.pool()).probe(at(0), PATIENT).await.unwrap();
    assert_eq!(probe.problems, ["there is no table campaign_activity_entries in the database: check the address"]);
}

on_each_server! {
    a_wrong_offset_is_found_behind_an_import_of_older_rows;
    an_offset_that_is_too_large_is_found_by_new_rows;
    a_single_row_in_the_future_is_no_wrong_offset;
    health_names_a_table_that_is_not_there;
    health_reports_the_session_limits;
    health_compares_the_offset_with_the_newest_row;
}
