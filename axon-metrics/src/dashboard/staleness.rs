//! What is shown of a widget: what was found, or the last whole one where figures were lost, and for how long.

use std::{sync::Arc, time::Duration};

use super::{
    inner::Inner,
    load::NOT_AGAIN,
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

/// A widget to show.
#[derive(Debug)]
pub(super) struct WidgetView {
    pub(super) widget: Widget,
    pub(super) finished: Arc<WidgetSnapshot>,
    /// What was lost, where an older one is shown instead.
    pub(super) lost: Option<Arc<WidgetSnapshot>>,
    /// An older one, since a source failed or the load was refused.
    pub(super) stale: bool,
    pub(super) fresh_until: Timestamp,
    pub(super) usable_until: Timestamp,
}

/// The widgets of a group.
/// # Errors
/// When to ask again, if its load was refused and no older widget can be shown.
pub(super) fn views(
    inner: &Inner,
    resolved: &ResolvedRequest,
    group: &LoadGroup,
    found: Lookup,
) -> Result<Vec<WidgetView>, Duration> {
    let show = Views { inner, resolved, group };
    let widgets = group.widgets.iter();
    Ok(match found {
        Lookup::Fresh(finished) => {
            widgets.zip(finished).map(|(widget_key, one)| show.whole(widget_key, one, CacheOutcome::Hit)).collect()
        }
        Lookup::Usable(finished) => widgets
            .zip(finished)
            .map(|(widget_key, one)| show.whole(widget_key, one, CacheOutcome::Refreshing))
            .collect(),
        Lookup::Loaded(finished) => {
            widgets.zip(finished).map(|(widget_key, one)| show.loaded(widget_key, one)).collect()
        }
        Lookup::Refused { retry_after } => {
            let views = widgets.map(|widget_key| show.last_whole(widget_key, None, later(resolved.now, NOT_AGAIN)));
            views.collect::<Option<_>>().ok_or(retry_after)?
        }
    })
}

struct Views<'a> {
    inner: &'a Inner,
    resolved: &'a ResolvedRequest,
    group: &'a LoadGroup,
}

impl Views<'_> {
    fn whole(&self, widget_key: &WidgetKey, finished: Arc<WidgetSnapshot>, outcome: CacheOutcome) -> WidgetView {
        observe::cache(CacheLevel::Widget, outcome);
        let validity = self.resolved.validity(self.inner, self.group, widget_key.widget, &finished);
        let (fresh_until, usable_until) = if self.inner.settings.lifetimes.caches_no_widgets() {
            (self.resolved.now, self.resolved.now)
        } else {
            (validity.fresh_until, validity.usable_until)
        };
        WidgetView { widget: widget_key.widget, finished, lost: None, stale: false, fresh_until, usable_until }
    }

    fn loaded(&self, widget_key: &WidgetKey, finished: Arc<WidgetSnapshot>) -> WidgetView {
        let Some(until) = finished.not_whole_until else { return self.whole(widget_key, finished, CacheOutcome::Miss) };
        let lost = finished.lost_figures().then_some(&finished);
        if let Some(stale) = lost.and_then(|lost| self.last_whole(widget_key, Some(lost), until)) {
            return stale;
        }
        observe::cache(CacheLevel::Widget, CacheOutcome::Miss);
        let until = if self.inner.settings.lifetimes.caches_no_widgets() { self.resolved.now } else { until };
        WidgetView {
            widget: widget_key.widget,
            finished,
            lost: None,
            stale: false,
            fresh_until: until,
            usable_until: until,
        }
    }

    /// The last whole widget, if it may still be shown.
    fn last_whole(
        &self,
        widget_key: &WidgetKey,
        lost: Option<&Arc<WidgetSnapshot>>,
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
            finished: whole,
            lost: lost.cloned(),
            stale: true,
            fresh_until: until,
            usable_until: until,
        })
    }
}
