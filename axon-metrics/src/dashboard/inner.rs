//! The shared state of a dashboard.

use std::sync::{Arc, LazyLock};

use tokio::{sync::Mutex, time::Instant};

use super::{load_result::LoadResult, request::RequestRules, settings::Settings, sources::Sources};
use crate::{
    call::Admission,
    keep::{CatalogCache, SharedCache, SingleFlight, WidgetCache},
    observe::LogLimiter,
    vocabulary::{Mode, Timestamp},
    wire::Health,
};

/// Answers requests of a marketing dashboard from the sources it was built on. Clones share everything. An `answer` may
/// be dropped at any time. Needs a tokio runtime with time enabled.
#[derive(Clone)]
pub struct Dashboard {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) catalog: Arc<CatalogCache>,
    pub(super) sources: Sources,
    pub(super) settings: Settings,
    /// The last probe of the sources, and when it ended. Locked while they are probed, so that there is one probe at a
    /// time.
    pub(super) last_health: Mutex<Option<(Instant, Health)>>,
    /// The definition's hash for each funnel and mode.
    pub(super) hashes: Vec<[String; Mode::ALL.len()]>,
    pub(super) request_rules: RequestRules,
    /// Allocated by the first insertion: a dashboard that caches no widgets never needs it.
    pub(super) widgets: LazyLock<WidgetCache>,
    pub(super) shared: Option<SharedCache>,
    pub(super) single_flight: Arc<SingleFlight<String, Arc<LoadResult>, Timestamp>>,
    pub(super) admission: Admission,
    /// Limits the log lines about loads that gave a caller nothing.
    pub(super) lost_loads: LogLimiter<()>,
}

impl std::fmt::Debug for Dashboard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dashboard").field("settings", &self.inner.settings).finish_non_exhaustive()
    }
}
