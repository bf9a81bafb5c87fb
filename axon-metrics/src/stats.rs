//! Arithmetic over facts. Pure.

pub(crate) mod baseline;
pub mod rate;
