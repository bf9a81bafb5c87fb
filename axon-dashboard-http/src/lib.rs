#![doc = include_str!("../README.md")]

mod accept;
mod access;
mod app;
mod headers;
mod hot_path;
mod limit;
mod observe;
mod openapi;
mod options;
mod page;
mod problem;
mod query;
mod reply;
mod request_id;
mod router;
mod routes;
mod stream;

pub use observe::describe_metrics;
pub use options::HttpOptions;
pub use router::router;
/// The token of [`HttpOptions::with_shutdown`], which the host cancels when the server stops.
pub use tokio_util::sync::CancellationToken;
