//! What the parts of a dashboard share.

use std::sync::{Arc, LazyLock};

use tokio::{sync::Mutex, time::Instant};

use super::{load_result::LoadResult, request::RequestRules, settings::Settings, sources::Sources};
use crate::{
    call::Admission,
    keep::{CatalogCache, SharedCache, SingleFlight, WidgetCache},
    vocabulary::{Mode, Timestamp},
    wire::Health,
};

/// Answers a marketing dashboard's questions from the sources it was built on. Clones share everything; a dropped
/// `answer` harms nothing. Needs a tokio runtime with time enabled.
#[derive(Clone)]
pub struct Dashboard {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) catalog: Arc<CatalogCache>,
    pub(super) sources: Sources,
    pub(super) settings: Settings,
    /// When the sources were last probed, and what they said; held while they are.
    pub(super) probed: Mutex<Option<(Instant, Health)>>,
    /// The definition's hash for each funnel and mode.
    pub(super) hashes: Vec<[String; Mode::ALL.len()]>,
    pub(super) request_rules: RequestRules,
    /// Made for the first who keeps something.
    pub(super) widgets: LazyLock<WidgetCache>,
    pub(super) shared: Option<SharedCache>,
    pub(super) single_flight: Arc<SingleFlight<String, Arc<LoadResult>, Timestamp>>,
    pub(super) admission: Admission,
}

impl std::fmt::Debug for Dashboard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dashboard").field("settings", &self.inner.settings).finish_non_exhaustive()
    }
}
