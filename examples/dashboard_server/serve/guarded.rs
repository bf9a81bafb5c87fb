//! A connection that is failed when its peer does not play along: its request's head does not come, or it does not read what
//! it asked for. Nothing is awaited without an end.
//! Lives here: the two time-outs. Lives elsewhere: who serves the connection (`connection`).

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::Sleep,
};

/// What a peer is told whose first head has begun and does not end.
const SLOW: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// What a connection is at: even while the head of a request is awaited, odd while an answer is made. Shared with the
/// service, which learns when a head is whole.
#[derive(Debug, Clone, Default)]
pub(super) struct Turn(Arc<AtomicU64>);

impl Turn {
    /// A head is whole, or an answer is made and another head may come.
    pub(super) fn next(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A connection with its time-outs. A timer is there only while something is waited for, so that a quiet connection has none.
#[derive(Debug)]
pub(super) struct Guarded {
    stream: TcpStream,
    turn: Turn,
    /// The turn when it was last read from.
    seen: u64,
    /// Whether the head of a request has begun.
    begun: bool,
    /// Whether the peer has ever said something, and been told something.
    heard: bool,
    told: bool,
    head: Timer,
    stall: Timer,
}

impl Guarded {
    /// The head of each request must be whole `head` after it began, the first one so long after the connection was made;
    /// a write may wait no longer than `stall` until the peer takes something.
    pub(super) fn new(stream: TcpStream, turn: Turn, head: Duration, stall: Duration) -> Self {
        Self {
            stream,
            turn,
            seen: 0,
            begun: true,
            heard: false,
            told: false,
            head: Timer::new(head),
            stall: Timer::new(stall),
        }
    }

    /// What became of a write: fails when it has been pending for too long.
    fn written<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.told = true;
        if written.is_ready() {
            self.stall.stop();
            return written;
        }
        ready!(self.stall.run(cx));
        metrics::counter!("axon_server_write_stalls_total").increment(1);
        // What was not read is thrown away at once: closed in the usual way the kernel would keep and offer it for minutes.
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        Poll::Ready(Err(late("the peer does not read")))
    }
}

impl AsyncRead for Guarded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buf);
        this.heard |= buf.filled().len() > before;
        let turn = this.turn.now();
        if turn != this.seen {
            (this.seen, this.begun) = (turn, false);
            this.head.stop();
        }
        if !turn.is_multiple_of(2) {
            return read;
        }
        if read.is_ready() {
            this.begun |= buf.filled().len() > before;
            return read;
        }
        if this.begun {
            ready!(this.head.run(cx));
            // Who has said nothing may be a browser with a connection in reserve; and into an answer nothing is written.
            if this.heard && !this.told {
                let _ = this.stream.try_write(SLOW);
            }
            return Poll::Ready(Err(late("the head of a request does not come")));
        }
        Poll::Pending
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

fn late(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

/// Runs from its first call until it is stopped, and is ready when that took too long.
#[derive(Debug)]
struct Timer {
    limit: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    fn new(limit: Duration) -> Self {
        Self { limit, sleep: None }
    }

    fn run(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let limit = self.limit;
        self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit))).as_mut().poll(cx)
    }

    fn stop(&mut self) {
        self.sleep = None;
    }
}
