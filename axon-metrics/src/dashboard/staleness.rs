//! Which snapshot of a widget an answer shows, and for how long: the one of the lookup, or the last whole one
//! (stale-if-error).

use std::{sync::Arc, time::Duration};

use super::{
    inner::Inner,
    load::RETRY_FAILED_LOAD_AFTER,
    load_group::{LoadGroup, WidgetKey},
    lookup::Lookup,
    resolve::ResolvedRequest,
};
use crate::{
    keep::{WidgetSnapshot, later},
    observe::{self, CacheLevel, CacheOutcome},
    vocabulary::Timestamp,
    widget::Widget,
};

/// A widget as the answer shows it.
#[derive(Debug)]
pub(super) struct WidgetView {
    pub(super) widget: Widget,
    pub(super) snapshot: Arc<WidgetSnapshot>,
    /// The snapshot of the failed load, where `snapshot` is an older one that replaces it.
    pub(super) failed: Option<Arc<WidgetSnapshot>>,
    /// Whether `snapshot` is an older one that is shown because a source failed or the load was refused.
    pub(super) stale: bool,
    pub(super) fresh_until: Timestamp,
    pub(super) usable_until: Timestamp,
}

/// The widgets of a group as the answer shows them.
/// # Errors
/// If the load was refused and no older widget can be shown: how long to wait until the next request.
pub(super) fn views(
    inner: &Inner,
    resolved: &ResolvedRequest,
    group: &LoadGroup,
    lookup: Lookup,
) -> Result<Vec<WidgetView>, Duration> {
    let views = Views { inner, resolved, group };
    let widgets = group.widgets.iter();
    Ok(match lookup {
        Lookup::Fresh(snapshots) => widgets
            .zip(snapshots)
            .map(|(widget_key, snapshot)| views.whole(widget_key, snapshot, CacheOutcome::Hit))
            .collect(),
        Lookup::Usable(snapshots) => widgets
            .zip(snapshots)
            .map(|(widget_key, snapshot)| views.whole(widget_key, snapshot, CacheOutcome::Refreshing))
            .collect(),
        Lookup::Loaded(snapshots) => {
            widgets.zip(snapshots).map(|(widget_key, snapshot)| views.loaded(widget_key, snapshot)).collect()
        }
        Lookup::Refused { retry_after } => {
            let stale = widgets
                .map(|widget_key| views.last_whole(widget_key, None, later(resolved.now, RETRY_FAILED_LOAD_AFTER)));
            stale.collect::<Option<_>>().ok_or(retry_after)?
        }
    })
}

struct Views<'a> {
    inner: &'a Inner,
    resolved: &'a ResolvedRequest,
    group: &'a LoadGroup,
}

impl Views<'_> {
    fn whole(&self, widget_key: &WidgetKey, snapshot: Arc<WidgetSnapshot>, outcome: CacheOutcome) -> WidgetView {
        observe::cache(CacheLevel::Widget, outcome);
        let validity = self.resolved.validity(self.inner, self.group, widget_key.widget, &snapshot);
        let (fresh_until, usable_until) = if self.inner.settings.lifetimes.caches_no_widgets() {
            (self.resolved.now, self.resolved.now)
        } else {
            (validity.fresh_until, validity.usable_until)
        };
        WidgetView { widget: widget_key.widget, snapshot, failed: None, stale: false, fresh_until, usable_until }
    }

    fn loaded(&self, widget_key: &WidgetKey, snapshot: Arc<WidgetSnapshot>) -> WidgetView {
        let Some(until) = snapshot.not_whole_until else { return self.whole(widget_key, snapshot, CacheOutcome::Miss) };
        let failed = snapshot.lost_figures().then_some(&snapshot);
        if let Some(stale) = failed.and_then(|failed| self.last_whole(widget_key, Some(failed), until)) {
            return stale;
        }
        observe::cache(CacheLevel::Widget, CacheOutcome::Miss);
        let until = if self.inner.settings.lifetimes.caches_no_widgets() { self.resolved.now } else { until };
        WidgetView {
            widget: widget_key.widget,
            snapshot,
            failed: None,
            stale: false,
            fresh_until: until,
            usable_until: until,
        }
    }

    /// The last whole snapshot, if it may still be used.
    fn last_whole(
        &self,
        widget_key: &WidgetKey,
        failed: Option<&Arc<WidgetSnapshot>>,
        until: Timestamp,
    ) -> Option<WidgetView> {
        if self.inner.settings.lifetimes.caches_no_widgets() {
            return None;
        }
        let ResolvedRequest { as_of, now, .. } = *self.resolved;
        let whole = self.inner.widgets.whole(&widget_key.key).filter(|whole| whole.as_of <= as_of)?;
        let validity = self.resolved.validity(self.inner, self.group, widget_key.widget, &whole);
        if validity.stale_until <= now {
            return None;
        }
        observe::cache(CacheLevel::Widget, CacheOutcome::Stale);
        let until = until.min(validity.stale_until);
        Some(WidgetView {
            widget: widget_key.widget,
            snapshot: whole,
            failed: failed.cloned(),
            stale: true,
            fresh_until: until,
            usable_until: until,
        })
    }
}
