//! The only place that knows the official client: one request, one reply, within a time.
//! Lives here: sending bytes and what can go wrong with them. Lives elsewhere: what is asked (`query`, `probe`) and what a
//! reply means (`reply`).

use std::{error::Error as _, fmt, io, time::Duration};

use elasticsearch::{
    Elasticsearch, Error,
    http::{
        Method,
        headers::{ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue},
    },
};

use crate::error::Fault;

/// A client to send with, and the longest reply to read.
#[derive(Clone)]
pub(crate) struct Transport {
    client: Elasticsearch,
    longest: u64,
}

impl fmt::Debug for Transport {
    /// Without the client, whose debug form names addresses and credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("longest", &self.longest).finish_non_exhaustive()
    }
}

/// What came back.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Transport {
    pub(crate) fn new(client: Elasticsearch, longest: u64) -> Self {
        Self { client, longest }
    }

    /// Several searches in one request: pairs of lines, a header and a body.
    pub(crate) async fn msearch(&self, lines: String, filter: &str, within: Duration) -> Result<Reply, Fault> {
        self.send(Method::Post, "/_msearch", &[("filter_path", filter)], Some(lines), within).await
    }

    /// What is mapped, and how, in indices that may be missing. The names must be plain ones.
    pub(crate) async fn field_caps(&self, indices: &str, fields: &str, within: Duration) -> Result<Reply, Fault> {
        let query = [
            ("fields", fields),
            ("include_unmapped", "true"),
            ("ignore_unavailable", "true"),
            ("filter_path", "indices,fields.*.*.type,fields.*.*.indices"),
        ];
        self.send(Method::Get, &format!("/{indices}/_field_caps"), &query, None, within).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<String>,
        within: Duration,
    ) -> Result<Reply, Fault> {
        if within.is_zero() {
            return Err(Fault::TooSlow(within));
        }
        let mut headers = HeaderMap::new();
        // The media type of every version, since servers refuse one that names a version they do not know.
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // Replies are small: packing them costs the server more than it saves, and unpacked ones cannot be larger than said.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let fault = |error: Error| fault(&error, within);
        let sent = self.client.transport().send(method, path, headers, Some(query), body, Some(within)).await;
        let response = sent.map_err(fault)?;
        let status = response.status_code().as_u16();
        // The client hands over a body only as a whole. One that says how long it is need not be read to be refused.
        self.fits(response.content_length())?;
        let body = response.bytes().await.map_err(fault)?;
        self.fits(u64::try_from(body.len()).ok())?;
        Ok(Reply { status, body: body.into() })
    }

    fn fits(&self, length: Option<u64>) -> Result<(), Fault> {
        match length {
            Some(length) if length > self.longest => Err(Fault::TooLong(length)),
            _ => Ok(()),
        }
    }
}

/// What went wrong, without the client's own words: they name the address.
fn fault(error: &Error, within: Duration) -> Fault {
    if error.is_timeout() {
        return Fault::TooSlow(within);
    }
    let mut cause = error.source();
    while let Some(next) = cause {
        if let Some(error) = next.downcast_ref::<io::Error>() {
            return Fault::Connection(error.kind());
        }
        // The HTTP client asks by itself on a new connection what it could not send on an old one: that was asked once.
        if next.downcast_ref::<hyper::Error>().is_some_and(|error| error.is_incomplete_message() || error.is_closed()) {
            return Fault::Ended;
        }
        cause = next.source();
    }
    Fault::Broken
}
