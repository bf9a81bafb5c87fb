//! Parses one line of a file into a record, or the fault in it. Pure. The bytes are not trusted.
//! Lives in the modules below: the fields of a line (`fields`), their values (`scalar`), times (`time`), decimal
//! numbers (`decimal`), the activities that an event names (`activity_ids`), names of indices (`index_names`), events
//! (`event_line`), rows of the ledger (`ledger_line`).

mod activity_ids;
pub(super) mod decimal;
pub(super) mod event_line;
pub(super) mod fields;
mod index_names;
pub(super) mod ledger_line;
pub(super) mod scalar;
pub(super) mod time;
