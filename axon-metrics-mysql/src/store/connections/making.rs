//! Making connections beside those who wait for them, and finding out why there is none.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use sqlx::ConnectOptions as _;
use tokio::time::{Instant, timeout, timeout_at};

use super::{Connections, Inner, REST, give_back};
use crate::{error::Cause, pool::MAKING};

/// For how long after a connection was made it is taken for granted that others can be.
const LATELY: Duration = Duration::from_secs(1);
/// How long it may take to find out why no connection could be made.
const REASON: Duration = Duration::from_millis(100);

impl Connections {
    /// If one is lacking, a task has the pool make one, or waits for one of the pool's; then the next, if one is lacking still.
    /// So each attempt is somebody's who waits, and none goes with him.
    pub(super) fn make(&self, ready: bool) {
        let pool = self.inner.pool.clone();
        if !self.state().demand.begins(pool.options().get_max_connections(), ready) {
            return;
        }
        // Not while the state is locked: a runtime that ends drops the task at once.
        let making = Making(Arc::downgrade(&self.inner));
        tokio::spawn(async move {
            let (idle, mut closed) = (pool.num_idle() > 0, pool.close_event());
            let made = timeout(MAKING, closed.do_until(pool.acquire())).await;
            let home = Weak::upgrade(&making.0).map(|inner| Self { inner });
            match (made, &home) {
                (Ok(Ok(Ok(connection))), Some(home)) => {
                    let now = Instant::now();
                    home.state().made = Some(now);
                    home.hand_on(connection, now, idle);
                }
                (Ok(Ok(Ok(connection))), None) => give_back(connection, REST),
                // It took too long, but who waits has time left: another one is made.
                (Err(_), _) => {}
                (Ok(Ok(Err(sqlx::Error::PoolTimedOut))), _) if pool.options().get_acquire_timeout() >= MAKING => {}
                (Ok(Ok(Err(error)) | Err(error)), Some(home)) => home.tell(error),
                (Ok(_), None) => {}
            }
            drop(making);
            if let Some(home) = home {
                home.make(false);
            }
        });
    }

    /// Why the pool had no connection in time. It does not tell a server that refuses from connections that are all in
    /// use, so where it had none for a while, one is made beside it, for all who want to know.
    pub(super) async fn why_none(&self, deadline: Instant) -> Cause {
        let pool = &self.inner.pool;
        let lately = self.state().made.is_some_and(|made| made.elapsed() < LATELY);
        if lately || pool.size() >= pool.options().get_max_connections() {
            return Cause::PoolBusy;
        }
        let began = Instant::now();
        let end = deadline.min(began + REASON);
        let Ok(mut reason) = timeout_at(end, self.inner.reason.lock()).await else {
            return Cause::NoConnection(Box::new(Cause::TooSlow));
        };
        let since = reason.as_ref().filter(|(found, _)| *found >= began).map(|(_, cause)| Arc::clone(cause));
        if let Some(cause) = since {
            return Cause::Shared(cause);
        }
        let options = pool.connect_options();
        let cause = Arc::new(match timeout_at(end, options.connect()).await {
            Ok(Err(error)) => Cause::NoConnection(Box::new(error.into())),
            Ok(Ok(_)) => Cause::PoolBusy,
            Err(_) => Cause::NoConnection(Box::new(Cause::TooSlow)),
        });
        *reason = Some((Instant::now(), Arc::clone(&cause)));
        Cause::Shared(cause)
    }

    /// Says to one, who has waited longest, that there is none.
    fn tell(&self, mut error: sqlx::Error) {
        while let Some(waiter) = { self.state().demand.next() } {
            match waiter.send(Err(error)) {
                Err(Err(unheard)) => error = unheard,
                _ => return,
            }
        }
    }
}

/// A connection that is being made, until it is there or will never be.
struct Making(Weak<Inner>);

impl Drop for Making {
    fn drop(&mut self) {
        if let Some(inner) = Weak::upgrade(&self.0) {
            Connections { inner }.state().demand.ended();
        }
    }
}
