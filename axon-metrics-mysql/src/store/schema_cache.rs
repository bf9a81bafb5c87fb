//! The cache of the schema of a server: how long it is used, and how long a probe may take.
//! Lives elsewhere: the probe itself (`schema`).

use std::{future::Future, sync::Arc, time::Duration};

use axon_metrics::keep::{Expiry, LoadError, LoadResult, Pending, RefreshCache};
use tokio::time::{Instant, timeout_at};

use super::{probe_deadlines::ProbeDeadlines, schema::Schema};
use crate::error::Cause;

/// The time to live of a complete schema.
const FRESH_FOR: Duration = Duration::from_secs(60);
/// The time to live of a schema that lacks a table or a right, since an operator may be adding it; and the back-off after a
/// failed refresh.
const INCOMPLETE_FRESH_FOR: Duration = Duration::from_secs(15);
/// A schema is usable for this many times its time to live.
const MAX_STALE_TTLS: u32 = 2;
/// How long a refresh in the background may wait for a connection.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(2);

/// The cache. A schema is fresh for its time to live, and usable for twice that. Beyond that a question waits for a probe: after
/// a silence the tables may be others. Errors are shared, since several questions report them. Clones share everything.
#[derive(Clone)]
pub(super) struct SchemaCache {
    cache: RefreshCache<(), Arc<Schema>, Arc<Cause>>,
    /// How far tests have moved the clock on.
    #[cfg(test)]
    aged: Arc<std::sync::Mutex<Duration>>,
}

impl Default for SchemaCache {
    fn default() -> Self {
        Self {
            cache: RefreshCache::single(),
            #[cfg(test)]
            aged: Arc::default(),
        }
    }
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
        let now = Instant::now();
        // A failed refresh is not reported: it only delays the next one. The questions themselves report what is wrong.
        let refresh = || {
            let deadlines = ProbeDeadlines::connecting_by(now + REFRESH_TIMEOUT);
            load(deadlines, probe(deadlines))
        };
        match self.cache.get_cached(&(), self.clock(), refresh) {
            Some((schema, _)) => Ok(schema),
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
        let load = || {
            let deadlines = ProbeDeadlines::connecting_by(deadline);
            load(deadlines, probe(deadlines))
        };
        let (pending, started) = self.cache.reload(&(), load);
        let result = wait(pending, deadline).await;
        // A probe that another question started may have had less time, or a connection that has died since.
        if result.is_ok() || started || Instant::now() >= deadline {
            return result;
        }
        wait(self.cache.reload(&(), load).0, deadline).await
    }

    /// Drops a schema that a statement has proved wrong, so that the next question waits for a probe. Does nothing if another
    /// one is cached by now.
    pub(super) fn invalidate(&self, wrong: &Arc<Schema>) {
        self.cache.invalidate(&(), |schema| Arc::ptr_eq(schema, wrong));
    }

    /// Makes the entry older, as if this much time had passed.
    #[cfg(test)]
    pub(super) fn age(&self, by: Duration) {
        *self.aged.lock().unwrap_or_else(std::sync::PoisonError::into_inner) += by;
    }

    #[cfg(test)]
    fn clock(&self) -> Instant {
        Instant::now() + *self.aged.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    #[cfg(not(test))]
    fn clock(&self) -> Instant {
        Instant::now()
    }
}

/// A probe, and how long its result is used.
async fn load(
    deadlines: ProbeDeadlines,
    probe: impl Future<Output = Result<Schema, Cause>>,
) -> LoadResult<Arc<Schema>, Arc<Cause>> {
    match timeout_at(deadlines.finish_by, probe).await.unwrap_or(Err(Cause::TooSlow)) {
        Ok(schema) => {
            let (at, ttl) = (Instant::now(), if schema.is_complete() { FRESH_FOR } else { INCOMPLETE_FRESH_FOR });
            Ok((Arc::new(schema), Expiry::new(at, at + ttl, at + MAX_STALE_TTLS * ttl)))
        }
        Err(cause) => Err(LoadError::new(Arc::new(cause)).refresh_after(INCOMPLETE_FRESH_FOR)),
    }
}

async fn wait(pending: Pending<Result<Arc<Schema>, Arc<Cause>>>, deadline: Instant) -> Result<Arc<Schema>, Cause> {
    match pending.wait(deadline).await {
        Some(result) => result.map_err(Cause::Shared),
        None if Instant::now() < deadline => Err(Cause::Wrong("the schema probe ended without a result")),
        None => Err(Cause::TooSlow),
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
