//! The least rights: a user who may read four tables can answer every question, and the servers' general logs show no
//! write.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "suite/common/mod.rs"]
mod common;

use axon_examples::stores::{Layout, sql::TABLES};
use axon_metrics::{
    Missing, SourceError,
    source::{CatalogSource, LedgerSource},
};
use axon_metrics_mysql::{MySqlCatalog, MySqlLedger};
use common::{
    Database, PATIENT, Server, finding, on_each_server, pool_to,
    questions::{at, everything, fill, sales, steps},
    unique,
};
use sqlx::{MySqlPool, mysql::MySqlConnectOptions};

/// The statements of the page for operators. Checks that the readme has the same grants.
fn documented_rights() -> &'static str {
    let block = |page: &'static str| page.split("```sql\nCREATE USER").nth(1).unwrap().split("```").next().unwrap();
    let grants = |page| {
        let normalized =
            |line: &str| line.replace("'axon_ro'@'%'", "axon_ro").split_whitespace().collect::<Vec<_>>().join(" ");
        block(page).lines().skip(1).map(normalized).collect::<Vec<_>>()
    };
    let page = include_str!("../../docs/operate/rights.md");
    assert_eq!(grants(page).len(), 4);
    assert_eq!(grants(page), grants(include_str!("../README.md")));
    let start = page.find("CREATE USER").unwrap();
    &page[start..start + "CREATE USER".len() + block(page).len()]
}

/// A user with the documented rights.
struct Reader {
    name: String,
    options: MySqlConnectOptions,
}

impl Reader {
    /// Creates the user by the statements of the page for operators.
    async fn create(database: &Database) -> Self {
        let name = unique("ro").chars().take(30).collect::<String>();
        let statements = documented_rights()
            .replace("axon_ro", &name)
            .replace("axon_db", database.name())
            .replace("a long password", "pw");
        database.run(&statements).await;
        let options = database.store.connect_options().username(&name).password("pw");
        Self { name, options }
    }

    async fn drop(self, database: &Database) {
        database.run(&format!("DROP USER '{}'@'%'", self.name)).await;
    }
}

/// Asks every kind of question over this pool.
async fn ask_everything(pool: &MySqlPool) {
    let (ledger, catalog) = (MySqlLedger::new(pool.clone()), MySqlCatalog::new(pool.clone()));
    assert_eq!(catalog.catalog(PATIENT).await.unwrap().campaigns().len(), 1);
    let facts = ledger.ledger(&everything(PATIENT)).await.unwrap();
    assert_eq!(facts.steps.current[0].as_ref().unwrap().value, 3);
    assert_eq!(facts.history.unwrap().unwrap().value.buckets.len(), 1);
    let sales = facts.sales.unwrap();
    assert_eq!((sales.promotion.unwrap().value.orders, sales.regular.unwrap().value.orders), (2, 1));
    ledger.probe(at(0), PATIENT).await.unwrap();
    catalog.probe(at(0), PATIENT).await.unwrap();
}

async fn four_tables_are_enough<S: Server>(layout: Layout) {
    let Some(database) = Database::create::<S>(layout).await else { return };
    fill(&database).await;
    let reader = Reader::create(&database).await;
    let pool = pool_to(reader.options.clone());
    ask_everything(&pool).await;

    // 1792: the session is read-only. 1142: the right is missing.
    let error = sqlx::query("DELETE FROM purchases").execute(&pool).await.expect_err("refused");
    let number = error.as_database_error().unwrap().downcast_ref::<sqlx::mysql::MySqlDatabaseError>().number();
    assert!([1142, 1792].contains(&number), "{error}");
    pool.close().await;
    reader.drop(&database).await;
}

async fn a_missing_right_is_named<S: Server>() {
    let Some(database) = Database::create::<S>(Layout::Aug2026).await else { return };
    fill(&database).await;
    let reader = Reader::create(&database).await;
    let revoke = |table: &str| format!("REVOKE SELECT ON {}.{table} FROM '{}'@'%'", database.name(), reader.name);
    let pool = pool_to(reader.options.clone());

    database.run(&revoke("campaign_activity_entries")).await;
    let ledger = MySqlLedger::new(pool.clone());
    let facts = ledger.ledger(&sales(1, PATIENT)).await.unwrap();
    let Err(Missing::Unavailable(error)) = &facts.steps.current[0] else { panic!("{:?}", facts.steps.current) };
    assert_eq!(error.to_string(), "mysql refused: SELECT on campaign_activity_entries");
    assert_eq!(facts.steps.current[1].as_ref().unwrap().value, 2, "purchases are lost, too");

    database.run(&revoke("campaigns")).await;
    let error = MySqlCatalog::new(pool.clone()).catalog(PATIENT).await.expect_err("refused");
    assert_eq!(error.to_string(), "mysql refused: SELECT on campaigns");
    assert!(matches!(error, SourceError::Denied { .. }));

    // The last right is revoked while the schema is cached: the next error names all of them, and no count is 0.
    let ledger = MySqlLedger::new(pool.clone());
    ledger.ledger(&steps(1, PATIENT)).await.unwrap();
    database.run(&revoke("purchases")).await;
    let error = ledger.ledger(&steps(1, PATIENT)).await.expect_err("refused");
    assert_eq!(error.to_string(), "mysql refused: SELECT on campaign_activity_entries, SELECT on purchases");
    let probe = ledger.probe(at(0), PATIENT).await.unwrap();
    let finding = finding(&probe, "purchases");
    assert!(finding.starts_with("not readable: server error 1142") && !finding.contains(&reader.name), "{finding}");
    pool.close().await;
    reader.drop(&database).await;
}

/// The cached schema still has the right.
async fn a_right_revoked_between_questions_costs_its_own_figures<S: Server>() {
    let Some(database) = Database::create::<S>(Layout::Aug2026).await else { return };
    fill(&database).await;
    let reader = Reader::create(&database).await;
    let pool = pool_to(reader.options.clone());
    let ledger = MySqlLedger::new(pool.clone());
    ledger.ledger(&steps(1, PATIENT)).await.unwrap();
    database.run(&format!("REVOKE SELECT ON {}.purchases FROM '{}'@'%'", database.name(), reader.name)).await;
    let facts = ledger.ledger(&steps(1, PATIENT)).await.unwrap();
    assert_eq!(facts.steps.current[0].as_ref().unwrap().value, 3, "entries are lost, too");
    let Err(Missing::Unavailable(error)) = &facts.steps.current[1] else { panic!("{:?}", facts.steps.current) };
    assert_eq!(error.to_string(), "mysql refused: SELECT on purchases");
    pool.close().await;
    reader.drop(&database).await;
}

/// The statements of a user in the server's general log.
async fn statements_of(database: &Database, user: &str) -> Vec<String> {
    let statement = format!(
        "SELECT CONVERT(argument USING utf8mb4) FROM mysql.general_log \
         WHERE command_type IN ('Query', 'Execute', 'Prepare') AND user_host LIKE '{user}%' ORDER BY event_time"
    );
    let rows: Vec<(String,)> =
        sqlx::query_as(sqlx::AssertSqlSafe(statement)).fetch_all(database.store.pool()).await.unwrap();
    rows.into_iter().map(|(statement,)| statement).collect()
}

/// Needs a user who may set global variables, as the user of the tests may.
async fn nothing_is_written<S: Server>(layout: Layout) {
    let Some(database) = Database::create::<S>(layout).await else { return };
    fill(&database).await;
    let reader = Reader::create(&database).await;
    let setting: (i64, String) = sqlx::query_as("SELECT @@GLOBAL.general_log, @@GLOBAL.log_output")
        .fetch_one(database.store.pool())
        .await
        .unwrap();
    database.run("SET GLOBAL log_output = 'TABLE'; SET GLOBAL general_log = 1").await;
    let pool = pool_to(reader.options.clone());
    ask_everything(&pool).await;
    let statements = statements_of(&database, &reader.name).await;
    let (on, output) = setting;
    database.run(&format!("SET GLOBAL general_log = {on}; SET GLOBAL log_output = '{output}'")).await;
    pool.close().await;
    reader.drop(&database).await;

    assert!(statements.len() > 8, "{statements:#?}");
    for statement in &statements {
        let first = statement.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
        // `SET` applies to the session, or to one statement. `SHOW` is refused, or shows the state of a replica.
        assert!(["SELECT", "SET", "SHOW"].contains(&first.as_str()), "{statement}");
        assert!(!statement.to_ascii_uppercase().contains("GLOBAL"), "{statement}");
        let tables = TABLES.iter().filter(|table| statement.contains(**table)).count();
        let other = [
            "VERSION()",
            "information_schema.columns",
            "SET ",
            "UTC_TIMESTAMP",
            "SHOW REPLICA STATUS",
            "SHOW ALL SLAVES STATUS",
        ];
        assert!(tables > 0 || other.iter().any(|text| statement.contains(text)), "{statement}");
    }
}

on_each_server! {
    four_tables_are_enough(Layout::Aug2026, Layout::Dec2025);
    a_missing_right_is_named;
    a_right_revoked_between_questions_costs_its_own_figures;
    nothing_is_written(Layout::Aug2026, Layout::Dec2025);
}
