//! Asking: connections that are kept open, each of which asks again as soon as it is answered.

use std::{
    io,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

const CONNECTIONS: usize = 64;

/// All connections of one endpoint.
#[derive(Debug)]
pub(crate) struct Lane {
    connections: Vec<Connection>,
}

#[derive(Debug)]
struct Connection {
    socket: TcpStream,
    request: Vec<u8>,
    expected: u16,
    buffer: Vec<u8>,
}

impl Lane {
    /// Connects, and asks once for the tag where the endpoint is asked by somebody who knows the answer.
    pub(crate) async fn open(address: &str, path: &str, knows: bool, expected: u16) -> io::Result<Self> {
        let plain = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n");
        let mut asks = Connection::open(address, format!("{plain}\r\n"), 200).await?;
        let head = asks.ask().await?;
        let tag = if knows { header(&head, "etag").ok_or_else(|| other("no tag"))? } else { String::new() };
        let request = if knows { format!("{plain}If-None-Match: {tag}\r\n\r\n") } else { format!("{plain}\r\n") };
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            connections.push(Connection::open(address, request.clone(), expected).await?);
        }
        Ok(Self { connections })
    }

    /// Asks for that long; how many answers came.
    pub(crate) async fn run(&mut self, time: Duration) -> io::Result<u64> {
        let until = Instant::now() + time;
        let mut running = JoinSet::new();
        for mut connection in self.connections.drain(..) {
            running.spawn(async move {
                let mut answered = 0;
                while Instant::now() < until {
                    connection.ask().await?;
                    answered += 1;
                }
                io::Result::Ok((connection, answered))
            });
        }
        let mut sum = 0;
        while let Some(ended) = running.join_next().await {
            let (connection, answered) = ended.map_err(io::Error::other)??;
            self.connections.push(connection);
            sum += answered;
        }
        Ok(sum)
    }
}

impl Connection {
    async fn open(address: &str, request: String, expected: u16) -> io::Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        Ok(Self { socket, request: request.into_bytes(), expected, buffer: Vec::with_capacity(16 << 10) })
    }

    /// Asks once and reads the whole answer; its head.
    async fn ask(&mut self) -> io::Result<String> {
        self.socket.write_all(&self.request).await?;
        self.buffer.clear();
        let end = loop {
            if self.socket.read_buf(&mut self.buffer).await? == 0 {
                return Err(other("the server closed the connection"));
            }
            if let Some(end) = self.buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
        if !head.starts_with(&format!("HTTP/1.1 {} ", self.expected)) {
            return Err(other(&head));
        }
        let length = if self.expected == 304 {
            Some(0)
        } else {
            header(&head, "content-length").and_then(|text| text.parse().ok())
        };
        let whole = end + length.ok_or_else(|| other("an answer without a length"))?;
        while self.buffer.len() < whole {
            if self.socket.read_buf(&mut self.buffer).await? == 0 {
                return Err(other("the answer ended early"));
            }
        }
        if self.buffer.len() == whole { Ok(head) } else { Err(other("more than an answer")) }
    }
}

fn header(head: &str, name: &str) -> Option<String> {
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    lines.filter(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).next()
}

fn other(text: &str) -> io::Error {
    io::Error::other(text.to_owned())
}
