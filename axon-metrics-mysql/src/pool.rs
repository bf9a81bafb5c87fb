//! The pool we advise: every connection with a statement limit, read-only, and without a ping before each use.

use std::time::Duration;

use sqlx::{Connection as _, Executor as _, mysql::MySqlPoolOptions};
use tokio::time::timeout;

use crate::store::flavor::set_up;

/// The statement limit of [`pool_options`]: the largest budget of the sources that use the pool, by default 800 ms.
pub const DEFAULT_STATEMENT_LIMIT: Duration = Duration::from_millis(800);

/// How long making a connection may take. It is four replies of a server and up to four more, for TLS and passwords.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_millis(1_500);

/// How much longer than the limit a reply may take to arrive.
const REPLY_SLACK: Duration = Duration::from_millis(250);

/// [`pool_options_with`] the limit [`DEFAULT_STATEMENT_LIMIT`].
/// ```no_run
/// # async fn example() -> Result<(), sqlx::Error> {
/// let pool = axon_metrics_mysql::pool_options().connect("mysql://axon_ro@db.internal/axon_db").await?;
/// # Ok(()) }
/// ```
pub fn pool_options() -> MySqlPoolOptions {
    pool_options_with(DEFAULT_STATEMENT_LIMIT)
}

/// Options for a pool whose connections cannot hurt the server or the dashboard. Change what you like, but keep
/// `after_connect` and `after_release`.
///
/// - **Statement limit**, set as each connection is made: `MAX_EXECUTION_TIME` on MySQL, `max_statement_time` on MariaDB.
///   A query whose caller has gone keeps running on the server, and keeps its connection, until it ends or meets the limit.
/// - **Read-only session**: `SET SESSION TRANSACTION READ ONLY`, on top of the user's rights.
/// - **No ping before use** (`test_before_acquire`): sqlx would ask the server whether it is there before each statement,
///   which makes two round trips of every question. The sources notice a dead connection when they use it, throw it away
///   with the other idle ones, and ask again on a new one.
/// - **A connection that is given back has as long as the limit, and a quarter of a second, to answer**, or is closed. sqlx
///   pings it without an end: after a query that was dropped at the wrong moment the pool would have one slot less for good.
/// - **`acquire_timeout`** is 1.5 s, or half the limit where that is longer: what it takes to make a connection to a server
///   whose every reply takes 100 ms. The sources themselves wait no longer than their questions may take, and have connections
///   made beside them.
/// - At most 14 connections: what five questions about sales, two about the weeks before a promotion and two readings of
///   the catalog take, which is what a dashboard asks at once by default ([`Concurrency`](axon_metrics::Concurrency)). Closed after 5 minutes without use and replaced after 30.
///
/// A server that does not know the variable of its kind refuses to be used: sqlx logs that `after_connect` failed.
pub fn pool_options_with(limit: Duration) -> MySqlPoolOptions {
    MySqlPoolOptions::new()
        .max_connections(14)
        .acquire_timeout(CONNECT_TIMEOUT.max(limit / 2))
        .idle_timeout(Duration::from_secs(300))
        .max_lifetime(Duration::from_secs(1_800))
        .test_before_acquire(false)
        .after_release(move |connection, _| {
            let answers = timeout(limit + REPLY_SLACK, connection.ping());
            Box::pin(async move { Ok(matches!(answers.await, Ok(Ok(())))) })
        })
        .after_connect(move |connection, _| {
            let statements = sqlx::raw_sql(sqlx::AssertSqlSafe(set_up(limit)));
            Box::pin(async move { connection.execute(statements).await.map(drop) })
        })
}
