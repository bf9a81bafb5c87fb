//! An answer from its widgets: its envelope is always of the answer's own instant, however old the widgets are.

use std::{collections::BTreeMap, time::Duration};

use super::{
    inner::Inner,
    outcome::{AnswerError, TimedAnswer},
    resolve::Question,
    staleness::WidgetView,
};
use crate::{
    call::SOONEST,
    keep::{CatalogLookup, later},
    source::SourceStatus,
    vocabulary::{ResolvedScope, Timestamp},
    widget::{Data, Widget},
    wire::{
        AnswerRange, DashboardAnswer, DefinitionState, SourceState, Warning, WarningCode, WidgetState, WidgetStatus,
    },
};

pub(super) fn respond(
    inner: &Inner,
    question: &Question,
    look: CatalogLookup,
    views: &[WidgetView],
) -> Result<TimedAnswer, AnswerError> {
    let Some(scope) = question.scope() else { return Err(AnswerError::NotFound(question.request.scope)) };
    let mut data = Data::default();
    let mut widgets = BTreeMap::new();
    let mut sources = BTreeMap::new();
    let catalog = [look.fresh_for, look.usable_for];
    let report = SourceState::from(look.report);
    sources.insert(report.kind, report);
    for WidgetView { widget, finished, lost, stale, .. } in views {
        widget.copy(&finished.data, &mut data);
        widgets.insert(*widget, state(&finished.state, *stale, question.as_of));
        let lost = lost.iter().flat_map(|lost| &lost.sources);
        for source in finished.sources.iter().chain(lost) {
            sources
                .entry(source.kind)
                .and_modify(|merged: &mut SourceState| merged.merge(source))
                .or_insert(source.clone());
        }
    }
    let sources: Vec<SourceState> = sources.into_values().collect();
    if widgets.values().all(|state| state.status == WidgetStatus::Unavailable) {
        let mut lost = sources.iter().filter(|source| source.status == SourceStatus::Unavailable).peekable();
        return Err(if lost.peek().is_some() && lost.all(|source| source.shed) {
            AnswerError::Overloaded { retry_after: SOONEST }
        } else {
            AnswerError::Unavailable { sources }
        });
    }
    data.move_to(scope, question.as_of);
    let (fresh_until, usable_until) = until(question, scope, catalog, views);
    Ok(TimedAnswer { answer: envelope(inner, question, scope, data, widgets, sources), fresh_until, usable_until })
}

/// The widget's state as of the answer.
fn state(state: &WidgetState, stale: bool, as_of: Timestamp) -> WidgetState {
    let status = if stale { WidgetStatus::Stale } else { state.status };
    let age_ms = state.as_of.map(|complete_to| (as_of - complete_to).num_milliseconds());
    WidgetState { status, age_ms, ..state.clone() }
}

/// Until when the whole is fresh, and until when it is usable; the catalog's times are given.
fn until(
    question: &Question,
    scope: ResolvedScope<'_>,
    catalog: [Duration; 2],
    views: &[WidgetView],
) -> (Timestamp, Timestamp) {
    let change = question.changes_at(scope).unwrap_or(Timestamp::MAX_UTC);
    let [fresh, usable] = catalog.map(|time| later(question.now, time).min(change));
    let fresh_until = views.iter().map(|views| views.fresh_until).min().unwrap_or(question.now).min(fresh);
    let usable_until = views.iter().map(|views| views.usable_until).min().unwrap_or(question.now).min(usable);
    (fresh_until, usable_until)
}

fn envelope(
    inner: &Inner,
    question: &Question,
    scope: ResolvedScope<'_>,
    data: Data,
    widgets: BTreeMap<Widget, WidgetState>,
    sources: Vec<SourceState>,
) -> DashboardAnswer {
    let Question { ref request, mode, range, as_of, .. } = *question;
    let mut warnings = Vec::new();
    if request.dates_ignored {
        let message = "startDate and endDate are used with period=custom only";
        warnings.push(Warning::new(WarningCode::DatesIgnored, message));
    }
    DashboardAnswer {
        campaign_id: scope.campaign.id,
        activity_id: scope.activity().map(|activity| activity.id),
        period: request.period.code().to_owned(),
        timestamp: as_of,
        phase: scope.phase(as_of),
        scope: scope.into(),
        range: AnswerRange {
            from: range.window.from,
            to: range.window.to,
            start_date: range.first_day(),
            end_date: range.last_day(),
            zone: inner.settings.zone.name().to_owned(),
            in_progress: range.in_progress(),
            previous: question.previous().map(Into::into),
        },
        mode,
        data,
        widgets,
        sources,
        definition: DefinitionState {
            funnel: question.funnel(inner).key().to_owned(),
            hash: question.definition_hash(inner).to_owned(),
            identity: "recorded".to_owned(),
        },
        warnings,
    }
}
