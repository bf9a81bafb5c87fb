//! Why a source could not answer.

use std::{io, sync::Arc};

/// The cause of a source's failure, kept for the log and never shown to a caller.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a source could not answer. One variant per thing a caller does differently.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// Down or too slow. Asking again later may work.
    #[error("{source_name} did not answer")]
    Unavailable {
        /// The store's name.
        source_name: Arc<str>,
        /// What happened.
        source: BoxError,
    },
    /// The connection could not be made, or broke before the answer: nothing is known to be wrong with the question. Asked
    /// once more.
    #[error("the connection to {source_name} was lost")]
    Lost {
        /// The store's name.
        source_name: Arc<str>,
        /// What happened.
        source: BoxError,
    },
    /// Answered that it is too busy. Asking again at once makes it worse.
    #[error("{source_name} is overloaded")]
    Overloaded {
        /// The store's name.
        source_name: Arc<str>,
    },
    /// Answered, but not with what the trait promises. Asking again will not help.
    #[error("{source_name} sent something else than {expected}")]
    Malformed {
        /// The store's name.
        source_name: Arc<str>,
        /// What was asked for.
        expected: &'static str,
        /// What was wrong with it.
        source: BoxError,
    },
    /// Refused: credentials or rights. An operator must act.
    #[error("{source_name} refused: {missing}")]
    Denied {
        /// The store's name.
        source_name: Arc<str>,
        /// The right that is missing. Shown to callers: no secret, no address.
        missing: String,
    },
}

impl SourceError {
    /// The name of the store that failed.
    pub fn source_name(&self) -> &Arc<str> {
        match self {
            Self::Unavailable { source_name, .. }
            | Self::Lost { source_name, .. }
            | Self::Overloaded { source_name }
            | Self::Malformed { source_name, .. }
            | Self::Denied { source_name, .. } => source_name,
        }
    }
}

/// Whether an I/O error says that a connection could not be made or broke, which makes a question that met it
/// [`Lost`](SourceError::Lost). A time-out does not: the store may be at work on the question still.
pub fn connection_lost(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, NotConnected, UnexpectedEof,
    };
    matches!(kind, BrokenPipe | ConnectionAborted | ConnectionRefused | ConnectionReset | NotConnected | UnexpectedEof)
}
