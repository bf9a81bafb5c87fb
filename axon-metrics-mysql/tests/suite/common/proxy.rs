//! A proxy in front of a server that knows its protocol: it counts commands, and pings among them, apart from handshakes,
//! where the one of the examples counts round trips. It also lets only the connections there are go silent.

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
pub(crate) struct Seen {
    /// Commands in all, after the handshakes.
    pub(crate) commands: AtomicUsize,
    /// Pings among them.
    pub(crate) pings: AtomicUsize,
    pub(crate) connections: AtomicUsize,
    /// Connections opened before this is set pass nothing on any more.
    frozen: AtomicUsize,
    refusing: AtomicBool,
    /// Commands that hold this text wait so long before they are passed on.
    slow: Mutex<Option<(&'static str, Duration)>>,
    slowed: AtomicUsize,
}

#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) port: u16,
    pub(crate) seen: Arc<Seen>,
}

impl Proxy {
    pub(crate) async fn before(options: &MySqlConnectOptions) -> Self {
        let server = (options.get_host().to_owned(), options.get_port());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Seen::default());
        let counted = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if counted.refusing.load(Ordering::SeqCst) {
                    continue;
                }
                let number = counted.connections.fetch_add(1, Ordering::SeqCst) + 1;
                let Ok(server) = TcpStream::connect(&server).await else { continue };
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                tokio::spawn(pass(from_server, to_client, number, Arc::clone(&counted), false));
                tokio::spawn(pass(from_client, to_server, number, Arc::clone(&counted), true));
            }
        });
        Self { port, seen }
    }

    pub(crate) fn commands(&self) -> usize {
        self.seen.commands.load(Ordering::SeqCst)
    }

    /// The connections there are pass nothing on any more, and are not closed. New ones work.
    pub(crate) fn freeze(&self) {
        self.seen.frozen.store(self.seen.connections.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// Commands that hold this text take so much longer.
    pub(crate) fn slow(&self, text: &'static str, by: Duration) {
        *self.seen.slow.lock().unwrap() = Some((text, by));
    }

    /// How many held it.
    pub(crate) fn slowed(&self) -> usize {
        self.seen.slowed.load(Ordering::SeqCst)
    }

    /// New connections are closed at once.
    pub(crate) fn refuse(&self, refuse: bool) {
        self.seen.refusing.store(refuse, Ordering::SeqCst);
    }
}

async fn pass(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: OwnedWriteHalf,
    number: usize,
    seen: Arc<Seen>,
    asks: bool,
) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(length) = from.read(&mut bytes).await {
        if length == 0 {
            return;
        }
        if number <= seen.frozen.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        // A command begins a sequence: packet number 0. Those of a handshake go on from the server's.
        if asks && length > 4 && bytes[3] == 0 {
            seen.commands.fetch_add(1, Ordering::SeqCst);
            if bytes[4] == 0x0e {
                seen.pings.fetch_add(1, Ordering::SeqCst);
            }
            let slow = *seen.slow.lock().unwrap();
            if let Some((text, by)) = slow
                && bytes[..length].windows(text.len()).any(|part| part == text.as_bytes())
            {
                seen.slowed.fetch_add(1, Ordering::SeqCst);
                sleep(by).await;
            }
        }
        if to.write_all(&bytes[..length]).await.is_err() {
            return;
        }
    }
}

/// How to connect through it: in plain text, so that commands can be told.
pub(crate) fn through(proxy: &Proxy, options: &MySqlConnectOptions) -> MySqlConnectOptions {
    options.clone().host("127.0.0.1").port(proxy.port).ssl_mode(MySqlSslMode::Disabled)
}
