//! Accepting connections, as many as there is room for. Nothing that a peer does ends it or makes it spin.

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
    sampled::Sampled,
};

/// Without file descriptors nothing is accepted until one is given back: asked again after this, then twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What one connection too many is told, whatever it asks.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 2\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// What accepted connections are given.
#[derive(Debug)]
pub(super) struct Acceptor {
    pub(super) router: Router,
    pub(super) timeouts: PeerTimeouts,
    /// A place for each connection.
    pub(super) places: Arc<Semaphore>,
    pub(super) graceful: GracefulShutdown,
}

impl Acceptor {
    /// Accepts for ever; dropped, it stops listening. A connection without a place is told so and closed: left in the
    /// kernel's queue it would hang, and those behind it.
    pub(super) async fn run(&self, listener: &TcpListener) {
        let (mut troubles, mut full) = (Trouble::default(), Sampled::default());
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    troubles.wait(&error).await;
                    continue;
                }
            };
            troubles.pause = None;
            let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
                metrics::counter!("axon_server_connections_refused_total").increment(1);
                if let Some(refused) = full.happened() {
                    tracing::warn!(refused, "all connections are taken: others are refused");
                }
                refuse(stream);
                continue;
            };
            listener::prepare(&stream, self.timeouts.stall.saturating_mul(2));
            let (router, timeouts, watcher) = (self.router.clone(), self.timeouts, self.graceful.watcher());
            tokio::spawn(async move {
                let _place = place;
                let open = metrics::gauge!("axon_server_connections");
                open.increment(1.0);
                let ended = connection::serve(stream, router, timeouts, watcher).await;
                open.decrement(1.0);
                if let Err(error) = ended {
                    tracing::debug!("a connection was given up: {error:?}");
                }
            });
        }
    }
}

/// Says why, if that goes without waiting.
fn refuse(stream: TcpStream) {
    if let Ok(mut stream) = stream.into_std() {
        let _ = stream.write(FULL);
    }
}

/// What accepting failed with.
#[derive(Debug, Default)]
struct Trouble {
    pause: Option<Duration>,
    log: Sampled,
}

impl Trouble {
    /// Waits, unless only that one connection is concerned.
    async fn wait(&mut self, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
        if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted) {
            return;
        }
        metrics::counter!("axon_server_accept_errors_total").increment(1);
        if let Some(times) = self.log.happened() {
            tracing::error!(times, "connections cannot be accepted: {error}");
        }
        let pause = self.pause.map_or(FIRST_PAUSE, |pause| (pause * 2).min(LONGEST_PAUSE));
        self.pause = Some(pause);
        tokio::time::sleep(pause).await;
    }
}
