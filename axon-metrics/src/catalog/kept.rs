//! The catalog, kept: read again when it is old, and the last good copy while the source fails.
//! Age is measured on the monotonic clock, so that answers for other instants share one copy.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use tokio::{sync::Mutex, time::Instant as Monotonic};

use super::Catalog;
use crate::{
    Instant,
    answer::{Seam, SourceReport},
    gather::{ask, settled},
    source::CatalogSource,
};

/// How long a copy serves without being read again.
pub(crate) const FRESH: Duration = Duration::from_secs(30);
/// How long the last good copy serves while the source fails.
const LAST_GOOD: Duration = Duration::from_secs(15 * 60);
/// How soon after a failure, or for an unknown id, the source is asked again.
pub(crate) const AGAIN: Duration = Duration::from_secs(1);

pub(crate) struct KeptCatalog {
    pub(crate) source: Arc<dyn CatalogSource>,
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
}

impl KeptCatalog {
    pub(crate) fn new(source: Arc<dyn CatalogSource>) -> Self {
        Self { source, copy: RwLock::new(None), failed: Mutex::new(None) }
    }

    /// The copy, read again if it is older than `fresh`; within `budget`, whoever else is reading it.
    pub(crate) async fn look(&self, fresh: Duration, as_of: Instant, budget: Duration) -> Look {
        if let Some(copy) = self.copy_younger_than(fresh) {
            return self.kept(Some(copy), false);
        }
        let Ok(mut failed) = tokio::time::timeout(budget, self.failed.lock()).await else {
            return self.kept(self.copy_younger_than(LAST_GOOD), true);
        };
        if let Some(copy) = self.copy_younger_than(fresh) {
            return self.kept(Some(copy), false);
        }
        if failed.is_some_and(|at| at.elapsed() < AGAIN) {
            return self.kept(self.copy_younger_than(LAST_GOOD), true);
        }
        let source = Arc::clone(&self.source);
        let asked = ask(source.name(), Seam::Catalog, budget, async move { source.catalog(budget).await });
        let (result, report) = settled(asked).await;
        match result {
            Ok(catalog) => {
                let catalog = Arc::new(catalog);
                let copy = Copy { catalog: Arc::clone(&catalog), read: Monotonic::now(), as_of };
                *self.copy.write().unwrap_or_else(PoisonError::into_inner) = Some(copy);
                *failed = None;
                Look { catalog: Some(catalog), failing: false, report: report.read_at(as_of) }
            }
            Err(_) => {
                *failed = Some(Monotonic::now());
                let copy = self.copy_younger_than(LAST_GOOD);
                let report = match &copy {
                    Some(copy) => report.read_at(copy.as_of),
                    None => report,
                };
                Look { catalog: copy.map(|copy| copy.catalog), failing: true, report }
            }
        }
    }

    fn copy_younger_than(&self, age: Duration) -> Option<Copy> {
        let copy = self.copy.read().unwrap_or_else(PoisonError::into_inner);
        copy.clone().filter(|copy| copy.read.elapsed() < age)
    }

    fn report(&self) -> SourceReport {
        SourceReport::new(self.source.name(), Seam::Catalog, Duration::ZERO)
    }

    fn kept(&self, copy: Option<Copy>, failing: bool) -> Look {
        let report = copy.as_ref().map_or_else(|| self.report(), |copy| self.report().read_at(copy.as_of));
        let report = if failing { report.failed() } else { report };
        Look { catalog: copy.map(|copy| copy.catalog), failing, report }
    }
}
