//! One HTTP connection: sends a request and reads the response.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpSocket, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};

use super::reply::{Head, Reply};

/// The response to a request.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) head: Head,
    /// Bytes of the body.
    pub(super) bytes: u64,
}

/// Why there was no response, as a word of the report.
pub(super) type Failure = &'static str;

pub(super) const TIMEOUT: Failure = "timeout";
pub(super) const MALFORMED: Failure = "malformed";
pub(super) const CLOSED: Failure = "closed";

/// The word for an error of the system.
pub(super) fn failure(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "refused",
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe => "reset",
        io::ErrorKind::UnexpectedEof => CLOSED,
        io::ErrorKind::TimedOut => TIMEOUT,
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse => "out of ports",
        _ => "other",
    }
}

/// A pool of persistent connections with a limit.
#[derive(Debug)]
pub(super) struct Connections {
    free: Arc<Semaphore>,
    idle: Mutex<HashMap<SocketAddr, Vec<TcpStream>>>,
}

impl Connections {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { free: Arc::new(Semaphore::new(limit)), idle: Mutex::default() })
    }

    /// A permit for a connection, and an idle connection if there is one.
    pub(super) async fn take(&self, address: SocketAddr) -> (Option<OwnedSemaphorePermit>, Option<TcpStream>) {
        let permit = Arc::clone(&self.free).acquire_owned().await.ok();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        (permit, idle.get_mut(&address).and_then(Vec::pop))
    }

    pub(super) fn put_back(&self, address: SocketAddr, stream: Option<TcpStream>) {
        if let Some(stream) = stream {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).entry(address).or_default().push(stream);
        }
    }
}

/// Connects. A small receive buffer limits how far a server can send ahead.
pub(super) async fn connect(address: SocketAddr, receive_buffer: Option<u32>) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    if let Some(bytes) = receive_buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Sends a request on the idle connection, or on a new one, and reads the response. Returns the connection if it can be reused. If
/// the server has closed the idle connection, a new one is made, which is no error.
pub(super) async fn exchange(
    idle: Option<TcpStream>,
    address: SocketAddr,
    request: &[u8],
) -> Result<(Answer, Option<TcpStream>), Failure> {
    if let Some(mut stream) = idle {
        let mut reply = Reply::new();
        match send_and_read(&mut stream, request, &mut reply).await {
            Err(_) if reply.is_empty() => {}
            Err(why) => return Err(why),
            Ok(answer) => return Ok(with_reusable(answer, stream)),
        }
    }
    let mut stream = connect(address, None).await.map_err(|error| failure(&error))?;
    let answer = send_and_read(&mut stream, request, &mut Reply::new()).await?;
    Ok(with_reusable(answer, stream))
}

fn with_reusable(answer: Answer, stream: TcpStream) -> (Answer, Option<TcpStream>) {
    let stream = answer.head.keep_alive.then_some(stream);
    (answer, stream)
}

async fn send_and_read(stream: &mut TcpStream, request: &[u8], reply: &mut Reply) -> Result<Answer, Failure> {
    stream.write_all(request).await.map_err(|error| failure(&error))?;
    let mut bytes = 0;
    while !reply.is_done() {
        let mut parsed = Ok(());
        let read = receive(stream, |chunk| parsed = reply.push(chunk, |piece| bytes += piece.len() as u64)).await;
        parsed.map_err(|_| MALFORMED)?;
        match read {
            Ok(0) if reply.ends_with_connection() => break,
            Ok(0) => return Err(CLOSED),
            Ok(_) => {}
            Err(error) => return Err(failure(&error)),
        }
    }
    let head = reply.head().cloned().ok_or(CLOSED)?;
    Ok(Answer { head, bytes })
}

/// Waits for bytes and passes them to `take`. Returns their number, 0 at the end. A waiting connection has no buffer, so that ten
/// thousand need little memory.
pub(super) async fn receive(stream: &TcpStream, mut take: impl FnMut(&[u8])) -> io::Result<usize> {
    loop {
        stream.readable().await?;
        match try_receive(stream, &mut take) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            received => return received,
        }
    }
}

/// The same without waiting. It is a function of its own, so that its buffer is not part of the waiting future.
pub(super) fn try_receive(stream: &TcpStream, take: &mut impl FnMut(&[u8])) -> io::Result<usize> {
    let mut buffer = [0; 16 << 10];
    let read = stream.try_read(&mut buffer)?;
    take(&buffer[..read]);
    Ok(read)
}
