//! A closed-loop HTTP client: persistent connections, each of which sends its next request when it has the response to the last.

use std::{
    io,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

/// The number of concurrent connections.
pub const CONNECTIONS: usize = 64;

/// All connections of one endpoint, which send the same request repeatedly.
#[derive(Debug)]
pub struct Lane {
    connections: Vec<Connection>,
    request: String,
    expected: u16,
}

/// A persistent connection.
#[derive(Debug)]
pub struct Connection {
    socket: TcpStream,
    buffer: Vec<u8>,
}

impl Lane {
    /// Connects, and sends one request. `headers` are further lines of each request, each with its line break. If the requests
    /// are to be `conditional`, they carry the tag of the first response.
    /// # Errors
    /// The server cannot be reached, or its response has no tag.
    pub async fn open(address: &str, path: &str, headers: &str, conditional: bool, expected: u16) -> io::Result<Self> {
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            connections.push(Connection::open(address).await?);
        }
        let head = connections[0].ask(&request(path, headers), 200).await?;
        let tag = if conditional {
            header(&head, "etag").ok_or_else(|| other("the response has no etag"))?
        } else {
            String::new()
        };
        let condition = if conditional { format!("If-None-Match: {tag}\r\n") } else { String::new() };
        Ok(Self { connections, request: request(path, &format!("{headers}{condition}")), expected })
    }

    /// Sends requests for this time, and returns the number of responses.
    /// # Errors
    /// A response has another status than the expected one, or is incomplete.
    pub async fn run(&mut self, time: Duration) -> io::Result<u64> {
        let until = Instant::now() + time;
        let mut running = JoinSet::new();
        for mut connection in self.connections.drain(..) {
            let (request, expected) = (self.request.clone(), self.expected);
            running.spawn(async move {
                let mut responses = 0;
                while Instant::now() < until {
                    connection.ask(&request, expected).await?;
                    responses += 1;
                }
                io::Result::Ok((connection, responses))
            });
        }
        let mut sum = 0;
        while let Some(result) = running.join_next().await {
            let (connection, responses) = result.map_err(io::Error::other)??;
            self.connections.push(connection);
            sum += responses;
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

    /// Requests each path in turn.
    /// # Errors
    /// A response is not a complete 200.
    pub async fn ask_all(&mut self, paths: &[String]) -> io::Result<()> {
        for path in paths {
            self.ask(&request(path, ""), 200).await?;
        }
        Ok(())
    }

    /// Sends one request, reads the whole response, and returns its head.
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
        let whole = end + length.ok_or_else(|| other("the response has no content-length"))?;
        while self.buffer.len() < whole {
            if self.socket.read_buf(&mut self.buffer).await? == 0 {
                return Err(other("the connection ended within a response"));
            }
        }
        if self.buffer.len() == whole { Ok(head) } else { Err(other("there are bytes after the response")) }
    }
}

fn request(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n")
}

fn header(head: &str, name: &str) -> Option<String> {
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    lines.filter(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).next()
}

fn other(text: &str) -> io::Error {
    io::Error::other(text.to_owned())
}
