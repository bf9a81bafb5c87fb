//! The faults of a request, and their conversion to `SourceError`.
//! No fault holds an address, a user or a text of the server: every message is written here.

use std::{io, time::Duration};

use axon_metrics::{
    SourceError,
    source::{TlsFault, connection_lost},
};

/// The store's name in answers, logs and metrics.
pub(crate) const NAME: &str = "elasticsearch";

/// Why one request, or one search of it, failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("no answer within {} ms", .0.as_millis())]
    TooSlow(Duration),
    #[error("the connection failed: {0}")]
    Connection(io::ErrorKind),
    #[error("{0}")]
    Tls(TlsFault),
    #[error("the connection closed before the reply was complete")]
    Ended,
    #[error("the request failed without a known cause")]
    Broken,
    /// The server, or a gateway in front of it, cannot answer now.
    #[error("the server answered with status {status} ({kind})")]
    Failing { status: u16, kind: Kind },
    /// The indices changed after the probe. They are probed again, and the next question uses the new mapping.
    #[error("{0}")]
    Changed(&'static str),
    /// An index is closed, or has a block against reading.
    #[error("{0}")]
    Blocked(Block),
    /// No configured name can be read. A sentence that names one, and says what to do.
    #[error("{0}")]
    Index(String),
    #[error("the server is overloaded")]
    Busy,
    #[error("a privilege is missing: {0}")]
    Denied(String),
    /// The server does not understand the request, or it is not the right server.
    #[error("the server rejected the request with status {status} ({kind})")]
    Rejected { status: u16, kind: Kind },
    #[error("the reply of {0} bytes exceeds the limit of EsOptions::with_longest_reply")]
    TooLong(u64),
    #[error("the reply is not JSON of the expected form, at {at}")]
    Form { at: String },
    #[error("{0}")]
    Wrong(&'static str),
}

/// The type of an error in Elasticsearch's own terms (`index_not_found_exception`). Empty if the reply names none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Kind(Option<String>);

impl Kind {
    /// Accepts at most 64 lower-case letters and underscores. Anything else is dropped, since it may be data.
    pub(crate) fn new(name: &str) -> Self {
        let is_name = name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        Self(is_name.then(|| name.to_owned()).filter(|name| !name.is_empty()))
    }

    pub(crate) fn is(&self, name: &str) -> bool {
        self.0.as_deref() == Some(name)
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.as_deref().unwrap_or("no error type"))
    }
}

/// Why an index that exists cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Block {
    Closed,
    /// A block against reading (`index.blocks.read`), or another one.
    Reading,
}

impl std::fmt::Display for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Closed => "an index is closed",
            Self::Reading => "an index is blocked for reading",
        })
    }
}

/// A fault, and the query that it ended.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{query} failed")]
pub(crate) struct QueryError {
    pub(crate) query: &'static str,
    #[source]
    pub(crate) fault: Fault,
}

impl From<QueryError> for SourceError {
    fn from(error: QueryError) -> Self {
        let source_name = NAME.into();
        match &error.fault {
            Fault::Connection(kind) if connection_lost(*kind) => Self::Lost { source_name, source: error.into() },
            Fault::Ended => Self::Lost { source_name, source: error.into() },
            // Faults that may pass by themselves, or by what an operator does to the server.
            Fault::TooSlow(_)
            | Fault::Connection(_)
            | Fault::Tls(_)
            | Fault::Broken
            | Fault::Failing { .. }
            | Fault::Changed(_)
            | Fault::Blocked(_)
            | Fault::Index(_) => Self::Unavailable { source_name, source: error.into() },
            Fault::Busy => Self::Overloaded { source_name },
            Fault::Denied(missing) => Self::Denied { source_name, missing: missing.clone() },
            Fault::Rejected { .. } | Fault::TooLong(_) | Fault::Form { .. } | Fault::Wrong(_) => {
                Self::Malformed { source_name, expected: "event counts", source: error.into() }
            }
        }
    }
}
