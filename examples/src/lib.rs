//! What the examples share. Lives here: the generator of campaign data, and real stores filled with it. Each example says
//! in its own header what it shows, how to run it and what you should see.

pub mod generator;
pub mod stores;

/// The project's readme, so that its example is compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
