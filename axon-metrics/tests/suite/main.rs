//! The library as who embeds it meets it: the tests that may share a process, one module per subject.

mod cache_conformance;
mod cache_keys;
mod caching;
mod conformance;
mod edge_cases;
mod figures;
mod logs;
mod memory_concurrency;
mod memory_load;
mod memory_sales;
mod observe;
mod oracle;
mod scripted_sources;
mod sim;
mod small;
mod trend;
