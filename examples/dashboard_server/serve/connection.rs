//! One connection: HTTP/1.1 over a socket with time-outs.

use std::{convert::Infallible, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{Request, Response},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::Watcher,
};
use tokio::net::TcpStream;
use tower::ServiceExt as _;

use super::{
    body,
    timed_stream::{Phase, TimedStream},
};

/// The most bytes buffered of a request's head, and of a response. With the kernel's send buffer, this is the memory of a viewer
/// who does not read.
const MAX_BUFFER: usize = 16 * 1024;

/// Time-outs for a peer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PeerTimeouts {
    /// For the head of a request: from its first byte, or for the first one from the start of the connection.
    pub(crate) head: Duration,
    /// For the next request on the same connection.
    pub(crate) idle: Duration,
    /// For the peer to read any bytes of a response.
    pub(crate) stall: Duration,
}

/// Serves a connection until its end.
/// # Errors
/// The connection was closed by a time-out or a fault of the peer.
pub(super) async fn serve(
    stream: TcpStream,
    router: Router,
    timeouts: PeerTimeouts,
    watcher: Watcher,
) -> Result<(), hyper::Error> {
    let phase = Phase::default();
    let socket = TimedStream::new(stream, phase.clone(), timeouts.head, timeouts.stall);
    let service = service_fn(move |request| answer(router.clone(), phase.clone(), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // This timer also runs while the connection is idle, so it is the longer one; the socket times out a slow head earlier.
        .header_read_timeout(timeouts.idle.max(timeouts.head + Duration::from_secs(1)))
        .max_buf_size(MAX_BUFFER)
        .serve_connection(TokioIo::new(socket), service);
    watcher.watch(connection).await
}

async fn answer(router: Router, phase: Phase, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    phase.next();
    let response = match body::allowed(request) {
        Ok(request) => router.oneshot(request).await?,
        Err(refusal) => refusal,
    };
    phase.next();
    Ok(response)
}
