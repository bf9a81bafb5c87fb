//! MySQL or MariaDB as the platform fills it: the tables of each layout in a database of their own.
//! Lives here: creating, filling and dropping such a database, and a user with the least rights. Lives elsewhere: the
//! records (`generator`), their rows (`sql::rows`).
//!
//! ```no_run
//! use axon_examples::{generator::{Config, MemorySink, Plan}, stores::{Layout, sql::{Clocks, SqlStore}}};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let mut records = MemorySink::default();
//! Plan::new(Config::default())?.generate(&mut records, |_| {})?;
//! let store = SqlStore::create("mysql://root@127.0.0.1:3306/", "axon_try", Layout::Aug2026, Clocks::default()).await?;
//! store.insert_catalog(records.catalog.as_ref().expect("a catalog")).await?;
//! let entries = store.insert_entries(records.entries.iter().map(Into::into).collect()).await?;
//! let purchases = store.insert_purchases(records.purchases.iter().map(Into::into).collect()).await?;
//! assert_eq!(purchases.left_out, 0);
//! # Ok(()) }
//! ```

use std::{borrow::Cow, str::FromStr};

use chrono::{DateTime, FixedOffset, NaiveDateTime, Utc};
use sqlx::{
    AssertSqlSafe, Executor, MySql, QueryBuilder,
    mysql::{MySqlConnectOptions, MySqlPool, MySqlPoolOptions},
};

use super::Layout;
use crate::generator::Catalog;

mod rows;

pub use rows::{ActivityRow, CampaignRow, EntryRow, ProductRow, PurchaseRow};

/// The tables of layouts without a status of purchases.
pub const DEC_2025: &str = include_str!("sql/dec2025.sql");
/// The tables of layouts with a status of purchases, and an index on it.
pub const AUG_2026: &str = include_str!("sql/aug2026.sql");

/// The tables of a platform that a dashboard is about.
pub const TABLES: [&str; 5] =
    ["campaigns", "campaign_activities", "products", "campaign_activity_entries", "purchases"];

/// The most rows in one statement.
const BATCH: usize = 2_000;

/// The time zones of local times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clocks {
    /// `purchases.purchase_at`. Defaults to +09:00.
    pub purchase: FixedOffset,
    /// `campaign_activity_entries.created_at`. Defaults to +09:00.
    pub created: FixedOffset,
    /// Dates of campaigns and activities. Defaults to +09:00.
    pub schedule: FixedOffset,
}

impl Default for Clocks {
    fn default() -> Self {
        let seoul = const { FixedOffset::east_opt(9 * 3_600).expect("an offset within a day") };
        Self { purchase: seoul, created: seoul, schedule: seoul }
    }
}

/// The table that no source reads, so that a reader needs no right to it.
const NOT_READ: &str = "products";

/// A database of the platform.
#[derive(Debug, Clone)]
pub struct SqlStore {
    pool: MySqlPool,
    options: MySqlConnectOptions,
    database: String,
    layout: Layout,
    clocks: Clocks,
}

/// The result of an insertion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InsertCounts {
    /// Rows that were inserted.
    pub rows: u64,
    /// Cancelled and failed purchases, in a layout without a status. Its tables cannot represent them: a row without a status
    /// counts as a sale.
    pub left_out: usize,
}

impl SqlStore {
    /// Creates a database with the tables of a layout, replacing one of that name.
    /// # Errors
    /// The error of the server; a name with other characters than lower-case letters, digits and `_`.
    pub async fn create(url: &str, database: &str, layout: Layout, clocks: Clocks) -> Result<Self, sqlx::Error> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if database.is_empty() || !database.bytes().all(plain) {
            return Err(sqlx::Error::Configuration("the name of a database must consist of a-z, 0-9 and _".into()));
        }
        let server = MySqlConnectOptions::from_str(url)?;
        let pool = MySqlPoolOptions::new().max_connections(1).connect_with(server.clone()).await?;
        let create = format!(
            "DROP DATABASE IF EXISTS {database}; \
             CREATE DATABASE {database} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci"
        );
        pool.execute(sqlx::raw_sql(AssertSqlSafe(create))).await?;
        pool.close().await;
        let options = server.database(database);
        let pool = MySqlPoolOptions::new().max_connections(2).connect_with(options.clone()).await?;
        pool.execute(sqlx::raw_sql(if has_status(layout) { AUG_2026 } else { DEC_2025 })).await?;
        Ok(Self { pool, options, database: database.to_owned(), layout, clocks })
    }

    /// The options of a connection with the rights of the creator.
    #[must_use]
    pub fn connect_options(&self) -> MySqlConnectOptions {
        self.options.clone()
    }

    /// Whether its purchases have a status.
    #[must_use]
    pub fn has_status(&self) -> bool {
        has_status(self.layout)
    }

    /// A connection pool with the rights of the creator, for statements that this type does not have.
    #[must_use]
    pub fn pool(&self) -> &MySqlPool {
        &self.pool
    }

    /// Creates a user who may read the four tables of the sources and nothing else, replacing one of that name. Returns the options
    /// of a connection as this user. The name and the password must consist of letters, digits and `_`.
    /// # Errors
    /// The error of the server.
    pub async fn create_reader(&self, user: &str, password: &str) -> Result<MySqlConnectOptions, sqlx::Error> {
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !plain(user) || !plain(password) {
            return Err(sqlx::Error::Configuration(
                "the name and the password of a user must consist of letters, digits and _".into(),
            ));
        }
        let database = &self.database;
        let mut statements =
            format!("DROP USER IF EXISTS '{user}'@'%'; CREATE USER '{user}'@'%' IDENTIFIED BY '{password}'");
        for table in TABLES.iter().filter(|table| **table != NOT_READ) {
            statements.push_str(&format!("; GRANT SELECT ON {database}.{table} TO '{user}'@'%'"));
        }
        self.pool.execute(sqlx::raw_sql(AssertSqlSafe(statements))).await?;
        Ok(self.options.clone().username(user).password(password))
    }

    /// Inserts campaigns, activities and products of the generator.
    /// # Errors
    /// The error of the server.
    pub async fn insert_catalog(&self, catalog: &Catalog) -> Result<InsertCounts, sqlx::Error> {
        let activities =
            catalog.campaigns.iter().flat_map(|campaign| campaign.activities.iter().map(|of| (campaign.id, of).into()));
        let campaigns = self.insert_campaigns(catalog.campaigns.iter().map(Into::into).collect()).await?;
        let activities = self.insert_activities(activities.collect()).await?;
        let products = self.insert_products(catalog.products.iter().map(Into::into).collect()).await?;
        Ok(InsertCounts { rows: campaigns.rows + activities.rows + products.rows, left_out: 0 })
    }

    /// Inserts campaigns.
    /// # Errors
    /// The error of the server.
    pub async fn insert_campaigns(&self, rows: Vec<CampaignRow>) -> Result<InsertCounts, sqlx::Error> {
        let clock = self.clocks.schedule;
        let into = "campaigns (id, name, start_at, end_at, budget) ";
        self.insert(into, rows, |row, values| {
            values.push_bind(row.id).push_bind(row.name);
            values.push_bind(wall(row.start, clock)).push_bind(wall(row.end, clock)).push_bind(row.budget);
        })
        .await
    }

    /// Inserts activities.
    /// # Errors
    /// The error of the server.
    pub async fn insert_activities(&self, rows: Vec<ActivityRow>) -> Result<InsertCounts, sqlx::Error> {
        let clock = self.clocks.schedule;
        let into = "campaign_activities (id, campaign_id, product_id, name, limit_count, status, start_date, end_date, \
                    activity_type, price, quantity) ";
        self.insert(into, rows, |row, values| {
            values.push_bind(row.id).push_bind(row.campaign).push_bind(row.product).push_bind(row.name);
            values.push_bind(row.limit).push_bind(row.status);
            values.push_bind(wall(row.start, clock)).push_bind(wall(row.end, clock));
            values.push_bind(row.kind).push_bind(row.price).push_bind(1);
        })
        .await
    }

    /// Inserts products.
    /// # Errors
    /// The error of the server.
    pub async fn insert_products(&self, rows: Vec<ProductRow>) -> Result<InsertCounts, sqlx::Error> {
        self.insert("products (id, product_name, stock, price, category) ", rows, |row, values| {
            values.push_bind(row.id).push_bind(row.name).push_bind(1_000).push_bind(row.price).push_bind(row.category);
        })
        .await
    }

    /// Inserts entries.
    /// # Errors
    /// The error of the server.
    pub async fn insert_entries(&self, rows: Vec<EntryRow>) -> Result<InsertCounts, sqlx::Error> {
        let clock = self.clocks.created;
        let into = "campaign_activity_entries (id, campaign_activity_id, user_id, status, requested_at, created_at) ";
        self.insert(into, rows, |row, values| {
            let created = wall(Some(row.created_at), clock);
            values.push_bind(row.id).push_bind(row.activity).push_bind(row.user).push_bind(row.status);
            values.push_bind(created).push_bind(created);
        })
        .await
    }

    /// Inserts purchases. Cancelled and failed ones are inserted only in a layout with a status.
    /// # Errors
    /// The error of the server.
    pub async fn insert_purchases(&self, rows: Vec<PurchaseRow>) -> Result<InsertCounts, sqlx::Error> {
        let (clock, status) = (self.clocks.purchase, self.has_status());
        let (rows, left_out): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| status || row.status == "CONFIRMED");
        let into = match status {
            true => {
                "purchases (id, user_id, product_id, campaign_activity_id, purchase_type, price, quantity, \
                     purchase_at, status) "
            }
            false => {
                "purchases (id, user_id, product_id, campaign_activity_id, purchase_type, price, quantity, \
                      purchase_at) "
            }
        };
        let inserted = self.insert(into, rows, |row, values| {
            let kind = if row.activity.is_some() { "CAMPAIGNACTIVITY" } else { "SHOP" };
            values.push_bind(row.id).push_bind(row.user).push_bind(row.product).push_bind(row.activity);
            values.push_bind(kind).push_bind(row.price).push_bind(row.quantity);
            values.push_bind(wall(Some(row.at), clock));
            if status {
                values.push_bind(row.status);
            }
        });
        let rows = inserted.await?.rows;
        Ok(InsertCounts { rows, left_out: left_out.len() })
    }

    /// Updates the server's statistics of tables, as a server does by itself after a while.
    /// # Errors
    /// The error of the server.
    pub async fn analyze(&self) -> Result<(), sqlx::Error> {
        let statement = format!("ANALYZE TABLE {}", TABLES.join(", "));
        sqlx::raw_sql(AssertSqlSafe(statement)).fetch_all(&self.pool).await.map(|_| ())
    }

    /// Drops the database.
    /// # Errors
    /// The error of the server.
    pub async fn drop(self) -> Result<(), sqlx::Error> {
        let statement = format!("DROP DATABASE {}", self.database);
        self.pool.execute(sqlx::raw_sql(AssertSqlSafe(statement))).await?;
        self.pool.close().await;
        Ok(())
    }

    async fn insert<T>(
        &self,
        into: &'static str,
        rows: Vec<T>,
        mut bind: impl FnMut(T, &mut sqlx::query_builder::Separated<'_, MySql, &'static str>),
    ) -> Result<InsertCounts, sqlx::Error> {
        let mut rows = rows.into_iter().peekable();
        let mut inserted = 0;
        while rows.peek().is_some() {
            let mut statement = QueryBuilder::<MySql>::new("INSERT INTO ");
            statement.push(into);
            statement.push_values(rows.by_ref().take(BATCH), |mut values, row| bind(row, &mut values));
            inserted += statement.build().execute(&self.pool).await?.rows_affected();
        }
        Ok(InsertCounts { rows: inserted, left_out: 0 })
    }
}

/// Whether purchases of a layout have a status.
fn has_status(layout: Layout) -> bool {
    match layout {
        Layout::Dec2025 | Layout::Plan => false,
        Layout::Aug2026 | Layout::Rejected => true,
    }
}

fn wall(at: Option<DateTime<Utc>>, clock: FixedOffset) -> Option<NaiveDateTime> {
    at.map(|at| at.with_timezone(&clock).naive_local())
}

/// A constant of the program, or a text of the caller.
type Text = Cow<'static, str>;
