//! Why records are left out of figures: codes, and their meaning in Korean and English.

use serde::{Deserialize, Serialize};

/// Why a record was left out of a figure that it may belong to. Duplicates are not left out: they are in the figure once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LeftOutReason {
    /// The line or row cannot be read at all.
    Unreadable,
    /// It has no time, or none that can be read.
    NoTime,
    /// Its time is beyond what the store takes.
    TimeOutOfRange,
    /// Its time is more than five minutes after now.
    Future,
    /// It names an activity in a form that is not read. A record that names none belongs to none, and is used.
    NoActivity,
    /// It names a user or a session that the store dropped or cannot search. It counts as a record, and not as a person.
    NoSubject,
    /// A `PURCHASE` event outside the indices that purchases are accepted from.
    NotBelieved,
    /// Its status is none that the settings name.
    UnknownStatus,
    /// Its price or its quantity is missing, or is no number, or both are negative.
    BadAmount,
    /// The store says that it ignored a field of the record.
    FieldDropped,
    /// The store has not applied all records that it received.
    Behind,
    /// The store's times are known to be read in a wrong zone or unit.
    OffsetWrong,
    /// A limit of this library was reached.
    NoRoom,
}

impl LeftOutReason {
    /// All reasons.
    pub const ALL: [Self; 13] = [
        Self::Unreadable,
        Self::NoTime,
        Self::TimeOutOfRange,
        Self::Future,
        Self::NoActivity,
        Self::NoSubject,
        Self::NotBelieved,
        Self::UnknownStatus,
        Self::BadAmount,
        Self::FieldDropped,
        Self::Behind,
        Self::OffsetWrong,
        Self::NoRoom,
    ];

    /// Its code on the wire (`no_time`).
    pub fn code(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::NoTime => "no_time",
            Self::TimeOutOfRange => "time_out_of_range",
            Self::Future => "future",
            Self::NoActivity => "no_activity",
            Self::NoSubject => "no_subject",
            Self::NotBelieved => "not_believed",
            Self::UnknownStatus => "unknown_status",
            Self::BadAmount => "bad_amount",
            Self::FieldDropped => "field_dropped",
            Self::Behind => "behind",
            Self::OffsetWrong => "offset_wrong",
            Self::NoRoom => "no_room",
        }
    }
}

macro_rules! texts {
    ($($reason:ident: $ko:literal, $en:literal;)*) => {
        impl LeftOutReason {
            /// What it means, in Korean: a phrase.
            pub fn ko(self) -> &'static str {
                match self { $(Self::$reason => $ko),* }
            }

            /// What it means, in English.
            pub fn en(self) -> &'static str {
                match self { $(Self::$reason => $en),* }
            }
        }
    };
}

texts! {
    Unreadable: "기록을 읽을 수 없음", "the record cannot be read";
    NoTime: "시각이 없거나 읽을 수 없음", "its time is missing or cannot be read";
    TimeOutOfRange: "시각이 저장소가 다룰 수 있는 범위를 벗어남", "its time is beyond what the store takes";
    Future: "시각이 현재보다 5분 넘게 뒤임", "its time is more than five minutes after now";
    NoActivity: "활동 번호를 읽을 수 없음", "its activity cannot be read";
    NoSubject: "사용자나 세션을 구별할 수 없음", "its user or session cannot be told apart";
    NotBelieved: "구매를 인정하는 인덱스 밖의 구매 이벤트", "a purchase event from an index that purchases are not accepted from";
    UnknownStatus: "알 수 없는 상태값", "its status is not known";
    BadAmount: "가격이나 수량이 없거나 숫자가 아님", "its price or quantity is missing or no number";
    FieldDropped: "저장소가 필드 값을 버림", "the store dropped the value of a field";
    Behind: "복제 저장소가 최신 기록을 아직 받지 못함", "the replica has not applied the newest records";
    OffsetWrong: "저장된 시각의 시간대 설정이 잘못됨", "stored times are read in a wrong zone or unit";
    NoRoom: "저장 한도를 넘음", "a limit of the store was reached";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_serializes_as_its_code() {
        for reason in LeftOutReason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.code());
        }
    }
}
