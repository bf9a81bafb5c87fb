//! Statements on connections of the caller's pool, each ended by its deadline.
//! Lives here: taking, keeping, handing on and giving back connections; one retry; draining a connection whose reply nobody
//! waits for. Lives elsewhere: what is asked. Lives in the modules below: making connections, and the queue of who waits.
//!
//! The driver leaves four things to its callers.
//! - It has no time-outs.
//! - It drops a connection that is being made together with the future that waits for it. So a task makes it.
//! - It pings a connection whenever it is given back, a second round trip after each answer. So the one or two connections that
//!   a question needs are kept for some seconds.
//! - A connection whose query was dropped must first read the rest of the reply. If the peer has gone silently, that never
//!   ends and the pool loses a slot. So the connection has `DRAIN_TIMEOUT` for it, and is then closed.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{TryStreamExt as _, future::join_all};
use sqlx::{AssertSqlSafe, Connection as _, MySql, MySqlPool, pool::PoolConnection};
use tokio::{
    runtime::Handle,
    time::{Instant, sleep, timeout, timeout_at},
};

use crate::{error::Cause, text_row::TextRow};

mod connect;
mod wait_queue;

use wait_queue::WaitQueue;

/// More rows than any question has answers: activities, campaigns, or hours of history.
const MAX_ROWS: usize = 200_000;
/// How many idle connections are kept, of a pool that has at least twice as many.
const MAX_IDLE: usize = 2;
/// How long an idle connection is kept after its last use.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection is kept from the pool in all, so that the pool can close what is too old.
const MAX_TENURE: Duration = Duration::from_secs(60);
/// The same while questions wait: other users of the pool have waited, too.
const MAX_TENURE_IN_DEMAND: Duration = Duration::from_secs(1);
/// How long a connection has to read the rest of a reply. Longer than the limits that servers get for a statement.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);
/// How long an idle connection has to answer a ping, once another one has not answered.
const PING_TIMEOUT: Duration = Duration::from_millis(200);
/// The shortest time between two checks for dead connections.
const MIN_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The pool, and the idle connections that are kept from it. Clones share them.
#[derive(Clone)]
pub(super) struct Connections {
    inner: Arc<Inner>,
}

struct Inner {
    pool: MySqlPool,
    state: Mutex<State>,
    tickets: AtomicU64,
    /// When dead connections were last checked for.
    last_check: Mutex<Option<Instant>>,
    /// Why no connection could be made, and when that was found out. Locked while a task finds out.
    diagnosis: tokio::sync::Mutex<Option<(Instant, Arc<Cause>)>>,
}

/// Either connections are idle or questions wait, never both.
#[derive(Default)]
struct State {
    idle: Vec<IdleConnection>,
    /// When a connection was last made, or taken from the pool.
    last_connect: Option<Instant>,
    waiters: WaitQueue<Result<Lease, sqlx::Error>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        state.idle.drain(..).for_each(|idle| give_back(idle.connection, DRAIN_TIMEOUT));
    }
}

struct IdleConnection {
    connection: PoolConnection<MySql>,
    taken: Instant,
    ticket: u64,
}

impl Connections {
    pub(super) fn new(pool: MySqlPool) -> Self {
        let (state, tickets) = (Mutex::default(), AtomicU64::new(0));
        let (last_check, diagnosis) = (Mutex::default(), tokio::sync::Mutex::default());
        Self { inner: Arc::new(Inner { pool, state, tickets, last_check, diagnosis }) }
    }

    /// The rows of a statement. Where a connection that had lain idle turns out to be dead, asks once more on a new one. A
    /// new one that breaks is left to the caller, who knows whether there is an outage; and after two tries it is enough.
    pub(super) async fn ask(&self, statement: String, deadline: Instant) -> Result<Vec<TextRow>, Cause> {
        self.ask_with_connect_deadline(statement, deadline, deadline).await
    }

    /// The same, with less time to get a connection in, or to hear why there is none.
    pub(super) async fn ask_with_connect_deadline(
        &self,
        statement: String,
        connect_by: Instant,
        deadline: Instant,
    ) -> Result<Vec<TextRow>, Cause> {
        let mut idle = false;
        let answer = self.try_ask(statement.clone(), connect_by, deadline, &mut idle).await;
        match answer {
            Err(cause) if cause.lost_connection() => {
                // One that has died is seldom alone: the server was restarted, or something between has cut all.
                self.close_idle();
                if !idle {
                    return Err(cause);
                }
                self.try_ask(statement, connect_by, deadline, &mut idle).await.map_err(Cause::twice)
            }
            answer => answer,
        }
    }

    /// Says, too, whether it was asked on a connection that may have lain idle.
    async fn try_ask(
        &self,
        statement: String,
        connect_by: Instant,
        deadline: Instant,
        idle: &mut bool,
    ) -> Result<Vec<TextRow>, Cause> {
        let mut lease = self.lease(connect_by).await?;
        *idle = lease.idle;
        lease.clean = false;
        let answer = match timeout_at(deadline, lease.fetch(statement)).await {
            Ok(answer) => answer,
            Err(_) => {
                drop(lease);
                self.close_dead();
                return Err(Cause::TooSlow);
            }
        };
        // What the server said in its own words left the connection as it was.
        lease.clean = matches!(&answer, Ok(_) | Err(Cause::Server(_)));
        if answer.as_ref().is_err_and(Cause::lost_connection) {
            lease.close();
        }
        answer
    }

    /// An idle connection, or the next one that there is.
    async fn lease(&self, deadline: Instant) -> Result<Lease, Cause> {
        let connection = {
            let mut state = self.state();
            if let Some(IdleConnection { connection, taken, .. }) = state.idle.pop() {
                return Ok(self.lend(connection, taken, true));
            }
            state.waiters.push()
        };
        // One under way may take longer than taking one that lies idle.
        self.connect(self.inner.pool.num_idle() > 0);
        // A quarter of the time is left to find out why there is none.
        let wait = deadline.saturating_duration_since(Instant::now()) * 3 / 4;
        match timeout(wait, connection).await {
            Ok(Ok(Ok(lease))) => Ok(lease),
            Ok(Ok(Err(sqlx::Error::PoolTimedOut)) | Err(_)) | Err(_) => Err(self.diagnose(deadline).await),
            Ok(Ok(Err(error))) => Err(Cause::NoConnection(Box::new(error.into()))),
        }
    }

    /// Closes what lies idle, here and in the pool.
    fn close_idle(&self) {
        let kept = std::mem::take(&mut self.state().idle);
        kept.into_iter().for_each(|idle| drop(idle.connection.detach()));
        while let Some(idle) = self.inner.pool.try_acquire() {
            drop(idle.detach());
        }
    }

    /// Closes idle connections that do not answer a ping, in a task. The peer may have gone silently, and each such connection
    /// would cost a question its whole time.
    ///
    /// The pool is the caller's, who may need it now, and the question may just have been slow. So half of the idle connections
    /// are checked, at most once per `MIN_CHECK_INTERVAL`, and the other half only if one was dead.
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
            let answered = join_all(idle.into_iter().map(|connection| settle(connection, PING_TIMEOUT))).await;
            if answered.contains(&false) {
                std::iter::from_fn(|| pool.try_acquire()).for_each(|connection| give_back(connection, PING_TIMEOUT));
            }
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lend(&self, connection: PoolConnection<MySql>, taken: Instant, idle: bool) -> Lease {
        Lease { connection: Some(connection), taken, idle, clean: true, home: self.clone() }
    }

    /// Hands a connection on to who has waited longest, or keeps it for the next question, for a while.
    fn hand_on(&self, connection: PoolConnection<MySql>, taken: Instant, idle: bool) {
        let pool = &self.inner.pool;
        let mut state = self.state();
        let tenure = if state.waiters.has_waiters() { MAX_TENURE_IN_DEMAND } else { MAX_TENURE };
        if taken.elapsed() > tenure || pool.is_closed() || Handle::try_current().is_err() {
            drop(state);
            return give_back(connection, DRAIN_TIMEOUT);
        }
        let mut lease = self.lend(connection, taken, idle);
        while let Some(waiter) = state.waiters.pop() {
            drop(state);
            match waiter.send(Ok(lease)) {
                Err(Ok(unheard)) => lease = unheard,
                _ => return,
            }
            state = self.state();
        }
        let Some(connection) = lease.connection.take() else { return };
        let enough = usize::try_from(pool.options().get_max_connections()).is_ok_and(|most| most >= 2 * MAX_IDLE);
        if !enough || state.idle.len() >= MAX_IDLE {
            drop(state);
            return give_back(connection, DRAIN_TIMEOUT);
        }
        let ticket = self.inner.tickets.fetch_add(1, Ordering::Relaxed);
        state.idle.push(IdleConnection { connection, taken, ticket });
        drop(state);
        let (home, mut closed) = (Arc::downgrade(&self.inner), pool.close_event());
        tokio::spawn(async move {
            // Also when the pool is being closed, which waits for all of its connections.
            let _ = closed.do_until(sleep(IDLE_TIMEOUT)).await;
            if let Some(idle) = Weak::upgrade(&home).and_then(|inner| Self { inner }.take(ticket)) {
                give_back(idle.connection, DRAIN_TIMEOUT);
            }
        });
    }

    fn take(&self, ticket: u64) -> Option<IdleConnection> {
        let idle = &mut self.state().idle;
        let index = idle.iter().position(|idle| idle.ticket == ticket)?;
        Some(idle.swap_remove(index))
    }
}

/// Gives a connection back to the pool as soon as it answers a ping, or closes it.
fn give_back(connection: PoolConnection<MySql>, within: Duration) {
    // Outside a runtime the pool cannot take it back, and would panic.
    let Ok(runtime) = Handle::try_current() else { return drop(connection.detach()) };
    runtime.spawn(settle(connection, within));
}

/// The same; says whether it answered.
async fn settle(mut connection: PoolConnection<MySql>, within: Duration) -> bool {
    let answers = matches!(timeout(within, connection.ping()).await, Ok(Ok(())));
    match answers {
        true => drop(connection),
        false => drop(connection.detach()),
    }
    answers
}

/// A connection in use. However it ends, the pool does not lose its slot.
struct Lease {
    connection: Option<PoolConnection<MySql>>,
    taken: Instant,
    /// Whether it may have lain idle.
    idle: bool,
    /// Whether the last reply was taken as a whole.
    clean: bool,
    home: Connections,
}

impl Lease {
    async fn fetch(&mut self, statement: String) -> Result<Vec<TextRow>, Cause> {
        let connection = self.connection.as_mut().ok_or(Cause::PoolBusy)?;
        // Safe: made of constants of this crate, whole numbers and times (`stored`).
        let mut rows = sqlx::raw_sql(AssertSqlSafe(statement)).fetch(&mut **connection);
        let mut found = Vec::new();
        while let Some(row) = rows.try_next().await? {
            if found.len() == MAX_ROWS {
                return Err(Cause::Wrong("more rows than were asked for"));
            }
            found.push(TextRow::read(&row)?);
        }
        Ok(found)
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
            Some(connection) if self.clean => self.home.hand_on(connection, self.taken, true),
            Some(connection) => give_back(connection, DRAIN_TIMEOUT),
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
    async fn a_check_for_dead_connections_leaves_the_caller_half_of_the_idle_ones() {
        for variable in ["AXON_TEST_MYSQL_URL", "AXON_TEST_MARIADB_URL"] {
            let Some(url) = server_url(variable) else { continue };
            let pool = crate::pool_options().connect(&url).await.unwrap();
            let mut hold = Vec::new();
            for _ in 0..6 {
                hold.push(pool.acquire().await.unwrap());
            }
            drop(hold);
            while pool.num_idle() < 6 {
                sleep(Duration::from_millis(10)).await;
            }
            let connections = Connections::new(pool.clone());
            connections.close_dead();
            assert_eq!(pool.num_idle(), 3);
            connections.close_dead();
            assert_eq!(pool.num_idle(), 3, "not twice within a second");
            while pool.num_idle() < 6 {
                sleep(Duration::from_millis(10)).await;
            }
            assert_eq!(pool.size(), 6, "none was dead");
            pool.close().await;
        }
    }
}
