//! A wire to a real server that keeps what was sent over it.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// What one connection carried to the server.
type Sent = Arc<Mutex<Vec<u8>>>;

pub(crate) struct Recorder {
    pub(crate) address: SocketAddr,
    connections: Arc<Mutex<Vec<Sent>>>,
}

impl Recorder {
    pub(crate) async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections: Arc<Mutex<Vec<Sent>>> = Arc::default();
        let all = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let sent = Sent::default();
                all.lock().unwrap().push(Arc::clone(&sent));
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = TcpStream::connect(server).await.unwrap().into_split();
                tokio::spawn(pass(from_client, to_server, sent));
                tokio::spawn(pass(from_server, to_client, Sent::default()));
            }
        });
        Self { address, connections }
    }

    /// Method and path, without its query, of every request.
    pub(crate) fn requests(&self) -> Vec<(String, String)> {
        self.connections.lock().unwrap().iter().flat_map(|sent| requests(&sent.lock().unwrap())).collect()
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, sent: Sent) {
    let mut bytes = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        sent.lock().unwrap().extend_from_slice(&bytes[..count]);
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

/// Requests whose bodies say how long they are.
fn requests(mut sent: &[u8]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    while let Some(end) = sent.windows(4).position(|four| four == b"\r\n\r\n") {
        let head = String::from_utf8_lossy(&sent[..end]).to_lowercase();
        assert!(!head.contains("transfer-encoding"), "{head}");
        let first = String::from_utf8_lossy(&sent[..end]).lines().next().unwrap().to_owned();
        let (method, target) = first.strip_suffix(" HTTP/1.1").unwrap().split_once(' ').unwrap();
        found.push((method.to_owned(), target.split('?').next().unwrap().to_owned()));
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        sent = &sent[end + 4 + length.unwrap_or(0)..];
    }
    assert!(sent.is_empty(), "half a request");
    found
}
