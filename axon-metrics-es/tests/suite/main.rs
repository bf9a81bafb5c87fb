//! Tests of the source on a real server and on scripted ones, one module per subject. Tests that need a process of
//! their own are separate programs.

mod accuracy;
mod common;
mod conformance;
mod field_cases;
mod gaps;
mod heal;
mod layouts;
mod names;
mod probe_replies;
mod questions;
mod replies;
mod secured;
mod server;
mod tls;
