//! Further funnels beside the plan's: `[[funnels]]` in the file, each with a key, a Korean and an English name, and steps.

use axon_metrics::definitions::{EventRule, FunnelDefinition, Record, Step, StepFault, StepRules};
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

/// A step of a funnel; `rule` has the syntax of `steps.*`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FunnelStep {
    key: String,
    ko: String,
    en: String,
    rule: StepText,
}

/// The funnels of the settings.
/// # Errors
/// All faults of all funnels, each with its position.
pub(super) fn definitions(funnels: &[FunnelSettings]) -> anyhow::Result<Vec<FunnelDefinition>> {
    let mut faults = Vec::new();
    let mut definitions = Vec::new();
    for (index, funnel) in funnels.iter().enumerate() {
        let position = format!("funnels[{index}]");
        if funnels[..index].iter().any(|earlier| earlier.key == funnel.key) {
            faults.push(format!("{position}: the key {:?} is there twice", funnel.key));
        }
        match funnel.definition() {
            Ok(definition) => definitions.push(definition),
            Err(wrong) => faults.extend(wrong.into_iter().map(|fault| format!("{position}: {fault}"))),
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
            let record = step.rule.record().unwrap_or_else(|error| {
                faults.push(format!("steps[{index}].rule: {error:#}"));
                // Any rule stands in for the one that cannot be read, so that keys, names and the number of steps are checked.
                Record::Event(EventRule::trigger("unreadable"))
            });
            steps.push(Step::new(&*step.key, &*step.ko, &*step.en, record));
        }
        let rules = StepRules::new(steps).unwrap_or_else(|wrong| {
            faults.extend(wrong.iter().map(|fault| format!("steps: {fault}")));
            StepRules::default()
        });
        let definition = FunnelDefinition::new(&*self.key, &*self.ko, &*self.en, rules);
        let definition = definition.map_err(|wrong| {
            faults.extend(wrong.iter().map(|fault| match fault {
                StepFault::Repeated(key) => {
                    format!("the key {key:?} is that of the plan's funnel, which `steps` defines")
                }
                fault => fault.to_string(),
            }));
        });
        definition.ok().filter(|_| faults.is_empty()).ok_or(faults)
    }
}
