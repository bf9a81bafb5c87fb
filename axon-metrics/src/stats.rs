//! Arithmetic over facts: rates and the baseline. Pure.

pub(crate) mod baseline;
pub mod rate;
