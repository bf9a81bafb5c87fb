//! The index that each statement uses, by `EXPLAIN` on both servers, with enough rows for a realistic choice.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use axon_examples::stores::{
    Layout,
    sql::{Clocks, SqlStore},
};
use axon_metrics::{
    ActivityId, LedgerStep, ProductId, Window,
    source::{Counting, HistoryQuestion, LedgerQuestion, QueryScope, SalesQuestion},
    testing::server_url,
};
use sqlx::{Row as _, mysql::MySqlRow};
use tokio::time::Instant;

use super::{newest, statement::Statements};
use crate::{
    catalog,
    options::MySqlOptions,
    pool::pool_options_with,
    store::{Store, flavor::Flavor, schema::Schema},
};

const MYSQL: &str = "AXON_TEST_MYSQL_URL";
const MARIADB: &str = "AXON_TEST_MARIADB_URL";
const PATIENT: Duration = Duration::from_secs(60);

const STATUS_PERIOD: &str = "purchases by idx_purchase_activity_status_period";
const LOOKUP: &str = "purchases by idx_purchase_activity_lookup";
const ENTRIES: &str = "campaign_activity_entries by uk_campaign_activity_entry_activity_user";
const WHOLE_ENTRIES: &str = "campaign_activity_entries as a whole";
const WHOLE_PURCHASES: &str = "purchases as a whole";
const ACTIVITIES: &str = "a by PRIMARY";

/// 60,000 purchases of 100 products over 70 days: seven in ten without an activity, the others of 30 activities. 20,000
/// entries of 300 activities.
const ROWS: &str = "
    CREATE TABLE digits (n INT NOT NULL PRIMARY KEY);
    INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9);
    CREATE TABLE numbers (n INT NOT NULL PRIMARY KEY);
    INSERT INTO numbers SELECT a.n + 10 * b.n + 100 * c.n + 1000 * d.n + 10000 * e.n
        FROM digits a, digits b, digits c, digits d, digits e WHERE e.n < 6;
    INSERT INTO campaign_activities (id, campaign_id, product_id, name, status, start_date, end_date, activity_type, price, quantity)
        SELECT n + 1, n DIV 10 + 1, n % 100 + 1, 'A', 'ACTIVE', '2024-09-01', '2024-12-01', 'FIRST_COME_FIRST_SERVE', 1, 1
        FROM numbers WHERE n < 1000;
    INSERT INTO purchases (user_id, product_id, campaign_activity_id, purchase_type, price, quantity, purchase_at)
        SELECT n * 7 % 20011 + 1, n * 13 % 100 + 1, IF(n % 10 < 7, NULL, n DIV 10 % 30 + 1),
            IF(n % 10 < 7, 'SHOP', 'CAMPAIGNACTIVITY'), 12900, 1, TIMESTAMPADD(SECOND, n * 100, '2024-09-01')
        FROM numbers;
    INSERT INTO campaign_activity_entries (campaign_activity_id, status, user_id, requested_at, created_at)
        SELECT n % 300 + 1, 'APPROVED', n DIV 300 + 1, TIMESTAMPADD(SECOND, n * 300, '2024-09-01'),
            TIMESTAMPADD(SECOND, n * 300, '2024-09-01') FROM numbers WHERE n < 20000;
    ANALYZE TABLE purchases, campaign_activity_entries, campaign_activities";

struct Tables {
    store: SqlStore,
    schema: Arc<Schema>,
}

/// Fills the tables and runs `more` statements; `None` without a server.
async fn tables(server: &str, layout: Layout, more: &str) -> Option<Tables> {
    let url = server_url(server)?;
    let now = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    let store = SqlStore::create(&url, &format!("axon_plans_{now}"), layout, Clocks::default()).await.unwrap();
    for statement in format!("{ROWS}{more}").split(';') {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).fetch_all(store.pool()).await.unwrap();
    }
    let pool = pool_options_with(PATIENT).connect_lazy_with(store.connect_options());
    let schema = Store::new(pool).refresh_schema(Instant::now() + PATIENT).await.unwrap();
    Some(Tables { store, schema })
}

fn at(text: &str) -> axon_metrics::Timestamp {
    text.parse().unwrap()
}

/// A question over a week, the week before it and eight weeks of history, of this many activities and of ten products.
fn question(activities: u64, counting: Counting) -> LedgerQuestion {
    let current = Window { from: at("2024-10-31T15:00:00Z"), to: at("2024-11-07T15:00:00Z") };
    let scope = QueryScope::new(at("2024-11-09T15:00:00Z"), (1..=activities).map(ActivityId), current)
        .with_previous(Window { from: at("2024-10-24T15:00:00Z"), to: current.from })
        .with_counting(counting)
        .with_by_activity(true);
    let history = Window { from: at("2024-09-05T15:00:00Z"), to: at("2024-10-31T15:00:00Z") };
    let products = || (1..=10).map(ProductId);
    LedgerQuestion::new(scope, PATIENT)
        .with_steps([LedgerStep::ApprovedEntry, LedgerStep::Purchase])
        .with_sales(SalesQuestion::new(products(), current))
        .with_history(HistoryQuestion::new(products(), history, Duration::from_secs(3_600)))
}

impl Tables {
    /// The tables of a statement, each with its index.
    async fn plan(&self, statement: &str) -> BTreeSet<String> {
        let explain = match self.schema.flavor {
            Flavor::MySql => "EXPLAIN FORMAT=TRADITIONAL",
            Flavor::MariaDb => "EXPLAIN",
        };
        let explain = format!("{explain} {statement}");
        let rows = sqlx::raw_sql(sqlx::AssertSqlSafe(explain)).fetch_all(self.store.pool()).await.unwrap();
        let line = |row: &MySqlRow| {
            let text = |column: &str| row.get_unchecked::<Option<String>, _>(column);
            let table = text("table").filter(|table| !table.starts_with('<'))?;
            Some(text("key").map_or(format!("{table} as a whole"), |key| format!("{table} by {key}")))
        };
        rows.iter().filter_map(line).collect()
    }

    /// The differences of the other plans: the catalog reads two small tables, the newest rows are found from the end
    /// of `PRIMARY`.
    async fn other_differences(&self) -> Vec<String> {
        let mut differences = Vec::new();
        let plan = self.plan(catalog::STATEMENT).await;
        let tables: Vec<&str> = plan.iter().map(|line| &line[..1]).collect();
        differences.extend((tables != ["a", "c"]).then(|| format!("catalog: {plan:?}")));
        let as_of = "2024-11-12T10:30:00Z".parse().unwrap();
        let plan = self.plan(&newest::by_id(&self.schema, &MySqlOptions::default(), as_of)).await;
        let expected = ["campaign_activity_entries by PRIMARY", "purchases by PRIMARY"];
        differences.extend((!plan.iter().eq(&expected)).then(|| format!("newest rows: {plan:?}")));
        differences
    }

    /// The plans that differ from the expected ones.
    async fn differences(&self, [by_activity, by_product, history]: [&[&str]; 3]) -> Vec<String> {
        let mut differences = self.other_differences().await;
        for activities in [1, 20, 1_000] {
            for counting in [Counting::Events, Counting::Subjects] {
                let question = question(activities, counting);
                let statements = Statements::of(&question, &self.schema, &MySqlOptions::default());
                let mut plan = self.plan(&statements.by_activity.unwrap()).await;
                let is_expected = if activities == 1_000 {
                    // More activities than the tables have: reading a whole table can be cheaper.
                    plan.retain(|line| !line.ends_with("as a whole") && !by_activity.contains(&line.as_str()));
                    plan.is_empty()
                } else {
                    plan.iter().eq(by_activity)
                };
                differences.extend((!is_expected).then(|| format!("{activities} activities, {counting:?}: {plan:?}")));
                for (statement, expected) in [(statements.by_product, by_product), (statements.history, history)] {
                    let plan = self.plan(&statement.unwrap()).await;
                    let is_expected = plan.iter().eq(expected);
                    differences
                        .extend((!is_expected).then(|| format!("{activities} activities, {counting:?}: {plan:?}")));
                }
            }
        }
        differences
    }
}

/// Checks the plans of the three statements: by activity, by product, of a history.
async fn check_plans(server: &str, layout: Layout, more: &str, expected: [&[&str]; 3]) {
    let Some(tables) = tables(server, layout, more).await else { return };
    let differences = tables.differences(expected).await;
    tables.store.drop().await.unwrap();
    assert!(differences.is_empty(), "{differences:#?}");
}

/// Adds the index that the readme recommends.
const RECOMMENDED_INDEX: &str = ";
    ALTER TABLE purchases ADD KEY idx_purchase_product_period
        (product_id, purchase_at, campaign_activity_id, status, user_id, price, quantity);
    ANALYZE TABLE purchases";

#[tokio::test]
async fn mysql_of_august_2026_reads_by_the_named_indexes() {
    check_plans(
        MYSQL,
        Layout::Aug2026,
        "",
        [&[ENTRIES, STATUS_PERIOD], &[ACTIVITIES, WHOLE_PURCHASES], &[WHOLE_PURCHASES, LOOKUP]],
    )
    .await;
}

#[tokio::test]
async fn mariadb_of_august_2026_reads_by_the_named_indexes() {
    check_plans(
        MARIADB,
        Layout::Aug2026,
        "",
        [&[ENTRIES, STATUS_PERIOD], &[ACTIVITIES, WHOLE_PURCHASES], &[WHOLE_PURCHASES, LOOKUP]],
    )
    .await;
}

#[tokio::test]
async fn mysql_of_december_2025_reads_by_the_named_indexes() {
    check_plans(
        MYSQL,
        Layout::Dec2025,
        "",
        [&[WHOLE_ENTRIES, LOOKUP], &[ACTIVITIES, WHOLE_PURCHASES], &[WHOLE_PURCHASES, LOOKUP]],
    )
    .await;
}

#[tokio::test]
async fn mariadb_of_december_2025_reads_by_the_named_indexes() {
    check_plans(
        MARIADB,
        Layout::Dec2025,
        "",
        [&[WHOLE_ENTRIES, LOOKUP], &[ACTIVITIES, WHOLE_PURCHASES], &[WHOLE_PURCHASES, LOOKUP]],
    )
    .await;
}

const BY_PRODUCT: &str = "purchases by idx_purchase_product_period";

#[tokio::test]
async fn mysql_uses_the_recommended_index() {
    check_plans(
        MYSQL,
        Layout::Aug2026,
        RECOMMENDED_INDEX,
        [&[ENTRIES, STATUS_PERIOD], &[ACTIVITIES, BY_PRODUCT], &[LOOKUP, BY_PRODUCT]],
    )
    .await;
}

#[tokio::test]
async fn mariadb_uses_the_recommended_index() {
    check_plans(
        MARIADB,
        Layout::Aug2026,
        RECOMMENDED_INDEX,
        [&[ENTRIES, STATUS_PERIOD], &[ACTIVITIES, BY_PRODUCT], &[LOOKUP, BY_PRODUCT]],
    )
    .await;
}
