//! The examples, the data they run on and the server binary, over real stores where a test needs some: the tests that may share
//! a process and the machine, one module per subject. Tests that measure times, load or memory are programs of their own.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/far.rs"]
mod far;
#[path = "../common/figures.rs"]
mod figures;
#[path = "../common/platform.rs"]
mod platform;
#[path = "../common/server.rs"]
mod server;

mod agreement;
mod binary;
mod canary_secrets;
mod differential;
mod files;
mod funnels;
mod injection;
mod load_stores;
mod operate;
mod round_trips;
mod server_stores;
mod totals;
