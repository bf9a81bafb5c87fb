//! Budgets: how long questions, whole answers and calls to the shared cache may take.

use std::time::Duration;

use crate::source::{PerQuestion, QuestionKind};

/// The longest budget. Added to any instant it gives an instant.
const MAX_BUDGET: Duration = Duration::from_secs(24 * 3600);

/// How long each kind of question may take, its retry and its wait for a permit included; how long a whole answer may
/// take; and how long a call to the shared cache may take. More than a day is taken as a day. With a budget of zero no
/// call is made.
/// ```
/// use std::time::Duration;
/// use axon_metrics::{Budgets, source::QuestionKind};
/// let budgets = Budgets::default().with(QuestionKind::Behavior, Duration::from_millis(500));
/// assert_eq!(budgets.of(QuestionKind::Behavior), Duration::from_millis(500));
/// assert_eq!(budgets.answer(), Duration::from_secs(1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budgets {
    answer: Duration,
    cache: Duration,
    questions: PerQuestion<Duration>,
}

impl Default for Budgets {
    fn default() -> Self {
        let (answer, cache) = (Duration::from_secs(1), Duration::from_millis(50));
        Self { answer, cache, questions: PerQuestion::from_fn(|kind| kind.defaults().0) }
    }
}

impl Budgets {
    /// Sets the budget of a kind of question. Defaults to 300 ms for the catalog, 800 ms for behavior and for the
    /// ledger, 150 ms for realtime, and 10 s for the weeks before a promotion. An answer waits for those no longer than
    /// the ledger's budget, and no longer than 150 ms after all other replies.
    #[must_use]
    pub fn with(mut self, kind: QuestionKind, budget: Duration) -> Self {
        self.questions[kind] = budget.min(MAX_BUDGET);
        self
    }

    /// The same budget for every kind of question, for a whole answer and for a call to the shared cache.
    #[must_use]
    pub fn all(budget: Duration) -> Self {
        let budget = budget.min(MAX_BUDGET);
        Self { answer: budget, cache: budget, questions: PerQuestion::from_fn(|_| budget) }
    }

    /// Sets the budget of a whole answer. Defaults to 1 s.
    #[must_use]
    pub fn with_answer(self, answer: Duration) -> Self {
        Self { answer: answer.min(MAX_BUDGET), ..self }
    }

    /// Sets the budget of each call to the shared cache. Defaults to 50 ms. With zero the cache is not used.
    #[must_use]
    pub fn with_cache(self, cache: Duration) -> Self {
        Self { cache: cache.min(MAX_BUDGET), ..self }
    }

    /// The budget of a kind of question.
    pub fn of(&self, kind: QuestionKind) -> Duration {
        self.questions[kind]
    }

    /// The budget of a whole answer.
    pub fn answer(&self) -> Duration {
        self.answer
    }

    /// The budget of each call to the shared cache.
    pub fn cache(&self) -> Duration {
        self.cache
    }
}
