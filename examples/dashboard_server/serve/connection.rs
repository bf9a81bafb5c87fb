//! One connection: HTTP/1.1 over a socket that is not waited for without an end.

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
    guarded::{Guarded, Turn},
};

/// Bytes that are kept of a head that is read, and of an answer that is written: with the kernel's send buffer, what a
/// viewer who does not read costs.
const BUFFER: usize = 16 * 1024;

/// How long a peer is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PeerTimeouts {
    /// For the head of a request, from its first byte, or from the connection's beginning.
    pub(crate) head: Duration,
    /// For another request on the same connection.
    pub(crate) idle: Duration,
    /// For the peer to take something of what is written.
    pub(crate) stall: Duration,
}

/// Serves a connection until its end.
/// # Errors
/// Says why the connection was given up.
pub(super) async fn serve(
    stream: TcpStream,
    router: Router,
    timeouts: PeerTimeouts,
    watcher: Watcher,
) -> Result<(), hyper::Error> {
    let turn = Turn::default();
    let socket = Guarded::new(stream, turn.clone(), timeouts.head, timeouts.stall);
    let service = service_fn(move |request| answer(router.clone(), turn.clone(), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // Runs while a connection is idle, too; that a head is slow is noticed by the socket, and before.
        .header_read_timeout(timeouts.idle.max(timeouts.head + Duration::from_secs(1)))
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(socket), service);
    watcher.watch(connection).await
}

async fn answer(router: Router, turn: Turn, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    turn.next();
    let response = match body::allowed(request) {
        Ok(request) => router.oneshot(request).await?,
        Err(refusal) => refusal,
    };
    turn.next();
    Ok(response)
}
