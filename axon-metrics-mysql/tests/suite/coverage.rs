//! What cannot be used costs itself alone, and is said: rows of the catalog, statuses, amounts, people, types of columns.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common;

use std::sync::Arc;

use axon_examples::stores::{Layout, sql::PurchaseRow};
use axon_metrics::{
    CampaignId, Fact, Money,
    facts::{Coverage, LedgerFacts, LeftOutReason, Refunds, Sales, SalesFacts},
    source::{CatalogSource, Counting, LedgerQuestion, LedgerSource},
};
use axon_metrics_mysql::{MySqlCatalog, MySqlLedger, MySqlOptions};
use common::{
    Database, PATIENT, Server, finding, on_each_server,
    questions::{DAY, HOUR, at, everything, fill, history, purchase, sales},
};

async fn ask(database: &Database, options: &MySqlOptions, question: &LedgerQuestion) -> LedgerFacts {
    MySqlLedger::with_options(database.pool(), options.clone()).ledger(question).await.unwrap()
}

async fn sales_of(database: &Database, options: &MySqlOptions) -> SalesFacts {
    ask(database, options, &sales(1, PATIENT)).await.sales.unwrap()
}

/// The records that were used, and those left out with their reasons.
fn covered<T>(fact: &Fact<T>) -> (Option<u64>, Vec<(LeftOutReason, Option<u64>)>) {
    let coverage = &fact.as_ref().unwrap_or_else(|_| panic!("missing")).coverage;
    (coverage.used(), coverage.left_out().iter().map(|one| (one.reason, one.records)).collect())
}

/// The values of `purchases` of a row in the current window: id, user, activity, price, quantity.
fn row(id: u64, activity: &str, price: &str, quantity: &str) -> String {
    let columns = "id, user_id, product_id, campaign_activity_id, purchase_type, price, quantity, purchase_at";
    format!(
        "INSERT INTO purchases ({columns}) VALUES ({id}, {id}, 5, {activity}, 'SHOP', {price}, {quantity}, \
         '2024-11-12 18:30:00');"
    )
}

async fn a_row_of_the_catalog_that_cannot_be_read_costs_itself<S: Server>() {
    let Some(database) = Database::create::<S>(Layout::Aug2026).await else { return };
    fill(&database).await;
    database
        .run(
            "ALTER TABLE campaigns MODIFY name VARCHAR(255) NULL; SET SESSION sql_mode = 'ALLOW_INVALID_DATES'; \
             INSERT INTO campaigns (id, name, start_at, end_at) VALUES (2, NULL, '2025-00-15', '2025-02-31'), \
             (3, 'Autumn', '0000-00-00', '2025-03-01'), (-4, 'Nobody', NULL, NULL); SET SESSION sql_mode = DEFAULT",
        )
        .await;
    // Also in a pool of one's own, whose sessions have the modes of the server.
    for pool in [database.pool(), sqlx::MySqlPool::connect_lazy_with(database.store.connect_options())] {
        let source = MySqlCatalog::new(pool);
        let catalog = source.catalog(PATIENT).await.unwrap();
        let ids: Vec<CampaignId> = catalog.campaigns().iter().map(|campaign| campaign.id).collect();
        assert_eq!(ids, [1, 2, 3].map(CampaignId));
        let [first, second, third] = catalog.campaigns() else { panic!("{ids:?}") };
        assert_eq!((first.name.as_str(), first.activities.len()), ("Spring", 2));
        assert_eq!((second.name.as_str(), second.start, second.end), ("", None, None));
        assert_eq!((third.start, third.end.is_some()), (None, true), "a zero date is no date");
        let probe = source.probe(at(0), PATIENT).await.unwrap();
        let [loss] = &probe.losses[..] else { panic!("{probe:#?}") };
        assert_eq!(
            (loss.reason, loss.what.as_str(), loss.records, loss.of),
            (LeftOutReason::Unreadable, "campaigns", 2, 4)
        );
        assert_eq!(loss.examples, ["campaigns id=-4 id", "campaigns id=2 name", "campaigns id=2 start_at"]);
    }
}

/// Without case, and without white space around them.
async fn a_status_is_read_without_case_and_white_space<S: Server>(collation: &'static str) {
    let Some(database) = Database::create::<S>(Layout::Aug2026).await else { return };
    fill(&database).await;
    for table in ["purchases", "campaign_activity_entries"] {
        database.run(&format!("ALTER TABLE {table} MODIFY status VARCHAR(20) COLLATE {collation} NULL")).await;
    }
    let spellings =
        [(41, "confirmed"), (42, " Confirmed "), (43, "CONFIRMED\r\n"), (44, "Cancelled"), (45, "refunded\t")];
    let others = [(46, "PAID"), (47, "pending"), (48, "")];
    let row = |(id, status)| PurchaseRow { status, ..purchase(id, -HOUR, Some(1)) };
    database.store.insert_purchases(spellings.into_iter().chain(others).map(row).collect()).await.unwrap();
    database
        .store
        .insert_purchases(vec![PurchaseRow { status: "Confirmed", ..purchase(49, -HOUR, None) }])
        .await
        .unwrap();
    database
        .run(
            "INSERT INTO purchases (id, user_id, product_id, campaign_activity_id, purchase_type, price, quantity, \
        purchase_at, status) VALUES (50, 50, 5, 1, 'SHOP', 1, 1, '2024-11-12 18:30:00', NULL)",
        )
        .await;
    database.run("INSERT INTO campaign_activity_entries (id, campaign_activity_id, user_id, status, requested_at, created_at) \
        VALUES (41, 1, 41, 'approved ', '2024-11-12', '2024-11-12 18:30:00'), (42, 1, 42, 'WON', '2024-11-12', '2024-11-12 18:30:00'), \
        (43, 1, 43, 'Rejected', '2024-11-12', '2024-11-12 18:30:00')").await;
    let check = async |options: &MySqlOptions, orders: u64, entries: u64, [unknown, unknown_entries]: [u64; 2]| {
        for counting in [Counting::Events, Counting::Subjects] {
            let mut question = sales(1, PATIENT);
            let scope = Arc::make_mut(&mut question.scope);
            (scope.counting, scope.by_activity) = (counting, true);
            let facts = ask(&database, options, &question).await;
            let expected =
                |used: u64, unknown: u64| Coverage::of(used).left_out_in_window(LeftOutReason::UnknownStatus, unknown);
            let entries = (entries, expected(entries, unknown_entries));
            let purchases = (orders, expected(orders, unknown));
            let value = |fact: &Fact<u64>| fact.as_ref().map(|fact| (fact.value, fact.coverage.clone())).unwrap();
            for steps in [&facts.steps.current, &facts.steps.by_activity[0].1] {
                assert_eq!(steps.iter().map(value).collect::<Vec<_>>(), [entries.clone(), purchases.clone()]);
            }
            let sales = facts.sales.unwrap();
            let promotion = sales.promotion.unwrap();
            assert_eq!((promotion.value.orders, promotion.value.cancelled), (orders, Some(2)));
            assert_eq!(promotion.coverage, expected(orders + 2, unknown));
            assert_eq!(sales.regular.unwrap().value.orders, 2);
        }
    };
    let usual = MySqlOptions::default();
    check(&usual, 5, 4, [4, 1]).await;
    let mapped = usual
        .with_confirmed_statuses(["confirmed", "Paid"])
        .with_ignored_statuses(["PENDING"])
        .with_approved_statuses(["APPROVED", "won"]);
    check(&mapped, 6, 5, [2, 0]).await;
}

/// Numbers instead of names.
async fn a_status_may_be_a_number<S: Server>() {
    let Some(database) = Database::create::<S>(Layout::Aug2026).await else { return };
    fill(&database).await;
    database.store.insert_purchases(vec![purchase(41, -HOUR, Some(1))]).await.unwrap();
    database
        .run("UPDATE purchases SET status = IF(id = 41, 2, 1); ALTER TABLE purchases MODIFY status TINYINT NOT NULL")
        .await;
    let unknown = sales_of(&database, &MySqlOptions::default()).await;
    assert_eq!(covered(&unknown.promotion), (Some(0), vec![(LeftOutReason::UnknownStatus, Some(3))]));
    assert_eq!(covered(&unknown.regular), (Some(0), vec![(LeftOutReason::UnknownStatus, Some(1))]));
    assert_eq!(covered(&unknown.others), (Some(0), vec![(LeftOutReason::UnknownStatus, Some(1))]));
    let options = MySqlOptions::default().with_confirmed_statuses(["1"]).with_cancelled_statuses(["2"]);
    let facts = sales_of(&database, &options).await;
    let promotion = facts.promotion.as_ref().unwrap();
    assert_eq!((promotion.value.orders, promotion.value.cancelled), (2, Some(1)));
    assert_eq!(covered(&facts.promotion), (Some(3), vec![]));
    let probe = MySqlLedger::with_options(database.pool(), options).probe(at(0), PATIENT).await.unwrap();
    assert!(finding(&probe, "purchaseStatus").starts_with("present: counted/"), "{probe:#?}");
}

/// Refunds are no orders. Rows without a price are orders without revenue. What has no amounts is left out.
async fn amounts_decide_what_a_row_is<S: Server>(layout: Layout) {
    let Some(database) = Database::create::<S>(layout).await else { return };
    fill(&database).await;
    database.run("ALTER TABLE purchases MODIFY price DECIMAL(38, 2) NULL, MODIFY quantity INT NULL").await;
    let rows = [
        row(11, "1", "-12900.00", "1"),
        row(12, "1", "100.50", "-2"),
        row(13, "1", "-5", "-1"),
        row(14, "1", "NULL", "2"),
        row(15, "1", "10", "NULL"),
        row(16, "1", "NULL", "-1"),
        row(17, "1", "0", "0"),
        row(18, "NULL", "-1", "1"),
        row(19, "NULL", "NULL", "1"),
        row(20, "2000", "-1", "1"),
    ];
    database.run(&rows.concat()).await;
    database.run("UPDATE purchases SET purchase_at = '2024-11-10 19:45:00' WHERE id IN (18, 19)").await;
    let has_status = database.store.has_status();
    if has_status {
        database.run(&row(21, "1", "-7", "1")).await;
        database.run("UPDATE purchases SET status = 'REFUNDED' WHERE id = 21").await;
    }
    let reversed = u64::from(has_status);
    let (ledger, question) = (MySqlLedger::new(database.pool()), everything(PATIENT));
    let facts = ledger.ledger(&question).await.unwrap();
    let bad = |records: u64| vec![(LeftOutReason::BadAmount, Some(records))];
    assert_eq!(facts.steps.current[1].as_ref().unwrap().value, 4);
    assert_eq!(covered(&facts.steps.current[1]), (Some(4), bad(3)));
    let sales = facts.sales.unwrap();
    assert_eq!(covered(&sales.promotion), (Some(6 + reversed), bad(3)));
    let expected = |orders, quantity, revenue: Money| {
        let mut sales = Sales::default();
        (sales.orders, sales.quantity, sales.revenue, sales.buyers) = (orders, quantity, revenue, orders);
        sales
    };
    let promotion = expected(4, 4, Money::from(25_800))
        .with_cancelled(has_status.then_some(1))
        .with_unpriced(1)
        .with_refunds(Refunds::new(2, Money::new(-1_310_100, 2)));
    assert_eq!(sales.promotion.unwrap().value, promotion);
    assert_eq!(sales.regular.unwrap().value.refunds, Refunds::default());
    assert_eq!(covered(&sales.others), (Some(2), vec![]), "an order, and a refund");
    let history = facts.history.unwrap();
    assert_eq!(covered(&history), (Some(3), bad(1)));
    let [(_, bucket)] = history.unwrap().value.buckets[..] else { panic!("one bucket") };
    assert_eq!((bucket.orders, bucket.quantity, bucket.revenue), (3, 3, Money::from(25_800)));
}

/// A row that names nobody counts, and is no person.
async fn rows_that_name_nobody_are_no_people<S: Server>() {
    let Some(database) = Database::create::<S>(Layout::Aug2026).await else { return };
    fill(&database).await;
    for table in ["purchases", "campaign_activity_entries"] {
        database.run(&format!("ALTER TABLE {table} MODIFY user_id BIGINT NULL")).await;
    }
    let nobody = [(31, "0"), (32, "-1"), (33, "NULL")];
    for (id, user) in nobody {
        database.run(&row(id, "1", "1", "1")).await;
        database.run(&format!(
            "INSERT INTO campaign_activity_entries (id, campaign_activity_id, user_id, status, requested_at, created_at) \
             VALUES ({id}, 1, {user}, 'APPROVED', '2024-11-12', '2024-11-12 18:30:00'); \
             UPDATE purchases SET user_id = {user} WHERE id = {id}"
        ))
        .await;
    }
    let check = async |nobody: u64| {
        for (counting, expected) in [(Counting::Events, [3 + nobody, 2 + nobody]), (Counting::Subjects, [3, 2])] {
            let mut question = sales(1, PATIENT);
            Arc::make_mut(&mut question.scope).counting = counting;
            let facts = ask(&database, &MySqlOptions::default(), &question).await;
            let counts: Vec<u64> = facts.steps.current.iter().map(|fact| fact.as_ref().unwrap().value).collect();
            assert_eq!(counts, expected, "{counting:?}");
            assert_eq!(covered(&facts.steps.current[0]), (Some(3 + nobody), vec![]), "nobody is left out");
            let promotion = facts.sales.unwrap().promotion.unwrap().value;
            assert_eq!((promotion.orders, promotion.buyers), (2 + nobody, 2));
        }
    };
    check(3).await;
    database.run("ALTER TABLE purchases DROP KEY uk_campaign_purchase_user").await;
    // The same in texts, where there are words for it. Case makes people different, and white space does not.
    for table in ["purchases", "campaign_activity_entries"] {
        database.run(&format!("ALTER TABLE {table} MODIFY user_id VARCHAR(40) NULL")).await;
    }
    for (id, user) in
        [(34, "Guest"), (35, " "), (36, "null"), (37, "(not set)"), (38, "000"), (39, "-17.5"), (40, "0.0")]
    {
        database.run(&row(id, "1", "1", "1")).await;
        database.run(&format!("UPDATE purchases SET user_id = '{user}' WHERE id = {id}")).await;
        database
            .run(&format!(
                "INSERT INTO campaign_activity_entries (id, campaign_activity_id, user_id, status, requested_at, \
            created_at) VALUES ({id}, 1, '{user}', 'APPROVED', '2024-11-12', '2024-11-12 18:30:00')"
            ))
            .await;
    }
    check(10).await;
    database
        .run("UPDATE purchases SET user_id = 'ann' WHERE id = 1; UPDATE purchases SET user_id = 'ANN' WHERE id = 2")
        .await;
    assert_eq!(sales_of(&database, &MySqlOptions::default()).await.promotion.unwrap().value.buyers, 2);
    // A list of one's own: Ann is nobody, and Guest, null and (not set) are people.
    let own = MySqlOptions::default().with_anonymous_users(["ANN"]);
    assert_eq!(sales_of(&database, &own).await.promotion.unwrap().value.buyers, 3);
}

/// Sums beyond an exact decimal are too large, and not rounded.
async fn money_that_does_not_fit_is_too_large<S: Server>() {
    let Some(database) = Database::create::<S>(Layout::Aug2026).await else { return };
    fill(&database).await;
    let largest = "999999999999999999999999999999999999.99";
    database.run("ALTER TABLE purchases MODIFY price DECIMAL(38, 2) NULL").await;
    database.run(&format!("UPDATE purchases SET price = {largest} WHERE campaign_activity_id IS NULL")).await;
    let facts = ask(&database, &MySqlOptions::default(), &everything(PATIENT)).await;
    let sales = facts.sales.unwrap();
    assert!(matches!(sales.regular, Err(axon_metrics::Missing::TooLarge)), "{:?}", sales.regular);
    assert!(sales.promotion.is_ok());
    assert!(matches!(facts.history, Some(Err(axon_metrics::Missing::TooLarge))), "{:?}", facts.history);
    // Counts need no price.
    assert_eq!(facts.steps.current[1].as_ref().unwrap().value, 2);
}

/// A time that is none belongs to no bucket, and costs no other.
async fn a_time_that_is_none_costs_its_row<S: Server>() {
    let Some(database) = Database::create::<S>(Layout::Aug2026).await else { return };
    fill(&database).await;
    database.store.insert_purchases(vec![purchase(61, -2 * DAY, None)]).await.unwrap();
    database
        .run("SET SESSION sql_mode = 'ALLOW_INVALID_DATES'; UPDATE purchases SET purchase_at = '2024-11-00' WHERE id = 61; \
              SET SESSION sql_mode = DEFAULT")
        .await;
    let mut question = history(PATIENT);
    question.history.as_mut().unwrap().window.from = at(-20 * DAY);
    let history = ask(&database, &MySqlOptions::default(), &question).await.history.unwrap();
    let measured = history.as_ref().unwrap();
    // In the month that it has, and so the oldest.
    assert_eq!(
        (measured.value.buckets.len(), measured.value.since),
        (1, Some("2024-10-31T15:00:00Z".parse().unwrap()))
    );
    assert_eq!(covered(&history), (Some(2), vec![(LeftOutReason::NoTime, Some(1))]));
    database
        .run("SET SESSION sql_mode = ''; UPDATE purchases SET purchase_at = '0000-00-00' WHERE id = 61; SET SESSION sql_mode = DEFAULT")
        .await;
    let history = ask(&database, &MySqlOptions::default(), &question).await.history.unwrap();
    assert_eq!(history.unwrap().value.since, Some(at(-2 * DAY)), "a zero date is no date");
    MySqlLedger::new(database.pool()).probe(at(0), PATIENT).await.unwrap();
}

on_each_server! {
    a_row_of_the_catalog_that_cannot_be_read_costs_itself;
    a_status_is_read_without_case_and_white_space("utf8mb4_bin", "utf8mb4_general_ci");
    a_status_may_be_a_number;
    amounts_decide_what_a_row_is(Layout::Aug2026, Layout::Dec2025);
    rows_that_name_nobody_are_no_people;
    money_that_does_not_fit_is_too_large;
    a_time_that_is_none_costs_its_row;
}

mod other_generation {
    use super::*;

    #[tokio::test]
    async fn amounts_decide_what_a_row_is_on_mysql_without_a_status() {
        amounts_decide_what_a_row_is::<common::MySql>(Layout::Dec2025).await;
    }

    #[tokio::test]
    async fn amounts_decide_what_a_row_is_on_mariadb_with_a_status() {
        amounts_decide_what_a_row_is::<common::MariaDb>(Layout::Aug2026).await;
    }
}
