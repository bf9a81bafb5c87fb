//! The source on a real server and on scripted ones: the tests that may share a process, one module per subject.

mod accuracy;
mod common;
mod conformance;
mod heal;
mod layouts;
mod probe_replies;
mod questions;
mod replies;
mod secured;
mod server;
