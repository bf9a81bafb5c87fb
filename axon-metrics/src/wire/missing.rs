//! Figures that could not be had, as an answer names them.

use serde::{Deserialize, Serialize};

use super::missing_detail::MissingDetail;
use crate::source::{Missing, Reason};

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
#[non_exhaustive]
pub struct MissingFigure {
    /// Its path inside the widget (`steps[3].value`); an activity stands by its id (`activities[789].remainingStock`).
    pub field: String,
    /// Why it is null.
    pub reason: MissingReason,
    /// A finer reason (`key_missing`, `no_source`, `overloaded`).
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub detail: Option<MissingDetail>,
    /// The store that did not say it.
    pub source: Option<String>,
    /// The reason, for people.
    pub message: String,
}

impl MissingFigure {
    /// Whether a source failed that would have said it.
    pub(crate) fn is_lost(&self) -> bool {
        self.reason == MissingReason::Unavailable && self.detail != Some(MissingDetail::HistoryLoading)
    }

    /// Whether the store may have what it is measured from in a while.
    pub(crate) fn may_be_measured_soon(&self) -> bool {
        self.reason == MissingReason::NotMeasured
            && matches!(self.detail, Some(MissingDetail::NoIndex | MissingDetail::NoRecords))
    }

    pub(crate) fn new(field: String, why: &Missing) -> Self {
        let (reason, detail, source, message) = match why {
            Missing::NotMeasured(reason) => {
                (MissingReason::NotMeasured, Some((*reason).into()), None, not_measured(*reason).to_owned())
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
                Some(error.as_ref().into()),
                Some(error.source_name().to_string()),
                error.to_string(),
            ),
            Missing::Loading(store) => (
                MissingReason::Unavailable,
                Some(MissingDetail::HistoryLoading),
                Some(store.to_string()),
                "the weeks before the promotion are still being read".to_owned(),
            ),
        };
        Self { field, reason, detail, source, message }
    }
}

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
