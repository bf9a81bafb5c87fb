//! An incremental parser of HTTP/1.1 replies. Pure, and buffers nothing of a body.

/// The head of a reply.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) etag: Option<String>,
    /// Seconds.
    pub(super) retry_after: Option<u64>,
    /// Whether the connection can be reused.
    pub(super) keep_alive: bool,
}

/// The error of bytes that are no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a reply of HTTP/1.1")]
pub(super) struct Malformed;

/// The longest line of a head, in bytes.
const MAX_LINE: usize = 16 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Status,
    Header,
    /// Bytes left of a body of known length.
    Body(u64),
    ChunkSize,
    /// Bytes left of a chunk.
    Chunk(u64),
    /// The line that ends a chunk.
    ChunkEnd,
    Trailer,
    /// A body that ends with the connection.
    UntilClosed,
    Done,
}

/// Parses one reply.
#[derive(Debug)]
pub(super) struct Reply {
    next: Next,
    line: Vec<u8>,
    length: Option<u64>,
    chunked: bool,
    head: Head,
}

impl Reply {
    pub(super) fn new() -> Self {
        Self { next: Next::Status, line: Vec::new(), length: None, chunked: false, head: Head::default() }
    }

    /// The head, once it is complete.
    pub(super) fn head(&self) -> Option<&Head> {
        (!matches!(self.next, Next::Status | Next::Header)).then_some(&self.head)
    }

    /// Whether no byte has arrived.
    pub(super) fn is_empty(&self) -> bool {
        self.next == Next::Status && self.line.is_empty()
    }

    pub(super) fn is_done(&self) -> bool {
        self.next == Next::Done
    }

    /// Whether the reply is complete if the connection ends now.
    pub(super) fn ends_with_connection(&self) -> bool {
        matches!(self.next, Next::UntilClosed | Next::Done)
    }

    /// Parses received bytes, and passes each piece of the body to `body`.
    /// # Errors
    /// [`Malformed`], also for bytes after the end.
    pub(super) fn push(&mut self, mut bytes: &[u8], mut body: impl FnMut(&[u8])) -> Result<(), Malformed> {
        while !bytes.is_empty() {
            match self.next {
                Next::Done => return Err(Malformed),
                Next::UntilClosed => {
                    body(bytes);
                    return Ok(());
                }
                Next::Body(left) | Next::Chunk(left) => {
                    let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    let (now, rest) = bytes.split_at(here);
                    body(now);
                    bytes = rest;
                    let left = left - here as u64;
                    self.next = match self.next {
                        Next::Chunk(_) if left > 0 => Next::Chunk(left),
                        Next::Chunk(_) => Next::ChunkEnd,
                        _ if left > 0 => Next::Body(left),
                        _ => Next::Done,
                    };
                }
                Next::Status | Next::Header | Next::ChunkSize | Next::ChunkEnd | Next::Trailer => {
                    let end = bytes.iter().position(|byte| *byte == b'\n');
                    let (now, rest) = bytes.split_at(end.map_or(bytes.len(), |end| end + 1));
                    self.line.extend_from_slice(now);
                    bytes = rest;
                    if self.line.len() > MAX_LINE {
                        return Err(Malformed);
                    }
                    if end.is_some() {
                        let line = std::mem::take(&mut self.line);
                        let line = std::str::from_utf8(&line).map_err(|_| Malformed)?;
                        self.next = self.line(line.trim_end_matches(['\r', '\n']))?;
                    }
                }
            }
        }
        Ok(())
    }

    fn line(&mut self, line: &str) -> Result<Next, Malformed> {
        match self.next {
            Next::Status => {
                let rest = line.strip_prefix("HTTP/1.").ok_or(Malformed)?;
                let status = rest.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or(Malformed)?;
                self.head = Head { status, keep_alive: rest.starts_with('1'), ..Head::default() };
                (self.length, self.chunked) = (None, false);
                Ok(Next::Header)
            }
            Next::Header if line.is_empty() => Ok(self.after_head()),
            Next::Header => {
                let (name, value) = line.split_once(':').ok_or(Malformed)?;
                let value = value.trim();
                match name.to_ascii_lowercase().as_str() {
                    "content-length" => self.length = Some(value.parse().map_err(|_| Malformed)?),
                    "transfer-encoding" => self.chunked = value.eq_ignore_ascii_case("chunked"),
                    "connection" if value.eq_ignore_ascii_case("close") => self.head.keep_alive = false,
                    "etag" => self.head.etag = Some(value.to_owned()),
                    "retry-after" => self.head.retry_after = value.parse().ok(),
                    _ => {}
                }
                Ok(Next::Header)
            }
            Next::ChunkSize => {
                let size = line.split(';').next().unwrap_or(line).trim();
                match u64::from_str_radix(size, 16).map_err(|_| Malformed)? {
                    0 => Ok(Next::Trailer),
                    size => Ok(Next::Chunk(size)),
                }
            }
            Next::ChunkEnd if line.is_empty() => Ok(Next::ChunkSize),
            Next::Trailer if line.is_empty() => Ok(Next::Done),
            Next::Trailer => Ok(Next::Trailer),
            _ => Err(Malformed),
        }
    }

    fn after_head(&mut self) -> Next {
        match (self.head.status, self.chunked, self.length) {
            // An interim reply: the final one follows.
            (100..200, ..) => Next::Status,
            (204 | 304, ..) | (_, false, Some(0)) => Next::Done,
            (_, true, _) => Next::ChunkSize,
            (_, _, Some(length)) => Next::Body(length),
            (_, _, None) => {
                self.head.keep_alive = false;
                Next::UntilClosed
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parses bytes that arrive in chunks; returns the reply and its body.
    fn read(bytes: &[u8], at_a_time: usize) -> Result<(Reply, String), Malformed> {
        let (mut reply, mut body) = (Reply::new(), Vec::new());
        for piece in bytes.chunks(at_a_time) {
            reply.push(piece, |piece| body.extend_from_slice(piece))?;
        }
        Ok((reply, String::from_utf8(body).unwrap()))
    }

    #[test]
    fn a_reply_is_the_same_however_it_arrives() {
        let whole = b"HTTP/1.1 200 OK\r\nETag: \"a\"\r\nContent-Length: 5\r\n\r\nvisit";
        let chunked = b"HTTP/1.1 200 OK\r\netag: \"a\"\r\ntransfer-encoding: chunked\r\n\r\n2;x=1\r\nvi\r\n3\r\nsit\r\n0\r\nt: 1\r\n\r\n";
        for bytes in [&whole[..], chunked] {
            for at_a_time in [1, 2, 7, 1000] {
                let (reply, body) = read(bytes, at_a_time).unwrap();
                assert_eq!((body.as_str(), reply.is_done()), ("visit", true));
                let head = reply.head().unwrap();
                assert_eq!((head.status, head.etag.as_deref(), head.keep_alive), (200, Some("\"a\""), true));
            }
        }
    }

    #[test]
    fn a_304_has_no_body_whatever_its_length_says() {
        let (reply, _) = read(b"HTTP/1.1 304 Not Modified\r\ncontent-length: 99\r\n\r\n", 5).unwrap();
        assert!(reply.is_done());
    }

    #[test]
    fn a_body_of_unknown_length_ends_with_its_connection() {
        let (reply, body) = read(b"HTTP/1.1 200 OK\r\n\r\nvisit", 3).unwrap();
        assert_eq!((body.as_str(), reply.is_done(), reply.ends_with_connection()), ("visit", false, true));
        assert!(!reply.head().unwrap().keep_alive);
    }

    #[test]
    fn an_interim_reply_is_followed_by_the_final_one() {
        let (reply, _) =
            read(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 No\r\nretry-after: 2\r\ncontent-length: 0\r\n\r\n", 9)
                .unwrap();
        assert_eq!(reply.head().map(|head| (head.status, head.retry_after)), Some((503, Some(2))));
    }

    #[test]
    fn bytes_that_are_no_reply_are_refused() {
        let more = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab";
        for bytes in [&b"SSH-2.0\r\n"[..], b"HTTP/1.1 x\r\n", b"HTTP/1.1 200 OK\r\nnothing\r\n", more, &[b'x'; 20_000]]
        {
            assert_eq!(read(bytes, 64).err(), Some(Malformed));
        }
    }

    #[test]
    fn a_cut_reply_is_not_done() {
        let (reply, _) = read(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nvis", 64).unwrap();
        assert!(!reply.is_done() && !reply.ends_with_connection());
    }
}
