//! Connects in tasks of their own, and diagnoses why the pool has no connection.
//!
//! Workaround: `Pool::acquire` drops a half-made connection together with its future (sqlx issue 3513), so a connect
//! must not belong to a question. Shown by `tests/suite/distance.rs`,
//! `..._a_given_up_connect_serves_the_next_question`. Can go once `acquire` connects in a task of its own.
//!
//! Workaround: the pool retries a refused connection until its time-out and reports `PoolTimedOut`, as if it were busy
//! (sqlx issue 3808), so a connect outside the pool finds the cause. Shown by `tests/suite/healing.rs`,
//! `a_refused_connection_is_reported_in_time`. Can go once the pool reports the error of the connect.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use sqlx::ConnectOptions as _;
use tokio::time::{Instant, timeout, timeout_at};

use super::{Connections, DRAIN_TIMEOUT, Inner, release};
use crate::{error::Cause, pool::CONNECT_TIMEOUT};

/// How long after a connect the server counts as reachable, so that the pool must be busy.
const REACHABLE_FOR: Duration = Duration::from_secs(1);
/// How long a diagnosis may take.
const DIAGNOSIS_TIMEOUT: Duration = Duration::from_millis(100);

impl Connections {
    /// If a waiter needs a connection, starts a task that acquires one from the pool, which may have to connect. A task
    /// that ends starts the next one while there are waiters. So every task starts for a waiter, and none ends because
    /// its waiter gives up. `ready`: the pool has an idle connection.
    pub(super) fn connect(&self, ready: bool) {
        let pool = self.inner.pool.clone();
        if !self.state().waiters.begin_connect(pool.options().get_max_connections(), ready) {
            return;
        }
        // The lock on the state is released here: a runtime that shuts down drops the task at once, and the guard takes
        // the lock.
        let guard = ConnectGuard(Arc::downgrade(&self.inner));
        tokio::spawn(async move {
            let (idle, mut close_event) = (pool.num_idle() > 0, pool.close_event());
            let result = timeout(CONNECT_TIMEOUT, close_event.do_until(pool.acquire())).await;
            let connections = Weak::upgrade(&guard.0).map(|inner| Self { inner });
            match (result, &connections) {
                (Ok(Ok(Ok(connection))), Some(connections)) => {
                    let now = Instant::now();
                    connections.state().last_connect = Some(now);
                    connections.pass_on(connection, now, idle);
                }
                (Ok(Ok(Ok(connection))), None) => release(connection, DRAIN_TIMEOUT),
                // The connect timed out. Waiters with time left get another one below.
                (Err(_), _) => {}
                (Ok(Ok(Err(sqlx::Error::PoolTimedOut))), _)
                    if pool.options().get_acquire_timeout() >= CONNECT_TIMEOUT => {}
                (Ok(Ok(Err(error)) | Err(error)), Some(connections)) => connections.fail_next(error),
                (Ok(_), None) => {}
            }
            drop(guard);
            if let Some(connections) = connections {
                connections.connect(false);
            }
        });
    }

    /// Why the pool had no connection before the deadline. Unless a connect has succeeded within [`REACHABLE_FOR`],
    /// connects outside the pool to find out. Concurrent questions share one diagnosis.
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
        let recent = diagnosis.as_ref().filter(|(ended, _)| *ended >= began).map(|(_, cause)| Arc::clone(cause));
        if let Some(cause) = recent {
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

    /// Sends an error to the waiter that has waited longest.
    fn fail_next(&self, mut error: sqlx::Error) {
        while let Some(waiter) = { self.state().waiters.pop() } {
            match waiter.send(Err(error)) {
                Err(Err(undelivered)) => error = undelivered,
                _ => return,
            }
        }
    }
}

/// Ends the count of a connect in progress when it is dropped, also if the task is cancelled.
struct ConnectGuard(Weak<Inner>);

impl Drop for ConnectGuard {
    fn drop(&mut self) {
        if let Some(inner) = Weak::upgrade(&self.0) {
            Connections { inner }.state().waiters.end_connect();
        }
    }
}
