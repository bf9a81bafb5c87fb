//! The check of an answer while a store is broken. Pure.

use axon_metrics::{DashboardAnswer, Widget, answer::WidgetStatus, widget::MissingReason};
use serde_json::Value;

use super::{
    Store,
    figures::{is_history_loading, same_numbers},
};

impl Store {
    /// Its name in answers.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Elasticsearch => "elasticsearch",
            Self::MySql | Self::MariaDb => "mysql",
            Self::Redis => "redis",
        }
    }

    /// A widget that needs this store and no other one.
    pub(crate) fn own_widget(self) -> Widget {
        match self {
            Self::Elasticsearch => Widget::Funnel,
            Self::MySql | Self::MariaDb => Widget::Comparison,
            Self::Redis => Widget::Realtime,
        }
    }

    /// The widgets that lose figures without this store.
    pub(crate) fn dependents(self) -> &'static [Widget] {
        match self {
            Self::Elasticsearch => &[Widget::Overview, Widget::Funnel, Widget::Realtime, Widget::Activities],
            Self::MySql | Self::MariaDb => &[Widget::Comparison],
            Self::Redis => &[Widget::Realtime, Widget::Activities],
        }
    }
}

/// The result of the check of a correct answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Whether any widget was flagged.
    pub(crate) flagged: bool,
    /// Whether any widget was stale.
    pub(crate) stale: bool,
}

/// Checks an answer while a store is broken. `truth` is the expected answer as of its instant, `older` are the expected answers as
/// of the instants of its stale widgets.
/// # Errors
/// The first violation.
pub(crate) fn check(
    answer: &DashboardAnswer,
    truth: &DashboardAnswer,
    older: &[DashboardAnswer],
    store: Store,
) -> Result<Verdict, String> {
    let mut verdict = Verdict { flagged: false, stale: false };
    if answer.widgets.keys().ne(truth.widgets.keys()) {
        return Err(format!("other widgets than requested: {:?}", answer.widgets.keys()));
    }
    for (widget, state) in &answer.widgets {
        let (actual, expected) = (figures(answer, *widget), figures(truth, *widget));
        match state.status {
            WidgetStatus::Fresh if actual == expected => continue,
            // The weeks before a promotion are loaded by a question of their own.
            WidgetStatus::Fresh if is_history_loading(state) => {
                same_numbers(&actual, &expected, &format!("{widget:?}"))?;
                continue;
            }
            WidgetStatus::Fresh => {
                return Err(format!("{widget:?} is fresh and differs from the stores:\n{actual}\n{expected}"));
            }
            _ => {}
        }
        if !store.dependents().contains(widget) {
            let first = state.missing.first();
            return Err(format!("{widget:?} does not need the store and is {:?}: {first:?}", state.status));
        }
        verdict.flagged = true;
        if state.status == WidgetStatus::Stale {
            verdict.stale = true;
            if !older.iter().any(|older| figures(older, *widget) == actual) {
                return Err(format!("{widget:?} is stale and equals no older answer:\n{actual}"));
            }
            if state.age_ms.is_none_or(|age| age <= 0) {
                return Err(format!("{widget:?} is stale and {:?} old", state.age_ms));
            }
            continue;
        }
        same_numbers(&actual, &expected, &format!("{widget:?}"))?;
        let lost = state.missing.iter().filter(|missing| missing.reason == MissingReason::Unavailable);
        if lost.filter(|missing| missing.source.as_deref() == Some(store.name())).count() == 0 {
            return Err(format!("{widget:?} does not name {}: {:?}", store.name(), state.missing.first()));
        }
    }
    Ok(verdict)
}

/// The figures of a widget, without its instant.
fn figures(answer: &DashboardAnswer, widget: Widget) -> Value {
    let mut data = serde_json::to_value(&answer.data).unwrap();
    let mut shown = data[widget.name()].take();
    if let Some(widget) = shown.as_object_mut() {
        widget.remove("lastUpdated");
    }
    shown
}
