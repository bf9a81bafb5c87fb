//! How long questions may take.

use std::time::Duration;

use crate::source::{PerQuestion, QuestionKind};

/// The longest budget: what can always be added to an instant.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// How long each kind of question may take, and a whole answer. More than a day each is taken for a day.
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
    /// Another budget for a kind of question. Defaults to 300 ms for the catalog (when its copy is too old), 800 ms for
    /// behavior and ledger, 150 ms for realtime. The weeks before a promotion have 10 s; an answer waits for them no longer
    /// than for the rest of the ledger.
    #[must_use]
    pub fn with(mut self, kind: QuestionKind, budget: Duration) -> Self {
        self.questions[kind] = budget.min(LONGEST);
        self
    }

    /// One budget for every kind of question, for the whole answer and for the shared cache.
    #[must_use]
    pub fn all(budget: Duration) -> Self {
        let budget = budget.min(LONGEST);
        Self { answer: budget, cache: budget, questions: PerQuestion::from_fn(|_| budget) }
    }

    /// Another budget for the whole answer. Defaults to 1 s.
    #[must_use]
    pub fn with_answer(self, answer: Duration) -> Self {
        Self { answer: answer.min(LONGEST), ..self }
    }

    /// Another budget for each question to the shared cache. Defaults to 50 ms.
    #[must_use]
    pub fn with_cache(self, cache: Duration) -> Self {
        Self { cache: cache.min(LONGEST), ..self }
    }

    /// How long a question of this kind may take.
    pub fn of(&self, kind: QuestionKind) -> Duration {
        self.questions[kind]
    }

    /// How long a whole answer may take.
    pub fn answer(&self) -> Duration {
        self.answer
    }

    /// How long each question to the shared cache may take.
    pub fn cache(&self) -> Duration {
        self.cache
    }
}
