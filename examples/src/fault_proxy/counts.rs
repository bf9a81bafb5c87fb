//! Counts of the traffic.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The traffic of a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Connections accepted.
    pub connections: u64,
    /// Connections open now, dead ones included.
    pub open: u64,
    /// The number of times that a client sent bytes after the last reply, summed over connections. That is how often a client had
    /// to wait for the network. A pipeline counts as one.
    pub round_trips: u64,
    /// Bytes forwarded from clients to the server.
    pub to_server: u64,
    /// Bytes sent to clients, as changed by the fault.
    pub to_clients: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    connections: AtomicU64,
    open: AtomicU64,
    round_trips: AtomicU64,
    to_server: AtomicU64,
    to_clients: AtomicU64,
}

impl Counters {
    pub(super) fn read(&self) -> Counts {
        Counts {
            connections: self.connections.load(Relaxed),
            open: self.open.load(Relaxed),
            round_trips: self.round_trips.load(Relaxed),
            to_server: self.to_server.load(Relaxed),
            to_clients: self.to_clients.load(Relaxed),
        }
    }

    pub(super) fn reset(&self) {
        for counter in [&self.connections, &self.round_trips, &self.to_server, &self.to_clients] {
            counter.store(0, Relaxed);
        }
    }

    /// Counts a connection; it is open until the returned guard is dropped.
    pub(super) fn connection(&self) -> OpenConnection<'_> {
        self.connections.fetch_add(1, Relaxed);
        self.open.fetch_add(1, Relaxed);
        OpenConnection(self)
    }

    pub(super) fn round_trip(&self) {
        self.round_trips.fetch_add(1, Relaxed);
    }

    pub(super) fn passed_to_server(&self, bytes: usize) {
        self.to_server.fetch_add(bytes as u64, Relaxed);
    }

    pub(super) fn passed_to_client(&self, bytes: usize) {
        self.to_clients.fetch_add(bytes as u64, Relaxed);
    }
}

pub(super) struct OpenConnection<'a>(&'a Counters);

impl Drop for OpenConnection<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}
