//! One call to one source: its budget, circuit breaker, bulkhead and retry, and the report of its outcome.
//! Lives elsewhere: which questions are asked, and what is done with the answers (`dashboard`, `keep`).

mod admission;
mod ask;
mod breaker;
mod budgets;
mod bulkhead;
mod concurrency;
mod guard;
mod report;
mod retry;

pub(crate) use admission::{Admission, MIN_RETRY_AFTER};
pub(crate) use ask::{Call, CallResult, ask, probe, settle};
pub(crate) use breaker::Breaker;
pub use budgets::Budgets;
pub use concurrency::Concurrency;
pub(crate) use guard::{Guard, Guards, guards};
pub(crate) use report::SourceReport;
