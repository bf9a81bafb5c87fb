//! Tests of the public interface of the library, one module per subject. They share one test program.

mod cache_conformance;
mod cache_keys;
mod caching;
mod conformance;
mod coverage_matrix;
mod coverage_memory;
mod edge_cases;
mod figures;
mod file_forms;
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
