//! The recommended pool: a statement limit on every connection, read-only sessions, no ping before each use.

use std::time::Duration;

use sqlx::{Connection as _, Executor as _, mysql::MySqlPoolOptions};
use tokio::time::timeout;

use crate::store::flavor::set_up;

/// The statement limit of [`pool_options`]: 800 ms, the largest default budget of the sources that use the pool.
pub const DEFAULT_STATEMENT_LIMIT: Duration = Duration::from_millis(800);

/// How long connecting may take. It needs four round trips, and up to four more for TLS and passwords.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_millis(1_500);

/// How much later than the statement limit a reply may arrive.
const REPLY_SLACK: Duration = Duration::from_millis(250);

/// [`pool_options_with`] a statement limit of [`DEFAULT_STATEMENT_LIMIT`].
/// ```no_run
/// # async fn example() -> Result<(), sqlx::Error> {
/// let pool = axon_metrics_mysql::pool_options().connect("mysql://axon_ro@db.internal/axon_db").await?;
/// # Ok(()) }
/// ```
pub fn pool_options() -> MySqlPoolOptions {
    pool_options_with(DEFAULT_STATEMENT_LIMIT)
}

/// Pool options that protect the server and the dashboard. Other options may be changed; keep `after_connect` and
/// `after_release`.
///
/// - **Statement limit** for each session: `MAX_EXECUTION_TIME` on MySQL, `max_statement_time` on MariaDB. Without it
///   an abandoned query runs to its end and occupies its connection until then.
/// - **Read-only session**: `SET SESSION TRANSACTION READ ONLY`, in addition to the user's rights.
/// - **No ping before use** (`test_before_acquire`), since it doubles the round trips of a question. The sources notice
///   a dead connection when they use it, close all idle ones, and retry once on a new one.
/// - **Bounded release** (`after_release`): a connection that does not answer a ping within the limit and 250 ms is
///   closed.
/// - **`acquire_timeout`** of 1.5 s, or half the limit if that is longer: enough to connect to a server that answers
///   within 100 ms. The sources wait no longer than the budgets of their questions, and connect in tasks of their own.
/// - At most 14 connections, enough for the default [`Concurrency`](axon_metrics::Concurrency) of a dashboard: five
///   questions about sales with two statements each, two about history, two about the catalog.
/// - Connections are closed after 5 minutes without use and replaced after 30 minutes.
///
/// On a server that knows neither limit variable no connection can be made: sqlx logs that `after_connect` failed.
pub fn pool_options_with(limit: Duration) -> MySqlPoolOptions {
    MySqlPoolOptions::new()
        .max_connections(14)
        .acquire_timeout(CONNECT_TIMEOUT.max(limit / 2))
        .idle_timeout(Duration::from_secs(300))
        .max_lifetime(Duration::from_secs(1_800))
        .test_before_acquire(false)
        // Workaround: sqlx pings a released connection without a time-out, and the pool loses a slot if the peer is
        // dead (sqlx issue 4349). Shown by `tests/suite/healing.rs`, `..._silent_connections_cost_one_answer`. Can go
        // once sqlx bounds the release.
        .after_release(move |connection, _| {
            let ping = timeout(limit + REPLY_SLACK, connection.ping());
            Box::pin(async move { Ok(matches!(ping.await, Ok(Ok(())))) })
        })
        .after_connect(move |connection, _| {
            let statements = sqlx::raw_sql(sqlx::AssertSqlSafe(set_up(limit)));
            Box::pin(async move { connection.execute(statements).await.map(drop) })
        })
}
