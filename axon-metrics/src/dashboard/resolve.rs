//! A request at an instant, with its scope from the catalog: which of its widgets are loaded together, their cache
//! keys, and how long they are used.

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

/// How long a range counts as live after its end, since its last events may not be recorded yet, whatever lag the store
/// reports.
const SETTLE_TIME: Duration = Duration::from_secs(5);

/// A request with everything that the catalog, the settings and its instant decide.
#[derive(Debug, Clone)]
pub(super) struct ResolvedRequest {
    pub(super) request: Arc<DashboardRequest>,
    pub(super) mode: Mode,
    /// The index of the funnel that was chosen.
    pub(super) funnel: usize,
    pub(super) scope: CatalogScope,
    pub(super) range: Range,
    pub(super) as_of: Timestamp,
    /// The instant as the caller passed it; `as_of` is this, floored to the second.
    pub(super) now: Timestamp,
}

impl ResolvedRequest {
    /// The scope with its campaign and activities.
    pub(super) fn scope(&self) -> ResolvedScope<'_> {
        self.scope.get()
    }

    /// Moves the request to a later instant. Returns false, and changes nothing, if the range has other days at that instant.
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

    /// The hash of everything that decides the numbers.
    pub(super) fn definition_hash<'a>(&self, inner: &'a Inner) -> &'a str {
        &inner.hashes[self.funnel][self.mode as usize]
    }

    /// The requested widgets, in groups that are loaded together: one group for the widgets of the range, and one group
    /// for each widget that is loaded separately. The members of the first are the widgets of the range that were not
    /// requested.
    pub(super) fn groups(&self, inner: &Inner) -> Vec<LoadGroup> {
        let keys = CacheKeys::new(self.key_inputs(inner));
        let open = self.range.in_progress();
        let range = if open { RangeState::Live } else { RangeState::Over { ended: self.range.whole.to } };
        let is_separate = |widget: &Widget| widget.lifetime().loads_separately(open);
        let requested = &self.request.widgets;
        let (separate, together): (Vec<_>, Vec<_>) = requested.iter().copied().partition(is_separate);
        let members =
            Widget::ALL.into_iter().filter(|widget| !is_separate(widget) && !requested.contains(widget)).collect();
        let with_keys = |widgets: Vec<Widget>| {
            widgets.into_iter().map(|widget| WidgetKey { widget, key: keys.of(widget) }).collect::<Vec<_>>()
        };
        let group = |range, widgets, members| LoadGroup {
            range,
            jitter: keys.jitter(range),
            widgets: with_keys(widgets),
            members: with_keys(members),
        };
        let separate = separate.into_iter().map(|widget| group(RangeState::Live, vec![widget], Vec::new()));
        let groups = std::iter::once(group(range, together, members)).chain(separate);
        groups.filter(|group| !group.widgets.is_empty()).collect()
    }

    /// The inputs of the cache keys. The patterns name every field of the request and of the settings, so that a new
    /// field does not compile until it is decided here.
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
            budgets: _, // these decide which figures may be lost, and a widget that lost some is not cached as whole
            lifetimes: _,
            max_loads: _,
            concurrency: _,
            tolerance: _, // in the definition's hash
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

    /// Until when a widget is used. A range that has ended counts as live while its store may still receive events of
    /// it, and while there was nothing to measure it from.
    pub(super) fn validity(
        &self,
        inner: &Inner,
        group: &LoadGroup,
        widget: Widget,
        snapshot: &WidgetSnapshot,
    ) -> Validity {
        let complete_to = snapshot.state.as_of.unwrap_or(snapshot.as_of);
        let range = match group.range {
            RangeState::Over { ended } if complete_to < ended || snapshot.as_of < later(ended, SETTLE_TIME) => {
                RangeState::Live
            }
            RangeState::Over { .. } if snapshot.may_be_measured_soon() => RangeState::Live,
            range => range,
        };
        self.validity_at(inner, group, range, widget, snapshot.as_of)
    }

    /// Until when a widget that was loaded for an instant is used: no longer than until a start or end of its scope,
    /// where it has stock, and the next hour, where it has inflow.
    pub(super) fn validity_at(
        &self,
        inner: &Inner,
        group: &LoadGroup,
        range: RangeState,
        widget: Widget,
        as_of: Timestamp,
    ) -> Validity {
        let settings = &inner.settings;
        let mut validity = settings.lifetimes.validity(range, as_of, group.jitter);
        let class = widget.lifetime();
        let next_date = || self.scope().next_date(as_of);
        let bounds = [
            class.changes_with_dates().then(next_date).flatten(),
            class.changes_with_hours().then(|| calendar::hour(as_of, settings.zone).whole.to),
        ];
        for bound in bounds.into_iter().flatten() {
            validity.fresh_until = validity.fresh_until.min(bound);
            validity.usable_until = validity.usable_until.min(bound);
        }
        validity
    }

    /// When the range or a phase of the answer changes next; `None` if never.
    pub(super) fn changes_at(&self, scope: ResolvedScope<'_>) -> Option<Timestamp> {
        let whole = self.range.whole;
        let bounds = [whole.from, whole.to].into_iter().filter(|bound| *bound > self.as_of);
        bounds.chain(scope.next_date(self.as_of)).min()
    }
}
