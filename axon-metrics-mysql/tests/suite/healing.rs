//! A server that is slow, down or silent: the error comes within the budget and names the cause, and the next question
//! is answered.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common;

use std::time::{Duration, Instant};

use axon_examples::stores::Layout;
use axon_metrics::{
    Missing, SourceError,
    source::{CatalogSource, ErrorChain, LedgerSource},
    testing::server,
};
use axon_metrics_mysql::{MySqlCatalog, MySqlLedger, pool_options, pool_options_with};
use common::{
    Database, MariaDb, MySql, PATIENT, Server, on_each_server, pool_at, pool_to,
    proxy::{Proxy, through},
    questions::{at, fill, sales, steps},
};
use sqlx::{Connection as _, mysql::MySqlConnectOptions};

const BUDGET: Duration = Duration::from_millis(800);
/// How much longer than its budget a question may take: other tests and compilers run at the same time.
const SLACK: Duration = Duration::from_millis(500);

/// A join that takes minutes. `SLEEP` would not do: on MySQL it ends at a limit without an error.
const HEAVY: &str = "SELECT COUNT(*) FROM numbers a, numbers b, numbers c WHERE a.n + b.n + c.n = 7";
const NUMBERS: &str = "CREATE TABLE digits (n INT NOT NULL); \
    INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9); \
    CREATE TABLE numbers SELECT a.n + 10 * b.n + 100 * c.n AS n FROM digits a, digits b, digits c";

async fn a_slow_statement_is_stopped_by_the_server<S: Server>() {
    let Some(database) = Database::create::<S>(Layout::Aug2026).await else { return };
    database.run(NUMBERS).await;
    let limit = Duration::from_millis(500);
    let pool =
        pool_options_with(limit).max_connections(2).connect_with(database.store.connect_options()).await.unwrap();
    let began = Instant::now();
    let error = sqlx::raw_sql(HEAVY).fetch_all(&pool).await.expect_err("stopped");
    assert!(began.elapsed() < limit + Duration::from_secs(1), "{:?}", began.elapsed());
    let number = error.as_database_error().unwrap().downcast_ref::<sqlx::mysql::MySqlDatabaseError>().number();
    assert!([3024, 1969].contains(&number), "{error}");

    // Two abandoned statements occupy both connections until the server stops them. Then the pool is usable again.
    for _ in 0..2 {
        let heavy = sqlx::raw_sql(HEAVY).fetch_all(&pool);
        tokio::time::timeout(Duration::from_millis(50), heavy).await.expect_err("dropped");
    }
    let ledger = MySqlLedger::new(pool);
    let began = Instant::now();
    loop {
        match ledger.ledger(&steps(1, BUDGET)).await {
            Ok(_) => break,
            Err(error) => assert!(began.elapsed() < Duration::from_secs(2), "{}", ErrorChain(&error)),
        }
    }
}

/// The session has no limit here: the statement itself carries the remaining time.
async fn a_slow_statement_costs_its_own_facts_only<S: Server>() {
    let Some(database) = Database::create::<S>(Layout::Aug2026).await else { return };
    fill(&database).await;
    let options = database.store.connect_options();
    let ledger = MySqlLedger::new(sqlx::MySqlPool::connect_lazy_with(options.clone()));
    ledger.ledger(&sales(1, PATIENT)).await.unwrap();

    // The statement for steps and promotion does not read this table.
    let mut locker = sqlx::MySqlConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql("LOCK TABLES campaign_activities WRITE").execute(&mut locker).await.unwrap();
    let began = Instant::now();
    let facts = ledger.ledger(&sales(1, BUDGET)).await.unwrap();
    assert!(began.elapsed() < BUDGET, "{:?}", began.elapsed());
    let sales_facts = facts.sales.unwrap();
    assert_eq!(facts.steps.current[1].as_ref().unwrap().value, 2, "steps are lost, too");
    assert_eq!(sales_facts.promotion.unwrap().value.orders, 2, "the promotion is lost, too");
    for missing in [sales_facts.regular.err(), sales_facts.others.err()] {
        let Some(Missing::Unavailable(error)) = missing else { panic!("{missing:?}") };
        assert!(matches!(&*error, SourceError::Unavailable { .. }), "{error:?}");
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!database.is_executing("campaign_activity_id").await, "the statement is still running");
    sqlx::raw_sql("UNLOCK TABLES").execute(&mut locker).await.unwrap();
    assert!(ledger.ledger(&sales(1, BUDGET)).await.unwrap().sales.unwrap().regular.is_ok());
}

/// All connections are dead, as after a restart, and the pool has not noticed.
async fn killed_connections_cost_no_answer<S: Server>() {
    let Some(database) = Database::create::<S>(Layout::Aug2026).await else { return };
    fill(&database).await;
    let pool = database.pool();
    let ledger = MySqlLedger::new(pool.clone());
    // Four connections: two cached, two idle in the pool.
    let leases = [pool.acquire().await.unwrap(), pool.acquire().await.unwrap()];
    ledger.ledger(&sales(1, PATIENT)).await.unwrap();
    drop(leases);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let ids: Vec<(i64,)> = sqlx::query_as(
        "SELECT CAST(id AS SIGNED) FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()",
    )
    .fetch_all(database.store.pool())
    .await
    .unwrap();
    assert!(ids.len() >= 4, "{ids:?}");
    for (id,) in ids {
        // A connection of the store itself may have closed meanwhile.
        let _ = sqlx::raw_sql(sqlx::AssertSqlSafe(format!("KILL {id}"))).execute(database.store.pool()).await;
    }
    for _ in 0..3 {
        let facts = ledger.ledger(&sales(1, BUDGET)).await.unwrap();
        assert!(facts.sales.unwrap().regular.is_ok());
    }
}

/// Open connections forward nothing and stay open. New ones work.
async fn silent_connections_cost_one_answer<S: Server>() {
    let Some(database) = Database::create::<S>(Layout::Aug2026).await else { return };
    fill(&database).await;
    let options = database.store.connect_options();
    let proxy = Proxy::before(&options).await;
    let pool = pool_options().connect_lazy_with(through(&proxy, &options));
    let ledger = MySqlLedger::new(pool.clone());
    let leases = [pool.acquire().await.unwrap(), pool.acquire().await.unwrap(), pool.acquire().await.unwrap()];
    ledger.ledger(&sales(1, PATIENT)).await.unwrap();
    drop(leases);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(pool.size(), 5);

    proxy.freeze();
    let began = Instant::now();
    let error = ledger.ledger(&steps(1, BUDGET)).await.expect_err("a silent connection");
    assert!(matches!(error, SourceError::Unavailable { .. }), "{error:?}");
    assert!(began.elapsed() < BUDGET + SLACK, "{:?}", began.elapsed());
    tokio::time::sleep(Duration::from_millis(300)).await;
    let began = Instant::now();
    ledger.ledger(&sales(1, BUDGET)).await.unwrap();
    assert!(began.elapsed() < BUDGET, "{:?}", began.elapsed());
    // The pool has all of its slots again.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(pool.size() <= 3, "{} connections", pool.size());
}

#[tokio::test]
async fn a_refused_connection_is_reported_in_time() {
    let server = server::refused().await;
    let (pool, port) = (pool_at(server), server.port());
    for budget in [Duration::from_millis(300), BUDGET] {
        let began = Instant::now();
        let error = MySqlLedger::new(pool.clone()).ledger(&steps(1, budget)).await.expect_err("refused");
        assert!(began.elapsed() < budget + SLACK, "{:?}", began.elapsed());
        let text = ErrorChain(&error).to_string();
        assert!(text.starts_with("mysql did not answer") && text.contains("refused"), "{text}");
        assert!(!text.contains("127.0.0.1") && !text.contains(&port.to_string()), "{text}");
        let error = MySqlCatalog::new(pool.clone()).catalog(budget).await.expect_err("refused");
        assert!(ErrorChain(&error).to_string().contains("refused"), "{error:?}");
    }
}

#[tokio::test]
async fn the_first_question_after_an_outage_is_answered() {
    let Some(database) = Database::create::<MariaDb>(Layout::Aug2026).await else { return };
    let options = database.store.connect_options();
    let proxy = Proxy::before(&options).await;
    let ledger = MySqlLedger::new(pool_to(through(&proxy, &options)));
    proxy.refuse(true);
    let error = ledger.ledger(&steps(1, BUDGET)).await.expect_err("a closed connection");
    assert!(matches!(error, SourceError::Lost { .. }), "{}", ErrorChain(&error));
    proxy.refuse(false);
    ledger.ledger(&steps(1, BUDGET)).await.unwrap();
}

#[tokio::test]
async fn a_wrong_password_is_denied_without_the_user() {
    for variable in [MySql::VARIABLE, MariaDb::VARIABLE] {
        let Some(url) = axon_metrics::testing::server_url(variable) else { continue };
        let options: MySqlConnectOptions = url.parse().unwrap();
        let pool = pool_options().connect_lazy_with(options.username("axon_nobody").password("wrong"));
        let error = MySqlLedger::new(pool).probe(at(0), BUDGET).await.expect_err("denied");
        assert_eq!(ErrorChain(&error).to_string(), "mysql refused: the login (server error 1045)");
    }
}

on_each_server! {
    a_slow_statement_is_stopped_by_the_server;
    a_slow_statement_costs_its_own_facts_only;
    killed_connections_cost_no_answer;
    silent_connections_cost_one_answer;
}
