//! Builds an answer from its widgets. The envelope is always of the answer's own instant, however old the widgets are.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{
    inner::Inner,
    outcome::{AnswerError, TimedAnswer, WidgetPart},
    resolve::ResolvedRequest,
    staleness::WidgetView,
};
use crate::{
    call::MIN_RETRY_AFTER,
    keep::{CatalogLookup, WidgetJson, later},
    source::SourceStatus,
    vocabulary::{IdText, ResolvedScope, Timestamp},
    widget::{Data, Widget},
    wire::{
        AnswerRange, DashboardAnswer, DefinitionState, Links, SourceState, Warning, WarningCode, WidgetState,
        WidgetStatus,
    },
};

pub(super) fn respond(
    inner: &Inner,
    resolved: &ResolvedRequest,
    catalog: CatalogLookup,
    views: &[WidgetView],
) -> Result<TimedAnswer, AnswerError> {
    let scope = resolved.scope();
    let mut data = Data::default();
    let mut widgets = BTreeMap::new();
    let mut sources = BTreeMap::new();
    let CatalogLookup { report, fresh_for, usable_for, .. } = catalog;
    let report = SourceState::from(report);
    sources.insert(report.kind, report);
    for WidgetView { widget, snapshot, failed, stale, .. } in views {
        widget.copy(&snapshot.data, &mut data);
        widgets.insert(*widget, state(&snapshot.state, *stale, resolved.as_of));
        let failed = failed.iter().flat_map(|failed| &failed.sources);
        for source in snapshot.sources.iter().chain(failed) {
            sources
                .entry(source.kind)
                .and_modify(|merged: &mut SourceState| merged.merge(source))
                .or_insert(source.clone());
        }
    }
    let sources: Vec<SourceState> = sources.into_values().collect();
    if widgets.values().all(|state| state.status == WidgetStatus::Unavailable) {
        let mut failed = sources.iter().filter(|source| source.status == SourceStatus::Unavailable).peekable();
        return Err(if failed.peek().is_some() && failed.all(|source| source.shed) {
            AnswerError::Overloaded { retry_after: MIN_RETRY_AFTER }
        } else {
            AnswerError::Unavailable { sources }
        });
    }
    let changed = data.move_to(scope, resolved.as_of);
    let parts = views.iter().map(|view| match changed.contains(&view.widget) {
        true => WidgetPart::Moved(view.widget, WidgetJson::of(view.widget, &data)),
        false => WidgetPart::Cached(Arc::clone(&view.snapshot)),
    });
    let parts = parts.collect();
    let (fresh_until, usable_until) = until(resolved, scope, [fresh_for, usable_for], views);
    let answer = envelope(inner, resolved, scope, data, widgets, sources);
    Ok(TimedAnswer { answer, fresh_until, usable_until, parts })
}

/// The state of a widget as of the answer.
fn state(state: &WidgetState, stale: bool, as_of: Timestamp) -> WidgetState {
    let status = if stale { WidgetStatus::Stale } else { state.status };
    let age_ms = state.as_of.map(|complete_to| (as_of - complete_to).num_milliseconds());
    WidgetState { status, age_ms, ..state.clone() }
}

/// Until when the answer is fresh, and until when it is usable. `catalog` has the same two times of the catalog copy.
fn until(
    resolved: &ResolvedRequest,
    scope: ResolvedScope<'_>,
    catalog: [Duration; 2],
    views: &[WidgetView],
) -> (Timestamp, Timestamp) {
    let change = resolved.changes_at(scope).unwrap_or(Timestamp::MAX_UTC);
    let [fresh, usable] = catalog.map(|time| later(resolved.now, time).min(change));
    let fresh_until = views.iter().map(|view| view.fresh_until).min().unwrap_or(resolved.now).min(fresh);
    let usable_until = views.iter().map(|view| view.usable_until).min().unwrap_or(resolved.now).min(usable);
    (fresh_until, usable_until)
}

fn envelope(
    inner: &Inner,
    resolved: &ResolvedRequest,
    scope: ResolvedScope<'_>,
    data: Data,
    widgets: BTreeMap<Widget, WidgetState>,
    sources: Vec<SourceState>,
) -> DashboardAnswer {
    let ResolvedRequest { ref request, mode, range, as_of, .. } = *resolved;
    let mut warnings = Vec::new();
    if request.dates_ignored {
        let message = "startDate and endDate are used with period=custom only";
        warnings.push(Warning::new(WarningCode::DatesIgnored, message));
    }
    let campaign_id = scope.campaign.id;
    let activity_id = scope.activity().map(|activity| activity.id);
    DashboardAnswer {
        campaign_id,
        activity_id,
        period: request.period.code().to_owned(),
        timestamp: as_of,
        campaign_key: IdText(campaign_id),
        activity_key: activity_id.map(IdText),
        links: Links::new(campaign_id, activity_id),
        phase: scope.phase(as_of),
        scope: scope.into(),
        range: AnswerRange {
            from: range.window.from,
            to: range.window.to,
            start_date: range.first_day(),
            end_date: range.last_day(),
            zone: inner.settings.zone.name().to_owned(),
            in_progress: range.in_progress(),
            previous: resolved.previous().map(Into::into),
        },
        mode,
        data,
        widgets,
        sources,
        definition: DefinitionState {
            funnel: resolved.funnel(inner).key().to_owned(),
            hash: resolved.definition_hash(inner).to_owned(),
            identity: "recorded".to_owned(),
        },
        warnings,
    }
}
