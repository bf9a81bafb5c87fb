//! Invalid rows and changed tables: a figure that they affect is missing with a reason, never wrong.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common;

use std::{sync::Arc, time::Duration};

use axon_examples::stores::Layout;
use axon_metrics::{
    ActivityId, Missing, Money, Reason,
    facts::SalesFacts,
    source::{CatalogSource, LedgerSource},
};
use axon_metrics_mysql::{MySqlCatalog, MySqlLedger};
use common::{
    Database, MariaDb, PATIENT, Server, finding, on_each_server, pool_to,
    proxy::{Proxy, through},
    questions::{DAY, HOUR, activity, at, everything, fill, purchase, sales, steps},
};
use sqlx::Connection as _;

async fn sales_of(database: &Database) -> SalesFacts {
    MySqlLedger::new(database.pool()).ledger(&sales(1, PATIENT)).await.unwrap().sales.unwrap()
}

/// Purchases have a type, too. If it contradicts the activity, the activity counts.
async fn the_activity_counts_and_not_the_type<S: Server>() {
    for layout in [Layout::Dec2025, Layout::Aug2026] {
        check_types_of_purchases::<S>(layout).await;
    }
}

async fn check_types_of_purchases<S: Server>(layout: Layout) {
    let Some(database) = Database::create::<S>(layout).await else { return };
    fill(&database).await;
    let ledger = MySqlLedger::new(database.pool());
    ledger.ledger(&steps(1, PATIENT)).await.unwrap();
    database.run("INSERT INTO purchases (id, user_id, product_id, campaign_activity_id, purchase_type, price, quantity, purchase_at) \
        VALUES (21, 21, 5, 1, 'SHOP', 1, 1, '2024-11-12 18:30:00'), (22, 22, 5, NULL, 'CAMPAIGNACTIVITY', 1, 1, '2024-11-12 18:30:00'), \
        (23, 23, 5, 1, 'GIFT', 1, 1, '2024-11-12 18:30:00')").await;
    let sales = sales_of(&database).await;
    assert_eq!((sales.promotion.unwrap().value.orders, sales.regular.unwrap().value.orders), (4, 2));
    let purchases = async || ledger.ledger(&steps(1, PATIENT)).await.unwrap().steps.current[1].as_ref().unwrap().value;
    assert_eq!(purchases().await, 4);
    // An unknown type, an empty one, and one that equals the platform's by the collation.
    database.run("INSERT INTO purchases (id, user_id, product_id, campaign_activity_id, purchase_type, price, quantity, purchase_at) \
        VALUES (24, 24, 5, 1, 'LOTTERY', 1, 1, '2024-11-12 18:30:00'), (25, 25, 5, 1, '', 1, 1, '2024-11-12 18:30:00'), \
        (26, 26, 5, 1, 'shop', 1, 1, '2024-11-12 18:30:00'), (27, 27, 5, 1, 'A', 1, 1, '2024-10-12 18:30:00')").await;
    assert_eq!(purchases().await, 7);
    assert_eq!(sales_of(&database).await.promotion.unwrap().value.orders, 7);
}

/// Enumerations instead of texts, unsigned ids, NULL dates, `TIMESTAMP` columns.
async fn other_column_types_are_read<S: Server>() {
    let Some(database) = Database::create::<S>(Layout::Aug2026).await else { return };
    fill(&database).await;
    database
        .run(
            "ALTER TABLE purchases MODIFY status ENUM('CONFIRMED', 'CANCELLED') NOT NULL, \
        MODIFY purchase_type ENUM('CAMPAIGNACTIVITY', 'SHOP') NOT NULL, MODIFY campaign_activity_id BIGINT UNSIGNED, \
        MODIFY user_id BIGINT UNSIGNED NOT NULL, MODIFY product_id BIGINT UNSIGNED NOT NULL",
        )
        .await;
    database.run("ALTER TABLE campaign_activity_entries MODIFY status ENUM('PENDING', 'APPROVED') NOT NULL").await;
    database
        .run(
            "ALTER TABLE campaign_activities MODIFY id BIGINT UNSIGNED NOT NULL, \
        MODIFY activity_type ENUM('FIRST_COME_FIRST_SERVE', 'NEW_KIND') NOT NULL, \
        MODIFY start_date DATETIME(6) NULL, MODIFY end_date DATETIME NULL",
        )
        .await;
    database.run("UPDATE campaign_activities SET start_date = NULL, limit_count = 0 WHERE id = 1").await;
    database.run("UPDATE campaign_activities SET activity_type = 'NEW_KIND', limit_count = -5 WHERE id = 2000").await;
    // Two activities of a missing campaign, one of them with an id that is out of range.
    let orphan = axon_examples::stores::sql::ActivityRow { campaign: 999, ..activity(3) };
    database.store.insert_activities(vec![orphan]).await.unwrap();
    database.run("UPDATE campaign_activities SET id = 18446744073709551615 WHERE id = 3").await;
    let orphan = axon_examples::stores::sql::ActivityRow { campaign: 999, ..activity(4) };
    database.store.insert_activities(vec![orphan]).await.unwrap();

    let source = MySqlCatalog::new(database.pool());
    let catalog = source.catalog(PATIENT).await.unwrap();
    let activities = &catalog.campaigns()[0].activities;
    assert_eq!(activities.len(), 2);
    assert_eq!((activities[0].start, activities[0].limit), (None, Some(0)));
    assert_eq!((activities[1].kind.as_str(), activities[1].limit), ("NEW_KIND", Some(0)));
    assert!(catalog.campaign_of(ActivityId(4)).is_none(), "an activity of a missing campaign is listed");

    let ledger = MySqlLedger::new(database.pool());
    let facts = ledger.ledger(&sales(1, PATIENT)).await.unwrap();
    let counts: Vec<u64> = facts.steps.current.iter().map(|fact| fact.as_ref().unwrap().value).collect();
    assert_eq!(counts, [3, 2]);
    let sales = facts.sales.unwrap();
    let promotion = sales.promotion.unwrap().value;
    assert_eq!((promotion.orders, promotion.revenue, promotion.cancelled), (2, Money::from(25_800), Some(0)));
    assert_eq!(sales.others.unwrap().value.len(), 1);

    // Turns the columns into instants. The loader wrote the wall clock of Seoul.
    database
        .run(
            "SET time_zone = '+09:00'; ALTER TABLE purchases MODIFY purchase_at TIMESTAMP(6) NOT NULL; \
        ALTER TABLE campaign_activity_entries MODIFY created_at TIMESTAMP NOT NULL; \
        ALTER TABLE campaigns MODIFY start_at TIMESTAMP NULL; SET time_zone = '+00:00'",
        )
        .await;
    let source = MySqlCatalog::new(database.pool());
    let probe = source.probe(at(0), PATIENT).await.unwrap();
    assert!(
        finding(&probe, "scheduleOffset")
            .ends_with("1 of the 4 columns: TIMESTAMP, read as UTC whatever is configured")
    );
    let again = source.catalog(PATIENT).await.unwrap();
    assert_eq!(again.campaigns(), catalog.campaigns());
    assert_eq!(again.campaigns()[0].start, Some(at(-DAY)));
    for window in [2 * HOUR, DAY] {
        let mut question = everything(PATIENT);
        Arc::make_mut(&mut question.scope).current.from = at(-window);
        let facts = MySqlLedger::new(database.pool()).ledger(&question).await.unwrap();
        let counts: Vec<u64> = facts.steps.current.iter().map(|fact| fact.as_ref().unwrap().value).collect();
        assert_eq!(counts, [3, 2]);
        let history = facts.history.unwrap().unwrap().value;
        assert_eq!((history.since, history.buckets[0].0), (Some(at(-2 * DAY)), at(-2 * DAY)));
    }
    let probe = ledger.probe(at(0), PATIENT).await.unwrap();
    assert_eq!(finding(&probe, "purchaseOffset"), "TIMESTAMP, read as UTC whatever is configured");
    assert_eq!(finding(&probe, "createdOffset"), "TIMESTAMP, read as UTC whatever is configured");
    assert_eq!(probe.newest, Some(at(-HOUR)));
}

/// Two databases of one server: one has the column `status`, the other has not.
async fn databases_of_one_server_are_probed_separately<S: Server>() {
    let Some(old) = Database::create::<S>(Layout::Dec2025).await else { return };
    let new = Database::create::<S>(Layout::Aug2026).await.unwrap();
    for database in [&old, &new] {
        fill(database).await;
    }
    new.store.insert_purchases(vec![purchase(31, -HOUR, Some(1)), purchase(32, -DAY / 2, Some(1))]).await.unwrap();
    let of_old = sales_of(&old).await.promotion.unwrap().value;
    let of_new = sales_of(&new).await.promotion.unwrap().value;
    assert_eq!((of_old.orders, of_old.cancelled), (2, None));
    assert_eq!((of_new.orders, of_new.cancelled), (4, Some(0)));
}

/// A column and a table are dropped while the source is in use.
async fn dropped_columns_and_tables_are_noticed<S: Server>() {
    let Some(database) = Database::create::<S>(Layout::Aug2026).await else { return };
    fill(&database).await;
    let ledger = MySqlLedger::new(database.pool());
    let cancelled = |facts: axon_metrics::facts::LedgerFacts| facts.sales.unwrap().promotion.unwrap().value.cancelled;
    assert_eq!(cancelled(ledger.ledger(&sales(1, PATIENT)).await.unwrap()), Some(0));
    database.run("ALTER TABLE purchases DROP KEY idx_purchase_activity_status_period, DROP COLUMN status").await;
    assert_eq!(cancelled(ledger.ledger(&sales(1, PATIENT)).await.unwrap()), None);
    database.run("DROP TABLE campaign_activity_entries").await;
    let facts = ledger.ledger(&steps(1, PATIENT)).await.unwrap();
    assert!(matches!(facts.steps.current[0], Err(Missing::NotMeasured(Reason::NoIndex))), "{:?}", facts.steps.current);
    assert_eq!(facts.steps.current[1].as_ref().unwrap().value, 2);
}

/// A table is dropped, and the probe that this calls for is too slow.
async fn figures_of_other_tables_outlive_a_schema_probe_that_fails<S: Server>() {
    let Some(database) = Database::create::<S>(Layout::Aug2026).await else { return };
    fill(&database).await;
    let options = database.store.connect_options();
    let proxy = Proxy::before(&options).await;
    let ledger = MySqlLedger::new(pool_to(through(&proxy, &options)));
    ledger.ledger(&sales(1, PATIENT)).await.unwrap();
    database.run("DROP TABLE campaign_activities").await;
    proxy.delay("information_schema", PATIENT);
    let facts = ledger.ledger(&sales(1, Duration::from_secs(2))).await.unwrap();
    let sales = facts.sales.unwrap();
    assert_eq!((sales.promotion.unwrap().value.orders, facts.steps.current[0].as_ref().unwrap().value), (2, 3));
    assert!(matches!(sales.regular, Err(Missing::Unavailable(_))), "{:?}", sales.regular);
    assert!(proxy.delayed_commands() > 0, "the schema was not probed");
}

/// The zero date `0000-00-00`, which MariaDB allows.
#[tokio::test]
async fn a_zero_date_is_no_date() {
    let Some(database) = Database::create::<MariaDb>(Layout::Aug2026).await else { return };
    fill(&database).await;
    let mut connection = sqlx::MySqlConnection::connect_with(&database.store.connect_options()).await.unwrap();
    sqlx::raw_sql(
        "SET SESSION sql_mode = ''; UPDATE campaigns SET start_at = '0000-00-00', end_at = '9999-12-31 23:59:59'",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    let catalog = MySqlCatalog::new(database.pool()).catalog(PATIENT).await.unwrap();
    let campaign = &catalog.campaigns()[0];
    assert_eq!(campaign.start, None);
    assert!(campaign.end.unwrap() > at(0));
}

on_each_server! {
    the_activity_counts_and_not_the_type;
    other_column_types_are_read;
    databases_of_one_server_are_probed_separately;
    dropped_columns_and_tables_are_noticed;
    figures_of_other_tables_outlive_a_schema_probe_that_fails;
}
