//! The port of a proxy, which can be closed and opened again.

use std::{
    io,
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    runtime::Handle,
};

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1024;

/// The receive buffer of a connection, in bytes. A large pipeline fits, so that it is received before the first reply, and
/// counts as one round trip.
const RECEIVE_BUFFER: u32 = 1 << 20;

/// The delay before another attempt to open a port that another process uses.
const RETRY: Duration = Duration::from_millis(10);

#[derive(Debug)]
enum PortState {
    Open(TcpListener),
    /// The port is bound, but does not listen: connections are refused.
    Closed(Option<TcpSocket>),
    /// Another process opened the port while it was closed.
    InUse,
    /// Closed for good.
    ClosedForGood,
}

#[derive(Debug)]
pub(super) struct Door {
    address: SocketAddr,
    runtime: Handle,
    inside: Mutex<Inside>,
}

#[derive(Debug)]
struct Inside {
    state: PortState,
    /// The task that waits for a connection.
    waker: Option<Waker>,
}

impl Door {
    /// Opens a port, and returns its address.
    pub(super) fn open(address: SocketAddr) -> io::Result<(Self, SocketAddr)> {
        let listener = bind(address)?.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        let inside = Mutex::new(Inside { state: PortState::Open(listener), waker: None });
        Ok((Self { address, runtime: Handle::current(), inside }, address))
    }

    /// Closes the port before it returns.
    pub(super) fn close(&self) {
        let _runtime = self.runtime.enter();
        let mut inside = self.lock();
        if matches!(inside.state, PortState::Open(_) | PortState::InUse) {
            // The listener must be dropped before the port can be bound again.
            inside.state = PortState::Closed(None);
            inside.state = PortState::Closed(bind(self.address).ok());
        }
    }

    /// Opens the port again before it returns, or, if another process uses it, as soon as it is free.
    pub(super) fn reopen(&self) {
        let _runtime = self.runtime.enter();
        let mut inside = self.lock();
        let socket = match &mut inside.state {
            PortState::Closed(socket) => socket.take().map_or_else(|| bind(self.address), Ok),
            PortState::InUse => bind(self.address),
            PortState::Open(_) | PortState::ClosedForGood => return,
        };
        inside.state = socket.and_then(|socket| socket.listen(BACKLOG)).map_or(PortState::InUse, PortState::Open);
        if let Some(waker) = inside.waker.take() {
            waker.wake();
        }
    }

    /// Closes the port and never opens it again.
    pub(super) fn close_for_good(&self) {
        self.lock().state = PortState::ClosedForGood;
    }

    /// The next connection. It waits while the port is closed.
    pub(super) async fn accept(&self) -> TcpStream {
        loop {
            match std::future::poll_fn(|context| self.poll_accept(context)).await {
                Ok((connection, _)) => return connection,
                // The port is in use, or there are no free file descriptors: both may pass.
                Err(_) => {
                    tokio::time::sleep(RETRY).await;
                    if matches!(self.lock().state, PortState::InUse) {
                        self.reopen();
                    }
                }
            }
        }
    }

    fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let mut inside = self.lock();
        let polled = match &inside.state {
            PortState::Open(listener) => listener.poll_accept(context),
            PortState::InUse => Poll::Ready(Err(io::ErrorKind::AddrInUse.into())),
            PortState::Closed(_) | PortState::ClosedForGood => Poll::Pending,
        };
        if polled.is_pending() {
            inside.waker = Some(context.waker().clone());
        }
        polled
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.bind(address)?;
    Ok(socket)
}
