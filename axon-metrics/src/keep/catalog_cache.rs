//! The catalog, kept: read again behind those who ask when it is old, and the last good copy while the source fails.
//! Age is measured on the monotonic clock, so that answers for other instants share one copy.

use std::{
    sync::{Arc, PoisonError, RwLock, RwLockWriteGuard},
    time::Duration,
};

use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    time::{Instant, timeout_at},
};
use tracing::Instrument;

use crate::{
    call::{Guard, SourceReport, ask, settle},
    source::{CatalogSource, SourceKind},
    vocabulary::{Catalog, Timestamp},
};

/// How long a copy serves without being read again.
const FRESH: Duration = Duration::from_secs(30);
/// How much longer it serves while it is read again behind.
const BEHIND: Duration = Duration::from_secs(10);
/// How long the last good copy serves while the source fails.
const LAST_GOOD: Duration = Duration::from_secs(15 * 60);
/// How soon after a failure, or for an unknown id, the source is asked again.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The one place that asks for the catalog. Reading goes on when whoever asked for it is gone.
pub(crate) struct CatalogCache {
    pub(crate) source: Arc<dyn CatalogSource>,
    guard: Arc<Guard>,
    budget: Duration,
    state: RwLock<State>,
    /// Held while the source is asked, so that it is asked once.
    reading: Arc<Mutex<()>>,
}

#[derive(Clone, Default)]
struct State {
    copy: Option<Copy>,
    /// When the source failed, if it did not answer since.
    failed: Option<Instant>,
}

#[derive(Clone)]
struct Copy {
    catalog: Arc<Catalog>,
    read: Instant,
    as_of: Timestamp,
}

/// What a look at the catalog gives.
pub(crate) struct CatalogLookup {
    /// `None` if the source fails and no copy is young enough.
    pub(crate) catalog: Option<Arc<Catalog>>,
    /// The source failed: what the copy does not list may exist all the same.
    pub(crate) failing: bool,
    pub(crate) report: SourceReport,
    /// How long the copy is fresh.
    pub(crate) fresh_for: Duration,
    /// How long it may be used while it is read again.
    pub(crate) usable_for: Duration,
}

impl CatalogCache {
    pub(crate) fn new(source: Arc<dyn CatalogSource>, guard: Arc<Guard>, budget: Duration) -> Self {
        Self { source, guard, budget, state: RwLock::default(), reading: Arc::default() }
    }

    /// The copy. One that is old is read again behind; only one that is too old for that, or not there, is waited for, by
    /// the deadline.
    pub(crate) async fn get(self: &Arc<Self>, as_of: Timestamp, deadline: Instant) -> CatalogLookup {
        let state = self.state();
        if state.younger_than(state.serves()).is_none() {
            return self.refresh(FRESH, as_of, deadline).await;
        }
        if state.younger_than(FRESH).is_none() {
            self.read_behind(as_of);
        }
        self.told(state.failed.is_some(), as_of, self.report())
    }

    /// The copy, read again if it is not younger than this; by the deadline, whoever else is reading it.
    pub(crate) async fn refresh(
        self: &Arc<Self>,
        young: Duration,
        as_of: Timestamp,
        deadline: Instant,
    ) -> CatalogLookup {
        if self.state().younger_than(young).is_some() {
            return self.told(false, as_of, self.report());
        }
        let kept = Arc::clone(self);
        let reading = async move {
            let turn = Arc::clone(&kept.reading).lock_owned().await;
            kept.read(turn, young, as_of).await
        };
        match timeout_at(deadline, tokio::spawn(reading.in_current_span())).await {
            Ok(Ok((result, report))) => self.told(result.is_err(), as_of, report),
            _ => self.told(true, as_of, self.report()),
        }
    }

    /// Reads it again for those who come later, unless somebody is at it.
    fn read_behind(self: &Arc<Self>, as_of: Timestamp) {
        if !self.state().failed_lately()
            && let Ok(turn) = Arc::clone(&self.reading).try_lock_owned()
        {
            tokio::spawn(Arc::clone(self).read(turn, FRESH, as_of).in_current_span());
        }
    }

    /// Asks the source, unless somebody else just did.
    async fn read(
        self: Arc<Self>,
        _turn: OwnedMutexGuard<()>,
        young: Duration,
        as_of: Timestamp,
    ) -> (Result<(), ()>, SourceReport) {
        let state = self.state();
        if state.younger_than(young).is_some() {
            return (Ok(()), self.report());
        }
        if state.failed_lately() {
            return (Err(()), self.report());
        }
        let source = Arc::clone(&self.source);
        let asked = ask(&self.guard, self.budget, move |budget| {
            let source = Arc::clone(&source);
            async move { source.catalog(budget).await }
        });
        let (result, report) = settle(asked).await;
        let Ok(catalog) = result else {
            self.write().failed = Some(Instant::now());
            return (Err(()), report);
        };
        let copy = Copy { catalog: Arc::new(catalog), read: Instant::now(), as_of };
        *self.write() = State { copy: Some(copy), failed: None };
        (Ok(()), report)
    }

    fn state(&self) -> State {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self) -> SourceReport {
        SourceReport::new(self.source.name(), SourceKind::Catalog, Duration::ZERO)
    }

    /// What there is by now.
    fn told(&self, failing: bool, as_of: Timestamp, report: SourceReport) -> CatalogLookup {
        let copy = self.state().younger_than(LAST_GOOD);
        let report = if failing { report.failed() } else { report };
        let report = match &copy {
            Some(copy) => report.read_at(copy.as_of.min(as_of)),
            None => report,
        };
        report.observe_age(as_of);
        let age = copy.as_ref().map_or(Duration::MAX, |copy| copy.read.elapsed());
        let fresh_for = FRESH.saturating_sub(age).max(RETRY_AFTER);
        let usable_for = LAST_GOOD.saturating_sub(age).clamp(fresh_for, fresh_for + BEHIND);
        CatalogLookup { catalog: copy.map(|copy| copy.catalog), failing, report, fresh_for, usable_for }
    }
}

impl State {
    fn younger_than(&self, age: Duration) -> Option<Copy> {
        self.copy.clone().filter(|copy| copy.read.elapsed() < age)
    }

    /// How old a copy may be that nobody waits to have read again.
    fn serves(&self) -> Duration {
        if self.failed.is_some() { LAST_GOOD } else { FRESH + BEHIND }
    }

    fn failed_lately(&self) -> bool {
        self.failed.is_some_and(|at| at.elapsed() < RETRY_AFTER)
    }
}

#[cfg(test)]
mod tests;
