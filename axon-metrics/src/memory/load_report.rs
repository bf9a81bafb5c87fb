//! The load report: how many records were stored, and which lines were rejected and why. It names files, lines and
//! fields, and contains no value of a record.

use std::{collections::BTreeMap, fmt};

use serde::{Serialize, Serializer};

use super::limits::{MAX_LINE, MAX_TEXT};

/// The most rejected lines that a report lists. Further ones are only counted.
pub const LISTED: usize = 100;
/// The most trigger types that a report counts separately. Further ones are counted together.
pub const TRIGGER_TYPES: usize = 100;

/// The numbers of stored and rejected records since the store was created.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LoadReport {
    /// Lines of event files, and added events.
    pub events: EventReport,
    /// Lines of ledger files, and added rows.
    pub ledger: LedgerReport,
    /// Rejected lines and records of both kinds, and invalid values of the realtime file.
    pub rejected: Rejections,
}

/// Events. `lines` is the sum of `blank`, `rejected`, `duplicates`, `disbelieved`, `without_activity` and `kept`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct EventReport {
    /// Lines read.
    pub lines: u64,
    /// Blank lines.
    pub blank: u64,
    /// Invalid lines.
    pub rejected: u64,
    /// Lines that repeat a document: same `_index` and `_id`.
    pub duplicates: u64,
    /// `PURCHASE` lines from an index from which purchases are not accepted. Not stored.
    pub disbelieved: u64,
    /// Lines of events that belong to no activity. Not stored.
    pub without_activity: u64,
    /// Stored lines.
    pub kept: u64,
    /// Stored events that were added as records, not as lines.
    pub added: u64,
    /// Stored events with neither user nor session, or with placeholders for both: they count as events, and as no
    /// subject.
    pub without_subject: u64,
    /// Stored events whose user or session is too long or is no id: they count as events, and their subjects are left out.
    pub dropped_subjects: u64,
    /// Stored events that occur at or after the instant of the report.
    pub future: u64,
    /// Events by trigger type, including those that belong to no activity; only the first [`TRIGGER_TYPES`] types.
    pub triggers: BTreeMap<String, u64>,
    /// Events of all other trigger types.
    pub other_triggers: u64,
}

/// Rows of the ledger. `lines` is the sum of `blank`, `rejected`, `entries` and `purchases` if no records
/// were added.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LedgerReport {
    /// Lines read.
    pub lines: u64,
    /// Blank lines.
    pub blank: u64,
    /// Invalid lines.
    pub rejected: u64,
    /// Accepted entries, as lines or records, of any status.
    pub entries: u64,
    /// Accepted purchases, as lines or records, of any status.
    pub purchases: u64,
    /// Accepted entries and purchases whose status is none that is known: they are left out of every figure.
    pub unknown_status: u64,
    /// Accepted purchases that give money back: exactly one of price and quantity is negative.
    pub refunds: u64,
    /// Accepted orders without a price.
    pub unpriced: u64,
    /// Accepted entries and purchases whose user is no id: they count as rows, and their users are left out.
    pub dropped_users: u64,
    /// Rows that replaced one with the same id.
    pub replaced: u64,
}

/// The rejected lines and records.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Rejections {
    /// Their number.
    pub total: u64,
    /// Their number by reason.
    pub reasons: BTreeMap<Fault, u64>,
    /// The first [`LISTED`] of them.
    pub first: Vec<Rejection>,
}

/// A rejected line or record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rejection {
    /// The file's name; `append` for a record that was not a line.
    pub file: String,
    /// The number of the line, from 1; for a record its position in the call that added it, and for a value of the
    /// realtime file that of its activity in the file, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: Fault,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Fault {
    /// Longer than [`MAX_LINE`].
    TooLong,
    /// Not UTF-8.
    NotUtf8,
    /// Not JSON, or cut off.
    NotJson,
    /// JSON, but no object.
    NotAnObject,
    /// A known field occurs twice.
    FieldTwice,
    /// The field has the id of another item.
    Twice(&'static str),
    /// The field is missing, null or empty.
    Missing(&'static str),
    /// The field has an invalid value.
    Wrong(&'static str),
    /// The field is longer than [`MAX_TEXT`].
    TextTooLong(&'static str),
    /// The time is not within the years 1970 to 9999.
    OutOfRange(&'static str),
    /// It would exceed 65,535 pairs of trigger type and tracker definition.
    TooManyKinds,
    /// It would exceed 100,000 activities with events.
    TooManyActivities,
    /// It would exceed the subjects that a store can number: 2,147,483,646 users, or as many sessions.
    TooManySubjects,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "longer than {MAX_LINE} bytes"),
            Self::NotUtf8 => f.write_str("not UTF-8"),
            Self::NotJson => f.write_str("not JSON"),
            Self::NotAnObject => f.write_str("not a JSON object"),
            Self::FieldTwice => f.write_str("a field occurs twice"),
            Self::Twice(field) => write!(f, "{field} is not unique"),
            Self::Missing(field) => write!(f, "{field} is missing"),
            Self::Wrong(field) => write!(f, "{field} has an invalid value"),
            Self::TextTooLong(field) => write!(f, "{field} is longer than {MAX_TEXT} bytes"),
            Self::OutOfRange(field) => write!(f, "{field} is not within the years 1970 to 9999"),
            Self::TooManyKinds => f.write_str("too many trigger types and tracker definitions"),
            Self::TooManyActivities => f.write_str("too many activities"),
            Self::TooManySubjects => f.write_str("too many subjects"),
        }
    }
}

/// The text, if it is not longer than [`MAX_TEXT`].
pub(super) fn checked_text<'a>(text: &'a str, field: &'static str) -> Result<&'a str, Fault> {
    if text.len() > MAX_TEXT { Err(Fault::TextTooLong(field)) } else { Ok(text) }
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Rejections {
    pub(super) fn push(&mut self, file: &str, line: u64, reason: Fault) {
        self.total += 1;
        *self.reasons.entry(reason).or_default() += 1;
        if self.first.len() < LISTED {
            self.first.push(Rejection { file: file.to_owned(), line, reason });
        }
    }
}

impl EventReport {
    pub(super) fn count_trigger(&mut self, trigger: &str, events: u64) {
        if let Some(count) = self.triggers.get_mut(trigger) {
            *count += events;
        } else if self.triggers.len() < TRIGGER_TYPES {
            self.triggers.insert(trigger.to_owned(), events);
        } else {
            self.other_triggers += events;
        }
    }
}
