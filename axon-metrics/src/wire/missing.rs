//! Figures without a value, as listed in an answer.

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
    /// The store has nothing to measure it from.
    NotMeasured,
    /// The figure has no meaning here.
    NotSupported,
    /// The value overflows its type.
    TooLarge,
    /// The denominator of a rate is 0.
    ZeroDenominator,
    /// The ledger does not reach back far enough.
    NoBaseline,
    /// An activity without a limit has no stock.
    Unlimited,
}

/// A figure without a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct MissingFigure {
    /// Its path inside the widget (`steps[3].value`); activities are given by id (`activities[789].remainingStock`).
    pub field: String,
    /// Why it is null.
    pub reason: MissingReason,
    /// A more specific reason (`key_missing`, `no_source`, `overloaded`).
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub detail: Option<MissingDetail>,
    /// The store that failed to answer, or whose records could not be used.
    pub source: Option<String>,
    /// The reason, for people.
    pub message: String,
}

impl MissingFigure {
    /// Whether it has no value because a source failed. A history that is still loading does not count.
    pub(crate) fn is_lost(&self) -> bool {
        self.reason == MissingReason::Unavailable && self.detail != Some(MissingDetail::HistoryLoading)
    }

    /// Whether the store may soon have something to measure it from: its index is missing, or has no records yet.
    pub(crate) fn may_be_measured_soon(&self) -> bool {
        self.reason == MissingReason::NotMeasured
            && matches!(self.detail, Some(MissingDetail::NoIndex | MissingDetail::NoRecords))
    }

    pub(crate) fn new(field: String, why: &Missing) -> Self {
        let (reason, detail, source, message) = match why {
            Missing::NotMeasured(reason) => {
                (MissingReason::NotMeasured, Some((*reason).into()), None, not_measured(*reason).to_owned())
            }
            Missing::NothingUsed(nothing) => (
                MissingReason::NotMeasured,
                Some(nothing.why.reason.into()),
                Some(nothing.source.to_string()),
                nothing.why.message(),
            ),
            Missing::NotSupported => {
                (MissingReason::NotSupported, None, None, "the figure has no meaning here".to_owned())
            }
            Missing::TooLarge => (MissingReason::TooLarge, None, None, "more than can be counted".to_owned()),
            Missing::ZeroDenominator => {
                (MissingReason::ZeroDenominator, None, None, "the denominator of the rate is 0".to_owned())
            }
            Missing::NoBaseline => (
                MissingReason::NoBaseline,
                None,
                None,
                "the promotion has no start, or the ledger holds no whole day before it".to_owned(),
            ),
            Missing::Unlimited => (MissingReason::Unlimited, None, None, "the activity has no limit".to_owned()),
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
        Reason::NoStatus => "the store has no status of purchases",
        Reason::TimeResolution => "times are stored too coarsely for so short a window",
        Reason::BadValue => "the stored value is not a number",
        Reason::NoRecords => "the store has never received a record of this kind",
        Reason::KeyMissing | Reason::NoIndex => "the store has nothing to measure it from",
    }
}
