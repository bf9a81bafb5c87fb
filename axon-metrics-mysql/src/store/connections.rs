//! Statements on connections of the caller's pool, each ended by its deadline.
//! Lives here: taking, keeping, handing on and giving back connections, one retry, what becomes of a connection whose reply
//! nobody waits for. Lives elsewhere: what is asked. Lives in the modules below: making connections, and for whom.
//!
//! The driver leaves four things to its callers. It has no time-outs. It drops a connection that is being made with the one who
//! waits for it: so a task makes it. It pings a connection whenever it is given back,
//! which is a second round trip after each answer: so the one or two connections a question needs are kept for some seconds. And a connection
//! whose query was dropped must first take the rest of the reply; if the peer has gone silently, that never ends, and the
//! pool has one place less: so it gets a second, and is closed.

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

use crate::{error::Cause, row::Row};

mod demand;
mod making;

use demand::Demand;

/// More rows than any question has answers: activities, campaigns, or hours of history.
const MAX_ROWS: usize = 200_000;
/// How many connections are kept, of a pool that has at least twice as many.
const KEPT: usize = 2;
/// How long a connection is kept after its last use.
const LINGER: Duration = Duration::from_secs(5);
/// How long it is kept in all, so that the pool can close what is too old.
const TENURE: Duration = Duration::from_secs(60);
/// The same while others wait: whoever else uses the pool has waited, too.
const TURN: Duration = Duration::from_secs(1);
/// How long a connection has to take the rest of a reply; longer than servers are given to answer.
const REST: Duration = Duration::from_secs(1);
/// How long an idle connection has to answer a ping, once another one has not answered.
const SIGN_OF_LIFE: Duration = Duration::from_millis(200);
/// How often at most one looks for dead connections.
const LOOKED: Duration = Duration::from_secs(1);

/// The pool, and the connections that are kept. Clones share them.
#[derive(Clone)]
pub(super) struct Connections {
    inner: Arc<Inner>,
}

struct Inner {
    pool: MySqlPool,
    state: Mutex<State>,
    tickets: AtomicU64,
    /// When one last looked for dead ones.
    looked: Mutex<Option<Instant>>,
    /// Why no connection could be made, and when that was found out. Held by the one who is at it.
    reason: tokio::sync::Mutex<Option<(Instant, Arc<Cause>)>>,
}

/// Where some are kept, nobody waits.
#[derive(Default)]
struct State {
    kept: Vec<Kept>,
    /// When one was last made, or taken from the pool.
    made: Option<Instant>,
    demand: Demand<Result<Lease, sqlx::Error>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        state.kept.drain(..).for_each(|kept| give_back(kept.connection, REST));
    }
}

struct Kept {
    connection: PoolConnection<MySql>,
    taken: Instant,
    ticket: u64,
}

impl Connections {
    pub(super) fn new(pool: MySqlPool) -> Self {
        let (state, tickets) = (Mutex::default(), AtomicU64::new(0));
        let (looked, reason) = (Mutex::default(), tokio::sync::Mutex::default());
        Self { inner: Arc::new(Inner { pool, state, tickets, looked, reason }) }
    }

    /// The rows of a statement. Where a connection that had lain idle turns out to be dead, asks once more on a new one. A
    /// new one that breaks is left to the caller, who knows whether there is an outage; and after two tries it is enough.
    pub(super) async fn ask(&self, statement: String, deadline: Instant) -> Result<Vec<Row>, Cause> {
        self.ask_once_connected(statement, deadline, deadline).await
    }

    /// The same, with less time to get a connection in, or to hear why there is none.
    pub(super) async fn ask_once_connected(
        &self,
        statement: String,
        connected: Instant,
        deadline: Instant,
    ) -> Result<Vec<Row>, Cause> {
        let mut idle = false;
        let asked = self.try_ask(statement.clone(), connected, deadline, &mut idle).await;
        match asked {
            Err(cause) if cause.lost_connection() => {
                // One that has died is seldom alone: the server was restarted, or something between has cut all.
                self.close_idle();
                if !idle {
                    return Err(cause);
                }
                self.try_ask(statement, connected, deadline, &mut idle).await.map_err(Cause::twice)
            }
            asked => asked,
        }
    }

    /// Says, too, whether it was asked on a connection that may have lain idle.
    async fn try_ask(
        &self,
        statement: String,
        connected: Instant,
        deadline: Instant,
        idle: &mut bool,
    ) -> Result<Vec<Row>, Cause> {
        let mut lease = self.lease(connected).await?;
        *idle = lease.idle;
        lease.clean = false;
        let answer = match timeout_at(deadline, lease.fetch(statement)).await {
            Ok(answer) => answer,
            Err(_) => {
                drop(lease);
                self.look_for_dead();
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

    /// A connection that was kept, or the next one there is.
    async fn lease(&self, deadline: Instant) -> Result<Lease, Cause> {
        let told = {
            let mut state = self.state();
            if let Some(Kept { connection, taken, .. }) = state.kept.pop() {
                return Ok(self.lend(connection, taken, true));
            }
            state.demand.join()
        };
        // One under way may take longer than taking one that lies idle.
        self.make(self.inner.pool.num_idle() > 0);
        // A quarter of the time is left to find out why there is none.
        let wait = deadline.saturating_duration_since(Instant::now()) * 3 / 4;
        match timeout(wait, told).await {
            Ok(Ok(Ok(lease))) => Ok(lease),
            Ok(Ok(Err(sqlx::Error::PoolTimedOut)) | Err(_)) | Err(_) => Err(self.why_none(deadline).await),
            Ok(Ok(Err(error))) => Err(Cause::NoConnection(Box::new(error.into()))),
        }
    }

    /// Closes what lies idle, here and in the pool.
    fn close_idle(&self) {
        let kept = std::mem::take(&mut self.state().kept);
        kept.into_iter().for_each(|kept| drop(kept.connection.detach()));
        while let Some(idle) = self.inner.pool.try_acquire() {
            drop(idle.detach());
        }
    }

    /// Beside the questions: closes what lies idle and gives no sign of life. The peer may have gone without a word, and
    /// each such connection would cost a question its whole time.
    ///
    /// The pool is the caller's, who may need it now, and a question may just have been a slow one. So half of what lies
    /// idle is looked at, once in a while, and the other half only if something was dead.
    fn look_for_dead(&self) {
        {
            let mut looked = self.inner.looked.lock().unwrap_or_else(PoisonError::into_inner);
            if looked.is_some_and(|looked| looked.elapsed() < LOOKED) {
                return;
            }
            *looked = Some(Instant::now());
        }
        let pool = self.inner.pool.clone();
        let mut idle: Vec<PoolConnection<MySql>> =
            std::mem::take(&mut self.state().kept).into_iter().map(|kept| kept.connection).collect();
        let half = pool.num_idle().div_ceil(2);
        idle.extend(std::iter::from_fn(|| pool.try_acquire()).take(half));
        tokio::spawn(async move {
            let signs = join_all(idle.into_iter().map(|connection| settle(connection, SIGN_OF_LIFE))).await;
            if signs.contains(&false) {
                std::iter::from_fn(|| pool.try_acquire()).for_each(|connection| give_back(connection, SIGN_OF_LIFE));
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
        let tenure = if state.demand.is_there() { TURN } else { TENURE };
        if taken.elapsed() > tenure || pool.is_closed() || Handle::try_current().is_err() {
            drop(state);
            return give_back(connection, REST);
        }
        let mut lease = self.lend(connection, taken, idle);
        while let Some(waiter) = state.demand.next() {
            drop(state);
            match waiter.send(Ok(lease)) {
                Err(Ok(unheard)) => lease = unheard,
                _ => return,
            }
            state = self.state();
        }
        let Some(connection) = lease.connection.take() else { return };
        let enough = usize::try_from(pool.options().get_max_connections()).is_ok_and(|most| most >= 2 * KEPT);
        if !enough || state.kept.len() >= KEPT {
            drop(state);
            return give_back(connection, REST);
        }
        let ticket = self.inner.tickets.fetch_add(1, Ordering::Relaxed);
        state.kept.push(Kept { connection, taken, ticket });
        drop(state);
        let (home, mut closed) = (Arc::downgrade(&self.inner), pool.close_event());
        tokio::spawn(async move {
            // Also when the pool is being closed, which waits for all of its connections.
            let _ = closed.do_until(sleep(LINGER)).await;
            if let Some(kept) = Weak::upgrade(&home).and_then(|inner| Self { inner }.take(ticket)) {
                give_back(kept.connection, REST);
            }
        });
    }

    fn take(&self, ticket: u64) -> Option<Kept> {
        let kept = &mut self.state().kept;
        let place = kept.iter().position(|kept| kept.ticket == ticket)?;
        Some(kept.swap_remove(place))
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

/// A connection in use. However it ends, the pool does not lose its place.
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
    async fn fetch(&mut self, statement: String) -> Result<Vec<Row>, Cause> {
        let connection = self.connection.as_mut().ok_or(Cause::PoolBusy)?;
        // Safe: made of constants of this crate, whole numbers and times (`stored`).
        let mut rows = sqlx::raw_sql(AssertSqlSafe(statement)).fetch(&mut **connection);
        let mut found = Vec::new();
        while let Some(row) = rows.try_next().await? {
            if found.len() == MAX_ROWS {
                return Err(Cause::Wrong("more rows than were asked for"));
            }
            found.push(Row::read(&row)?);
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
            Some(connection) => give_back(connection, REST),
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
    async fn a_look_for_dead_connections_leaves_the_caller_half_of_the_idle_ones() {
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
            connections.look_for_dead();
            assert_eq!(pool.num_idle(), 3);
            connections.look_for_dead();
            assert_eq!(pool.num_idle(), 3, "not twice within a second");
            while pool.num_idle() < 6 {
                sleep(Duration::from_millis(10)).await;
            }
            assert_eq!(pool.size(), 6, "none was dead");
            pool.close().await;
        }
    }
}
