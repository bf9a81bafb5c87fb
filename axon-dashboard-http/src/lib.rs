#![doc = include_str!("../README.md")]

mod access;
mod app;
mod limit;
mod openapi;
mod options;
mod page;
mod problem;
mod query;
mod reply;
mod request_id;
mod router;
mod routes;

pub use options::HttpOptions;
pub use router::router;
