//! What a load leaves.

use std::{sync::Arc, time::Duration};

use super::load_group::WidgetKey;
use crate::keep::WidgetSnapshot;

/// What a load leaves: each widget under its key.
#[derive(Debug, Clone, Default)]
pub(super) struct LoadResult {
    pub(super) widgets: Vec<(WidgetKey, Arc<WidgetSnapshot>)>,
    pub(super) refused: Option<Duration>,
}

impl LoadResult {
    /// When to ask again, if not all could be loaded since there is too much to do.
    pub(super) fn refused(&self) -> Option<Duration> {
        self.refused
    }

    /// The widget under a key; `None` if it was not loaded.
    pub(super) fn widget(&self, key: &str) -> Option<Arc<WidgetSnapshot>> {
        self.widgets.iter().find(|(widget_key, _)| widget_key.key == key).map(|(_, finished)| Arc::clone(finished))
    }
}
