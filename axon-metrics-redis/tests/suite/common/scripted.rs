//! A server with scripted replies.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axon_metrics::testing::server;
use redis::Client;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// The replies of a server.
#[derive(Clone, Copy)]
pub(crate) struct Replies {
    pub(crate) good: &'static [u8],
    pub(crate) bad: &'static [u8],
    /// The connection closes after a bad reply.
    pub(crate) then_close: bool,
}

/// A server that answers `PING`, and sends the same reply to each other command: at first the good one.
pub(crate) struct ScriptedServer {
    pub(crate) client: Client,
    is_bad: Arc<AtomicBool>,
}

impl ScriptedServer {
    pub(crate) async fn start(replies: Replies) -> Self {
        let is_bad = Arc::new(AtomicBool::new(false));
        let switch = Arc::clone(&is_bad);
        let address = server::start(move |stream| serve(stream, replies, Arc::clone(&switch))).await;
        Self { client: Client::open(format!("redis://{address}")).unwrap(), is_bad }
    }

    /// Sets which reply is sent from now on.
    pub(crate) fn be_bad(&self, bad: bool) {
        self.is_bad.store(bad, Ordering::Relaxed);
    }
}

async fn serve(mut stream: TcpStream, replies: Replies, is_bad: Arc<AtomicBool>) {
    let Replies { good, bad, then_close } = replies;
    let mut request = vec![0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut request).await {
        let ping = request[..read].windows(4).any(|word| word == b"PING");
        let is_bad = is_bad.load(Ordering::Relaxed) && !ping;
        let reply: &[u8] = match is_bad {
            _ if ping => b"+PONG\r\n",
            true => bad,
            false => good,
        };
        if stream.write_all(reply).await.is_err() || (is_bad && then_close) {
            return;
        }
    }
}
