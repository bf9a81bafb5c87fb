//! The router, asked without a port. Sources are a fixture that says what the plan's example says.

mod answers;
mod document;
mod faults;
mod fixture;
mod headers;
mod logs;
mod page;
mod places;
mod plan;
mod schema;
