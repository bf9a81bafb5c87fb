//! A proxy to a real server that records the requests sent through it.

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

/// The bytes that one connection carried to the server.
type RequestBytes = Arc<Mutex<Vec<u8>>>;

pub(crate) struct Recorder {
    pub(crate) address: SocketAddr,
    connections: Arc<Mutex<Vec<RequestBytes>>>,
}

impl Recorder {
    pub(crate) async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections: Arc<Mutex<Vec<RequestBytes>>> = Arc::default();
        let all = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let bytes = RequestBytes::default();
                all.lock().unwrap().push(Arc::clone(&bytes));
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = TcpStream::connect(server).await.unwrap().into_split();
                tokio::spawn(forward(from_client, to_server, bytes));
                tokio::spawn(forward(from_server, to_client, RequestBytes::default()));
            }
        });
        Self { address, connections }
    }

    /// The method and the path, without its query, of every request.
    pub(crate) fn requests(&self) -> Vec<(String, String)> {
        self.connections.lock().unwrap().iter().flat_map(|bytes| requests(&bytes.lock().unwrap())).collect()
    }
}

async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, bytes: RequestBytes) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        bytes.lock().unwrap().extend_from_slice(&buffer[..count]);
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

/// Splits the bytes into requests. Each body must have a `content-length`.
fn requests(mut bytes: &[u8]) -> Vec<(String, String)> {
    let mut requests = Vec::new();
    while let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        assert!(!head.contains("transfer-encoding"), "{head}");
        let first = String::from_utf8_lossy(&bytes[..end]).lines().next().unwrap().to_owned();
        let (method, target) = first.strip_suffix(" HTTP/1.1").unwrap().split_once(' ').unwrap();
        requests.push((method.to_owned(), target.split('?').next().unwrap().to_owned()));
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        bytes = &bytes[end + 4 + length.unwrap_or(0)..];
    }
    assert!(bytes.is_empty(), "a request is incomplete");
    requests
}
