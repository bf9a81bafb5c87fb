//! Widgets that are kept under keys and loaded together.

use crate::{
    keep::{Jitter, RangeState},
    widget::Widget,
};

/// Widgets that are loaded together, so that they never contradict each other.
#[derive(Debug, Clone)]
pub(super) struct LoadGroup {
    pub(super) about: RangeState,
    pub(super) jitter: Jitter,
    pub(super) widgets: Vec<WidgetKey>,
    /// The others that belong together with these. In a load: those of them that are loaded along.
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

    /// Whether somebody asks for it who waits for this group.
    pub(super) fn asked(&self, widget_key: &WidgetKey) -> bool {
        self.widgets.iter().any(|one| one.key == widget_key.key)
    }

    /// What a load of it loads.
    pub(super) fn all(&self) -> impl Iterator<Item = &WidgetKey> {
        self.widgets.iter().chain(&self.members)
    }
}
