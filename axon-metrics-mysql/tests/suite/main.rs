//! Tests of the catalog and the ledger on real servers, one module per subject. Tests that need a process of their own
//! are separate programs.

mod agreement;
mod common;
mod conformance;
mod coverage;
mod distance;
mod healing;
mod health;
mod history;
mod hostile;
mod replication;
mod session;
mod tls;
mod trips;
mod types;
mod zones;
