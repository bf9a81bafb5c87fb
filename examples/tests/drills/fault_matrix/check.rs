//! What an answer may say while a store is broken. Pure.

use axon_metrics::{DashboardAnswer, Widget, answer::WidgetStatus, widget::MissingReason};
use serde_json::Value;

use super::{
    Store,
    figures::{is_reading, same_numbers},
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

    /// A widget that needs it, and no other that may break.
    pub(crate) fn own(self) -> Widget {
        match self {
            Self::Elasticsearch => Widget::Funnel,
            Self::MySql | Self::MariaDb => Widget::Comparison,
            Self::Redis => Widget::Realtime,
        }
    }

    /// The widgets that lose figures when it is away.
    pub(crate) fn costs(self) -> &'static [Widget] {
        match self {
            Self::Elasticsearch => &[Widget::Overview, Widget::Funnel, Widget::Realtime, Widget::Activities],
            Self::MySql | Self::MariaDb => &[Widget::Comparison],
            Self::Redis => &[Widget::Realtime, Widget::Activities],
        }
    }
}

/// What is to be said of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Whether any widget was flagged.
    pub(crate) flagged: bool,
    /// Whether any widget was an older one.
    pub(crate) stale: bool,
}

/// Looks at an answer while a store is broken. `truth` is what the stores say as of its instant, `older` is what they said as of
/// the instants of its stale widgets.
/// # Errors
/// What it may not say.
pub(crate) fn check(
    answer: &DashboardAnswer,
    truth: &DashboardAnswer,
    older: &[DashboardAnswer],
    store: Store,
) -> Result<Verdict, String> {
    let mut verdict = Verdict { flagged: false, stale: false };
    if answer.widgets.keys().ne(truth.widgets.keys()) {
        return Err(format!("other widgets than were asked for: {:?}", answer.widgets.keys()));
    }
    for (widget, state) in &answer.widgets {
        let (said, good) = (figures(answer, *widget), figures(truth, *widget));
        match state.status {
            WidgetStatus::Fresh if said == good => continue,
            // The weeks before a promotion are read by a question of their own.
            WidgetStatus::Fresh if is_reading(state) => {
                same_numbers(&said, &good, &format!("{widget:?}"))?;
                continue;
            }
            WidgetStatus::Fresh => {
                return Err(format!("{widget:?} is fresh and not what the stores say:\n{said}\n{good}"));
            }
            _ => {}
        }
        if !store.costs().contains(widget) {
            let first = state.missing.first();
            return Err(format!("{widget:?} does not need the store and is {:?}: {first:?}", state.status));
        }
        verdict.flagged = true;
        if state.status == WidgetStatus::Stale {
            verdict.stale = true;
            if !older.iter().any(|older| figures(older, *widget) == said) {
                return Err(format!("{widget:?} is stale and was never so:\n{said}"));
            }
            if state.age_ms.is_none_or(|age| age <= 0) {
                return Err(format!("{widget:?} is stale and {:?} old", state.age_ms));
            }
            continue;
        }
        same_numbers(&said, &good, &format!("{widget:?}"))?;
        let lost = state.missing.iter().filter(|missing| missing.reason == MissingReason::Unavailable);
        if lost.filter(|missing| missing.source.as_deref() == Some(store.name())).count() == 0 {
            return Err(format!("{widget:?} does not name {}: {:?}", store.name(), state.missing.first()));
        }
    }
    Ok(verdict)
}

/// What a widget shows, but for the instant at which it was made.
fn figures(answer: &DashboardAnswer, widget: Widget) -> Value {
    let mut data = serde_json::to_value(&answer.data).unwrap();
    let mut shown = data[widget.name()].take();
    if let Some(widget) = shown.as_object_mut() {
        widget.remove("lastUpdated");
    }
    shown
}
