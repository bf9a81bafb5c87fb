//! A TCP proxy that breaks connections on purpose, and counts the traffic: for tests, and for drills with your own servers. It is
//! independent of protocols, so it works with any store; only the refusal of a password is written in the server's protocol.
//!
//! Lives here: the handle of a running proxy. Lives elsewhere: faults (`fault`), counts (`counts`), the port (`door`), the commands
//! to all connections (`orders`), one connection (`relay`), refusals of servers (`refusal`).
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

    /// Starts a proxy in front of a server, on the given address (port 0: a free one).
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

    /// The address for clients.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Replaces the current fault, for open and new connections as each [`Fault`] says. When this returns, the port is closed for
    /// [`Refuse`](Fault::Refuse), and open for every other fault.
    pub fn set(&self, fault: Fault) {
        if fault == Fault::Refuse {
            self.door.close();
        }
        self.orders.send_modify(|orders| orders.set(fault));
        if fault != Fault::Refuse {
            self.door.reopen();
        }
    }

    /// The current fault.
    #[must_use]
    pub fn fault(&self) -> Fault {
        self.orders.borrow().fault
    }

    /// Closes all open connections, as a server does by FIN.
    pub fn drop_connections(&self) {
        self.orders.send_modify(|orders| orders.end_all(Ending::Close));
    }

    /// The traffic since the start, or since the counts were reset.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counters.read()
    }

    /// Resets the counts, except that of open connections.
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
