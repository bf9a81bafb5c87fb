//! The router, asked without a port. Sources are a fixture that says what the plan's example says.

mod answers;
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
