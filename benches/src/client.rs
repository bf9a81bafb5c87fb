//! Asking a server: connections that are kept open, on each of which the next question follows the answer to the last.

use std::{
    io,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

/// How many connections ask at the same time.
pub const CONNECTIONS: usize = 64;

/// All connections of one endpoint, which ask it the same again and again.
#[derive(Debug)]
pub struct Lane {
    connections: Vec<Connection>,
    request: String,
    expected: u16,
}

/// A connection that is kept open.
#[derive(Debug)]
pub struct Connection {
    socket: TcpStream,
    buffer: Vec<u8>,
}

impl Lane {
    /// Connects, and asks once for the tag where the endpoint is asked by somebody who knows the answer.
    /// # Errors
    /// The server cannot be reached, or does not answer with a tag.
    pub async fn open(address: &str, path: &str, knows: bool, expected: u16) -> io::Result<Self> {
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            connections.push(Connection::open(address).await?);
        }
        let head = connections[0].ask(&request(path, ""), 200).await?;
        let tag = if knows { header(&head, "etag").ok_or_else(|| other("no tag"))? } else { String::new() };
        let condition = if knows { format!("If-None-Match: {tag}\r\n") } else { String::new() };
        Ok(Self { connections, request: request(path, &condition), expected })
    }

    /// Asks for that long; how many answers came.
    /// # Errors
    /// An answer is not the one that is expected.
    pub async fn run(&mut self, time: Duration) -> io::Result<u64> {
        let until = Instant::now() + time;
        let mut running = JoinSet::new();
        for mut connection in self.connections.drain(..) {
            let (request, expected) = (self.request.clone(), self.expected);
            running.spawn(async move {
                let mut answered = 0;
                while Instant::now() < until {
                    connection.ask(&request, expected).await?;
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
    /// Connects.
    /// # Errors
    /// The server cannot be reached.
    pub async fn open(address: &str) -> io::Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        Ok(Self { socket, buffer: Vec::with_capacity(16 << 10) })
    }

    /// Asks for each path in turn.
    /// # Errors
    /// An answer is not a whole 200.
    pub async fn ask_all(&mut self, paths: &[String]) -> io::Result<()> {
        for path in paths {
            self.ask(&request(path, ""), 200).await?;
        }
        Ok(())
    }

    /// Asks once and reads the whole answer; its head.
    async fn ask(&mut self, request: &str, expected: u16) -> io::Result<String> {
        self.socket.write_all(request.as_bytes()).await?;
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
        if !head.starts_with(&format!("HTTP/1.1 {expected} ")) {
            return Err(other(&head));
        }
        let length =
            if expected == 304 { Some(0) } else { header(&head, "content-length").and_then(|text| text.parse().ok()) };
        let whole = end + length.ok_or_else(|| other("an answer without a length"))?;
        while self.buffer.len() < whole {
            if self.socket.read_buf(&mut self.buffer).await? == 0 {
                return Err(other("the answer ended early"));
            }
        }
        if self.buffer.len() == whole { Ok(head) } else { Err(other("more than an answer")) }
    }
}

fn request(path: &str, condition: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{condition}\r\n")
}

fn header(head: &str, name: &str) -> Option<String> {
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    lines.filter(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).next()
}

fn other(text: &str) -> io::Error {
    io::Error::other(text.to_owned())
}
