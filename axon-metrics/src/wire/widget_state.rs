//! How far a widget can be trusted.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{missing::MissingFigure, warning::Warning};
use crate::{vocabulary::Timestamp, widget::Notes};

/// How far a widget can be trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct WidgetState {
    /// Whether its figures are all there.
    pub status: WidgetStatus,
    /// The instant up to which all facts used are complete; null if no fact was available.
    pub as_of: Option<DateTime<Utc>>,
    /// The answer's timestamp minus `asOf`, in milliseconds.
    pub age_ms: Option<i64>,
    /// The figures that are null, with their reasons.
    pub missing: Vec<MissingFigure>,
    /// What a reader of the figures should know.
    pub warnings: Vec<Warning>,
}

/// Whether a widget's figures are all there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WidgetStatus {
    /// Every figure is there, or has no meaning here.
    Fresh,
    /// The figures of an earlier answer, since a source failed.
    Stale,
    /// Some figures are missing because of a failure, or for what a store holds; or a source's reply was incomplete; or more
    /// records were left out than are tolerated.
    Partial,
    /// All figures are missing because of a failure.
    Unavailable,
}

impl WidgetState {
    pub(crate) fn new(notes: Notes, as_of: Timestamp) -> Self {
        let status = match (notes.available, notes.lost) {
            (0, 1..) if !notes.incomplete => WidgetStatus::Unavailable,
            (_, 1..) => WidgetStatus::Partial,
            _ if notes.partial || notes.incomplete => WidgetStatus::Partial,
            _ => WidgetStatus::Fresh,
        };
        let complete_to = notes.complete_to;
        let age_ms = complete_to.map(|complete_to| (as_of - complete_to).num_milliseconds());
        let (missing, warnings) = notes.into_warnings();
        Self { status, as_of: complete_to, age_ms, missing, warnings }
    }
}
