//! Sections that contain only numbers, some of them once for each kind of question to a store. A new kind of question gets its
//! keys without a change here: the kind's name with the section's suffix.

use std::{collections::BTreeMap, time::Duration};

use axon_metrics::{Budgets, QuestionKind};
use serde::{Deserialize, Serialize};

/// A section as in the file: keys and numbers.
pub(super) type Numbers = BTreeMap<String, u64>;

/// Removes a key from a section and returns its number.
/// # Errors
/// The section has no such key.
pub(super) fn take(numbers: &mut Numbers, key: &str) -> Result<u64, String> {
    numbers.remove(key).ok_or_else(|| format!("missing field `{key}`"))
}

/// # Errors
/// A key is left, which is therefore unknown.
pub(super) fn nothing_left(numbers: &Numbers) -> Result<(), String> {
    numbers.keys().next().map_or(Ok(()), |key| Err(format!("unknown field `{key}`")))
}

/// The section `budgets`, the deadlines of answers, of the shared cache and of questions: `answer_ms`, `cache_ms`, and `<kind>_ms`
/// for each kind of question.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(try_from = "Numbers", into = "Numbers")]
pub(crate) struct BudgetSettings(pub(crate) Budgets);

const MS: &str = "_ms";

impl TryFrom<Numbers> for BudgetSettings {
    type Error = String;

    fn try_from(mut numbers: Numbers) -> Result<Self, String> {
        let mut ms = |name: &str| take(&mut numbers, &format!("{name}{MS}")).map(Duration::from_millis);
        let mut budgets = Budgets::default().with_answer(ms("answer")?).with_cache(ms("cache")?);
        for kind in QuestionKind::ALL {
            budgets = budgets.with(kind, ms(kind.name())?);
        }
        nothing_left(&numbers)?;
        Ok(Self(budgets))
    }
}

impl From<BudgetSettings> for Numbers {
    fn from(BudgetSettings(budgets): BudgetSettings) -> Self {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let kinds = QuestionKind::ALL.map(|kind| (kind.name(), budgets.of(kind)));
        let all = [("answer", budgets.answer()), ("cache", budgets.cache())].into_iter().chain(kinds);
        all.map(|(name, time)| (format!("{name}{MS}"), ms(time))).collect()
    }
}
