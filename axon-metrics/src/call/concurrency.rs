//! How many questions each store is asked at once.

use crate::source::{PerQuestion, QuestionKind};

/// The sizes of the bulkheads: how many questions of each kind are asked at once, so that a store that hangs holds no more
/// than its share. What is asked above that waits within its time, or is not asked.
///
/// Of a store with a pool of connections: no more than the pool has. The ledger takes two for a question about sales.
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
    /// Another number for a kind of question. Defaults to 2 for the catalog, 8 for behavior, 5 for the ledger, 32 for
    /// realtime, 2 for the weeks before a promotion.
    #[must_use]
    pub fn with(mut self, kind: QuestionKind, permits: usize) -> Self {
        self.questions[kind] = permits;
        self
    }

    /// How many questions of this kind are asked at once.
    pub fn of(&self, kind: QuestionKind) -> usize {
        self.questions[kind]
    }
}
