//! What can go wrong between a question and its answer, and what a caller should do about it.
//! Nothing here holds an address, a user or a text of the store's own: a fault is one of our sentences.

use std::{io, time::Duration};

use axon_metrics::{SourceError, source::connection_lost};

/// The store's name in answers, logs and metrics.
pub(crate) const NAME: &str = "elasticsearch";

/// What went wrong with one request, or with one search of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("no answer within {} ms", .0.as_millis())]
    TooSlow(Duration),
    #[error("the connection failed: {0}")]
    Connection(io::ErrorKind),
    #[error("the connection ended before the reply did")]
    Ended,
    #[error("the connection failed")]
    Broken,
    /// The server, or a gateway before it, says that it cannot now.
    #[error("answered with status {status}, {kind}")]
    Failing { status: u16, kind: Kind },
    /// The indices are not those that were probed: they are probed again, and the next question is right.
    #[error("{0}")]
    Changed(&'static str),
    #[error("too busy")]
    Busy,
    #[error("a right is missing")]
    Denied(String),
    /// A request that it should not have got, or that it does not understand.
    #[error("rejected the request with status {status}, {kind}")]
    Rejected { status: u16, kind: Kind },
    #[error("the answer is {0} bytes long, more than are read")]
    TooLong(u64),
    #[error("the answer is no JSON of the expected form, at {at}")]
    Form { at: String },
    #[error("{0}")]
    Wrong(&'static str),
}

/// The name of an error as Elasticsearch has it (`index_not_found_exception`), or nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Kind(Option<String>);

impl Kind {
    /// Keeps names only: lower-case letters and underscores, of the length that names have.
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
        f.write_str(self.0.as_deref().unwrap_or("without a reason"))
    }
}

/// A fault, and during which query.
#[derive(Debug, thiserror::Error)]
#[error("{query}")]
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
            // Only what asking again can cure.
            Fault::TooSlow(_) | Fault::Connection(_) | Fault::Broken | Fault::Failing { .. } | Fault::Changed(_) => {
                Self::Unavailable { source_name, source: error.into() }
            }
            Fault::Busy => Self::Overloaded { source_name },
            Fault::Denied(missing) => Self::Denied { source_name, missing: missing.clone() },
            Fault::Rejected { .. } | Fault::TooLong(_) | Fault::Form { .. } | Fault::Wrong(_) => {
                Self::Malformed { source_name, expected: "the counts asked for", source: error.into() }
            }
        }
    }
}
