//! Why a source could not answer.

use std::{io, sync::Arc};

/// The cause of a source's failure. It is logged, and never shown to a caller.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a source could not answer. One variant per reaction of the caller.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The store is down or too slow. It is not asked again for the same answer.
    #[error("{source_name} did not answer")]
    Unavailable {
        /// The store's name.
        source_name: Arc<str>,
        /// What happened.
        source: BoxError,
    },
    /// The connection could not be made, or broke before the answer. The question itself is not at fault, so the caller
    /// retries it once.
    #[error("the connection to {source_name} was lost")]
    Lost {
        /// The store's name.
        source_name: Arc<str>,
        /// What happened.
        source: BoxError,
    },
    /// The store replied that it is too busy. A retry would make it worse.
    #[error("{source_name} is overloaded")]
    Overloaded {
        /// The store's name.
        source_name: Arc<str>,
    },
    /// The store replied, but not with what the trait promises. A retry does not help.
    #[error("{source_name} sent something else than {expected}")]
    Malformed {
        /// The store's name.
        source_name: Arc<str>,
        /// What was asked for.
        expected: &'static str,
        /// What was wrong with it.
        source: BoxError,
    },
    /// The store refused the credentials, or rights are missing. An operator must act.
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

/// Whether an I/O error means that a connection could not be made, or broke: the question is then
/// [`Lost`](SourceError::Lost). A time-out does not count: the store may still be working on the question.
pub fn connection_lost(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, NotConnected, UnexpectedEof,
    };
    matches!(kind, BrokenPipe | ConnectionAborted | ConnectionRefused | ConnectionReset | NotConnected | UnexpectedEof)
}

/// An error with its causes, on one line: `mysql did not answer: the connection failed: timed out`.
#[derive(Debug, Clone, Copy)]
pub struct ErrorChain<'a>(pub &'a (dyn std::error::Error + 'static));

impl std::fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
