//! Whatever a session inherits from its server: the answers stay the same.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common;

use axon_examples::stores::Layout;
use axon_metrics::{
    Timestamp,
    source::{CatalogSource, LedgerSource},
};
use axon_metrics_mysql::{MySqlCatalog, MySqlLedger};
use common::{
    Database, PATIENT, Server, finding, on_each_server, pool_to,
    questions::{HOUR, at, everything, fill, purchase},
    unique,
};
use sqlx::{Connection as _, MySqlConnection, MySqlPool};

/// Settings that would change an answer, if a session kept them.
const HOSTILE: &str = "SET SESSION time_zone = '-07:00', autocommit = 0, completion_type = 1, sql_auto_is_null = 1, \
    sql_safe_updates = 1, max_join_size = 1, sql_big_selects = 0, sql_select_limit = 1, group_concat_max_len = 4, \
    div_precision_increment = 0, max_sort_length = 64, lc_time_names = 'ko_KR', \
    sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,HIGH_NOT_PRECEDENCE,IGNORE_SPACE,NO_BACKSLASH_ESCAPES,NO_UNSIGNED_SUBTRACTION,\
    REAL_AS_FLOAT,PAD_CHAR_TO_FULL_LENGTH,ONLY_FULL_GROUP_BY,STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,\
    ERROR_FOR_DIVISION_BY_ZERO'; SET NAMES latin1; SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE";
/// The same of one kind of server.
const OF_MARIADB: &str = "; SET SESSION old_mode = 'ZERO_DATE_TIME_CAST', system_versioning_asof = '2000-01-01 00:00:00', \
    max_statement_time = 0.001, sql_mode = 'ORACLE,EMPTY_STRING_IS_NULL,TIME_ROUND_FRACTIONAL'";
const OF_MYSQL: &str = "; SET SESSION max_execution_time = 1";

/// Everything that the sources answer, as text.
async fn answers(pool: &MySqlPool) -> String {
    let (ledger, catalog) = (MySqlLedger::new(pool.clone()), MySqlCatalog::new(pool.clone()));
    let facts = ledger.ledger(&everything(PATIENT)).await.unwrap();
    let (health, listed) = (ledger.probe(at(0), PATIENT).await.unwrap(), catalog.catalog(PATIENT).await.unwrap());
    let newest: Option<Timestamp> = health.newest;
    assert_eq!(finding(&health, "session"), "read-only");
    assert!(health.findings.iter().all(|(name, _)| name != "sessionSettings"), "{health:#?}");
    let limit = finding(&health, "statementLimit");
    format!("{facts:#?}\n{:#?}\n{newest:?} {limit}", listed.campaigns())
}

/// The hostile settings come by `init_connect`, which the server runs for each session of a user without privileges: so no
/// other test has them.
async fn what_a_session_inherits_changes_no_answer<S: Server>(more: &'static str) {
    let Some(database) = Database::create::<S>(Layout::Aug2026).await else { return };
    fill(&database).await;
    // Names that differ beyond the bytes that a hostile session compares, and that are no ASCII.
    database.run("ALTER TABLE purchases MODIFY user_id VARCHAR(200) NOT NULL").await;
    let same = "가".repeat(60);
    database
        .run(&format!("UPDATE purchases SET user_id = CONCAT('{same}', user_id); UPDATE campaigns SET name = '봄'"))
        .await;
    database.store.insert_purchases(vec![purchase(70, -HOUR, Some(1))]).await.unwrap();
    let name: String = unique("ro").chars().take(30).collect();
    let reader = database.store.create_reader(&name, "a_password").await.unwrap();
    let expected = answers(&pool_to(reader.clone())).await;
    assert!(expected.contains("orders: 3") && expected.contains('봄'), "{expected}");

    let before: (String,) =
        sqlx::query_as("SELECT CAST(@@GLOBAL.init_connect AS CHAR)").fetch_one(database.store.pool()).await.unwrap();
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    database.run(&format!("SET GLOBAL init_connect = {}", quoted(&format!("{HOSTILE}{more}")))).await;
    let hostile = async {
        let mut plain = MySqlConnection::connect_with(&reader.clone().timezone(None)).await?;
        sqlx::query_as::<_, (i64, i64)>("SELECT CAST(@@sql_select_limit AS SIGNED), CAST(@@autocommit AS SIGNED)")
            .fetch_one(&mut plain)
            .await
    };
    let hostile = hostile.await;
    let actual = tokio::spawn({
        let pool = pool_to(reader.clone());
        async move { answers(&pool).await }
    });
    let actual = actual.await;
    database.run(&format!("SET GLOBAL init_connect = {}; DROP USER '{name}'@'%'", quoted(&before.0))).await;
    assert_eq!(hostile.unwrap(), (1, 0), "the settings had no effect");
    assert_eq!(actual.unwrap(), expected);
}

/// A pool of one's own keeps the settings of the server, and health says so.
async fn health_says_where_settings_are_those_of_the_server<S: Server>() {
    let Some(database) = Database::create::<S>(Layout::Aug2026).await else { return };
    let plain = MySqlPool::connect_lazy_with(database.store.connect_options());
    let probe = MySqlLedger::new(plain).probe(at(0), PATIENT).await.unwrap();
    assert!(finding(&probe, "sessionSettings").starts_with("MISSING"), "{probe:#?}");
}

on_each_server! {
    what_a_session_inherits_changes_no_answer(OF_MYSQL, OF_MARIADB);
    health_says_where_settings_are_those_of_the_server;
}
