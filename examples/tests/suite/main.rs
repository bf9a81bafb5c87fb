//! Tests of the examples, their data and the server binary, some over real stores, one module per subject. They may run
//! concurrently. Tests that measure times, load or memory are programs of their own.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/figures.rs"]
mod figures;
#[path = "../common/platform.rs"]
mod platform;
#[path = "../common/proxied_stores.rs"]
mod proxied_stores;
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
mod operator_sentences;
mod round_trips;
mod server_addresses;
mod server_files;
mod server_stores;
mod totals;
