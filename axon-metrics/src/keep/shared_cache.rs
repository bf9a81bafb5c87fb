//! The shared cache as a load sees it: bounded in time, and a miss whenever anything is wrong with it. A circuit breaker each
//! for reads and for writes: a cache that refuses writes still answers reads.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::time::timeout;
use tracing::{Instrument, info, warn};

use super::dashboard_cache::{CacheEntry, CacheError, DashboardCache};
use crate::{
    call::Breaker,
    observe::{self, CacheLevel, CacheOutcome, LogLimiter},
    source::{ErrorChain, SourceOutcome},
};

#[derive(Clone)]
pub(crate) struct SharedCache {
    cache: Arc<dyn DashboardCache>,
    budget: Duration,
    reads: Arc<Operation>,
    writes: Arc<Operation>,
}

/// Reading or writing.
struct Operation {
    name: &'static str,
    breaker: Breaker,
    log_limiter: LogLimiter<SourceOutcome>,
    count_failure: fn(),
}

impl SharedCache {
    pub(crate) fn new(cache: Arc<dyn DashboardCache>, budget: Duration) -> Self {
        let operation = |name, count_failure: fn()| {
            Arc::new(Operation { name, breaker: Breaker::new(), log_limiter: LogLimiter::default(), count_failure })
        };
        let failed_lookup = || observe::cache(CacheLevel::Shared, CacheOutcome::Error);
        let reads = operation("read", failed_lookup);
        Self { cache, budget, reads, writes: operation("write", observe::cache_write_failed) }
    }

    /// The values of these keys, in their order; nothing where the cache does not answer as it should.
    pub(crate) async fn get(&self, keys: Vec<String>) -> Vec<Option<Vec<u8>>> {
        let count = keys.len();
        let (cache, budget) = (Arc::clone(&self.cache), self.budget);
        let values = self.call(&self.reads, async move {
            let values = cache.get(&keys, budget).await?;
            if values.len() == keys.len() {
                Ok(values)
            } else {
                Err(wrong_count(cache.name(), keys.len(), values.len()))
            }
        });
        values.await.unwrap_or_else(|| vec![None; count])
    }

    /// Writes entries in a task of its own, so that no answer waits for it.
    pub(crate) fn put(&self, entries: Vec<CacheEntry>) {
        if entries.is_empty() {
            return;
        }
        let shared = self.clone();
        let put = async move {
            let (cache, budget) = (Arc::clone(&shared.cache), shared.budget);
            shared.call(&shared.writes, async move { cache.put(&entries, budget).await }).await;
        };
        tokio::spawn(put.in_current_span());
    }

    /// In a task of its own, so that a cache that panics or hangs costs nothing but its budget.
    async fn call<T: Send + 'static>(
        &self,
        operation: &Operation,
        call: impl Future<Output = Result<T, CacheError>> + Send + 'static,
    ) -> Option<T> {
        let pass = operation.breaker.enter()?;
        let mut task = tokio::spawn(call.in_current_span());
        let (outcome, why) = match timeout(self.budget, &mut task).await {
            Ok(Ok(Ok(answer))) => {
                pass.succeeded();
                if let Some(outage) = operation.log_limiter.answer() {
                    let (cache, operation, seconds) = (self.cache.name(), operation.name, outage.as_secs());
                    info!(cache, operation, "shared cache {operation} works again after {seconds} s of failures");
                }
                return Some(answer);
            }
            Ok(Ok(Err(error))) => (SourceOutcome::Unavailable, ErrorChain(&error).to_string()),
            Ok(Err(_)) => (SourceOutcome::Malformed, "the call panicked".to_owned()),
            Err(_) => {
                task.abort();
                (SourceOutcome::Lost, format!("no answer within {} ms", self.budget.as_millis()))
            }
        };
        pass.failed();
        (operation.count_failure)();
        if let Some(left_out) = operation.log_limiter.failure(outcome) {
            let (cache, operation) = (self.cache.name(), operation.name);
            warn!(cache, operation, left_out, "shared cache {operation} failed, answers go on without it: {why}");
        }
        None
    }
}

fn wrong_count(cache_name: &'static str, keys: usize, values: usize) -> CacheError {
    CacheError { cache_name, source: format!("it returned {values} values for {keys} keys").into() }
}
