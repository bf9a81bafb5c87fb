//! The catalog, kept: read again when it is old, and the last good copy while the source fails.
//! Age is measured on the monotonic clock, so that answers for other instants share one copy.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use tokio::{
    sync::Mutex,
    time::{Instant as Monotonic, timeout_at},
};
use tracing::Instrument;

use super::Catalog;
use crate::{
    Instant,
    answer::{Seam, SourceReport},
    gather::{ask, settled},
    guard::Guard,
    source::CatalogSource,
};

/// How long a copy serves without being read again.
pub(crate) const FRESH: Duration = Duration::from_secs(30);
/// How long the last good copy serves while the source fails.
const LAST_GOOD: Duration = Duration::from_secs(15 * 60);
/// How soon after a failure, or for an unknown id, the source is asked again.
pub(crate) const AGAIN: Duration = Duration::from_secs(1);

/// The one place that asks for the catalog. Reading goes on when whoever asked for it is gone.
pub(crate) struct KeptCatalog {
    pub(crate) source: Arc<dyn CatalogSource>,
    guard: Arc<Guard>,
    budget: Duration,
    copy: RwLock<Option<Copy>>,
    /// Held while the source is asked, so that it is asked once; when it last failed.
    failed: Mutex<Option<Monotonic>>,
}

#[derive(Clone)]
struct Copy {
    catalog: Arc<Catalog>,
    read: Monotonic,
    as_of: Instant,
}

/// What a look at the catalog gives.
pub(crate) struct Look {
    /// `None` if the source fails and no copy is young enough.
    pub(crate) catalog: Option<Arc<Catalog>>,
    /// The source failed: what the copy does not list may exist all the same.
    pub(crate) failing: bool,
    pub(crate) report: SourceReport,
    /// How long it may be gone by without another look.
    pub(crate) fresh_for: Duration,
}

impl KeptCatalog {
    pub(crate) fn new(source: Arc<dyn CatalogSource>, guard: Arc<Guard>, budget: Duration) -> Self {
        Self { source, guard, budget, copy: RwLock::new(None), failed: Mutex::new(None) }
    }

    /// The copy, read again if it is older than `fresh`; by the deadline, whoever else is reading it.
    pub(crate) async fn look(self: &Arc<Self>, fresh: Duration, as_of: Instant, deadline: Monotonic) -> Look {
        if let Some(copy) = self.copy_younger_than(fresh) {
            return self.told(Some(copy), as_of, false, self.report());
        }
        let reading = tokio::spawn(Arc::clone(self).read(fresh, as_of).in_current_span());
        match timeout_at(deadline, reading).await {
            Ok(Ok((Ok(()), report))) => self.told(self.copy_younger_than(LAST_GOOD), as_of, false, report),
            Ok(Ok((Err(()), report))) => self.told(self.copy_younger_than(LAST_GOOD), as_of, true, report),
            _ => self.told(self.copy_younger_than(LAST_GOOD), as_of, true, self.report().failed()),
        }
    }

    /// Asks the source, unless somebody else just did.
    async fn read(self: Arc<Self>, fresh: Duration, as_of: Instant) -> (Result<(), ()>, SourceReport) {
        let mut failed = self.failed.lock().await;
        if self.copy_younger_than(fresh).is_some() {
            return (Ok(()), self.report());
        }
        if failed.is_some_and(|at| at.elapsed() < AGAIN) {
            return (Err(()), self.report().failed());
        }
        let source = Arc::clone(&self.source);
        let asked = ask(&self.guard, self.budget, move |budget| {
            let source = Arc::clone(&source);
            async move { source.catalog(budget).await }
        });
        let (result, report) = settled(asked).await;
        let Ok(catalog) = result else {
            *failed = Some(Monotonic::now());
            return (Err(()), report);
        };
        let copy = Copy { catalog: Arc::new(catalog), read: Monotonic::now(), as_of };
        *self.copy.write().unwrap_or_else(PoisonError::into_inner) = Some(copy);
        *failed = None;
        (Ok(()), report)
    }

    fn copy_younger_than(&self, age: Duration) -> Option<Copy> {
        let copy = self.copy.read().unwrap_or_else(PoisonError::into_inner);
        copy.clone().filter(|copy| copy.read.elapsed() < age)
    }

    fn report(&self) -> SourceReport {
        SourceReport::new(self.source.name(), Seam::Catalog, Duration::ZERO)
    }

    fn told(&self, copy: Option<Copy>, as_of: Instant, failing: bool, report: SourceReport) -> Look {
        let report = match &copy {
            Some(copy) => report.read_at(copy.as_of.min(as_of)),
            None => report,
        };
        report.observe_age(as_of);
        let left = copy.as_ref().map_or(Duration::ZERO, |copy| FRESH.saturating_sub(copy.read.elapsed()));
        Look { catalog: copy.map(|copy| copy.catalog), failing, report, fresh_for: left.max(AGAIN) }
    }
}
