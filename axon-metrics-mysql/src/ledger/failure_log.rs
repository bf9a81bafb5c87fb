//! Log lines about facts that are missing from an answer. The core logs only questions that fail as a whole.

use axon_metrics::{
    observe::LogLimiter,
    source::{ErrorChain, SourceError},
};
use tracing::warn;

use crate::{NAME, error::Query};

/// What a log line is about: a query, and for a missing right the table.
type Subject = (Query, Option<&'static str>);

/// The log lines about facts that are missing.
#[derive(Debug, Default)]
pub(super) struct FailureLog(LogLimiter<Subject>);

impl FailureLog {
    /// A statement failed, and another one succeeded.
    pub(super) fn statement_failed(&self, query: Query, error: &SourceError) {
        if let Some(left_out) = self.0.failure((query, None)) {
            let causes = ErrorChain(error);
            warn!(
                source = NAME,
                left_out, "mysql ledger: a statement failed, its facts are missing from the answer: {causes}"
            );
        }
    }

    /// A right to this table was missing at the last schema probe.
    pub(super) fn right_missing(&self, table: Option<&'static str>, error: &SourceError) {
        if let Some(left_out) = self.0.failure((Query::Schema, table)) {
            warn!(
                source = NAME,
                left_out,
                "mysql ledger: {error}; facts that need this right are missing from answers; grant it as in docs/operate/rights.md"
            );
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::{io::Read as _, sync::Arc};

    /// The result of a function, and the few lines that it logs.
    pub(in crate::ledger) fn logged<T>(run: impl FnOnce() -> T) -> (T, String) {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(Arc::new(writer)).finish();
        let result = tracing::subscriber::with_default(subscriber, run);
        let mut log = String::new();
        reader.read_to_string(&mut log).unwrap();
        (result, log)
    }
}
