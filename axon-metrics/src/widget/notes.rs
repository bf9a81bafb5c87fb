//! What goes beside a widget's data: which figures are missing and why, warnings, and how fresh and whole the facts were.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    Timestamp,
    facts::{Fact, Measured, Missing, Reason},
    source::SourceError,
};

/// Why a figure is null.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MissingReason {
    /// The source failed or was too slow.
    Unavailable,
    /// There is nothing to measure it from.
    NotMeasured,
    /// It has no meaning here.
    NotSupported,
    /// It is more than the product counts.
    TooLarge,
    /// It is a rate of nothing.
    ZeroDenominator,
    /// The ledger does not reach back far enough.
    NoBaseline,
    /// There is no limit.
    Unlimited,
}

/// A figure that could not be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MissingFigure {
    /// Its path inside the widget (`steps[3].value`); an activity stands by its id (`activities[789].remainingStock`).
    pub field: String,
    /// Why it is null.
    pub reason: MissingReason,
    /// A finer reason (`key_missing`, `no_source`, `overloaded`).
    pub detail: Option<String>,
    /// The store that did not say it.
    pub source: Option<String>,
    /// The reason, for people.
    pub message: String,
}

impl MissingFigure {
    /// Whether a source failed that would have said it.
    pub(crate) fn is_lost(&self) -> bool {
        self.reason == MissingReason::Unavailable && self.detail.as_deref() != Some(HISTORY_LOADING)
    }

    /// Whether the store may have what it is measured from in a while.
    pub(crate) fn may_be_measured_soon(&self) -> bool {
        let passing = [Reason::NoIndex, Reason::NoRecords].map(|reason| word(&reason));
        self.reason == MissingReason::NotMeasured && self.detail.as_ref().is_some_and(|detail| passing.contains(detail))
    }

    fn new(field: String, why: &Missing) -> Self {
        let (reason, detail, source, message) = match why {
            Missing::NotMeasured(reason) => {
                (MissingReason::NotMeasured, Some(word(reason)), None, not_measured(*reason).to_owned())
            }
            Missing::NotSupported => {
                (MissingReason::NotSupported, None, None, "the figure has no meaning here".to_owned())
            }
            Missing::TooLarge => (MissingReason::TooLarge, None, None, "more than can be counted".to_owned()),
            Missing::ZeroDenominator => (MissingReason::ZeroDenominator, None, None, "a rate of nothing".to_owned()),
            Missing::NoBaseline => (
                MissingReason::NoBaseline,
                None,
                None,
                "the promotion has no start, or the ledger holds no whole day before it".to_owned(),
            ),
            Missing::Unlimited => (MissingReason::Unlimited, None, None, "there is no limit".to_owned()),
            Missing::Unavailable(error) => (
                MissingReason::Unavailable,
                Some(failure(error).to_owned()),
                Some(error.source_name().to_string()),
                error.to_string(),
            ),
            Missing::Loading(store) => (
                MissingReason::Unavailable,
                Some(HISTORY_LOADING.to_owned()),
                Some(store.to_string()),
                "the weeks before the promotion are still being read".to_owned(),
            ),
        };
        Self { field, reason, detail, source, message }
    }
}

/// What is read apart from answers, since it takes longer than they may.
const HISTORY_LOADING: &str = "history_loading";

fn not_measured(reason: Reason) -> &'static str {
    match reason {
        Reason::NoSource => "no source of this kind is connected",
        Reason::NoActivities => "the campaign has no activities yet",
        Reason::NoProducts => "none of the activities sells a product",
        Reason::NoStatus => "the store keeps no status of purchases",
        Reason::TimeResolution => "times are stored too coarsely for so short a window",
        Reason::BadValue => "the store holds something that is no number",
        Reason::NoRecords => "the store has never received a record of this kind",
        Reason::KeyMissing | Reason::NoIndex => "the store has nothing to measure it from",
    }
}

fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|json| json.as_str().map(str::to_owned)).unwrap_or_default()
}

/// A source's failure in one word.
fn failure(error: &SourceError) -> &'static str {
    match error {
        SourceError::Unavailable { .. } | SourceError::Lost { .. } => "no_answer",
        SourceError::Overloaded { .. } => "overloaded",
        SourceError::Malformed { .. } => "malformed",
        SourceError::Denied { .. } => "denied",
    }
}

/// What a reader of the figures should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WarningCode {
    /// Dates beside `1d`, `7d` or `30d` were not used.
    DatesIgnored,
    /// A step has records, and the one before it none.
    MissingUpstream,
    /// A step has more records than the one before it.
    StepExceedsPrevious,
    /// More slots are held than there are.
    Oversold,
    /// Counter and members differ, or the counter is missing or negative.
    CounterDrift,
    /// Stock and participants come from approval events, since no counter is connected.
    Derived,
    /// Times are stored too coarsely.
    TimeResolution,
    /// How far the source lags is assumed, not measured.
    AssumedLag,
    /// Fewer than two whole weeks of history.
    BaselineFallback,
    /// The weeks before the promotion were read long ago, and could not be read again since.
    BaselineOld,
}

/// A warning beside figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Warning {
    /// What it is about, for programs.
    pub code: WarningCode,
    /// What it is about, for people.
    pub message: String,
    /// The figure it is about, as a path inside the widget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub field: Option<String>,
    /// The numbers behind it; null for one that is not there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<String, Option<i64>>,
}

impl Warning {
    pub(crate) fn new(code: WarningCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), field: None, data: BTreeMap::new() }
    }

    pub(crate) fn about(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    pub(crate) fn with(mut self, name: &str, number: Option<i64>) -> Self {
        self.data.insert(name.to_owned(), number);
        self
    }
}

/// Gathered while a widget is computed.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) missing: Vec<MissingFigure>,
    pub(crate) warnings: Vec<Warning>,
    /// How far the facts used are complete: the oldest of them.
    pub(crate) complete_to: Option<Timestamp>,
    /// Figures that stand, and figures lost because a source failed.
    pub(crate) had: usize,
    pub(crate) lost: usize,
    /// Those of them that are still being read.
    loading: usize,
    /// Whether a fact came from an incomplete reply.
    pub(crate) partial: bool,
    /// Whether how far a fact is complete was assumed.
    lag_assumed: bool,
    /// The coarsest time of the facts used.
    time_step: Option<Duration>,
}

impl Notes {
    /// The fact's value, or null and why.
    pub(crate) fn figure<T: Clone>(&mut self, field: impl Into<String>, fact: &Fact<T>) -> Option<T> {
        self.look_at(fact);
        self.derived(field, value(fact))
    }

    /// Whether all that is lost is still being read, and nothing failed.
    pub(crate) fn waits_for_history(&self) -> bool {
        self.lost > 0 && self.lost == self.loading && !self.partial
    }

    /// A value computed from facts, or null and why.
    pub(crate) fn derived<T>(&mut self, field: impl Into<String>, value: Result<T, Missing>) -> Option<T> {
        match &value {
            Ok(_) => self.had += 1,
            Err(why) => {
                self.lost += usize::from(matches!(why, Missing::Unavailable(_) | Missing::Loading(_)));
                self.loading += usize::from(matches!(why, Missing::Loading(_)));
                self.missing.push(MissingFigure::new(field.into(), why));
            }
        }
        value.ok()
    }

    /// Notes how whole a fact is that is kept, and so older than the others: its age is no age of theirs.
    pub(crate) fn look_at_kept<T>(&mut self, measured: &Measured<T>) {
        self.partial |= measured.partial;
        self.lag_assumed |= measured.lag_assumed;
        self.time_step = self.time_step.max(measured.time_step);
    }

    /// Notes how fresh and whole a fact is.
    pub(crate) fn look_at<T>(&mut self, fact: &Fact<T>) {
        if let Ok(measured) = fact {
            self.look_at_kept(measured);
            self.complete_to =
                Some(self.complete_to.map_or(measured.complete_to, |oldest| oldest.min(measured.complete_to)));
        }
    }

    pub(crate) fn warn(&mut self, warning: Warning) {
        self.warnings.push(warning);
    }

    /// All warnings: those of the widget, and what the facts it used have in common.
    pub(crate) fn into_warnings(mut self) -> (Vec<MissingFigure>, Vec<Warning>) {
        if let Some(step) = self.time_step {
            let message = "times are stored too coarsely to be exact at the bounds of a window";
            let seconds = i64::try_from(step.as_secs()).ok();
            self.warn(Warning::new(WarningCode::TimeResolution, message).with("seconds", seconds));
        }
        if self.lag_assumed {
            let message = "how far the store lags behind is assumed, not measured";
            self.warn(Warning::new(WarningCode::AssumedLag, message));
        }
        (self.missing, self.warnings)
    }
}

/// A fact's value, without what judges it.
pub(crate) fn value<T: Clone>(fact: &Fact<T>) -> Result<T, Missing> {
    fact.as_ref().map(|measured| measured.value.clone()).map_err(Clone::clone)
}
