//! The result of a load.

use std::{sync::Arc, time::Duration};

use super::load_group::WidgetKey;
use crate::keep::WidgetSnapshot;

/// The widgets of a load, each with its key.
#[derive(Debug, Clone, Default)]
pub(super) struct LoadResult {
    pub(super) widgets: Vec<(WidgetKey, Arc<WidgetSnapshot>)>,
    /// When to ask again for the widgets that are not there, if the load was refused; `None` if it was not.
    pub(super) retry_after: Option<Duration>,
}

impl LoadResult {
    /// The widget with this key; `None` if it was not loaded.
    pub(super) fn widget(&self, key: &str) -> Option<Arc<WidgetSnapshot>> {
        self.widgets.iter().find(|(widget_key, _)| widget_key.key == key).map(|(_, snapshot)| Arc::clone(snapshot))
    }
}
