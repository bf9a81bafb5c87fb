//! Statements on connections of the caller's pool, each ended by its deadline.
//! Lives here: leasing, caching and releasing connections; one retry; draining an abandoned reply. Lives elsewhere: the
//! statements. Lives in the modules below: connecting, and the queue of waiters.
//!
//! sqlx has no time-outs for statements, so each statement here has a deadline. Three pieces exist because of faults of
//! sqlx 0.9:
//!
//! - Connects in tasks (`connect`): see there.
//! - Cached idle connections ([`State::idle`]). The pool pings each connection that is released, which cannot be
//!   switched off and doubles the round trips (since sqlx pull request 1025; no public number known for a switch).
//!   Shown by `tests/suite/trips.rs`. Can go once the ping on release can be switched off.
//! - Bounded release ([`release`]). The pool drains an abandoned reply and pings without a time-out, and loses a slot
//!   if the peer is dead (sqlx issue 4349). Shown by `tests/suite/healing.rs`,
//!   `..._silent_connections_cost_one_answer`. Can go once sqlx bounds the release. Dropping a connection outside a
//!   runtime panics, so it is detached there (no public number known; shown by `a_source_may_outlive_its_runtime` in
//!   `tests/suite/trips.rs`; can go once the drop does not panic).

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{TryStreamExt as _, future::join_all};
use sqlx::{AssertSqlSafe, Connection as _, MySql, MySqlPool, mysql::MySqlRow, pool::PoolConnection};
use tokio::{
    runtime::Handle,
    time::{Instant, sleep, timeout, timeout_at},
};

use crate::{error::Cause, text_row::TextRow};

mod connect;
mod wait_queue;

use wait_queue::WaitQueue;

/// The most rows of a reply. No question needs as many: they are activities, campaigns or hours of history.
const MAX_ROWS: usize = 200_000;
/// The most cached idle connections. A pool with less than twice as many connections has none.
const MAX_IDLE: usize = 2;
/// How long a connection is cached after its last use.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection stays out of the pool in all, so that the pool can close old ones.
const MAX_TENURE: Duration = Duration::from_secs(60);
/// The same while statements wait, since other users of the pool wait, too.
const MAX_TENURE_IN_DEMAND: Duration = Duration::from_secs(1);
/// How long a connection may take to drain an abandoned reply. Longer than the statement limits of servers.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);
/// How long an idle connection may take to answer a ping in a check for dead connections.
const PING_TIMEOUT: Duration = Duration::from_millis(200);
/// The shortest time between two checks for dead connections.
const MIN_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The pool, and the idle connections that are cached outside it. Clones share all state.
#[derive(Clone)]
pub(super) struct Connections {
    inner: Arc<Inner>,
}

struct Inner {
    pool: MySqlPool,
    state: Mutex<State>,
    tickets: AtomicU64,
    /// The time of the last check for dead connections.
    last_check: Mutex<Option<Instant>>,
    /// The last diagnosis, and its time. Locked while a diagnosis runs, so that concurrent questions share it.
    diagnosis: tokio::sync::Mutex<Option<(Instant, Arc<Cause>)>>,
}

/// A statement, and how its rows are read.
#[derive(Clone)]
struct Request {
    statement: String,
    read: fn(&MySqlRow) -> Result<TextRow, sqlx::Error>,
}

/// There are idle connections or waiters, never both.
#[derive(Default)]
struct State {
    idle: Vec<IdleConnection>,
    /// The last time that the pool gave a connection.
    last_connect: Option<Instant>,
    waiters: WaitQueue<Result<Lease, sqlx::Error>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        state.idle.drain(..).for_each(|idle| release(idle.connection, DRAIN_TIMEOUT));
    }
}

struct IdleConnection {
    connection: PoolConnection<MySql>,
    /// When it left the pool.
    acquired_at: Instant,
    /// Identifies it for the task that ends its caching.
    ticket: u64,
}

impl Connections {
    pub(super) fn new(pool: MySqlPool) -> Self {
        let (state, tickets) = (Mutex::default(), AtomicU64::new(0));
        let (last_check, diagnosis) = (Mutex::default(), tokio::sync::Mutex::default());
        Self { inner: Arc::new(Inner { pool, state, tickets, last_check, diagnosis }) }
    }

    /// The rows of a statement. If an idle connection turns out to be dead, retries once on a new one. A new connection
    /// that breaks is an error: the core decides whether to retry.
    pub(super) async fn ask(&self, statement: String, deadline: Instant) -> Result<Vec<TextRow>, Cause> {
        self.ask_with_connect_deadline(statement, deadline, deadline).await
    }

    /// The same with the names of the columns ([`TextRow::read_named`]).
    pub(super) async fn ask_named(&self, statement: String, deadline: Instant) -> Result<Vec<TextRow>, Cause> {
        self.ask_rows(Request { statement, read: TextRow::read_named }, deadline, deadline).await
    }

    /// The rows of a statement with an earlier deadline for the connection.
    pub(super) async fn ask_with_connect_deadline(
        &self,
        statement: String,
        connect_by: Instant,
        deadline: Instant,
    ) -> Result<Vec<TextRow>, Cause> {
        self.ask_rows(Request { statement, read: TextRow::read }, connect_by, deadline).await
    }

    async fn ask_rows(&self, request: Request, connect_by: Instant, deadline: Instant) -> Result<Vec<TextRow>, Cause> {
        let mut idle = false;
        let answer = self.try_ask(request.clone(), connect_by, deadline, &mut idle).await;
        match answer {
            Err(cause) if cause.lost_connection() => {
                // A restart of the server or a fault of the network breaks all connections, not just one.
                self.close_idle();
                if !idle {
                    return Err(cause);
                }
                self.try_ask(request, connect_by, deadline, &mut idle).await.map_err(Cause::after_retry)
            }
            answer => answer,
        }
    }

    /// One attempt. Sets `idle` to whether its connection was idle before.
    async fn try_ask(
        &self,
        request: Request,
        connect_by: Instant,
        deadline: Instant,
        idle: &mut bool,
    ) -> Result<Vec<TextRow>, Cause> {
        let mut lease = self.lease(connect_by).await?;
        *idle = lease.idle;
        lease.clean = false;
        let answer = match timeout_at(deadline, lease.fetch(request)).await {
            Ok(answer) => answer,
            Err(_) => {
                drop(lease);
                self.close_dead();
                return Err(Cause::TooSlow);
            }
        };
        // An error of the server leaves the connection intact.
        lease.clean = matches!(&answer, Ok(_) | Err(Cause::Server(_)));
        if answer.as_ref().is_err_and(Cause::lost_connection) {
            lease.close();
        }
        answer
    }

    /// A cached idle connection, or the next one that a connect or another lease passes on.
    async fn lease(&self, deadline: Instant) -> Result<Lease, Cause> {
        let connection = {
            let mut state = self.state();
            if let Some(IdleConnection { connection, acquired_at, .. }) = state.idle.pop() {
                return Ok(self.lend(connection, acquired_at, true));
            }
            state.waiters.push()
        };
        // Acquiring an idle connection is faster than waiting for a connect in progress.
        self.connect(self.inner.pool.num_idle() > 0);
        // A quarter of the time is left for a diagnosis.
        let wait = deadline.saturating_duration_since(Instant::now()) * 3 / 4;
        match timeout(wait, connection).await {
            Ok(Ok(Ok(lease))) => Ok(lease),
            Ok(Ok(Err(sqlx::Error::PoolTimedOut)) | Err(_)) | Err(_) => Err(self.diagnose(deadline).await),
            Ok(Ok(Err(error))) => Err(Cause::NoConnection(Box::new(error.into()))),
        }
    }

    /// Closes all idle connections, cached and in the pool.
    fn close_idle(&self) {
        let cached = std::mem::take(&mut self.state().idle);
        cached.into_iter().for_each(|idle| drop(idle.connection.detach()));
        while let Some(idle) = self.inner.pool.try_acquire() {
            drop(idle.detach());
        }
    }

    /// Closes idle connections that do not answer a ping, in a task. A connection whose peer is dead would cost a
    /// question its whole budget.
    ///
    /// The caller may need the pool meanwhile, and perhaps the statement was only slow. So half of the idle connections
    /// are checked, at most once per [`MIN_CHECK_INTERVAL`], and the other half only if one of them is dead.
    fn close_dead(&self) {
        {
            let mut last = self.inner.last_check.lock().unwrap_or_else(PoisonError::into_inner);
            if last.is_some_and(|last| last.elapsed() < MIN_CHECK_INTERVAL) {
                return;
            }
            *last = Some(Instant::now());
        }
        let pool = self.inner.pool.clone();
        let mut idle: Vec<PoolConnection<MySql>> =
            std::mem::take(&mut self.state().idle).into_iter().map(|idle| idle.connection).collect();
        let half = pool.num_idle().div_ceil(2);
        idle.extend(std::iter::from_fn(|| pool.try_acquire()).take(half));
        tokio::spawn(async move {
            let alive = join_all(idle.into_iter().map(|connection| ping_and_release(connection, PING_TIMEOUT))).await;
            if alive.contains(&false) {
                std::iter::from_fn(|| pool.try_acquire()).for_each(|connection| release(connection, PING_TIMEOUT));
            }
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lend(&self, connection: PoolConnection<MySql>, acquired_at: Instant, idle: bool) -> Lease {
        Lease { connection: Some(connection), acquired_at, idle, clean: true, owner: self.clone() }
    }

    /// Passes a connection on to the waiter that has waited longest. Without one, caches or releases it.
    fn pass_on(&self, connection: PoolConnection<MySql>, acquired_at: Instant, idle: bool) {
        let pool = &self.inner.pool;
        let mut state = self.state();
        let tenure = if state.waiters.has_waiters() { MAX_TENURE_IN_DEMAND } else { MAX_TENURE };
        if acquired_at.elapsed() > tenure || pool.is_closed() || Handle::try_current().is_err() {
            drop(state);
            return release(connection, DRAIN_TIMEOUT);
        }
        let mut lease = self.lend(connection, acquired_at, idle);
        while let Some(waiter) = state.waiters.pop() {
            drop(state);
            match waiter.send(Ok(lease)) {
                Err(Ok(undelivered)) => lease = undelivered,
                _ => return,
            }
            state = self.state();
        }
        let Some(connection) = lease.connection.take() else { return };
        let is_large = usize::try_from(pool.options().get_max_connections()).is_ok_and(|max| max >= 2 * MAX_IDLE);
        if !is_large || state.idle.len() >= MAX_IDLE {
            drop(state);
            return release(connection, DRAIN_TIMEOUT);
        }
        let ticket = self.inner.tickets.fetch_add(1, Ordering::Relaxed);
        state.idle.push(IdleConnection { connection, acquired_at, ticket });
        drop(state);
        let (inner, mut close_event) = (Arc::downgrade(&self.inner), pool.close_event());
        tokio::spawn(async move {
            // Ends early when the pool is closed, which waits for all of its connections.
            let _ = close_event.do_until(sleep(IDLE_TIMEOUT)).await;
            if let Some(idle) = Weak::upgrade(&inner).and_then(|inner| Self { inner }.take(ticket)) {
                release(idle.connection, DRAIN_TIMEOUT);
            }
        });
    }

    /// Removes an idle connection from the cache, if it is still there.
    fn take(&self, ticket: u64) -> Option<IdleConnection> {
        let idle = &mut self.state().idle;
        let index = idle.iter().position(|idle| idle.ticket == ticket)?;
        Some(idle.swap_remove(index))
    }
}

/// Releases a connection to the pool once it answers a ping, in a task. Closes it if it does not answer in time.
fn release(connection: PoolConnection<MySql>, within: Duration) {
    // Outside a runtime the drop of a pooled connection panics, so it is closed instead.
    let Ok(runtime) = Handle::try_current() else { return drop(connection.detach()) };
    runtime.spawn(ping_and_release(connection, within));
}

/// The same without a task. Returns whether it answered.
async fn ping_and_release(mut connection: PoolConnection<MySql>, within: Duration) -> bool {
    let is_alive = matches!(timeout(within, connection.ping()).await, Ok(Ok(())));
    match is_alive {
        true => drop(connection),
        false => drop(connection.detach()),
    }
    is_alive
}

/// A connection in use. When it is dropped the pool gets its slot back, whatever the state of the connection.
struct Lease {
    connection: Option<PoolConnection<MySql>>,
    /// When it left the pool.
    acquired_at: Instant,
    /// Whether it was idle before, so that it may be dead.
    idle: bool,
    /// Whether the last reply was read to its end.
    clean: bool,
    owner: Connections,
}

impl Lease {
    async fn fetch(&mut self, Request { statement, read }: Request) -> Result<Vec<TextRow>, Cause> {
        let connection = self.connection.as_mut().ok_or(Cause::PoolBusy)?;
        // Safe: statements consist of constants of this crate, integers and times (`sql_literals`).
        let mut rows = sqlx::raw_sql(AssertSqlSafe(statement)).fetch(&mut **connection);
        let mut result = Vec::new();
        while let Some(row) = rows.try_next().await? {
            if result.len() == MAX_ROWS {
                return Err(Cause::Wrong("the reply has more rows than any question needs"));
            }
            result.push(read(&row)?);
        }
        Ok(result)
    }

    fn close(&mut self) {
        if let Some(connection) = self.connection.take() {
            drop(connection.detach());
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        match self.connection.take() {
            Some(connection) if self.clean => self.owner.pass_on(connection, self.acquired_at, true),
            Some(connection) => release(connection, DRAIN_TIMEOUT),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use axon_metrics::testing::server_url;

    use super::*;

    #[tokio::test]
    async fn a_check_for_dead_connections_uses_half_of_the_idle_ones() {
        for variable in ["AXON_TEST_MYSQL_URL", "AXON_TEST_MARIADB_URL"] {
            let Some(url) = server_url(variable) else { continue };
            let pool = crate::pool_options().connect(&url).await.unwrap();
            let mut leases = Vec::new();
            for _ in 0..6 {
                leases.push(pool.acquire().await.unwrap());
            }
            drop(leases);
            while pool.num_idle() < 6 {
                sleep(Duration::from_millis(10)).await;
            }
            let connections = Connections::new(pool.clone());
            connections.close_dead();
            assert_eq!(pool.num_idle(), 3);
            connections.close_dead();
            assert_eq!(pool.num_idle(), 3, "a second check within a second");
            while pool.num_idle() < 6 {
                sleep(Duration::from_millis(10)).await;
            }
            assert_eq!(pool.size(), 6, "a live connection was closed");
            pool.close().await;
        }
    }
}
