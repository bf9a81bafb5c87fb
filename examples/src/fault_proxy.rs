//! A TCP proxy that breaks connections on purpose, and counts what passes: for tests, and for drills with servers of one's
//! own. It knows no protocol, so any store can stand behind it; only to refuse a password it speaks for the server.
//!
//! Lives here: the handle of a running proxy. Lives elsewhere: what can go wrong (`fault`), what is counted (`counts`), the
//! open port (`door`), what all connections are told (`orders`), one connection (`relay`), how servers refuse (`refusal`).
//!
//! ```
//! use axon_examples::fault_proxy::{Fault, FaultProxy};
//! use std::{net::SocketAddr, time::Duration};
//!
//! async fn drill(store: SocketAddr) -> std::io::Result<()> {
//!     let proxy = FaultProxy::start(store).await?;
//!     // Point a client at proxy.address(), then:
//!     proxy.set(Fault::Latency(Duration::from_millis(300)));
//!     proxy.set(Fault::Refuse);
//!     proxy.set(Fault::None);
//!     assert_eq!(proxy.counts().round_trips, 0);
//!     Ok(())
//! }
//! ```

mod counts;
mod door;
mod fault;
mod orders;
mod refusal;
mod relay;

#[cfg(test)]
mod tests;

use std::{io, net::SocketAddr, sync::Arc};

use tokio::{sync::watch, task::JoinHandle};

use self::{
    counts::Counters,
    door::Door,
    orders::{Ending, Orders},
};
pub use self::{
    counts::Counts,
    fault::{Fault, FaultError, Protocol},
};

/// A running proxy. Dropping it closes its port and all its connections.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    orders: watch::Sender<Orders>,
    counters: Arc<Counters>,
    door: Arc<Door>,
    accepting: JoinHandle<()>,
}

impl FaultProxy {
    /// Starts a proxy in front of a server, on a free port of the loopback interface.
    /// # Errors
    /// If no port can be opened.
    pub async fn start(upstream: SocketAddr) -> io::Result<Self> {
        Self::listen(SocketAddr::from(([127, 0, 0, 1], 0)), upstream).await
    }

    /// Starts a proxy in front of a server, on an address of one's choice (port 0: a free one).
    /// # Errors
    /// If the address cannot be listened on.
    pub async fn listen(address: SocketAddr, upstream: SocketAddr) -> io::Result<Self> {
        let (door, address) = Door::open(address)?;
        let door = Arc::new(door);
        let counters = Arc::new(Counters::default());
        let orders = watch::Sender::new(Orders::default());
        let accepting = tokio::spawn(relay::accept(Arc::clone(&door), upstream, orders.clone(), Arc::clone(&counters)));
        Ok(Self { address, orders, counters, door, accepting })
    }

    /// Where clients connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Puts a fault in force, instead of the one before, for open and new connections as each [`Fault`] says. With
    /// [`Refuse`](Fault::Refuse) the port is closed when this returns, with every other fault it is open.
    pub fn set(&self, fault: Fault) {
        if fault == Fault::Refuse {
            self.door.close();
        }
        self.orders.send_modify(|orders| orders.set(fault));
        if fault != Fault::Refuse {
            self.door.reopen();
        }
    }

    /// The fault in force.
    #[must_use]
    pub fn fault(&self) -> Fault {
        self.orders.borrow().fault
    }

    /// Closes all open connections, as a server does that ends them.
    pub fn drop_connections(&self) {
        self.orders.send_modify(|orders| orders.end_all(Ending::Close));
    }

    /// What passed since the start, or since the counts were reset.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counters.read()
    }

    /// Begins to count anew. Connections that are open stay counted as open.
    pub fn reset_counts(&self) {
        self.counters.reset();
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.door.close_for_good();
        self.accepting.abort();
    }
}
