#![doc = include_str!("../README.md")]

mod answer;
mod behavior;
mod error;
mod index_groups;
mod mapping;
mod mapping_cache;
mod options;
mod page_template;
mod plan;
mod probe;
mod query;
mod reply;
mod time_encoding;
mod times;
mod transport;
mod unique_keys;

pub use axon_metrics::definitions::NotATemplate;
pub use behavior::EsBehavior;
pub use options::{EsOptions, OptionsError};
