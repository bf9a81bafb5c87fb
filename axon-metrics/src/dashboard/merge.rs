//! Needs become questions, and replies become facts in the order of the funnels. Pure.

use std::{sync::Arc, time::Duration};

use super::sources::{Questions, Replies};
use crate::{
    call::CallResult,
    source::{
        BehaviorFacts, BehaviorQuestion, Fact, HistoryFact, InflowQuestion, LedgerFacts, LedgerQuestion, Missing,
        QuestionKind, RealtimeQuestion, Reason, SalesFacts, Slots, StepCounts,
    },
    vocabulary::{EventRule, LedgerStep, Record, Step, Window},
    widget::{Facts, Needs, WidgetInput},
};

/// Which steps go to which source, and in which order they come back.
pub(super) struct Plan {
    needs: Needs,
    events: Vec<EventRule>,
    rows: Vec<LedgerStep>,
    /// For each step of the plan's funnel, and of the one chosen, its index among the events or the rows.
    steps: Vec<StepSource>,
    funnel: Vec<StepSource>,
}

#[derive(Clone, Copy)]
enum StepSource {
    Event(usize),
    Row(usize),
    /// No activity of the scope has a funnel.
    Unsupported,
    /// No widget needs it.
    Unneeded,
}

impl Plan {
    pub(super) fn new(needs: Needs, input: &WidgetInput<'_>) -> Self {
        let mut plan = Self { needs, events: Vec::new(), rows: Vec::new(), steps: Vec::new(), funnel: Vec::new() };
        let supported = !input.query.funnel_activities.is_empty() || input.query.activities.is_empty();
        let mut sources = |needed: bool, steps: &[Step]| -> Vec<StepSource> {
            let source = |step: &Step| match &step.record {
                _ if !supported => StepSource::Unsupported,
                _ if !needed => StepSource::Unneeded,
                Record::Event(rule) => StepSource::Event(index_of(&mut plan.events, rule)),
                Record::Ledger(row) => StepSource::Row(index_of(&mut plan.rows, row)),
            };
            steps.iter().map(source).collect()
        };
        let steps = sources(needs.steps || needs.by_activity, input.rules.steps());
        let funnel = sources(needs.funnel, input.funnel.rules().steps());
        (plan.steps, plan.funnel) = (steps, funnel);
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
        let first = match &input.rules.steps()[0].record {
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

    /// The replies in the order of the funnels.
    pub(super) fn merge(&self, input: &WidgetInput<'_>, replies: Replies, history: HistoryFact) -> Facts {
        let Replies { behavior, ledger, realtime } = replies;
        let query = &input.query;
        let counts = |sources: &[StepSource], pick: Pick<'_>| -> Vec<Fact<u64>> {
            sources.iter().map(|source| count(*source, &behavior, &ledger, pick)).collect()
        };
        let whole = |sources: &[StepSource]| StepCounts {
            current: counts(sources, &|steps| Some(&steps.current)),
            previous: query.previous.map(|_| counts(sources, &|steps| Some(&steps.previous))).unwrap_or_default(),
            by_activity: Vec::new(),
        };
        let by_activity =
            |index: usize| counts(&self.steps, &|steps| steps.by_activity.get(index).map(|(_, counts)| counts));
        let activities = query.funnel_activities.iter().enumerate();
        let by_activity = activities.map(|(index, id)| (*id, by_activity(index))).collect();
        let (steps, funnel) = (StepCounts { by_activity, ..whole(&self.steps) }, whole(&self.funnel));
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
        Facts { steps, funnel, inflow, active, sales, history, slots }
    }
}

/// Which counts of a reply are meant; `None` where there are none.
type Pick<'a> = &'a dyn Fn(&StepCounts) -> Option<&Vec<Fact<u64>>>;

/// The count of one step from the source it was asked of. What was not asked is not looked at.
fn count(
    source: StepSource,
    behavior: &CallResult<BehaviorFacts>,
    ledger: &CallResult<LedgerFacts>,
    pick: Pick<'_>,
) -> Fact<u64> {
    let not_asked = || Err(Missing::NotMeasured(Reason::NoSource));
    let (steps, index) = match source {
        StepSource::Event(index) => (behavior.as_ref().map(|facts| &facts.steps), index),
        StepSource::Row(index) => (ledger.as_ref().map(|facts| &facts.steps), index),
        StepSource::Unsupported => return Err(Missing::NotSupported),
        StepSource::Unneeded => return not_asked(),
    };
    let counts = steps.map(pick).map_err(Clone::clone)?;
    counts.and_then(|counts| counts.get(index).cloned()).unwrap_or_else(not_asked)
}

/// Where an item stands in a list; it is added if it is not there.
fn index_of<T: PartialEq + Clone>(list: &mut Vec<T>, item: &T) -> usize {
    list.iter().position(|one| one == item).unwrap_or_else(|| {
        list.push(item.clone());
        list.len() - 1
    })
}
