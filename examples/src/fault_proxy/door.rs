//! The port, which can be closed and opened again.

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

/// What a client can have sent before it is read. A large pipeline fits, so that it is taken in before it is answered, and
/// counts as one round trip.
const RECEIVE_BUFFER: u32 = 1 << 20;

/// How long to wait before a port that something else has taken is tried again.
const RETRY: Duration = Duration::from_millis(10);

#[derive(Debug)]
enum Leaf {
    Open(TcpListener),
    /// The port is kept, but not listened on: connections are refused.
    Closed(Option<TcpSocket>),
    /// Something else took the port while it was closed.
    Taken,
    /// Closed, and never opened again.
    Gone,
}

#[derive(Debug)]
pub(super) struct Door {
    address: SocketAddr,
    runtime: Handle,
    inside: Mutex<Inside>,
}

#[derive(Debug)]
struct Inside {
    leaf: Leaf,
    /// Who waits for a connection.
    waker: Option<Waker>,
}

impl Door {
    /// Opens a port; says which.
    pub(super) fn open(address: SocketAddr) -> io::Result<(Self, SocketAddr)> {
        let listener = bind(address)?.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        let inside = Mutex::new(Inside { leaf: Leaf::Open(listener), waker: None });
        Ok((Self { address, runtime: Handle::current(), inside }, address))
    }

    /// Closes the port: it is closed when this returns.
    pub(super) fn close(&self) {
        let _runtime = self.runtime.enter();
        let mut inside = self.lock();
        if matches!(inside.leaf, Leaf::Open(_) | Leaf::Taken) {
            // Only once the listener is gone can the port be taken again.
            inside.leaf = Leaf::Closed(None);
            inside.leaf = Leaf::Closed(bind(self.address).ok());
        }
    }

    /// Opens the port again: it is open when this returns, unless something else has taken it; then as soon as it is free.
    pub(super) fn reopen(&self) {
        let _runtime = self.runtime.enter();
        let mut inside = self.lock();
        let socket = match &mut inside.leaf {
            Leaf::Closed(kept) => kept.take().map_or_else(|| bind(self.address), Ok),
            Leaf::Taken => bind(self.address),
            Leaf::Open(_) | Leaf::Gone => return,
        };
        inside.leaf = socket.and_then(|socket| socket.listen(BACKLOG)).map_or(Leaf::Taken, Leaf::Open);
        if let Some(waker) = inside.waker.take() {
            waker.wake();
        }
    }

    /// Closes the port and never opens it again.
    pub(super) fn close_for_good(&self) {
        self.lock().leaf = Leaf::Gone;
    }

    /// The next connection, also when the port is closed meanwhile.
    pub(super) async fn accept(&self) -> TcpStream {
        loop {
            match std::future::poll_fn(|context| self.poll_accept(context)).await {
                Ok((connection, _)) => return connection,
                // No port yet, or out of file descriptors: that passes.
                Err(_) => {
                    tokio::time::sleep(RETRY).await;
                    if matches!(self.lock().leaf, Leaf::Taken) {
                        self.reopen();
                    }
                }
            }
        }
    }

    fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let mut inside = self.lock();
        let polled = match &inside.leaf {
            Leaf::Open(listener) => listener.poll_accept(context),
            Leaf::Taken => Poll::Ready(Err(io::ErrorKind::AddrInUse.into())),
            Leaf::Closed(_) | Leaf::Gone => Poll::Pending,
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
