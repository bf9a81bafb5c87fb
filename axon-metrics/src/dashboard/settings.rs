//! The settings of a dashboard: everything it is built with but its sources.

use chrono_tz::Tz;
use sha2::{Digest, Sha256};

use super::request::RequestRules;
use crate::{
    call::{Budgets, Concurrency},
    keep::Lifetimes,
    source::{PerSource, SourceKind, Tolerance},
    vocabulary::{FunnelDefinition, Mode, Record, Step, StepRules},
};

#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) zone: Tz,
    pub(super) mode: Mode,
    /// The plan's funnel first.
    pub(super) funnels: Vec<FunnelDefinition>,
    pub(super) budgets: Budgets,
    pub(super) baseline_weeks: u32,
    pub(super) tenant: String,
    pub(super) lifetimes: Lifetimes,
    pub(super) max_loads: usize,
    pub(super) concurrency: Concurrency,
    /// The share of left-out records up to which a figure counts as whole.
    pub(super) tolerance: Tolerance,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            zone: chrono_tz::Asia::Seoul,
            mode: Mode::default(),
            funnels: vec![FunnelDefinition::fcfs(StepRules::default())],
            budgets: Budgets::default(),
            baseline_weeks: 4,
            tenant: String::new(),
            lifetimes: Lifetimes::default(),
            max_loads: 64,
            concurrency: Concurrency::default(),
            tolerance: Tolerance::DEFAULT,
        }
    }
}

impl Settings {
    /// The steps of the plan's funnel.
    pub(super) fn rules(&self) -> &StepRules {
        self.funnels[0].rules()
    }

    /// The rules that requests are parsed and checked by.
    pub(super) fn request_rules(&self) -> RequestRules {
        let funnels = self.funnels.iter().map(|funnel| funnel.key().into()).collect();
        RequestRules { funnels, ..RequestRules::new(self.mode, self.zone) }
    }
}

/// A stable hash over everything that decides the numbers of an answer with this funnel and mode.
pub(super) fn definition_hash(
    settings: &Settings,
    funnel: &FunnelDefinition,
    mode: Mode,
    sources: &PerSource<Option<&'static str>>,
    definitions: &PerSource<String>,
) -> String {
    let mut text = format!("{}|{}|{}|{}", funnel.key(), mode.code(), settings.zone.name(), settings.baseline_weeks);
    settings.rules().steps().iter().for_each(|step| push_step(&mut text, step));
    if funnel.key() != FunnelDefinition::FCFS {
        text.push_str("|funnel");
        funnel.rules().steps().iter().for_each(|step| push_step(&mut text, step));
    }
    text.push_str(&format!("|{sources:?}"));
    // Only settings that differ from the default are added, so that the hash of a definition stays the same for ever.
    if settings.tolerance != Tolerance::DEFAULT {
        text.push_str(&format!("|tolerance:{}", settings.tolerance.parts_per_million));
    }
    for kind in SourceKind::ALL {
        let definition = &definitions[kind];
        if !definition.is_empty() {
            text.push_str(&format!("|{}:{definition:?}", kind.name()));
        }
    }
    Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn push_step(text: &mut String, step: &Step) {
    text.push_str(&match &step.record {
        Record::Event(rule) => format!("|{}:event:{:?}:{:?}", step.key, rule.triggers, rule.definitions),
        Record::Ledger(row) => format!("|{}:ledger:{row:?}", step.key),
    });
    // Answers show the names of steps, so they are hashed, too, except those of the plan's steps, which follow from
    // their keys.
    let plan = StepRules::default();
    let is_plan_step =
        plan.steps().iter().any(|plan| (&plan.key, &plan.ko, &plan.en) == (&step.key, &step.ko, &step.en));
    if !is_plan_step {
        text.push_str(&format!(":{:?}:{:?}", step.ko, step.en));
    }
}
