//! Drills: faults, loads and measurements of the server and its stores, in a short form; `scripts/drill` runs the long one. One
//! module per drill, and one drill at a time, since one would distort the measurements of another.

#[path = "../common/figures.rs"]
mod figures;
#[path = "../../../benches/stores/peer.rs"]
mod peer;
#[path = "../common/platform.rs"]
mod platform;
#[path = "../common/prober.rs"]
mod prober;
#[path = "../common/proxied_stores.rs"]
mod proxied_stores;
#[path = "../../../benches/stores/replay.rs"]
mod replay;
#[path = "../common/server.rs"]
mod server;
#[path = "../common/sockets.rs"]
mod sockets;
#[path = "../common/visits.rs"]
mod visits;

mod cancel_storm;
mod far_database;
mod fault_matrix;
mod limits;
mod overload;
mod plan_criteria;
mod shutdown;
mod soak;
mod stalled_readers;
mod streams;
mod viewers;
mod wall;

use std::{
    panic::Location,
    sync::{Condvar, Mutex, PoisonError},
};

/// The file whose tests run, and their number.
static RUNNING: Mutex<(&str, usize)> = Mutex::new(("", 0));
static FINISHED: Condvar = Condvar::new();

/// A permit to run. Tests of one file run concurrently; those of another file wait for their end.
struct Turn;

/// Waits for a permit of the caller's file. Dropping it gives it back.
#[track_caller]
fn turn() -> Turn {
    let file = Location::caller().file();
    let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    let others = |running: &mut (&str, usize)| running.1 > 0 && running.0 != file;
    let mut running = FINISHED.wait_while(running, others).unwrap_or_else(PoisonError::into_inner);
    *running = (file, running.1 + 1);
    Turn
}

impl Drop for Turn {
    fn drop(&mut self) {
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).1 -= 1;
        FINISHED.notify_all();
    }
}
