//! The router, called without a port. The sources are a fixture with the figures of the plan's example.

mod answers;
mod compression;
mod document;
mod embedded_page;
mod faults;
mod fixture;
mod headers;
mod live_fixture;
mod logs;
mod metrics;
mod mounts;
mod plan;
mod response_cache;
mod schema;
mod stream;
