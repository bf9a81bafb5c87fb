//! A request at an instant, with what the catalog says of its scope: which widgets are kept and loaded together, under which
//! keys, and how long they hold.

use std::{sync::Arc, time::Duration};

use super::{
    inner::Inner,
    load_group::{LoadGroup, WidgetKey},
    request::{DashboardRequest, RequestError, RequestRules},
    settings::Settings,
};
use crate::{
    keep::{CacheKeys, KeyInputs, RangeState, Validity, WidgetSnapshot, later},
    vocabulary::{CatalogScope, FunnelDefinition, Mode, Range, ResolvedScope, Timestamp, Window, calendar},
    widget::Widget,
};

/// How long after a range ended its last events may be under way, whatever a store says of its lag.
const SETTLES: Duration = Duration::from_secs(5);

#[derive(Debug, Clone)]
pub(super) struct ResolvedRequest {
    pub(super) request: Arc<DashboardRequest>,
    pub(super) mode: Mode,
    /// The index of the funnel that was chosen.
    pub(super) funnel: usize,
    pub(super) scope: CatalogScope,
    pub(super) range: Range,
    pub(super) as_of: Timestamp,
    /// As it was passed in; `as_of` is its second.
    pub(super) now: Timestamp,
}

impl ResolvedRequest {
    /// What the catalog says of the scope.
    pub(super) fn scope(&self) -> ResolvedScope<'_> {
        self.scope.get()
    }

    /// Moves it to a later instant. Whether it still is about the same days: if not, it stays as it is.
    pub(super) fn move_to(&mut self, later: Timestamp, rules: &RequestRules) -> Result<bool, RequestError> {
        let range = self.request.check(rules, later)?;
        let days = |range: Range| (range.whole, range.in_progress());
        if days(range) != days(self.range) {
            return Ok(false);
        }
        (self.as_of, self.now, self.range) = (later, self.now.max(later), range);
        Ok(true)
    }

    pub(super) fn previous(&self) -> Option<Window> {
        self.request.compare_previous.then(|| self.range.previous()).flatten()
    }

    /// The funnel that was chosen.
    pub(super) fn funnel<'a>(&self, inner: &'a Inner) -> &'a FunnelDefinition {
        &inner.settings.funnels[self.funnel]
    }

    /// The hash of what decides the numbers.
    pub(super) fn definition_hash<'a>(&self, inner: &'a Inner) -> &'a str {
        &inner.hashes[self.funnel][self.mode as usize]
    }

    /// The widgets asked for. What is about the range comes from one load; each other one lives apart.
    pub(super) fn groups(&self, inner: &Inner) -> Vec<LoadGroup> {
        let keys = CacheKeys::new(self.key_inputs(inner));
        let open = self.range.in_progress();
        let ranged = if open { RangeState::Live } else { RangeState::Over { ended: self.range.whole.to } };
        let is_apart = |widget: &Widget| widget.lifetime().loads_separately(open);
        let asked = &self.request.widgets;
        let (apart, together): (Vec<_>, Vec<_>) = asked.iter().copied().partition(is_apart);
        let members = Widget::ALL.into_iter().filter(|widget| !is_apart(widget) && !asked.contains(widget)).collect();
        let keyed = |widgets: Vec<Widget>| {
            widgets.into_iter().map(|widget| WidgetKey { widget, key: keys.of(widget) }).collect::<Vec<_>>()
        };
        let group = |about, widgets, members| LoadGroup {
            about,
            jitter: keys.jitter(about),
            widgets: keyed(widgets),
            members: keyed(members),
        };
        let apart = apart.into_iter().map(|widget| group(RangeState::Live, vec![widget], Vec::new()));
        let groups = std::iter::once(group(ranged, together, members)).chain(apart);
        groups.filter(|group| !group.widgets.is_empty()).collect()
    }

    /// What decides the cache keys. Every field of a request and of the resolved is decided on here: a new one does not
    /// compile until it is.
    fn key_inputs<'a>(&self, inner: &'a Inner) -> KeyInputs<'a> {
        let Self { request, mode: _, funnel: _, scope, range, as_of: _, now: _ } = self;
        let DashboardRequest {
            scope: _,   // as resolved
            widgets: _, // each widget has a key of its own
            period: _,  // as resolved: the range
            mode: _,    // in the definition's hash
            funnel: _,  // in the definition's hash
            compare_previous,
            dates_ignored: _, // a warning of the answer, which no widget shows
        } = **request;
        let Settings {
            zone,
            baseline_weeks,
            ref tenant,
            mode: _,    // in the definition's hash
            funnels: _, // in the definition's hash
            budgets: _, // these decide what may be lost, and what is lost is not kept as whole
            lifetimes: _,
            max_loads: _,
            concurrency: _,
        } = inner.settings;
        KeyInputs {
            tenant,
            definition: self.definition_hash(inner),
            zone,
            baseline_weeks,
            scope: scope.get().level(),
            fingerprint: scope.catalog().fingerprint(scope.get()),
            range: *range,
            compare: compare_previous,
        }
    }

    /// Until when a widget is shown. Figures of a range that is over are as passing as those of an open one while the store
    /// may not have had all of it, or what they are measured from was not there.
    pub(super) fn validity(
        &self,
        inner: &Inner,
        group: &LoadGroup,
        widget: Widget,
        finished: &WidgetSnapshot,
    ) -> Validity {
        let complete_to = finished.state.as_of.unwrap_or(finished.as_of);
        let about = match group.about {
            RangeState::Over { ended } if complete_to < ended || finished.as_of < later(ended, SETTLES) => {
                RangeState::Live
            }
            RangeState::Over { .. } if finished.may_be_measured_soon() => RangeState::Live,
            about => about,
        };
        self.validity_at(inner, group, about, widget, finished.as_of)
    }

    /// Until when a widget loaded for an instant is shown. Stock depends on whether its activity has started, and inflow on
    /// the hour.
    pub(super) fn validity_at(
        &self,
        inner: &Inner,
        group: &LoadGroup,
        about: RangeState,
        widget: Widget,
        as_of: Timestamp,
    ) -> Validity {
        let settings = &inner.settings;
        let mut validity = settings.lifetimes.validity(about, as_of, group.jitter);
        let class = widget.lifetime();
        let next_date = || self.scope().next_date(as_of);
        let edges = [
            class.changes_with_dates().then(next_date).flatten(),
            class.changes_with_hours().then(|| calendar::hour(as_of, settings.zone).whole.to),
        ];
        for edge in edges.into_iter().flatten() {
            validity.fresh_until = validity.fresh_until.min(edge);
            validity.usable_until = validity.usable_until.min(edge);
        }
        validity
    }

    /// When the answer itself changes: its range or a phase.
    pub(super) fn changes_at(&self, scope: ResolvedScope<'_>) -> Option<Timestamp> {
        let whole = self.range.whole;
        let edges = [whole.from, whole.to].into_iter().filter(|edge| *edge > self.as_of);
        edges.chain(scope.next_date(self.as_of)).min()
    }
}
