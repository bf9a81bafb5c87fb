//! A request at an instant, with what the catalog says of its scope: which widgets are kept and loaded together, under which
//! keys, and how long they hold.

use std::{sync::Arc, time::Duration};

use super::{Inner, request::DashboardRequest};
use crate::{
    keep::{About, CacheKeys, Jitter, KeyInputs, Life, WidgetSnapshot, later},
    vocabulary::{Catalog, Mode, Range, ResolvedScope, Timestamp, Window, calendar},
    widget::Widget,
};

/// How long after a range ended its last events may be under way, whatever a store says of its lag.
const SETTLES: Duration = Duration::from_secs(5);

#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) request: Arc<DashboardRequest>,
    pub(super) mode: Mode,
    pub(super) catalog: Arc<Catalog>,
    pub(super) range: Range,
    pub(super) as_of: Timestamp,
    /// As it was passed in; `as_of` is its second.
    pub(super) now: Timestamp,
}

/// Widgets that are loaded together, so that they never contradict each other.
#[derive(Debug, Clone)]
pub(super) struct LoadGroup {
    pub(super) about: About,
    pub(super) jitter: Jitter,
    pub(super) widgets: Vec<WidgetKey>,
    /// The others that belong together with these. In a load: those of them that are loaded along.
    pub(super) members: Vec<WidgetKey>,
}

/// A widget with its key.
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

impl Question {
    /// What it is about; there, since it was when the question was made.
    pub(super) fn scope(&self) -> Option<ResolvedScope<'_>> {
        self.catalog.resolve(self.request.scope)
    }

    pub(super) fn previous(&self) -> Option<Window> {
        self.request.compare_previous.then(|| self.range.previous()).flatten()
    }

    /// The widgets asked for. What is about the range comes from one load; what is true this second lives apart, and so do
    /// the activities of a range that is over, since stock is among their figures.
    pub(super) fn groups(&self, inner: &Inner) -> Vec<LoadGroup> {
        let Some(scope) = self.scope() else { return Vec::new() };
        let settings = &inner.settings;
        let keys = CacheKeys::new(&KeyInputs {
            tenant: &settings.tenant,
            definition: &inner.hashes[self.mode as usize],
            zone: settings.zone,
            baseline_weeks: settings.baseline_weeks,
            scope: scope.level(),
            fingerprint: self.catalog.fingerprint(scope),
            range: self.range,
            compare: self.request.compare_previous,
        });
        let open = self.range.in_progress();
        let ranged = if open { About::Live } else { About::Over { ended: self.range.whole.to } };
        let alone = |widget: &Widget| *widget == Widget::Realtime || *widget == Widget::Activities && !open;
        let asked = &self.request.widgets;
        let (apart, together): (Vec<_>, Vec<_>) = asked.iter().copied().partition(alone);
        let members = Widget::ALL.into_iter().filter(|widget| !alone(widget) && !asked.contains(widget)).collect();
        let keyed = |widgets: Vec<Widget>| {
            widgets.into_iter().map(|widget| WidgetKey { widget, key: keys.of(widget) }).collect::<Vec<_>>()
        };
        let group = |about, widgets, members| LoadGroup {
            about,
            jitter: keys.jitter(about),
            widgets: keyed(widgets),
            members: keyed(members),
        };
        let apart = apart.into_iter().map(|widget| group(About::Live, vec![widget], Vec::new()));
        let groups = std::iter::once(group(ranged, together, members)).chain(apart);
        groups.filter(|group| !group.widgets.is_empty()).collect()
    }

    /// Until when a widget is shown. Figures of a range that is over are as passing as those of an open one while the store
    /// may not have had all of it, or what they are measured from was not there.
    pub(super) fn life(&self, inner: &Inner, group: &LoadGroup, widget: Widget, finished: &WidgetSnapshot) -> Life {
        let complete_to = finished.state.as_of.unwrap_or(finished.as_of);
        let about = match group.about {
            About::Over { ended } if complete_to < ended || finished.as_of < later(ended, SETTLES) => About::Live,
            About::Over { .. } if finished.may_be_measured_soon() => About::Live,
            about => about,
        };
        self.life_from(inner, group, about, widget, finished.as_of)
    }

    /// Until when a widget loaded for an instant is shown. Stock depends on whether its activity has started, and inflow on
    /// the hour.
    pub(super) fn life_from(
        &self,
        inner: &Inner,
        group: &LoadGroup,
        about: About,
        widget: Widget,
        as_of: Timestamp,
    ) -> Life {
        let settings = &inner.settings;
        let mut life = settings.lifetimes.life(about, as_of, group.jitter);
        let next_date = || self.scope().and_then(|scope| scope.next_date(as_of));
        let edges = match widget {
            Widget::Realtime => [next_date(), Some(calendar::hour(as_of, settings.zone).whole.to)],
            Widget::Activities => [next_date(), None],
            _ => [None, None],
        };
        for edge in edges.into_iter().flatten() {
            life.fresh_until = life.fresh_until.min(edge);
            life.usable_until = life.usable_until.min(edge);
        }
        life
    }

    /// When the answer itself changes: its range or a phase.
    pub(super) fn changes_at(&self, scope: ResolvedScope<'_>) -> Option<Timestamp> {
        let whole = self.range.whole;
        let edges = [whole.from, whole.to].into_iter().filter(|edge| *edge > self.as_of);
        edges.chain(scope.next_date(self.as_of)).min()
    }
}
