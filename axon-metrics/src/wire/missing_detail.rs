//! The specific reasons of figures without a value. Programs match on the variants; their codes are for the wire.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::source::{LeftOutReason, Reason, SourceError};

macro_rules! details {
    ($($(#[$doc:meta])* $variant:ident = $code:literal),* $(,)?) => {
        /// A specific reason why a figure is null.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum MissingDetail {
            $($(#[$doc])* $variant,)*
            /// A code that this version does not know, from a newer server. This version never sends it.
            Other(String),
        }

        impl MissingDetail {
            /// All details that this version knows: all except [`Self::Other`].
            pub const KNOWN: [Self; [$($code),*].len()] = [$(Self::$variant),*];

            /// Its code on the wire (`key_missing`).
            pub fn code(&self) -> &str {
                match self {
                    $(Self::$variant => $code,)*
                    Self::Other(code) => code,
                }
            }

            fn from_code(code: String) -> Self {
                match code.as_str() {
                    $($code => Self::$variant,)*
                    _ => Self::Other(code),
                }
            }
        }
    };
}

details! {
    /// The store has no such key.
    KeyMissing = "key_missing",
    /// The stored value is not of the expected type.
    BadValue = "bad_value",
    /// Times are stored too coarsely for so short a window.
    TimeResolution = "time_resolution",
    /// The store has no such index or table.
    NoIndex = "no_index",
    /// The index exists and has never received a record.
    NoRecords = "no_records",
    /// No source of this kind is connected.
    NoSource = "no_source",
    /// The store has no status of purchases.
    NoStatus = "no_status",
    /// The campaign has no activities yet.
    NoActivities = "no_activities",
    /// None of the activities sells a product.
    NoProducts = "no_products",
    /// No record could be used: they cannot be read.
    Unreadable = "unreadable",
    /// No record could be used: none has a time that can be read.
    NoTime = "no_time",
    /// No record could be used: their times are beyond what the store takes.
    TimeOutOfRange = "time_out_of_range",
    /// No record could be used: their times are after now.
    Future = "future",
    /// No record could be used: their activities cannot be read.
    NoActivity = "no_activity",
    /// No record could be used: nobody can be told apart.
    NoSubject = "no_subject",
    /// No record could be used: purchases are not accepted from their index.
    NotBelieved = "not_believed",
    /// No record could be used: their status is not known.
    UnknownStatus = "unknown_status",
    /// No record could be used: their price or quantity is missing or no number.
    BadAmount = "bad_amount",
    /// No record could be used: the store dropped the values of a field.
    FieldDropped = "field_dropped",
    /// The store has not applied all records that it received.
    Behind = "behind",
    /// The store's times are read in a wrong zone or unit.
    OffsetWrong = "offset_wrong",
    /// No record could be used: a limit of the store was reached.
    NoRoom = "no_room",
    /// The source did not answer, or not in time.
    NoAnswer = "no_answer",
    /// The source is too busy, or its bulkhead is full.
    Overloaded = "overloaded",
    /// The answer of the source did not fit the question.
    Malformed = "malformed",
    /// The source refused the credentials, or rights are missing.
    Denied = "denied",
    /// The weeks before the promotion are still being loaded, which takes longer than an answer may.
    HistoryLoading = "history_loading",
}

impl fmt::Display for MissingDetail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for MissingDetail {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for MissingDetail {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from_code)
    }
}

impl From<Reason> for MissingDetail {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::KeyMissing => Self::KeyMissing,
            Reason::BadValue => Self::BadValue,
            Reason::TimeResolution => Self::TimeResolution,
            Reason::NoIndex => Self::NoIndex,
            Reason::NoRecords => Self::NoRecords,
            Reason::NoSource => Self::NoSource,
            Reason::NoStatus => Self::NoStatus,
            Reason::NoActivities => Self::NoActivities,
            Reason::NoProducts => Self::NoProducts,
        }
    }
}

impl From<LeftOutReason> for MissingDetail {
    fn from(reason: LeftOutReason) -> Self {
        match reason {
            LeftOutReason::Unreadable => Self::Unreadable,
            LeftOutReason::NoTime => Self::NoTime,
            LeftOutReason::TimeOutOfRange => Self::TimeOutOfRange,
            LeftOutReason::Future => Self::Future,
            LeftOutReason::NoActivity => Self::NoActivity,
            LeftOutReason::NoSubject => Self::NoSubject,
            LeftOutReason::NotBelieved => Self::NotBelieved,
            LeftOutReason::UnknownStatus => Self::UnknownStatus,
            LeftOutReason::BadAmount => Self::BadAmount,
            LeftOutReason::FieldDropped => Self::FieldDropped,
            LeftOutReason::Behind => Self::Behind,
            LeftOutReason::OffsetWrong => Self::OffsetWrong,
            LeftOutReason::NoRoom => Self::NoRoom,
        }
    }
}

impl From<&SourceError> for MissingDetail {
    fn from(error: &SourceError) -> Self {
        match error {
            SourceError::Unavailable { .. } | SourceError::Lost { .. } => Self::NoAnswer,
            SourceError::Overloaded { .. } => Self::Overloaded,
            SourceError::Malformed { .. } => Self::Malformed,
            SourceError::Denied { .. } => Self::Denied,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_detail_deserializes_to_itself() {
        for detail in MissingDetail::KNOWN.into_iter().chain([MissingDetail::Other("of_tomorrow".into())]) {
            let json = serde_json::to_value(&detail).unwrap();
            assert_eq!(json, detail.code());
            assert_eq!(serde_json::from_value::<MissingDetail>(json).unwrap(), detail);
        }
    }

    #[test]
    fn a_reason_and_its_detail_have_the_same_code() {
        for reason in Reason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), MissingDetail::from(reason).code());
        }
        for reason in LeftOutReason::ALL {
            assert_eq!(reason.code(), MissingDetail::from(reason).code());
        }
    }
}
