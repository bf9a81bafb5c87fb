//! The catalog and the ledger on real servers: the tests that may share a process, one module per subject.

mod agreement;
mod common;
mod conformance;
mod distance;
mod healing;
mod health;
mod history;
mod hostile;
mod trips;
