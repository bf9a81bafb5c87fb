//! The listening socket, and what each accepted one is told. Lives here: socket options. Lives elsewhere: accepting (`accept`).

use std::{io, net::SocketAddr, time::Duration};

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

/// Connections that the kernel keeps ready while none is taken: ten thousand viewers who come back at once find a place, and do
/// not wait for their next try a second later. The kernel may cut it (`net.core.somaxconn`).
const BACKLOG: i32 = 4_096;

/// Listens; each connection's send buffer in the kernel is bounded to `send_buffer` bytes (Linux takes it twice, for its own
/// bookkeeping), so that a viewer who does not read costs no more than that.
/// # Errors
/// As the system says: the address is taken, or not this machine's.
pub(super) fn listen(address: SocketAddr, send_buffer: usize) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // On Windows this would let another process take the port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    // Before it listens: accepted sockets inherit it, and their window is never larger.
    socket.set_send_buffer_size(send_buffer)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Options of an accepted connection. One that cannot be set costs nothing but its use.
pub(super) fn prepare(stream: &TcpStream, gone: Duration) {
    let _ = stream.set_nodelay(true);
    // A peer that vanished without a word never fills the buffer: the kernel gives up what it does not acknowledge.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = SockRef::from(stream).set_tcp_user_timeout(Some(gone));
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = (SockRef::from(stream), gone);
}
