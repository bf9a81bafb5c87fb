#![doc = include_str!("../README.md")]

mod answer;
mod behavior;
mod clock;
mod error;
mod kept;
mod once;
mod options;
mod page;
mod plan;
mod probe;
mod query;
mod reading;
mod reply;
mod shape;
mod times;
mod transport;

pub use axon_metrics::definitions::NotATemplate;
pub use behavior::EsBehavior;
pub use options::{EsOptions, OptionsError};
