//! A proxy in front of a server that understands the protocol: it counts commands and pings without handshakes, delays
//! commands, and freezes open connections. The fault proxy of the examples counts round trips instead.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, tcp::OwnedWriteHalf},
    time::sleep,
};

#[derive(Debug, Default)]
pub(crate) struct Stats {
    /// All commands, without handshakes.
    pub(crate) commands: AtomicUsize,
    /// Pings among them.
    pub(crate) pings: AtomicUsize,
    pub(crate) connections: AtomicUsize,
    /// Connections up to this number forward nothing any more.
    frozen: AtomicUsize,
    is_refusing: AtomicBool,
    /// Commands with this text are delayed by this time.
    delay: Mutex<Option<(&'static str, Duration)>>,
    delayed_commands: AtomicUsize,
    /// Statements with this text are replaced by another one.
    replacement: Mutex<Option<(&'static str, String)>>,
}

#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) port: u16,
    pub(crate) stats: Arc<Stats>,
}

impl Proxy {
    pub(crate) async fn before(options: &MySqlConnectOptions) -> Self {
        let server = (options.get_host().to_owned(), options.get_port());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let stats = Arc::new(Stats::default());
        let shared = Arc::clone(&stats);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if shared.is_refusing.load(Ordering::SeqCst) {
                    continue;
                }
                let number = shared.connections.fetch_add(1, Ordering::SeqCst) + 1;
                let Ok(server) = TcpStream::connect(&server).await else { continue };
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                tokio::spawn(forward(from_server, to_client, number, Arc::clone(&shared), false));
                tokio::spawn(forward(from_client, to_server, number, Arc::clone(&shared), true));
            }
        });
        Self { port, stats }
    }

    pub(crate) fn commands(&self) -> usize {
        self.stats.commands.load(Ordering::SeqCst)
    }

    /// The open connections forward nothing any more, and stay open. New ones work.
    pub(crate) fn freeze(&self) {
        self.stats.frozen.store(self.stats.connections.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// Delays commands that contain this text.
    pub(crate) fn delay(&self, text: &'static str, by: Duration) {
        *self.stats.delay.lock().unwrap() = Some((text, by));
    }

    /// Replaces statements that contain this text.
    pub(crate) fn replace(&self, text: &'static str, by: String) {
        *self.stats.replacement.lock().unwrap() = Some((text, by));
    }

    /// The number of delayed commands.
    pub(crate) fn delayed_commands(&self) -> usize {
        self.stats.delayed_commands.load(Ordering::SeqCst)
    }

    /// Whether new connections are closed at once.
    pub(crate) fn refuse(&self, refuse: bool) {
        self.stats.is_refusing.store(refuse, Ordering::SeqCst);
    }
}

/// `is_request`: the bytes go from the client to the server.
async fn forward(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: OwnedWriteHalf,
    number: usize,
    stats: Arc<Stats>,
    is_request: bool,
) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(length) = from.read(&mut bytes).await {
        if length == 0 {
            return;
        }
        if number <= stats.frozen.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        // A command has packet number 0. The client's packets of a handshake continue the server's sequence.
        if is_request && length > 4 && bytes[3] == 0 {
            stats.commands.fetch_add(1, Ordering::SeqCst);
            if bytes[4] == 0x0e {
                stats.pings.fetch_add(1, Ordering::SeqCst);
            }
            let delay = *stats.delay.lock().unwrap();
            if let Some((text, by)) = delay
                && bytes[..length].windows(text.len()).any(|part| part == text.as_bytes())
            {
                stats.delayed_commands.fetch_add(1, Ordering::SeqCst);
                sleep(by).await;
            }
            if let Some(packet) = replaced(&bytes[..length], &stats) {
                if to.write_all(&packet).await.is_err() {
                    return;
                }
                continue;
            }
        }
        if to.write_all(&bytes[..length]).await.is_err() {
            return;
        }
    }
}

/// The packet of the statement that replaces this command, if it is to be replaced.
fn replaced(command: &[u8], stats: &Stats) -> Option<Vec<u8>> {
    const QUERY: u8 = 0x03;
    let (text, by) = stats.replacement.lock().unwrap().clone()?;
    let is_it = command[4] == QUERY && command.windows(text.len()).any(|part| part == text.as_bytes());
    let length = u32::try_from(by.len() + 1).unwrap().to_le_bytes();
    is_it.then(|| [&length[..3], &[0, QUERY], by.as_bytes()].concat())
}

/// The options for connecting through the proxy, without TLS, so that it can read commands.
pub(crate) fn through(proxy: &Proxy, options: &MySqlConnectOptions) -> MySqlConnectOptions {
    options.clone().host("127.0.0.1").port(proxy.port).ssl_mode(MySqlSslMode::Disabled)
}
