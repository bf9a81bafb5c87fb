//! The router, asked without a port. Sources are a fixture that says what the plan's example says.

mod answers;
mod document;
mod faults;
mod fixture;
mod headers;
mod kept;
mod live;
mod logs;
mod metrics;
mod page;
mod places;
mod plan;
mod schema;
mod stream;
