//! Whether an answer is what was asked: a source that sends something else is not believed.

use super::{
    error::{BoxError, SourceError},
    facts::{BehaviorFacts, Fact, LedgerFacts, Missing, RealtimeFacts, Sales, StepCounts},
    question::{BehaviorQuestion, LedgerQuestion, QueryScope, RealtimeQuestion},
};
use crate::vocabulary::{Money, Timestamp};

#[derive(Debug, thiserror::Error)]
#[error("{what}: {found} instead of {asked}")]
struct Differs {
    what: &'static str,
    asked: usize,
    found: usize,
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Wrong(&'static str);

type Checked<T> = Result<T, SourceError>;

pub(crate) fn behavior(mut facts: BehaviorFacts, question: &BehaviorQuestion, name: &str) -> Checked<BehaviorFacts> {
    let as_of = question.scope.as_of;
    let check = Check { name, expected: "the counts asked for" };
    check.steps(&mut facts.steps, &question.scope, question.steps.len())?;
    check.same("series", question.series.len(), facts.series.len())?;
    for (fact, asked) in facts.series.iter_mut().zip(&question.series) {
        if let Ok(counts) = &fact {
            check.same("cells of a series", asked.cells.count(), counts.value.len())?;
        }
        clamp_to_as_of(fact, as_of);
    }
    check.that(facts.active.is_some() == question.active.is_some(), "active subjects are there or not as asked")?;
    facts.active.iter_mut().for_each(|fact| clamp_to_as_of(fact, as_of));
    Ok(facts)
}

pub(crate) fn ledger(mut facts: LedgerFacts, question: &LedgerQuestion, name: &str) -> Checked<LedgerFacts> {
    let as_of = question.scope.as_of;
    let check = Check { name, expected: "the sums asked for" };
    check.steps(&mut facts.steps, &question.scope, question.steps.len())?;
    check.that(facts.sales.is_some() == question.sales.is_some(), "sales are there or not as asked")?;
    if let Some(sales) = &mut facts.sales {
        for fact in [&mut sales.promotion, &mut sales.regular] {
            check.that(
                fact.as_ref().map_or(true, |sales| plausible(&sales.value)),
                "more buyers than orders, or negative revenue",
            )?;
            clamp_to_as_of(fact, as_of);
        }
        clamp_to_as_of(&mut sales.others, as_of);
    }
    check.that(facts.history.is_some() == question.history.is_some(), "a history is there or not as asked")?;
    if let (Some(fact), Some(asked)) = (&mut facts.history, &question.history) {
        if let Ok(history) = &fact {
            let buckets = &history.value.buckets;
            check.that(
                buckets.iter().all(|(start, _)| asked.window.contains(*start)),
                "a bucket of history outside the window",
            )?;
            check.that(buckets.windows(2).all(|pair| pair[0].0 < pair[1].0), "buckets of history out of order")?;
        }
        clamp_to_as_of(fact, as_of);
    }
    Ok(facts)
}

fn plausible(sales: &Sales) -> bool {
    sales.buyers <= sales.orders && sales.revenue >= Money::ZERO
}

pub(crate) fn realtime(mut facts: RealtimeFacts, question: &RealtimeQuestion, name: &str) -> Checked<RealtimeFacts> {
    let check = Check { name, expected: "the slots of each activity asked for" };
    check.same("activities", question.activities.len(), facts.slots.len())?;
    for ((id, slots), asked) in facts.slots.iter_mut().zip(&question.activities) {
        check.that(id == asked, "an activity that was not asked for")?;
        clamp_to_as_of(&mut slots.stock, question.as_of);
        clamp_to_as_of(&mut slots.members, question.as_of);
    }
    Ok(facts)
}

struct Check<'a> {
    name: &'a str,
    expected: &'static str,
}

impl Check<'_> {
    fn malformed(&self, source: impl Into<BoxError>) -> SourceError {
        SourceError::Malformed { source_name: self.name.into(), expected: self.expected, source: source.into() }
    }

    fn that(&self, holds: bool, wrong: &'static str) -> Checked<()> {
        if holds { Ok(()) } else { Err(self.malformed(Wrong(wrong))) }
    }

    fn same(&self, what: &'static str, asked: usize, found: usize) -> Checked<()> {
        if asked == found { Ok(()) } else { Err(self.malformed(Differs { what, asked, found })) }
    }

    fn steps(&self, steps: &mut StepCounts, scope: &QueryScope, asked: usize) -> Checked<()> {
        self.same("counts", asked, steps.current.len())?;
        self.same(
            "counts of the previous window",
            if scope.previous.is_some() { asked } else { 0 },
            steps.previous.len(),
        )?;
        let apart = if scope.by_activity && asked > 0 { scope.funnel_activities.len() } else { 0 };
        self.same("activities", apart, steps.by_activity.len())?;
        for ((id, counts), asked_for) in steps.by_activity.iter().zip(&scope.funnel_activities) {
            self.that(id == asked_for, "an activity that was not asked for")?;
            self.same("counts of an activity", asked, counts.len())?;
        }
        let apart = steps.by_activity.iter_mut().flat_map(|(_, counts)| counts);
        for fact in steps.current.iter_mut().chain(&mut steps.previous).chain(apart) {
            clamp_to_as_of(fact, scope.as_of);
            self.that(
                !matches!(
                    fact,
                    Err(Missing::ZeroDenominator | Missing::NoBaseline | Missing::Unlimited | Missing::Loading(_))
                ),
                "a count that is no count",
            )?;
        }
        Ok(())
    }
}

/// The sources' instants never pass the answer's: a store whose clock is ahead knows no future.
fn clamp_to_as_of<T>(fact: &mut Fact<T>, as_of: Timestamp) {
    if let Ok(measured) = fact {
        measured.complete_to = measured.complete_to.min(as_of);
    }
}
