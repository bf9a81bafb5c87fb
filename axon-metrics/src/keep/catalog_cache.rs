//! The catalog as it was last read, so that answers for other instants share one copy.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    expiry::Expiry,
    refresh_cache::{LoadError, LoadResult, Lookup, RefreshCache},
    single_flight::LOAD_GRACE,
};
use crate::{
    call::{Guard, SourceReport, ask, settle},
    source::{CatalogSource, SourceKind},
    vocabulary::{Catalog, Timestamp},
};

/// How long a copy is used without being read again.
const FRESH_FOR: Duration = Duration::from_secs(30);
/// How much longer it is used while it is read again in the background.
const REVALIDATE_FOR: Duration = Duration::from_secs(10);
/// The greatest age of a copy that is used while the source fails.
const MAX_STALE: Duration = Duration::from_secs(15 * 60);
/// For this long after a failure, and the budget of one more reading, an old copy is used without waiting for the source. A later
/// caller waits for a new reading first.
const FAILING_FOR: Duration = Duration::from_secs(5);
/// How soon after a failure, or for an unknown id, the source is asked again.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The one place that asks for the catalog.
pub(crate) struct CatalogCache {
    pub(crate) source: Arc<dyn CatalogSource>,
    guard: Arc<Guard>,
    budget: Duration,
    cache: RefreshCache<(), CatalogCopy, SourceReport>,
}

#[derive(Clone)]
struct CatalogCopy {
    catalog: Arc<Catalog>,
    read_at: Instant,
    as_of: Timestamp,
    /// How the call went that read it.
    report: SourceReport,
}

/// The catalog for one answer.
pub(crate) struct CatalogLookup {
    /// `None` if the source fails and no copy is young enough.
    pub(crate) catalog: Option<Arc<Catalog>>,
    /// The source failed, and the copy is no longer fresh, or not as young as asked for. An id that it does not list may exist
    /// all the same.
    pub(crate) failing: bool,
    pub(crate) report: SourceReport,
    /// How long the copy is fresh.
    pub(crate) fresh_for: Duration,
    /// How long it may be used while it is read again.
    pub(crate) usable_for: Duration,
}

impl CatalogCache {
    pub(crate) fn new(source: Arc<dyn CatalogSource>, guard: Arc<Guard>, budget: Duration) -> Self {
        Self { source, guard, budget, cache: RefreshCache::single() }
    }

    /// The copy. A stale one is read again in the background; only one that is too old for that, or missing, is waited for,
    /// until just after the deadline.
    pub(crate) async fn get(&self, as_of: Timestamp, deadline: Instant) -> CatalogLookup {
        self.get_younger(Duration::MAX, as_of, deadline).await
    }

    /// The same, but a copy of this age or more is read again and waited for.
    pub(crate) async fn get_younger(&self, age: Duration, as_of: Timestamp, deadline: Instant) -> CatalogLookup {
        let now = Instant::now();
        let young = |copy: &CatalogCopy| copy.read_at.elapsed() < age;
        let pending = match self.cache.get_if(&(), now, young, || self.read(as_of)) {
            Lookup::Ready { value, is_fresh, error } => {
                // A failed reading for an unknown id says nothing against a fresh copy.
                let failing = error.is_some() && !is_fresh;
                return self.lookup(Some(value), failing, as_of, self.report());
            }
            Lookup::Failed(_) => return self.lookup(self.last_copy(), true, as_of, self.report()),
            Lookup::Pending(pending) => pending,
        };
        match pending.wait(deadline + LOAD_GRACE).await {
            Some(Ok(copy)) => {
                let report = copy.report.clone();
                self.lookup(Some(copy), false, as_of, report)
            }
            Some(Err(report)) => self.lookup(self.last_copy(), true, as_of, report),
            None => self.lookup(self.last_copy(), true, as_of, self.report()),
        }
    }

    /// Asks the source.
    fn read(&self, as_of: Timestamp) -> impl Future<Output = LoadResult<CatalogCopy, SourceReport>> + Send + use<> {
        let (source, guard, budget) = (Arc::clone(&self.source), Arc::clone(&self.guard), self.budget);
        async move {
            let call = ask(&guard, budget, move |budget| {
                let source = Arc::clone(&source);
                async move { source.catalog(budget).await }
            });
            let (result, report) = settle(call).await;
            let Ok(catalog) = result else {
                return Err(LoadError::new(report).retry_after(RETRY_AFTER).stale_for(FAILING_FOR + budget));
            };
            let read_at = Instant::now();
            let expiry = Expiry::new(read_at, read_at + FRESH_FOR, read_at + FRESH_FOR + REVALIDATE_FOR);
            let copy = CatalogCopy { catalog: Arc::new(catalog), read_at, as_of, report };
            Ok((copy, expiry.stale_until(read_at + MAX_STALE)))
        }
    }

    fn last_copy(&self) -> Option<CatalogCopy> {
        self.cache.get_stale(&(), Instant::now())
    }

    fn report(&self) -> SourceReport {
        SourceReport::new(self.source.name(), SourceKind::Catalog, Duration::ZERO)
    }

    fn lookup(
        &self,
        copy: Option<CatalogCopy>,
        failing: bool,
        as_of: Timestamp,
        report: SourceReport,
    ) -> CatalogLookup {
        let report = if failing { report.failed() } else { report };
        let report = match &copy {
            Some(copy) => report.read_at(copy.as_of.min(as_of)),
            None => report,
        };
        report.observe_age(as_of);
        let age = copy.as_ref().map_or(Duration::MAX, |copy| copy.read_at.elapsed());
        let fresh_for = FRESH_FOR.saturating_sub(age).max(RETRY_AFTER);
        let usable_for = MAX_STALE.saturating_sub(age).clamp(fresh_for, fresh_for + REVALIDATE_FOR);
        CatalogLookup { catalog: copy.map(|copy| copy.catalog), failing, report, fresh_for, usable_for }
    }
}

#[cfg(test)]
mod tests;
