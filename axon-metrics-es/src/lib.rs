#![doc = include_str!("../README.md")]

mod anonymous;
mod answer;
mod behavior;
mod coverage;
mod error;
mod field_types;
mod fields;
mod index_groups;
mod loss_cache;
mod losses;
mod mapping;
mod mapping_cache;
mod names;
mod options;
mod page_template;
mod plan;
mod probe;
mod query;
mod reply;
mod search_figures;
mod time_encoding;
mod times;
mod transport;
mod unique_keys;
mod wall_clock;

pub use axon_metrics::definitions::NotATemplate;
pub use behavior::EsBehavior;
pub use options::{EsOptions, OptionsError};
