//! The sizes of the bulkheads.

use crate::source::{PerQuestion, QuestionKind};

/// The sizes of the bulkheads: how many questions of each kind are asked at once, so that a store that hangs holds a
/// bounded number of tasks and connections. Further questions wait for a permit within their budget, or are refused at
/// once if they could not be answered in time.
///
/// For a store with a connection pool, choose no more than the pool's size. A ledger question about sales takes two
/// connections.
/// ```
/// use axon_metrics::{Concurrency, source::QuestionKind};
/// let concurrency = Concurrency::default().with(QuestionKind::Ledger, 3);
/// assert_eq!((concurrency.of(QuestionKind::Ledger), concurrency.of(QuestionKind::Behavior)), (3, 8));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concurrency {
    questions: PerQuestion<usize>,
}

impl Default for Concurrency {
    fn default() -> Self {
        Self { questions: PerQuestion::from_fn(|kind| kind.defaults().1) }
    }
}

impl Concurrency {
    /// Sets the number of permits for a kind of question; 0 is taken as 1. Defaults to 2 for the catalog, 8 for
    /// behavior, 5 for the ledger, 32 for realtime, 2 for the weeks before a promotion.
    #[must_use]
    pub fn with(mut self, kind: QuestionKind, permits: usize) -> Self {
        self.questions[kind] = permits;
        self
    }

    /// The number of permits for a kind of question, as set.
    pub fn of(&self, kind: QuestionKind) -> usize {
        self.questions[kind]
    }
}
