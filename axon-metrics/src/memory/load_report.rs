//! What loading found: what was kept, and what was not and why. It names files, lines and fields, and no value of a record.

use std::{collections::BTreeMap, fmt};

use serde::{Serialize, Serializer};

use super::limits::{MAX_LINE, MAX_TEXT};

/// How many rejected lines are listed one by one.
pub const LISTED: usize = 100;
/// How many trigger types are counted one by one.
pub const TRIGGER_TYPES: usize = 100;

/// What a store has taken in since it was made, and what it refused.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadReport {
    /// Lines of event files, and events added.
    pub events: EventReport,
    /// Lines of ledger files, and rows added.
    pub ledger: LedgerReport,
    /// Lines and records that were refused, of either kind.
    pub rejected: Rejections,
}

/// Events. `lines` is the sum of `blank`, `rejected`, `duplicates`, `disbelieved`, `without_activity` and `kept`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventReport {
    /// Lines read.
    pub lines: u64,
    /// Lines with nothing on them.
    pub blank: u64,
    /// Lines refused.
    pub rejected: u64,
    /// Lines of a document that was there before: same `_index` and `_id`.
    pub duplicates: u64,
    /// `PURCHASE` lines from an index that is none for purchases. Not kept.
    pub disbelieved: u64,
    /// Lines of events that belong to no activity. Not kept.
    pub without_activity: u64,
    /// Lines kept.
    pub kept: u64,
    /// Events kept that were added as records, not as lines.
    pub added: u64,
    /// Events kept that name neither a user nor a session: they count as events and as no subject.
    pub without_subject: u64,
    /// Events kept that occur at or after the instant of the report.
    pub future: u64,
    /// Events by trigger type, with those that belong to no activity: the first [`TRIGGER_TYPES`] types found.
    pub triggers: BTreeMap<String, u64>,
    /// Events of all other trigger types.
    pub other_triggers: u64,
}

/// Rows of the ledger. `lines` is the sum of `blank`, `rejected`, `entries` and `purchases` as long as none were added.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LedgerReport {
    /// Lines read.
    pub lines: u64,
    /// Lines with nothing on them.
    pub blank: u64,
    /// Lines refused.
    pub rejected: u64,
    /// Entries taken, as lines or records, whatever their status.
    pub entries: u64,
    /// Purchases taken, as lines or records, whatever their status.
    pub purchases: u64,
    /// Rows that took the place of one with the same id.
    pub replaced: u64,
}

/// What was refused.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rejections {
    /// How many lines and records.
    pub total: u64,
    /// How many by reason.
    pub reasons: BTreeMap<Fault, u64>,
    /// The first [`LISTED`] of them.
    pub first: Vec<Rejection>,
}

/// A line that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rejection {
    /// The file's name, or `append` for a record that was no line.
    pub file: String,
    /// The line's number, from 1; of a record its place among those added with it.
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
    /// A field that is read is there twice.
    FieldTwice,
    /// What the field names is there twice.
    Twice(&'static str),
    /// The field is missing, null or empty.
    Missing(&'static str),
    /// The field holds something else than it should.
    Wrong(&'static str),
    /// The field is longer than [`MAX_TEXT`].
    TextTooLong(&'static str),
    /// The time is not within the years 1970 to 9999.
    OutOfRange(&'static str),
    /// There are already as many pairs of trigger type and tracker definition as a store tells apart: 65,535.
    TooManyKinds,
    /// There are already events of as many activities as a store keeps: 100,000.
    TooManyActivities,
    /// There are already as many subjects as a store tells apart.
    TooManySubjects,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "longer than {MAX_LINE} bytes"),
            Self::NotUtf8 => f.write_str("not UTF-8"),
            Self::NotJson => f.write_str("not JSON"),
            Self::NotAnObject => f.write_str("not a JSON object"),
            Self::FieldTwice => f.write_str("a field is there twice"),
            Self::Twice(field) => write!(f, "{field} names what is there already"),
            Self::Missing(field) => write!(f, "{field} is missing"),
            Self::Wrong(field) => write!(f, "{field} is not what it should be"),
            Self::TextTooLong(field) => write!(f, "{field} is longer than {MAX_TEXT} bytes"),
            Self::OutOfRange(field) => write!(f, "{field} is not within the years 1970 to 9999"),
            Self::TooManyKinds => f.write_str("too many trigger types and tracker definitions"),
            Self::TooManyActivities => f.write_str("too many activities"),
            Self::TooManySubjects => f.write_str("too many subjects"),
        }
    }
}

/// A text that may be kept.
pub(super) fn short<'a>(text: &'a str, field: &'static str) -> Result<&'a str, Fault> {
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
