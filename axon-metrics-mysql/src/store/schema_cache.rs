//! A cache of the schema of a server. A single flight probes the server; questions read the cache.
//! Lives here: when a probe runs and who waits for it. Lives elsewhere: the probe itself (`schema`).
//!
//! - Up to its time to live the cached schema is used as it is.
//! - Up to twice that it is used while a task refreshes it in the background (stale-while-revalidate).
//! - Beyond that, and with an empty cache, a question waits for the probe: after a silence the tables may be others.
//!
//! The probe runs in a task of its own, so a question that gives up does not cancel it for those that come later.

use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use super::{probe_deadlines::ProbeDeadlines, schema::Schema};
use crate::error::Cause;

/// The time to live of a complete schema.
const FRESH_FOR: Duration = Duration::from_secs(60);
/// The time to live of a schema that lacks a table or a right, since an operator may be adding it; and the back-off after a
/// failed refresh.
const INCOMPLETE_FRESH_FOR: Duration = Duration::from_secs(15);
/// For how many times to live in all a schema is used.
const MAX_STALE_TTLS: u32 = 2;
/// How long a refresh in the background may wait for a connection.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a probe may take at least. The question that starts it may have less time left than those that join it.
const MIN_PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// The result of a running probe; `None` until it ends. The error is shared, since several questions report it.
type ProbeResult = Option<Result<Arc<Schema>, Arc<Cause>>>;

/// The cache. Clones share it.
#[derive(Clone, Default)]
pub(super) struct SchemaCache {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    cached: Option<Entry>,
    /// The one probe in flight.
    probe: Option<watch::Receiver<ProbeResult>>,
}

struct Entry {
    schema: Arc<Schema>,
    /// From when on the next question starts a refresh in the background.
    refresh_at: Instant,
    /// From when on questions wait for the refresh.
    expires_at: Instant,
}

impl SchemaCache {
    /// The cached schema; where there is none, or it has expired, the one that `probe` finds.
    pub(super) async fn get<F>(
        &self,
        deadline: Instant,
        probe: impl Fn(ProbeDeadlines) -> F,
    ) -> Result<Arc<Schema>, Cause>
    where
        F: Future<Output = Result<Schema, Cause>> + Send + 'static,
    {
        let cached = {
            let (mut state, now) = (self.state(), Instant::now());
            match state.cached.as_ref().filter(|entry| now < entry.expires_at) {
                None => None,
                Some(entry) => {
                    let (schema, due) = (Arc::clone(&entry.schema), entry.refresh_at <= now);
                    if due && state.probe.is_none() {
                        // A failure is only backed off from: the questions themselves report what is wrong.
                        self.start(&mut state, now + REFRESH_TIMEOUT, &probe);
                    }
                    Some(schema)
                }
            }
        };
        match cached {
            Some(schema) => Ok(schema),
            None => self.refresh(deadline, probe).await,
        }
    }

    /// The schema as `probe` finds it now. Joins the probe in flight, if there is one.
    pub(super) async fn refresh<F>(
        &self,
        deadline: Instant,
        probe: impl Fn(ProbeDeadlines) -> F,
    ) -> Result<Arc<Schema>, Cause>
    where
        F: Future<Output = Result<Schema, Cause>> + Send + 'static,
    {
        let (mut running, own) = self.join_or_start(deadline, &probe);
        let result = wait(&mut running, deadline).await;
        // A probe that another question started may have had less time, or a connection that has died since.
        if result.is_ok() || own || Instant::now() >= deadline {
            return result;
        }
        wait(&mut self.join_or_start(deadline, &probe).0, deadline).await
    }

    /// Drops a schema that a statement has proved wrong, so that the next question waits for a probe. Does nothing if another
    /// one is cached by now.
    pub(super) fn invalidate(&self, wrong: &Arc<Schema>) {
        let mut state = self.state();
        if state.cached.as_ref().is_some_and(|entry| Arc::ptr_eq(&entry.schema, wrong)) {
            state.cached = None;
        }
    }

    /// The probe in flight or a new one, and whether it is new.
    fn join_or_start<F>(
        &self,
        deadline: Instant,
        probe: &impl Fn(ProbeDeadlines) -> F,
    ) -> (watch::Receiver<ProbeResult>, bool)
    where
        F: Future<Output = Result<Schema, Cause>> + Send + 'static,
    {
        let mut state = self.state();
        let in_flight = state.probe.clone();
        in_flight.map_or_else(|| (self.start(&mut state, deadline, probe), true), |running| (running, false))
    }

    /// Starts a probe in a task, which outlives the question that starts it.
    fn start<F>(
        &self,
        state: &mut State,
        connect_by: Instant,
        probe: &impl Fn(ProbeDeadlines) -> F,
    ) -> watch::Receiver<ProbeResult>
    where
        F: Future<Output = Result<Schema, Cause>> + Send + 'static,
    {
        let (sender, running) = watch::channel(None);
        state.probe = Some(running.clone());
        let finish_by = connect_by.max(Instant::now() + MIN_PROBE_TIMEOUT);
        let (guard, probe) =
            (InFlight(self.clone()), timeout_at(finish_by, probe(ProbeDeadlines { connect_by, finish_by })));
        tokio::spawn(async move {
            let result = probe.await.unwrap_or(Err(Cause::TooSlow)).map(Arc::new).map_err(Arc::new);
            guard.0.store(&result);
            // The cache is filled before the flight ends, so that nobody starts a second probe in between.
            drop(guard);
            sender.send_replace(Some(result));
        });
        running
    }

    fn store(&self, result: &Result<Arc<Schema>, Arc<Cause>>) {
        let (mut state, now) = (self.state(), Instant::now());
        match result {
            Ok(schema) => {
                let schema = Arc::clone(schema);
                let ttl = if schema.is_complete() { FRESH_FOR } else { INCOMPLETE_FRESH_FOR };
                state.cached = Some(Entry { schema, refresh_at: now + ttl, expires_at: now + MAX_STALE_TTLS * ttl });
            }
            Err(_) => {
                if let Some(entry) = &mut state.cached {
                    entry.refresh_at = now + INCOMPLETE_FRESH_FOR;
                }
            }
        }
    }

    /// Makes the entry older, as if this much time had passed.
    #[cfg(test)]
    pub(super) fn age(&self, by: Duration) {
        if let Some(entry) = &mut self.state().cached {
            entry.refresh_at -= by;
            entry.expires_at -= by;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code panics between two writes, so a poisoned lock still guards a consistent state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn wait(running: &mut watch::Receiver<ProbeResult>, deadline: Instant) -> Result<Arc<Schema>, Cause> {
    let result = timeout_at(deadline, running.wait_for(Option::is_some)).await.map_err(|_| Cause::TooSlow)?;
    // The sender is dropped without a result only if the runtime of the task shuts down.
    let result = result.ok().and_then(|result| result.clone());
    result.ok_or(Cause::Wrong("the schema probe ended without a result"))?.map_err(Cause::Shared)
}

/// Ends the flight when it is dropped, also if the task panics or is cancelled.
struct InFlight(SchemaCache);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.state().probe = None;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// A server whose probe takes 100 ms, and of which the first probes fail.
    #[derive(Default)]
    struct FakeServer {
        probes: Arc<AtomicU32>,
        failing: u32,
    }

    impl FakeServer {
        async fn ask(&self, cache: &SchemaCache, budget: u64) -> Result<Arc<Schema>, Cause> {
            let probe = |_| {
                let (probes, failing) = (Arc::clone(&self.probes), self.failing);
                async move {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    let before = probes.fetch_add(1, Ordering::Relaxed);
                    if before < failing { Err(Cause::Wrong("nothing")) } else { Ok(Schema::of_mysql()) }
                }
            };
            cache.get(Instant::now() + Duration::from_millis(budget), probe).await
        }

        fn probes(&self) -> u32 {
            self.probes.load(Ordering::Relaxed)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn concurrent_questions_share_one_probe() {
        let (cache, server) = (SchemaCache::default(), FakeServer::default());
        let (a, b) = tokio::join!(server.ask(&cache, 800), server.ask(&cache, 800));
        assert!(Arc::ptr_eq(&a.unwrap(), &b.unwrap()));
        assert_eq!(server.probes(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_failed_for_another_question_is_tried_once_more() {
        let (cache, server) = (SchemaCache::default(), FakeServer { failing: 1, ..FakeServer::default() });
        let (a, b, c) = tokio::join!(server.ask(&cache, 800), server.ask(&cache, 800), server.ask(&cache, 800));
        assert!(a.is_err() && Arc::ptr_eq(&b.unwrap(), &c.unwrap()));
        let (cache, server) = (SchemaCache::default(), FakeServer { failing: 9, ..FakeServer::default() });
        let (a, b, c) = tokio::join!(server.ask(&cache, 800), server.ask(&cache, 800), server.ask(&cache, 800));
        assert!(a.is_err() && b.is_err() && c.is_err());
        assert_eq!(server.probes(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stale_schema_is_used_while_it_is_refreshed() {
        let (cache, server) = (SchemaCache::default(), FakeServer::default());
        let first = server.ask(&cache, 800).await.unwrap();
        tokio::time::sleep(FRESH_FOR).await;
        assert!(Arc::ptr_eq(&first, &server.ask(&cache, 0).await.unwrap()));
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(server.probes(), 2);
        assert!(!Arc::ptr_eq(&first, &server.ask(&cache, 0).await.unwrap()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_waits_where_the_schema_has_expired() {
        let (cache, server) = (SchemaCache::default(), FakeServer::default());
        let first = server.ask(&cache, 800).await.unwrap();
        tokio::time::sleep(MAX_STALE_TTLS * FRESH_FOR).await;
        assert!(matches!(server.ask(&cache, 50).await, Err(Cause::TooSlow)), "no answer by an expired schema");
        let again = server.ask(&cache, 800).await.unwrap();
        assert!(!Arc::ptr_eq(&first, &again));
    }

    #[tokio::test(start_paused = true)]
    async fn an_invalidated_schema_is_probed_again() {
        let (cache, server) = (SchemaCache::default(), FakeServer::default());
        let wrong = server.ask(&cache, 800).await.unwrap();
        cache.invalidate(&wrong);
        server.ask(&cache, 800).await.unwrap();
        assert_eq!(server.probes(), 2);
    }
}
