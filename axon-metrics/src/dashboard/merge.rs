//! Needs become questions, and replies become facts in the order of the funnel. Pure.

use std::{sync::Arc, time::Duration};

use super::sources::{Questions, Replies};
use crate::{
    call::CallResult,
    source::{
        BehaviorFacts, BehaviorQuestion, Fact, HistoryFact, InflowQuestion, LedgerFacts, LedgerQuestion, Missing,
        QuestionKind, RealtimeQuestion, Reason, SalesFacts, Slots, StepCounts,
    },
    vocabulary::{EventRule, LedgerStep, Record, Window},
    widget::{Facts, Needs, WidgetInput},
};

/// Which steps go to which source, and in which order they come back.
pub(super) struct Plan {
    needs: Needs,
    events: Vec<EventRule>,
    rows: Vec<LedgerStep>,
    /// For each step of the funnel its index among the events or the rows.
    step_sources: Vec<StepSource>,
}

#[derive(Clone, Copy)]
enum StepSource {
    Event(usize),
    Row(usize),
    /// No activity of the scope has a funnel.
    Unsupported,
}

impl Plan {
    pub(super) fn new(needs: Needs, input: &WidgetInput<'_>) -> Self {
        let mut plan = Self { needs, events: Vec::new(), rows: Vec::new(), step_sources: Vec::new() };
        let supported = !input.query.funnel_activities.is_empty() || input.query.activities.is_empty();
        for step in &input.steps {
            plan.step_sources.push(match &step.record {
                _ if !supported => StepSource::Unsupported,
                Record::Event(rule) => {
                    plan.events.push(rule.clone());
                    StepSource::Event(plan.events.len() - 1)
                }
                Record::Ledger(row) => {
                    plan.rows.push(*row);
                    StepSource::Row(plan.rows.len() - 1)
                }
            });
        }
        if !needs.steps && !needs.by_activity {
            plan.events.clear();
            plan.rows.clear();
        }
        plan
    }

    /// What to ask of each source, with the budget that `within` gives each kind of question.
    pub(super) fn questions(&self, input: &WidgetInput<'_>, within: impl Fn(QuestionKind) -> Duration) -> Questions {
        if input.query.activities.is_empty() {
            return Questions::default();
        }
        let Needs { inflow, active, sales, slots, .. } = self.needs;
        Questions {
            behavior: (!self.events.is_empty() || inflow || active)
                .then(|| self.behavior(input, within(QuestionKind::Behavior))),
            ledger: (!self.rows.is_empty() || sales).then(|| LedgerQuestion {
                scope: Arc::clone(&input.query),
                budget: within(QuestionKind::Ledger),
                steps: self.rows.clone(),
                sales: sales.then(|| input.sales.clone()),
                history: None,
            }),
            realtime: slots.then(|| RealtimeQuestion {
                as_of: input.as_of,
                budget: within(QuestionKind::Realtime),
                activities: input.query.activities.clone(),
            }),
        }
    }

    fn behavior(&self, input: &WidgetInput<'_>, budget: Duration) -> BehaviorQuestion {
        // An inflow of rows is not asked of anyone: it is not supported.
        let first = match &input.steps[0].record {
            Record::Event(rule) => Some(rule.clone()),
            Record::Ledger(_) => None,
        };
        let hours = || {
            let cut = |hour: &Window| Window { from: hour.from, to: hour.to.min(input.as_of) };
            input.inflow.iter().map(cut).collect()
        };
        BehaviorQuestion {
            scope: Arc::clone(&input.query),
            budget,
            steps: self.events.clone(),
            inflow: first.filter(|_| self.needs.inflow).map(|rule| InflowQuestion { rule, hours: hours() }),
            active: self.needs.active.then_some(input.active),
        }
    }

    /// The replies in the order of the funnel.
    pub(super) fn merge(&self, input: &WidgetInput<'_>, replies: Replies, history: HistoryFact) -> Facts {
        let Replies { behavior, ledger, realtime } = replies;
        let query = &input.query;
        let counts = |pick: &dyn Fn(&StepCounts) -> Option<&Vec<Fact<u64>>>| -> Vec<Fact<u64>> {
            self.step_sources.iter().map(|source| count(*source, &behavior, &ledger, pick)).collect()
        };
        let by_activity = |index: usize| counts(&|steps| steps.by_activity.get(index).map(|(_, counts)| counts));
        let steps = StepCounts {
            current: counts(&|steps| Some(&steps.current)),
            previous: if query.previous.is_some() { counts(&|steps| Some(&steps.previous)) } else { Vec::new() },
            by_activity: query
                .funnel_activities
                .iter()
                .enumerate()
                .map(|(index, id)| (*id, by_activity(index)))
                .collect(),
        };
        let not_asked = || Missing::NotMeasured(Reason::NoSource);
        let inflow = behavior.as_ref().map_err(Clone::clone);
        let inflow = inflow.and_then(|facts| facts.inflow.clone().unwrap_or(Err(Missing::NotSupported)));
        let active = behavior.and_then(|facts| facts.active.unwrap_or_else(|| Err(not_asked())));
        let sales = ledger.and_then(|facts| facts.sales.ok_or_else(not_asked)).unwrap_or_else(|why| SalesFacts {
            promotion: Err(why.clone()),
            regular: Err(why.clone()),
            others: Err(why),
        });
        let slots = realtime.map(|facts| facts.slots).unwrap_or_else(|why| {
            let missing = || Slots { stock: Err(why.clone()), members: Err(why.clone()), derived: false };
            query.activities.iter().map(|id| (*id, missing())).collect()
        });
        Facts { steps, inflow, active, sales, history, slots }
    }
}

/// The count of one step from the source it was asked of. What was not asked is not looked at.
fn count(
    source: StepSource,
    behavior: &CallResult<BehaviorFacts>,
    ledger: &CallResult<LedgerFacts>,
    pick: &dyn Fn(&StepCounts) -> Option<&Vec<Fact<u64>>>,
) -> Fact<u64> {
    let (steps, index) = match source {
        StepSource::Event(index) => (behavior.as_ref().map(|facts| &facts.steps), index),
        StepSource::Row(index) => (ledger.as_ref().map(|facts| &facts.steps), index),
        StepSource::Unsupported => return Err(Missing::NotSupported),
    };
    let counts = steps.map(pick).map_err(Clone::clone)?;
    counts.and_then(|counts| counts.get(index).cloned()).unwrap_or(Err(Missing::NotMeasured(Reason::NoSource)))
}
