//! Makes connections in tasks, apart from the questions that wait for them, and finds out why there is none.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use sqlx::ConnectOptions as _;
use tokio::time::{Instant, timeout, timeout_at};

use super::{Connections, DRAIN_TIMEOUT, Inner, give_back};
use crate::{error::Cause, pool::CONNECT_TIMEOUT};

/// For how long after a connect the server counts as reachable, so that only a busy pool can explain a wait.
const REACHABLE_FOR: Duration = Duration::from_secs(1);
/// How long it may take to find out why no connection could be made.
const DIAGNOSIS_TIMEOUT: Duration = Duration::from_millis(100);

impl Connections {
    /// If a waiter lacks a connection, starts a task that takes one from the pool, which may have to make it. The task starts the
    /// next one while waiters are left. So no attempt is started for nobody, and none ends with the question it was started for.
    pub(super) fn connect(&self, ready: bool) {
        let pool = self.inner.pool.clone();
        if !self.state().waiters.begin_connect(pool.options().get_max_connections(), ready) {
            return;
        }
        // Not while the state is locked: a runtime that ends drops the task at once.
        let guard = ConnectGuard(Arc::downgrade(&self.inner));
        tokio::spawn(async move {
            let (idle, mut closed) = (pool.num_idle() > 0, pool.close_event());
            let made = timeout(CONNECT_TIMEOUT, closed.do_until(pool.acquire())).await;
            let home = Weak::upgrade(&guard.0).map(|inner| Self { inner });
            match (made, &home) {
                (Ok(Ok(Ok(connection))), Some(home)) => {
                    let now = Instant::now();
                    home.state().last_connect = Some(now);
                    home.hand_on(connection, now, idle);
                }
                (Ok(Ok(Ok(connection))), None) => give_back(connection, DRAIN_TIMEOUT),
                // It took too long, but who waits has time left: another one is made.
                (Err(_), _) => {}
                (Ok(Ok(Err(sqlx::Error::PoolTimedOut))), _)
                    if pool.options().get_acquire_timeout() >= CONNECT_TIMEOUT => {}
                (Ok(Ok(Err(error)) | Err(error)), Some(home)) => home.fail_next(error),
                (Ok(_), None) => {}
            }
            drop(guard);
            if let Some(home) = home {
                home.connect(false);
            }
        });
    }

    /// Why the pool had no connection in time. The pool reports a server that refuses and a pool that is busy by the same error.
    /// So unless a connect has succeeded lately, one is tried outside the pool; concurrent questions share its outcome.
    pub(super) async fn diagnose(&self, deadline: Instant) -> Cause {
        let pool = &self.inner.pool;
        let reachable = self.state().last_connect.is_some_and(|last| last.elapsed() < REACHABLE_FOR);
        if reachable || pool.size() >= pool.options().get_max_connections() {
            return Cause::PoolBusy;
        }
        let began = Instant::now();
        let end = deadline.min(began + DIAGNOSIS_TIMEOUT);
        let Ok(mut diagnosis) = timeout_at(end, self.inner.diagnosis.lock()).await else {
            return Cause::NoConnection(Box::new(Cause::TooSlow));
        };
        let since = diagnosis.as_ref().filter(|(found, _)| *found >= began).map(|(_, cause)| Arc::clone(cause));
        if let Some(cause) = since {
            return Cause::Shared(cause);
        }
        let options = pool.connect_options();
        let cause = Arc::new(match timeout_at(end, options.connect()).await {
            Ok(Err(error)) => Cause::NoConnection(Box::new(error.into())),
            Ok(Ok(_)) => Cause::PoolBusy,
            Err(_) => Cause::NoConnection(Box::new(Cause::TooSlow)),
        });
        *diagnosis = Some((Instant::now(), Arc::clone(&cause)));
        Cause::Shared(cause)
    }

    /// Reports an error to the question that has waited longest.
    fn fail_next(&self, mut error: sqlx::Error) {
        while let Some(waiter) = { self.state().waiters.pop() } {
            match waiter.send(Err(error)) {
                Err(Err(unheard)) => error = unheard,
                _ => return,
            }
        }
    }
}

/// Counts as a connect in progress until it is dropped, also if the task is cancelled.
struct ConnectGuard(Weak<Inner>);

impl Drop for ConnectGuard {
    fn drop(&mut self) {
        if let Some(inner) = Weak::upgrade(&self.0) {
            Connections { inner }.state().waiters.end_connect();
        }
    }
}
