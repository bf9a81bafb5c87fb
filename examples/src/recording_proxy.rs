//! A proxy in front of a store that forwards all bytes and records the requests.

use std::{
    io, mem,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// A request to a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreRequest {
    /// Method and target, and the body.
    Http(String, String),
    /// A statement. The execution of a prepared one is `EXECUTE`.
    Sql(String),
    /// A command with its arguments.
    Redis(Vec<Vec<u8>>),
}

/// The protocol of a store. TLS is not understood.
#[derive(Debug, Clone, Copy)]
pub enum Protocol {
    /// HTTP/1.1 whose bodies have a `content-length`.
    Http,
    /// That of MySQL and MariaDB.
    MySql,
    /// RESP, the protocol of Redis.
    Redis,
}

/// A running proxy. It ends with the runtime.
#[derive(Debug)]
pub struct RecordingProxy {
    /// The address for clients.
    pub address: SocketAddr,
    requests: Requests,
}

type Requests = Arc<Mutex<Vec<StoreRequest>>>;

impl RecordingProxy {
    /// Starts a proxy in front of a server, on a free port of the loopback interface.
    /// # Errors
    /// If no port can be opened.
    pub async fn before(server: SocketAddr, protocol: Protocol) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let requests = Requests::default();
        let log = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(server).await else { continue };
                let (from_client, mut to_client) = client.into_split();
                let (mut from_server, to_server) = server.into_split();
                tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
                tokio::spawn(record(from_client, to_server, protocol, Arc::clone(&log)));
            }
        });
        Ok(Self { address, requests })
    }

    /// The requests since the last call.
    #[must_use]
    pub fn take(&self) -> Vec<StoreRequest> {
        mem::take(&mut self.requests.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn record(mut client: OwnedReadHalf, mut server: OwnedWriteHalf, protocol: Protocol, log: Requests) {
    let mut pending = Vec::new();
    let mut bytes = vec![0; 1 << 16];
    while let Ok(read @ 1..) = client.read(&mut bytes).await {
        pending.extend_from_slice(&bytes[..read]);
        // Recorded before it is forwarded, so that the record exists when the answer arrives.
        log.lock().unwrap_or_else(PoisonError::into_inner).extend(drain_requests(&mut pending, protocol));
        if server.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}

/// Removes the complete requests at the start of the buffer and returns them.
fn drain_requests(pending: &mut Vec<u8>, protocol: Protocol) -> Vec<StoreRequest> {
    let mut requests = Vec::new();
    loop {
        let next = match protocol {
            Protocol::Http => http(pending),
            Protocol::MySql => packet(pending),
            Protocol::Redis => command(pending),
        };
        let Some((length, one)) = next else { return requests };
        pending.drain(..length);
        requests.extend(one);
    }
}

fn http(bytes: &[u8]) -> Option<(usize, Option<StoreRequest>)> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let lower = text.to_lowercase();
    let length = lower.split("content-length:").nth(1).and_then(|rest| rest.lines().next());
    let end = head + length.map_or(Some(0), |length| length.trim().parse().ok())?;
    let body = bytes.get(head..end)?;
    let line = text.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
    Some((end, Some(StoreRequest::Http(line, String::from_utf8_lossy(body).into_owned()))))
}

fn packet(bytes: &[u8]) -> Option<(usize, Option<StoreRequest>)> {
    let head = bytes.get(..4)?;
    let length = usize::from(head[0]) | usize::from(head[1]) << 8 | usize::from(head[2]) << 16;
    let body = bytes.get(4..4 + length)?;
    // A command has the sequence number 0. Other packets of a client belong to the handshake.
    let request = match (head[3], body.first()) {
        (0, Some(0x03 | 0x16)) => Some(StoreRequest::Sql(String::from_utf8_lossy(&body[1..]).into_owned())),
        (0, Some(0x17)) => Some(StoreRequest::Sql("EXECUTE".to_owned())),
        _ => None,
    };
    Some((4 + length, request))
}

fn command(bytes: &[u8]) -> Option<(usize, Option<StoreRequest>)> {
    let line = |from: usize| -> Option<(usize, usize)> {
        let end = from + bytes.get(from..)?.windows(2).position(|two| two == b"\r\n")?;
        let number = std::str::from_utf8(bytes.get(from + 1..end)?).ok()?.parse().ok()?;
        Some((number, end + 2))
    };
    let (count, mut at) = line(0)?;
    let mut words = Vec::new();
    for _ in 0..count {
        let (length, from) = line(at)?;
        words.push(bytes.get(from..from + length)?.to_vec());
        at = from + length + 2;
        bytes.get(..at)?;
    }
    Some((at, Some(StoreRequest::Redis(words))))
}
