//! The listening socket and the options of accepted ones. Lives here: socket options. Lives elsewhere: accepting (`accept`).

use std::{io, net::SocketAddr, time::Duration};

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

/// The length of the kernel's queue of connections that are not accepted yet. It is long, so that thousands of viewers who reconnect
/// at once need not retry a second later. The kernel may clamp it (`net.core.somaxconn`).
const BACKLOG: i32 = 4_096;

/// Listens on an address. Each connection's send buffer in the kernel is limited to `send_buffer` bytes (Linux doubles it for its own
/// bookkeeping), which bounds the memory of a viewer who does not read.
/// # Errors
/// The address is in use, or is not one of this machine.
pub(super) fn listen(address: SocketAddr, send_buffer: usize) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // On Windows this would let another process take the port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    // Set before listening: accepted sockets inherit it, and their window is never larger.
    socket.set_send_buffer_size(send_buffer)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Sets the options of an accepted connection. A failure to set one is ignored: the connection works without it.
pub(super) fn prepare(stream: &TcpStream, user_timeout: Duration) {
    let _ = stream.set_nodelay(true);
    // A peer that vanished may never fill the send buffer, so the stall time-out does not notice it. The kernel closes the connection
    // if the peer acknowledges nothing for this time.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = SockRef::from(stream).set_tcp_user_timeout(Some(user_timeout));
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = (SockRef::from(stream), user_timeout);
}
