//! Funnels in addition to the plan's: names and steps.

use std::sync::Arc;

use super::steps::{StepFault, StepRules, key_and_names};

/// A funnel that a request can choose for the widget `funnel`. All other figures are those of the plan's funnel.
/// ```
/// use axon_metrics::definitions::{EventRule, FunnelDefinition, Record, Step, StepRules};
/// let event = |trigger: &str| Record::Event(EventRule::trigger(trigger));
/// let steps = StepRules::new([
///     Step::new("view", "조회", "View", event("PAGE_VIEW")),
///     Step::new("scroll", "스크롤", "Scroll", event("SCROLL")),
/// ])?;
/// let funnel = FunnelDefinition::new("reading", "읽기", "Reading", steps)?;
/// assert_eq!(funnel.key(), "reading");
/// # Ok::<(), Vec<axon_metrics::definitions::StepFault>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FunnelDefinition {
    key: Arc<str>,
    ko: Arc<str>,
    en: Arc<str>,
    rules: StepRules,
}

impl FunnelDefinition {
    /// The key of the plan's funnel. No other funnel may have it.
    pub const FCFS: &'static str = "fcfs";

    /// A funnel with its key, its Korean and English name, and its steps.
    /// # Errors
    /// Every [`StepFault`] at once: the key is invalid or [`FCFS`](Self::FCFS), or a name is empty or too long.
    pub fn new(
        key: impl Into<Arc<str>>,
        ko: impl Into<Arc<str>>,
        en: impl Into<Arc<str>>,
        rules: StepRules,
    ) -> Result<Self, Vec<StepFault>> {
        let (key, ko, en) = (key.into(), ko.into(), en.into());
        let mut faults: Vec<StepFault> = key_and_names(&key, &ko, &en).collect();
        if &*key == Self::FCFS {
            faults.push(StepFault::Repeated(key.to_string()));
        }
        if faults.is_empty() { Ok(Self { key, ko, en, rules }) } else { Err(faults) }
    }

    /// The plan's funnel with these rules.
    pub(crate) fn fcfs(rules: StepRules) -> Self {
        Self {
            key: Self::FCFS.into(), ko: "선착순 퍼널".into(), en: "First-come-first-served funnel".into(), rules
        }
    }

    /// Its key, as in `funnel=`.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Its Korean name.
    pub fn ko(&self) -> &str {
        &self.ko
    }

    /// Its English name.
    pub fn en(&self) -> &str {
        &self.en
    }

    /// Its steps.
    pub fn rules(&self) -> &StepRules {
        &self.rules
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_funnel_has_names_and_not_the_key_of_the_plans_funnel() {
        let new = |key: &str, ko: &str| FunnelDefinition::new(key, ko, "Reading", StepRules::default());
        assert_eq!(new("reading", "읽기").unwrap().key(), "reading");
        let fcfs = FunnelDefinition::FCFS;
        assert_eq!(new(fcfs, "읽기").unwrap_err(), [StepFault::Repeated(fcfs.into())]);
        let name = StepFault::Name { key: fcfs.into(), language: "ko" };
        assert_eq!(new(fcfs, " ").unwrap_err(), [name, StepFault::Repeated(fcfs.into())]);
        assert_eq!(new("", "읽기").unwrap_err(), [StepFault::Key(String::new())]);
    }
}
