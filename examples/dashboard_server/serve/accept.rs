//! Accepting connections up to a limit. No peer can end the loop or make it spin.

use std::{
    io::{self, Write as _},
    sync::Arc,
    time::Duration,
};

use axum::Router;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

use super::{
    connection::{self, PeerTimeouts},
    listener,
    log_limiter::LogLimiter,
};

/// The back-off after accepting has failed, for example without a free file descriptor: it doubles from `MIN_BACKOFF` to
/// `MAX_BACKOFF`.
const MIN_BACKOFF: Duration = Duration::from_millis(20);
const MAX_BACKOFF: Duration = Duration::from_secs(1);

/// The response to any request on a connection above the limit.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 2\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// Accepts connections and serves them.
#[derive(Debug)]
pub(super) struct Acceptor {
    pub(super) router: Router,
    pub(super) timeouts: PeerTimeouts,
    /// One permit per connection.
    pub(super) permits: Arc<Semaphore>,
    pub(super) graceful: GracefulShutdown,
}

impl Acceptor {
    /// Accepts connections for ever. A connection above the limit is answered with 503 and closed: left in the kernel's queue, it
    /// and all behind it would hang.
    pub(super) async fn run(&self, listener: &TcpListener) {
        let (mut failures, mut full) = (AcceptFailures::default(), LogLimiter::default());
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    failures.wait(&error).await;
                    continue;
                }
            };
            failures.backoff = None;
            let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
                metrics::counter!("axon_server_connections_refused_total").increment(1);
                if let Some(refused) = full.count() {
                    tracing::warn!(refused, "connections refused with 503: limits.connections are open");
                }
                refuse(stream);
                continue;
            };
            listener::prepare(&stream, self.timeouts.stall.saturating_mul(2));
            let (router, timeouts, watcher) = (self.router.clone(), self.timeouts, self.graceful.watcher());
            tokio::spawn(async move {
                let _permit = permit;
                let open = metrics::gauge!("axon_server_connections");
                open.increment(1.0);
                let result = connection::serve(stream, router, timeouts, watcher).await;
                open.decrement(1.0);
                if let Err(error) = result {
                    tracing::debug!("connection closed: {error:?}");
                }
            });
        }
    }
}

/// Writes the refusal if the socket takes it without waiting.
fn refuse(stream: TcpStream) {
    if let Ok(mut stream) = stream.into_std() {
        let _ = stream.write(FULL);
    }
}

/// The state of consecutive failures to accept a connection.
#[derive(Debug, Default)]
struct AcceptFailures {
    backoff: Option<Duration>,
    log: LogLimiter,
}

impl AcceptFailures {
    /// Waits for the back-off, unless the error is of that one connection only.
    async fn wait(&mut self, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
        if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted) {
            return;
        }
        metrics::counter!("axon_server_accept_errors_total").increment(1);
        if let Some(times) = self.log.count() {
            tracing::error!(times, "connections cannot be accepted: {error}");
        }
        let backoff = self.backoff.map_or(MIN_BACKOFF, |backoff| (backoff * 2).min(MAX_BACKOFF));
        self.backoff = Some(backoff);
        tokio::time::sleep(backoff).await;
    }
}
