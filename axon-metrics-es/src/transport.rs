//! The only module that uses the official client: one request, one reply, one deadline.
//! Lives here: sending requests, and the faults of the connection. Lives elsewhere: the text of requests (`query`,
//! `probe`) and the meaning of replies (`reply`).

use std::{error::Error as _, fmt, io, time::Duration};

use axon_metrics::source::TlsFault;
use elasticsearch::{
    Elasticsearch, Error,
    http::{
        Method,
        headers::{ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue},
    },
};

use crate::error::Fault;

/// The client, and the longest reply that is accepted.
#[derive(Clone)]
pub(crate) struct Transport {
    client: Elasticsearch,
    /// In bytes.
    max_reply: u64,
}

impl fmt::Debug for Transport {
    /// Leaves out the client, whose debug form names addresses and credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("max_reply", &self.max_reply).finish_non_exhaustive()
    }
}

/// An HTTP reply.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Transport {
    pub(crate) fn new(client: Elasticsearch, max_reply: u64) -> Self {
        Self { client, max_reply }
    }

    /// Sends several searches in one request. `lines` has two lines per search, a header and a body.
    pub(crate) async fn msearch(&self, lines: String, filter: &str, within: Duration) -> Result<Reply, Fault> {
        self.send(Method::Post, "/_msearch", &[("filter_path", filter)], Some(lines), within).await
    }

    /// The mapped types of the fields. Missing indices are left out of the reply. `indices` must be a list of names and
    /// patterns.
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
        // A media type that every version accepts: servers reject one that names a version they do not know.
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // Replies are small, so compression costs the server more than it saves. Without it `content-length` is the
        // real size.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let fault = |error: Error| fault(&error, within);
        let response = self.client.transport().send(method, path, headers, Some(query), body, Some(within)).await;
        let response = response.map_err(fault)?;
        let status = response.status_code().as_u16();
        // Workaround: the client returns a body only as a whole (elastic/elasticsearch-rs issue 246), so a long reply
        // without a `content-length` is read before it is rejected. Shown by `tests/memory.rs`. Can go once the client
        // streams bodies.
        self.check_length(response.content_length())?;
        let body = response.bytes().await.map_err(fault)?;
        self.check_length(u64::try_from(body.len()).ok())?;
        Ok(Reply { status, body: body.into() })
    }

    fn check_length(&self, length: Option<u64>) -> Result<(), Fault> {
        match length {
            Some(length) if length > self.max_reply => Err(Fault::TooLong(length)),
            _ => Ok(()),
        }
    }
}

/// The fault, without the client's own message, which names the address.
fn fault(error: &Error, within: Duration) -> Fault {
    if error.is_timeout() {
        return Fault::TooSlow(within);
    }
    if let Some(fault) = TlsFault::of(error) {
        return Fault::Tls(fault);
    }
    let mut cause = error.source();
    while let Some(next) = cause {
        if let Some(error) = next.downcast_ref::<io::Error>() {
            return Fault::Connection(error.kind());
        }
        // The HTTP client resends by itself what it could not send on an idle connection. What arrives here was sent
        // once.
        let has_ended = |error: &hyper::Error| error.is_incomplete_message() || error.is_closed() || error.is_canceled();
        if next.downcast_ref::<hyper::Error>().is_some_and(has_ended) {
            return Fault::Ended;
        }
        cause = next.source();
    }
    Fault::Broken
}
