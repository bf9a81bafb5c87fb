//! The steps of a funnel as data: keys, names and rules, in order.

use std::sync::Arc;

use super::step_rule::{EventRule, Record};

/// A step of a funnel: its names and the kind of record it counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Step {
    /// Its stable key: 1 to 32 of `a-z`, `0-9` and `_`.
    pub key: Arc<str>,
    /// Its Korean name.
    pub ko: Arc<str>,
    /// Its English name.
    pub en: Arc<str>,
    /// What it counts.
    pub record: Record,
}

impl Step {
    /// A step with its key, its Korean and English name, and what it counts.
    pub fn new(key: impl Into<Arc<str>>, ko: impl Into<Arc<str>>, en: impl Into<Arc<str>>, record: Record) -> Self {
        Self { key: key.into(), ko: ko.into(), en: en.into(), record }
    }
}

/// The fewest and the most steps of a funnel.
pub const STEP_COUNTS: std::ops::RangeInclusive<usize> = 2..=32;

/// The steps of a funnel, 2 to 32. The default is the plan's funnel `fcfs`, 방문 → 참여 → 승인 → 구매, whose steps have the
/// keys `visit`, `engage`, `approve` and `purchase`.
/// ```
/// use axon_metrics::{LedgerStep, Record, StepRules};
/// // Approvals from MySQL, not from events.
/// let rules = StepRules::default().with("approve", Record::Ledger(LedgerStep::ApprovedEntry))?;
/// assert_eq!(rules.position("approve"), Some(2));
/// # Ok::<(), axon_metrics::definitions::StepFault>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StepRules {
    steps: Vec<Step>,
}

impl Default for StepRules {
    fn default() -> Self {
        let step = |key, ko, en, trigger| Step::new(key, ko, en, Record::Event(EventRule::trigger(trigger)));
        Self {
            steps: vec![
                step("visit", "방문", "Visit", "PAGE_VIEW"),
                step("engage", "참여", "Engage", "CLICK"),
                step("approve", "승인", "Approve", "APPROVED"),
                step("purchase", "구매", "Purchase", "PURCHASE"),
            ],
        }
    }
}

/// What is wrong with the steps of a funnel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StepFault {
    /// Fewer than 2, or more than 32.
    #[error("a funnel has 2 to 32 steps, not {0}")]
    Count(usize),
    /// A key is not 1 to 32 of `a-z`, `0-9` and `_`.
    #[error("the key {0:?} is not 1 to 32 of a-z, 0-9 and _")]
    Key(String),
    /// Two steps have the same key.
    #[error("the key {0:?} is there twice")]
    Repeated(String),
    /// A name is empty or longer than 100 characters.
    #[error("the {language} name of {key:?} is empty or longer than 100 characters")]
    Name {
        /// The key of the step or funnel with this name.
        key: String,
        /// `ko` or `en`.
        language: &'static str,
    },
    /// No step has this key.
    #[error("there is no step {0:?}")]
    Unknown(String),
    /// An event rule without a trigger counts nothing.
    #[error("the step {0:?} names no trigger")]
    NoTrigger(String),
}

impl StepRules {
    /// These steps, in their order.
    /// # Errors
    /// Every [`StepFault`] at once.
    pub fn new(steps: impl IntoIterator<Item = Step>) -> Result<Self, Vec<StepFault>> {
        let steps: Vec<Step> = steps.into_iter().collect();
        let mut faults = Vec::new();
        if !STEP_COUNTS.contains(&steps.len()) {
            faults.push(StepFault::Count(steps.len()));
        }
        for (index, step) in steps.iter().enumerate() {
            let key = step.key.to_string();
            faults.extend(key_and_names(&step.key, &step.ko, &step.en));
            if steps[..index].iter().any(|earlier| earlier.key == step.key) {
                faults.push(StepFault::Repeated(key.clone()));
            }
            if matches!(&step.record, Record::Event(rule) if rule.triggers.is_empty()) {
                faults.push(StepFault::NoTrigger(key));
            }
        }
        if faults.is_empty() { Ok(Self { steps }) } else { Err(faults) }
    }

    /// The same steps, one of them with another record.
    /// # Errors
    /// [`StepFault::Unknown`] if no step has this key.
    pub fn with(mut self, key: &str, record: Record) -> Result<Self, StepFault> {
        let step = self.steps.iter_mut().find(|step| &*step.key == key);
        step.ok_or_else(|| StepFault::Unknown(key.to_owned()))?.record = record;
        Ok(self)
    }

    /// The steps, in their order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The position of a step, from 0; `None` if no step has this key.
    pub fn position(&self, key: &str) -> Option<usize> {
        self.steps.iter().position(|step| &*step.key == key)
    }
}

/// The faults in the key and the names of a step or a funnel.
pub(super) fn key_and_names(key: &str, ko: &str, en: &str) -> impl Iterator<Item = StepFault> {
    let form = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let key_fault = (!(1..=32).contains(&key.len()) || !key.bytes().all(form)).then(|| StepFault::Key(key.to_owned()));
    let names = [("ko", ko), ("en", en)].map(|(language, name)| {
        let wrong = name.trim().is_empty() || name.chars().count() > 100;
        wrong.then(|| StepFault::Name { key: key.to_owned(), language })
    });
    key_fault.into_iter().chain(names.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LedgerStep;

    fn event(key: &str, trigger: &str) -> Step {
        Step::new(key, "이름", "Name", Record::Event(EventRule::trigger(trigger)))
    }

    #[test]
    fn the_plans_funnel_is_a_list_of_valid_steps() {
        let rules = StepRules::default();
        assert_eq!(StepRules::new(rules.steps().to_vec()), Ok(rules.clone()));
        assert_eq!(["visit", "engage", "approve", "purchase"].map(|key| rules.position(key)), [0, 1, 2, 3].map(Some));
    }

    #[test]
    fn all_faults_of_a_list_are_reported_at_once() {
        let no_trigger = Step::new("b", " ", "B", Record::Event(EventRule::default()));
        let faults = StepRules::new([event("A!", "X"), no_trigger, event("b", "Y")]).unwrap_err();
        let name = StepFault::Name { key: "b".into(), language: "ko" };
        let twice = StepFault::Repeated("b".into());
        assert_eq!(faults, [StepFault::Key("A!".into()), name, StepFault::NoTrigger("b".into()), twice]);
        assert_eq!(StepRules::new([event("a", "X")]), Err(vec![StepFault::Count(1)]));
        let many = (0..33).map(|index| event(&format!("s{index}"), "X"));
        assert_eq!(StepRules::new(many), Err(vec![StepFault::Count(33)]));
    }

    #[test]
    fn a_step_can_get_another_record_and_an_unknown_step_is_refused() {
        let record = Record::Ledger(LedgerStep::Purchase);
        let rules = StepRules::default().with("purchase", record.clone()).unwrap();
        assert_eq!(rules.steps()[3].record, record);
        assert_eq!(rules.with("buy", record), Err(StepFault::Unknown("buy".into())));
    }
}
