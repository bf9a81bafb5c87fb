//! A socket with two time-outs: it fails if the head of a request is not complete in time, or if the peer does not read.
//! Lives here: these time-outs. Lives elsewhere: serving the connection (`connection`).

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

/// The response to a first request whose head is not complete in time.
const SLOW: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// The phase of a connection: even while it waits for the head of a request, odd while a response is computed. Shared with the
/// service, which is called when a head is complete.
#[derive(Debug, Clone, Default)]
pub(super) struct Phase(Arc<AtomicU64>);

impl Phase {
    /// To be called when a head is complete, and when its response has been computed.
    pub(super) fn next(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A socket with its time-outs. A timer exists only while it runs, so an idle connection has none.
#[derive(Debug)]
pub(super) struct TimedStream {
    stream: TcpStream,
    phase: Phase,
    /// The phase at the last read.
    last_phase: u64,
    /// Whether the head of a request has begun.
    head_begun: bool,
    /// Whether the peer has sent any byte.
    received: bool,
    /// Whether any write was tried.
    sent: bool,
    head: Timer,
    stall: Timer,
}

impl TimedStream {
    /// The head of each request must be complete `head` after its first byte, the first one `head` after the start of the
    /// connection. A write fails if the peer reads nothing for `stall`.
    pub(super) fn new(stream: TcpStream, phase: Phase, head: Duration, stall: Duration) -> Self {
        Self {
            stream,
            phase,
            last_phase: 0,
            head_begun: true,
            received: false,
            sent: false,
            head: Timer::new(head),
            stall: Timer::new(stall),
        }
    }

    /// The result of a write: fails if writes have been pending for too long.
    fn check_write<T>(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.sent = true;
        if result.is_ready() {
            self.stall.stop();
            return result;
        }
        ready!(self.stall.run(cx));
        metrics::counter!("axon_server_write_stalls_total").increment(1);
        // The unread bytes are discarded at once. After a normal close, the kernel would retransmit them for minutes.
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        Poll::Ready(Err(timed_out("the peer does not read the response")))
    }
}

impl AsyncRead for TimedStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buf);
        this.received |= buf.filled().len() > before;
        let phase = this.phase.now();
        if phase != this.last_phase {
            (this.last_phase, this.head_begun) = (phase, false);
            this.head.stop();
        }
        if !phase.is_multiple_of(2) {
            return read;
        }
        if read.is_ready() {
            this.head_begun |= buf.filled().len() > before;
            return read;
        }
        if this.head_begun {
            ready!(this.head.run(cx));
            // No 408 to a peer that has sent nothing: it may be a browser's spare connection. And none after another response, which
            // may not be complete.
            if this.received && !this.sent {
                let _ = this.stream.try_write(SLOW);
            }
            return Poll::Ready(Err(timed_out("the head of a request is not complete in time")));
        }
        Poll::Pending
    }
}

impl AsyncWrite for TimedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.check_write(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.check_write(cx, result)
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

fn timed_out(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

/// A timer that starts with the first poll, and is ready after its limit unless it is stopped before.
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
