#![doc = include_str!("../README.md")]

mod command;
mod connection;
mod error;
mod keys;
mod options;
mod realtime;
mod reply;

pub use keys::{KeyTemplate, KeyTemplateError, RedisKeys, StockKey};
pub use options::RedisOptions;
pub use realtime::RedisRealtime;
