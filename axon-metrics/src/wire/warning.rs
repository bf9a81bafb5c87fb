//! Warnings beside figures.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::source::{LeftOut, LeftOutPlace};

/// What a reader of the figures should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WarningCode {
    /// Dates given together with `1d`, `7d` or `30d` were ignored.
    DatesIgnored,
    /// A step has records, but the one before it has none.
    MissingUpstream,
    /// A step has more records than the one before it.
    StepExceedsPrevious,
    /// More slots are held than the limit allows.
    Oversold,
    /// Counter and members differ, or the counter is missing or negative.
    CounterDrift,
    /// Stock and participants come from approval events, since no counter is connected.
    Derived,
    /// Times are stored too coarsely to be exact at the bounds of a window.
    TimeResolution,
    /// The lag of the source is assumed, not measured.
    AssumedLag,
    /// The baseline has fewer than two whole weeks of history.
    BaselineFallback,
    /// The history behind the baseline is old, since it could not be refreshed.
    BaselineOld,
    /// Records that may belong to the figures could not be used: `reason`, `records`, `of` and `where` say which.
    RecordsLeftOut,
    /// Rows give money back. They are no orders.
    Refunds,
    /// Records lie in the hour that comes twice when clocks are set back. All of it counts for the first time.
    AmbiguousHour,
}

/// A warning beside figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Warning {
    /// What it is about, for programs.
    pub code: WarningCode,
    /// What it is about, for people.
    pub message: String,
    /// The figure it is about, as a path inside the widget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub field: Option<String>,
    /// The numbers and codes behind it; null for a number that is not available.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<String, WarningValue>,
}

/// A number or a code behind a warning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
#[non_exhaustive]
pub enum WarningValue {
    /// A number.
    Number(i64),
    /// A code (`no_time`), or the name of a store.
    Text(String),
    /// A number that is not available; null.
    NotAvailable,
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
        self.data.insert(name.to_owned(), number.map_or(WarningValue::NotAvailable, WarningValue::Number));
        self
    }

    pub(crate) fn with_text(mut self, name: &str, text: &str) -> Self {
        self.data.insert(name.to_owned(), WarningValue::Text(text.to_owned()));
        self
    }

    /// Records that were left out for one reason.
    pub(crate) fn left_out(one: &LeftOut) -> Self {
        let number = |number: Option<u64>| number.and_then(|number| i64::try_from(number).ok());
        let place = match one.place {
            LeftOutPlace::Window => "window",
            LeftOutPlace::Store => "store",
        };
        Self::new(WarningCode::RecordsLeftOut, one.message())
            .with_text("reason", one.reason.code())
            .with("records", number(one.records))
            .with("of", number(one.of))
            .with_text("where", place)
    }

    /// The number of this name; `None` if it has none.
    pub fn number(&self, name: &str) -> Option<i64> {
        match self.data.get(name) {
            Some(WarningValue::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// The code or text of this name; `None` if it has none.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.data.get(name) {
            Some(WarningValue::Text(text)) => Some(text),
            _ => None,
        }
    }
}
