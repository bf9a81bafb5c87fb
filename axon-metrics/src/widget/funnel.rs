//! Funnel: the count of each step, and its rate from the step before and from the first step.

use serde::{Deserialize, Serialize};

use super::{
    input::{Compute, Facts, WidgetInput},
    notes::{Notes, value},
};
use crate::{
    Missing,
    source::Fact,
    stats::rate::{Exact, percent},
    wire::{Warning, WarningCode},
};

/// The funnel's steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Funnel {
    /// The steps, in their order.
    pub steps: Vec<FunnelStep>,
}

/// One step. Null is missing, never 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct FunnelStep {
    /// The step's Korean name.
    pub name: String,
    /// Events, or distinct subjects, of the step.
    pub value: Option<u64>,
    /// Percent of the step before, one decimal; 100 for the first. Can exceed 100: each step is counted independently.
    pub rate: Option<Exact>,
    /// The step's stable key.
    pub key: String,
    /// The step's English name.
    pub name_en: String,
    /// Percent of the first step, one decimal.
    pub rate_from_first: Option<Exact>,
    /// The step in the previous window; only when it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub previous: Option<PreviousStep>,
}

/// A step in the previous window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct PreviousStep {
    /// Events, or distinct subjects, of the step.
    pub value: Option<u64>,
    /// Percent of the step before, one decimal.
    pub rate: Option<Exact>,
}

impl Funnel {
    /// The step of this key (`purchase`); `None` if the funnel has no such step.
    pub fn step(&self, key: &str) -> Option<&FunnelStep> {
        self.steps.iter().find(|step| step.key == key)
    }
}

impl Compute for Funnel {
    fn compute(input: &WidgetInput<'_>, facts: &Facts, notes: &mut Notes) -> Self {
        let (now, before) = (&facts.funnel.current, &facts.funnel.previous);
        let definition = input.funnel.rules().steps();
        let mut steps = Vec::with_capacity(definition.len());
        for (index, step) in definition.iter().enumerate() {
            let field = |name: &str| format!("steps[{index}].{name}");
            steps.push(FunnelStep {
                name: step.ko.to_string(),
                value: notes.figure(field("value"), &now[index]),
                rate: notes.derived(field("rate"), rate(now, index, index.saturating_sub(1))),
                key: step.key.to_string(),
                name_en: step.en.to_string(),
                rate_from_first: notes.derived(field("rateFromFirst"), rate(now, index, 0)),
                previous: input.query.previous.map(|_| PreviousStep {
                    value: notes.figure(field("previous.value"), &before[index]),
                    rate: notes.derived(field("previous.rate"), rate(before, index, index.saturating_sub(1))),
                }),
            });
            warn_of_order(now, index, notes);
        }
        Self { steps }
    }
}

/// A step in percent of another. An empty step is [`Missing::ZeroDenominator`] even in percent of itself.
fn rate(steps: &[Fact<u64>], step: usize, of: usize) -> Result<Exact, Missing> {
    percent(value(&steps[step])?, value(&steps[of])?, 1)
}

/// Warns if a step exceeds the one before it. Steps are counted independently, but often this is a data problem.
fn warn_of_order(steps: &[Fact<u64>], index: usize, notes: &mut Notes) {
    let Some(before) = index.checked_sub(1) else { return };
    let (Ok(before), Ok(now)) = (value(&steps[before]), value(&steps[index])) else { return };
    let (code, message) = match (before, now) {
        (0, 1..) => (WarningCode::MissingUpstream, "the step has records and the one before it has none"),
        _ if now > before => (WarningCode::StepExceedsPrevious, "the step has more records than the one before it"),
        _ => return,
    };
    notes.warn(Warning::new(code, message).about(format!("steps[{index}].value")));
}
