//! One line of a file as a record, or what is wrong with it. Pure; every byte comes from outside and is not trusted.
//! Lives in the modules below: the fields of a line (`fields`), their values (`scalar`), times (`time`), events
//! (`event_line`), rows of the ledger (`ledger_line`).

pub(super) mod event_line;
mod fields;
pub(super) mod ledger_line;
pub(super) mod scalar;
pub(super) mod time;
