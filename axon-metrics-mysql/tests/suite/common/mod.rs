//! Shared by the tests: databases on real servers with both generations of tables, and servers that misbehave.

#![allow(dead_code, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

pub(crate) mod owned_source;
pub(crate) mod proxy;
pub(crate) mod questions;
pub(crate) mod stores;

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, SystemTime},
};

use axon_examples::stores::{
    Layout,
    sql::{Clocks, SqlStore},
};
use axon_metrics::{source::Probe, testing::server_url};
use axon_metrics_mysql::{pool_options, pool_options_with};
use sqlx::mysql::{MySqlConnectOptions, MySqlPool};

/// A server of one kind.
pub(crate) trait Server: Send + Sync {
    /// The environment variable with its address.
    const VARIABLE: &'static str;
    /// Its name in the health report.
    const NAME: &'static str;
}

pub(crate) struct MySql;
impl Server for MySql {
    const VARIABLE: &'static str = "AXON_TEST_MYSQL_URL";
    const NAME: &'static str = "MySQL";
}

pub(crate) struct MariaDb;
impl Server for MariaDb {
    const VARIABLE: &'static str = "AXON_TEST_MARIADB_URL";
    const NAME: &'static str = "MariaDB";
}

/// Generates a test on each server from a function over a [`Server`]. In parentheses: its argument on MySQL and on MariaDB.
macro_rules! on_each_server {
    (#[$test:meta] $($name:ident $(($mysql:expr, $mariadb:expr))?;)+) => {
        mod mysql {
            #[allow(unused_imports, reason = "arguments may need them")]
            use super::*;
            $(
                #[$test]
                async fn $name() {
                    super::$name::<crate::common::MySql>($($mysql)?).await;
                }
            )+
        }
        mod mariadb {
            #[allow(unused_imports, reason = "arguments may need them")]
            use super::*;
            $(
                #[$test]
                async fn $name() {
                    super::$name::<crate::common::MariaDb>($($mariadb)?).await;
                }
            )+
        }
    };
    ($($tests:tt)+) => { crate::common::on_each_server! { #[tokio::test] $($tests)+ } };
}
pub(crate) use on_each_server;

/// A budget that does not end on a busy machine. Tests of a limit use another one.
pub(crate) const PATIENT: Duration = Duration::from_secs(20);

/// A name that no other test uses. It begins with `prefix`.
pub(crate) fn unique(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}_{:08x}_{}_{next}", u32::try_from(now >> 10 & 0xffff_ffff).unwrap(), std::process::id())
}

/// A database that is dropped with this value, also if the test fails.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) store: SqlStore,
    url: String,
    name: String,
}

impl Database {
    pub(crate) async fn create<S: Server>(layout: Layout) -> Option<Self> {
        Self::with_clocks::<S>(layout, Clocks::default()).await
    }

    pub(crate) async fn with_clocks<S: Server>(layout: Layout, clocks: Clocks) -> Option<Self> {
        let url = server_url(S::VARIABLE)?;
        let name = unique("axon_test");
        let store = SqlStore::create(&url, &name, layout, clocks).await.unwrap();
        Some(Self { store, url, name })
    }

    /// The recommended pool, with a statement limit of [`PATIENT`].
    pub(crate) fn pool(&self) -> MySqlPool {
        pool_to(self.store.connect_options())
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether the server is executing a statement that contains this text.
    pub(crate) async fn is_executing(&self, part: &str) -> bool {
        let rows: Vec<(i64,)> = sqlx::query_as(
            "SELECT 1 FROM information_schema.processlist WHERE db = DATABASE() AND info LIKE CONCAT('%', ?, '%') \
             AND info NOT LIKE '%processlist%'",
        )
        .bind(part)
        .fetch_all(self.store.pool())
        .await
        .unwrap();
        !rows.is_empty()
    }

    /// Runs all statements of a text.
    pub(crate) async fn run(&self, statements: &str) {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).fetch_all(self.store.pool()).await.unwrap();
    }
}

pub(crate) fn pool_to(options: MySqlConnectOptions) -> MySqlPool {
    pool_options_with(PATIENT).connect_lazy_with(options)
}

/// A finding of a health report.
pub(crate) fn finding<'a>(probe: &'a Probe, name: &str) -> &'a str {
    &probe.findings.iter().find(|(one, _)| one == name).unwrap_or_else(|| panic!("no {name}: {probe:#?}")).1
}

/// The recommended pool to a server without a database.
pub(crate) fn pool_at(server: SocketAddr) -> MySqlPool {
    let options = MySqlConnectOptions::new().host(&server.ip().to_string()).port(server.port());
    pool_options().connect_lazy_with(options.username("axon"))
}

impl Drop for Database {
    /// On a thread with a runtime of its own, since the test's runtime may have ended.
    fn drop(&mut self) {
        let (url, name) = (self.url.clone(), self.name.clone());
        let thread = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
                let pool = MySqlPool::connect(&url).await.unwrap();
                let statement = format!("DROP DATABASE IF EXISTS {name}");
                sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&pool).await.unwrap();
                pool.close().await;
            });
        });
        let _ = thread.join();
    }
}
