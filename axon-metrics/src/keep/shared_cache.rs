//! The shared cache as a load sees it: bounded in time, and a miss whenever anything is wrong with it.
//! Failures are logged here: of gets and of puts the first, and then at most one in ten seconds of each.

use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, timeout};
use tracing::{Instrument, warn};

use super::dashboard_cache::{CacheEntry, CacheError, DashboardCache};
use crate::observe::{self, CacheLevel, CacheOutcome};

/// So many failures in a row, and the cache is left alone for a while.
const FAILURES: u32 = 5;
const LEFT_ALONE: Duration = Duration::from_secs(1);
const LOG_EVERY: Duration = Duration::from_secs(10);

#[derive(Clone)]
pub(crate) struct SharedCache {
    cache: Arc<dyn DashboardCache>,
    budget: Duration,
    /// Apart, since a cache that may only be read answers gets all the while.
    gets: Arc<Mutex<Trouble>>,
    puts: Arc<Mutex<Trouble>>,
}

#[derive(Debug, Default)]
struct Trouble {
    in_a_row: u32,
    failed: Option<Instant>,
    /// Outlives success: a cache that answers now and then is told of no more often.
    logged: Option<Instant>,
    not_logged: u64,
}

impl SharedCache {
    pub(crate) fn new(cache: Arc<dyn DashboardCache>, budget: Duration) -> Self {
        Self { cache, budget, gets: Arc::default(), puts: Arc::default() }
    }

    /// What is kept under these keys, in their order; nothing where the cache does not answer as it should.
    pub(crate) async fn get(&self, keys: Vec<String>) -> Vec<Option<Vec<u8>>> {
        let asked = keys.len();
        let (cache, budget) = (Arc::clone(&self.cache), self.budget);
        match self.ask(&self.gets, async move { cache.get(&keys, budget).await }).await {
            Some(values) if values.len() == asked => values,
            Some(_) => {
                self.failed(&self.gets, &"another number of values than of keys");
                vec![None; asked]
            }
            None => vec![None; asked],
        }
    }

    /// Keeps entries, behind whoever asks for it.
    pub(crate) fn put(&self, entries: Vec<CacheEntry>) {
        if entries.is_empty() {
            return;
        }
        let shared = self.clone();
        let put = async move {
            let (cache, budget) = (Arc::clone(&shared.cache), shared.budget);
            shared.ask(&shared.puts, async move { cache.put(&entries, budget).await }).await;
        };
        tokio::spawn(put.in_current_span());
    }

    /// In a task of its own, so that a cache that panics or hangs costs nothing but its budget.
    async fn ask<T: Send + 'static>(
        &self,
        trouble: &Mutex<Trouble>,
        question: impl Future<Output = Result<T, CacheError>> + Send + 'static,
    ) -> Option<T> {
        if left_alone(trouble) {
            return None;
        }
        let mut task = tokio::spawn(question.in_current_span());
        let answered = timeout(self.budget, &mut task).await;
        match answered {
            Ok(Ok(Ok(answer))) => {
                lock(trouble).in_a_row = 0;
                return Some(answer);
            }
            Ok(Ok(Err(error))) => self.failed(trouble, &causes(&error)),
            Ok(Err(_)) => self.failed(trouble, &"it panicked"),
            Err(_) => {
                task.abort();
                self.failed(trouble, &format_args!("no answer within {} ms", self.budget.as_millis()));
            }
        }
        None
    }

    fn failed(&self, trouble: &Mutex<Trouble>, why: &dyn std::fmt::Display) {
        observe::cache(CacheLevel::Shared, CacheOutcome::Error);
        let mut trouble = lock(trouble);
        trouble.in_a_row = trouble.in_a_row.saturating_add(1);
        trouble.failed = Some(Instant::now());
        if trouble.logged.is_some_and(|at| at.elapsed() < LOG_EVERY) {
            trouble.not_logged += 1;
            return;
        }
        trouble.logged = trouble.failed;
        let not_logged = std::mem::take(&mut trouble.not_logged);
        drop(trouble);
        warn!(cache = self.cache.name(), not_logged, "the cache is gone without: {why}");
    }
}

fn left_alone(trouble: &Mutex<Trouble>) -> bool {
    let trouble = lock(trouble);
    trouble.in_a_row >= FAILURES && trouble.failed.is_some_and(|at| at.elapsed() < LEFT_ALONE)
}

fn lock(trouble: &Mutex<Trouble>) -> MutexGuard<'_, Trouble> {
    trouble.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An error with its causes, in one line.
fn causes(error: &CacheError) -> String {
    let mut causes = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        causes = format!("{causes}: {next}");
        cause = next.source();
    }
    causes
}
