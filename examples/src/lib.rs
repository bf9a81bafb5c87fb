//! Shared by the examples. Lives here: the generator of campaign data, loading of real stores, a proxy that breaks connections on
//! purpose, one that records requests, one that speaks TLS, a load generator, and the cost of a process. The header of each example says what it shows, how to run it and what you
//! should see.

pub mod arguments;
pub mod fault_proxy;
pub mod generator;
pub mod load;
pub mod process;
pub mod recording_proxy;
pub mod stores;
pub mod tls_proxy;

/// The project's readme, so that its example is compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// The page on running, so that its example is compiled.
#[cfg(doctest)]
#[doc = include_str!("../../docs/run.md")]
struct RunPage;
