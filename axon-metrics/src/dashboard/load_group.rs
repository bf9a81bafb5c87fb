//! Widgets that are loaded together, with their cache keys.

use crate::{
    keep::{Jitter, RangeState},
    widget::Widget,
};

/// Widgets that are loaded together, so that an answer never has contradicting figures of two loads.
#[derive(Debug, Clone)]
pub(super) struct LoadGroup {
    pub(super) range: RangeState,
    pub(super) jitter: Jitter,
    pub(super) widgets: Vec<WidgetKey>,
    /// The other widgets of the same range. In a load: those of them that are loaded together with `widgets`.
    pub(super) members: Vec<WidgetKey>,
}

/// A widget with its cache key.
#[derive(Debug, Clone)]
pub(super) struct WidgetKey {
    pub(super) widget: Widget,
    pub(super) key: String,
}

impl LoadGroup {
    pub(super) fn keys(&self) -> Vec<String> {
        self.widgets.iter().map(|widget_key| widget_key.key.clone()).collect()
    }

    /// Whether the request names the widget.
    pub(super) fn is_requested(&self, widget_key: &WidgetKey) -> bool {
        self.widgets.iter().any(|one| one.key == widget_key.key)
    }

    /// The widgets and the members.
    pub(super) fn all(&self) -> impl Iterator<Item = &WidgetKey> {
        self.widgets.iter().chain(&self.members)
    }
}
