//! Log lines about facts that are missing from an answer. The core logs only questions that fail as a whole.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use axon_metrics::source::{ErrorChain, SourceError};
use tokio::time::Instant;
use tracing::warn;

use crate::{NAME, error::Query};

/// The least time between two log lines about one subject.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// What a log line is about: a query, and for a missing right the table.
type Subject = (Query, Option<&'static str>);

/// Limits the log lines: the first one about a subject is logged at once, further ones at most every ten seconds.
#[derive(Debug, Default)]
pub(super) struct FailureLog(Mutex<BTreeMap<Subject, LastLine>>);

#[derive(Debug)]
struct LastLine {
    at: Instant,
    /// Failures since then.
    left_out: u64,
}

impl FailureLog {
    /// A statement failed, and another one succeeded.
    pub(super) fn statement_failed(&self, query: Query, error: &SourceError) {
        if let Some(left_out) = self.failure((query, None)) {
            let causes = ErrorChain(error);
            warn!(
                source = NAME,
                left_out, "mysql ledger: a statement failed, its facts are missing from the answer: {causes}"
            );
        }
    }

    /// A right to this table was missing at the last schema probe.
    pub(super) fn right_missing(&self, table: Option<&'static str>, error: &SourceError) {
        if let Some(left_out) = self.failure((Query::Schema, table)) {
            warn!(
                source = NAME,
                left_out,
                "mysql ledger: {error}; facts that need this right are missing from answers; grant it as in docs/operate/rights.md"
            );
        }
    }

    /// Records a failure. `Some` if it should be logged, with the number of failures left out since the last line.
    fn failure(&self, subject: Subject) -> Option<u64> {
        let now = Instant::now();
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match lines.get_mut(&subject) {
            Some(last) if now.duration_since(last.at) < LOG_EVERY => {
                last.left_out += 1;
                None
            }
            last => {
                let left_out = last.map_or(0, |last| last.left_out);
                lines.insert(subject, LastLine { at: now, left_out: 0 });
                Some(left_out)
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::{io::Read as _, sync::Arc};

    use super::*;

    /// The result of a function, and the few lines that it logs.
    pub(in crate::ledger) fn logged<T>(run: impl FnOnce() -> T) -> (T, String) {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(Arc::new(writer)).finish();
        let result = tracing::subscriber::with_default(subscriber, run);
        let mut log = String::new();
        reader.read_to_string(&mut log).unwrap();
        (result, log)
    }

    #[tokio::test(start_paused = true)]
    async fn a_subject_is_logged_every_ten_seconds_with_the_failures_left_out() {
        let log = FailureLog::default();
        let mut lines = Vec::new();
        for _ in 0..25 {
            lines.extend(log.failure((Query::Schema, Some("purchases"))));
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(lines, [0, 9, 9]);
        assert_eq!(log.failure((Query::ByProduct, None)), Some(0));
    }
}
