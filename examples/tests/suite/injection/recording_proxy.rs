//! Proxies that record the requests to a store, and the shapes of requests: a request without its values.

use std::{
    collections::BTreeSet,
    mem,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// A request to a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StoreRequest {
    /// Method and path, and the body.
    Http(String, String),
    /// A statement. The execution of a prepared one is `EXECUTE`.
    Sql(String),
    /// A command with its arguments.
    Redis(Vec<Vec<u8>>),
}

/// The protocol of a store.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Protocol {
    Http,
    MySql,
    Redis,
}

/// A proxy that forwards all bytes and records requests.
#[derive(Debug)]
pub(crate) struct RecordingProxy {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<StoreRequest>>>,
}

impl RecordingProxy {
    pub(crate) async fn before(server: SocketAddr, protocol: Protocol) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(server).await else { continue };
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = server.into_split();
                tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
                let log = Arc::clone(&log);
                tokio::spawn(async move {
                    let mut pending = Vec::new();
                    let mut bytes = vec![0; 1 << 16];
                    while let Ok(read @ 1..) = from_client.read(&mut bytes).await {
                        pending.extend_from_slice(&bytes[..read]);
                        // Recorded before it is forwarded, so that the record exists when the answer arrives.
                        log.lock().unwrap().extend(drain_requests(&mut pending, protocol));
                        if to_server.write_all(&bytes[..read]).await.is_err() {
                            break;
                        }
                    }
                });
            }
        });
        Self { address, requests }
    }

    /// The requests since the last call.
    pub(crate) fn take(&self) -> Vec<StoreRequest> {
        mem::take(&mut self.requests.lock().unwrap())
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
    let end = head + length.map_or(0, |length| length.trim().parse().unwrap());
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
        let number = std::str::from_utf8(&bytes[from + 1..end]).unwrap().parse().unwrap();
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

/// The distinct shapes of requests.
pub(crate) fn shapes(requests: &[StoreRequest]) -> BTreeSet<String> {
    requests.iter().flat_map(shapes_of).collect()
}

fn shapes_of(request: &StoreRequest) -> Vec<String> {
    match request {
        StoreRequest::Http(line, body) => {
            let mut shapes = vec![line.clone()];
            shapes.extend(body.lines().map(|line| match serde_json::from_str(line) {
                Ok(value) => tree(&value),
                Err(_) => format!("no JSON: {line}"),
            }));
            shapes
        }
        StoreRequest::Sql(text) => vec![statement(text)],
        StoreRequest::Redis(words) => {
            let name = String::from_utf8_lossy(&words[0]).to_uppercase();
            // The number of keys of an MGET varies.
            vec![if name == "MGET" { name } else { format!("{name} of {}", words.len()) }]
        }
    }
}

/// The shape of a JSON tree: without its leaves, and with equal members of a list once.
fn tree(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(_) => "#".to_owned(),
        Value::String(_) => "$".to_owned(),
        Value::Array(values) => {
            let members: BTreeSet<_> = values.iter().map(tree).collect();
            format!("[{}]", Vec::from_iter(members).join(","))
        }
        Value::Object(members) => {
            let members: BTreeSet<_> = members.iter().map(|(name, value)| format!("{name}:{}", tree(value))).collect();
            format!("{{{}}}", Vec::from_iter(members).join(","))
        }
    }
}

/// The shape of a statement: without its numbers and quoted texts. A list of them counts as one.
fn statement(text: &str) -> String {
    let mut shape = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let value = match letter {
            '\'' => {
                while let Some(inner) = letters.next() {
                    match inner {
                        '\\' => drop(letters.next()),
                        '\'' if letters.peek() == Some(&'\'') => drop(letters.next()),
                        '\'' => break,
                        _ => {}
                    }
                }
                true
            }
            '0'..='9' if !shape.ends_with(|last: char| last.is_alphanumeric() || last == '_') => {
                while letters.next_if(|next| next.is_ascii_digit() || *next == '.').is_some() {}
                true
            }
            other => {
                shape.push(other);
                false
            }
        };
        if value && !shape.ends_with("#, ") && !shape.ends_with("#,") {
            shape.push('#');
        }
    }
    shape.replace("#, )", "#)").replace("#,)", "#)")
}

/// The texts in the bodies of searches.
pub(crate) fn texts(requests: &[StoreRequest]) -> BTreeSet<String> {
    fn collect(value: &Value, texts: &mut BTreeSet<String>) {
        match value {
            Value::String(text) => drop(texts.insert(text.clone())),
            Value::Array(values) => values.iter().for_each(|value| collect(value, texts)),
            Value::Object(members) => members.values().for_each(|value| collect(value, texts)),
            _ => {}
        }
    }
    let mut texts = BTreeSet::new();
    for one in requests {
        if let StoreRequest::Http(_, body) = one {
            let values = body.lines().filter_map(|line| serde_json::from_str(line).ok());
            values.for_each(|value: Value| collect(&value, &mut texts));
        }
    }
    texts
}
