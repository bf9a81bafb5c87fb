//! Funnels beside the plan's, as the file has them: `[[funnels]]` with a key, a Korean and an English name, and steps.

use axon_metrics::definitions::{FunnelDefinition, Step, StepFault, StepRules};
use serde::{Deserialize, Serialize};

use super::values::StepText;

/// A funnel that requests may choose with `funnel=`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FunnelSettings {
    key: String,
    ko: String,
    en: String,
    steps: Vec<FunnelStep>,
}

/// A step of a funnel; `rule` is in the words of `steps.*`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FunnelStep {
    key: String,
    ko: String,
    en: String,
    rule: StepText,
}

/// The funnels that the settings mean.
/// # Errors
/// Every fault of every funnel at once, each with its place.
pub(super) fn definitions(funnels: &[FunnelSettings]) -> anyhow::Result<Vec<FunnelDefinition>> {
    let mut faults = Vec::new();
    let mut definitions: Vec<FunnelDefinition> = Vec::new();
    for (index, funnel) in funnels.iter().enumerate() {
        let place = format!("funnels[{index}]");
        match funnel.definition() {
            Ok(definition) if definitions.iter().any(|earlier| earlier.key() == definition.key()) => {
                faults.push(format!("{place}: the key {:?} is there twice", definition.key()));
            }
            Ok(definition) => definitions.push(definition),
            Err(wrong) => faults.extend(wrong.into_iter().map(|fault| format!("{place}.{fault}"))),
        }
    }
    anyhow::ensure!(faults.is_empty(), "{}", faults.join("; "));
    Ok(definitions)
}

impl FunnelSettings {
    fn definition(&self) -> Result<FunnelDefinition, Vec<String>> {
        let mut faults = Vec::new();
        let mut steps = Vec::new();
        for (index, step) in self.steps.iter().enumerate() {
            match step.rule.record() {
                Ok(record) => steps.push(Step::new(&*step.key, &*step.ko, &*step.en, record)),
                Err(error) => faults.push(format!("steps[{index}].rule: {error:#}")),
            }
        }
        // With a rule that cannot be read there are fewer steps than were given: what is left is not judged.
        let of_steps = |wrong: Vec<StepFault>| wrong.into_iter().map(|fault| format!("steps: {fault}"));
        let rules = if faults.is_empty() {
            StepRules::new(steps).map_err(|wrong| faults.extend(of_steps(wrong))).unwrap_or_default()
        } else {
            StepRules::default()
        };
        match FunnelDefinition::new(&*self.key, &*self.ko, &*self.en, rules) {
            Ok(definition) if faults.is_empty() => return Ok(definition),
            Ok(_) => {}
            Err(wrong) if self.key == FunnelDefinition::FCFS => {
                faults.push(format!("key: {:?} is the plan's funnel, which `steps` defines", FunnelDefinition::FCFS));
                faults.extend(
                    wrong.iter().filter(|fault| !matches!(fault, StepFault::Repeated(_))).map(ToString::to_string),
                );
            }
            Err(wrong) => faults.extend(wrong.iter().map(ToString::to_string)),
        }
        Err(faults)
    }
}
