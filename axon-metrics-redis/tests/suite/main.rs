//! Tests of the source and the shared cache on real servers, one module per subject.

mod cache;
mod cache_faults;
mod cluster;
mod common;
mod conformance;
mod healing;
mod hostile;
mod reading;
mod sentinels;
mod tls;
