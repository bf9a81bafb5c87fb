#![doc = include_str!("../README.md")]

mod address;
mod cache;
mod command;
mod connection;
mod error;
mod keys;
mod options;
mod realtime;
mod reply;

pub use address::{AddressError, RedisAddress};
pub use cache::RedisCache;
pub use keys::{KeyTemplate, KeyTemplateError, RedisKeys, StockKey};
pub use options::{RedisCacheOptions, RedisOptions};
pub use realtime::RedisRealtime;
