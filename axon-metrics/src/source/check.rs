//! Checks that a source's answer fits its question. An answer that does not fit is [`SourceError::Malformed`].
//! Also clamps the instants of all facts to the answer's `as_of`.

use super::{
    error::{BoxError, SourceError},
    facts::{BehaviorFacts, Fact, LedgerFacts, Missing, RealtimeFacts, Sales, StepCounts},
    question::{BehaviorQuestion, LedgerQuestion, QueryScope, RealtimeQuestion},
};
use crate::vocabulary::{Money, Timestamp};

#[derive(Debug, thiserror::Error)]
#[error("{what}: {actual} instead of {expected}")]
struct CountMismatch {
    what: &'static str,
    expected: usize,
    actual: usize,
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Violation(&'static str);

type CheckResult<T> = Result<T, SourceError>;

pub(crate) fn behavior(
    mut facts: BehaviorFacts,
    question: &BehaviorQuestion,
    name: &str,
) -> CheckResult<BehaviorFacts> {
    let as_of = question.scope.as_of;
    let check = Check { name, expected: "the counts asked for" };
    check.steps(&mut facts.steps, &question.scope, question.steps.len())?;
    check.count("series", question.series.len(), facts.series.len())?;
    for (fact, series) in facts.series.iter_mut().zip(&question.series) {
        if let Ok(counts) = &fact {
            check.count("cells of a series", series.cells.count(), counts.value.len())?;
        }
        clamp_to_as_of(fact, as_of);
    }
    check.that(
        facts.active.is_some() == question.active.is_some(),
        "active subjects are missing, or were not asked for",
    )?;
    facts.active.iter_mut().for_each(|fact| clamp_to_as_of(fact, as_of));
    Ok(facts)
}

pub(crate) fn ledger(mut facts: LedgerFacts, question: &LedgerQuestion, name: &str) -> CheckResult<LedgerFacts> {
    let as_of = question.scope.as_of;
    let check = Check { name, expected: "the sums asked for" };
    check.steps(&mut facts.steps, &question.scope, question.steps.len())?;
    check.that(facts.sales.is_some() == question.sales.is_some(), "sales are missing, or were not asked for")?;
    if let Some(sales) = &mut facts.sales {
        for fact in [&mut sales.promotion, &mut sales.regular] {
            check.that(
                fact.as_ref().map_or(true, |sales| is_plausible(&sales.value)),
                "more buyers or orders without a price than orders, negative revenue, or positive refunds",
            )?;
            clamp_to_as_of(fact, as_of);
        }
        clamp_to_as_of(&mut sales.others, as_of);
    }
    check
        .that(facts.history.is_some() == question.history.is_some(), "the history is missing, or was not asked for")?;
    if let (Some(fact), Some(question)) = (&mut facts.history, &question.history) {
        if let Ok(history) = &fact {
            let buckets = &history.value.buckets;
            check.that(
                buckets.iter().all(|(start, _)| question.window.contains(*start)),
                "a history bucket is outside the window",
            )?;
            check.that(
                buckets.windows(2).all(|pair| pair[0].0 < pair[1].0),
                "history buckets are not in ascending order",
            )?;
        }
        clamp_to_as_of(fact, as_of);
    }
    Ok(facts)
}

fn is_plausible(sales: &Sales) -> bool {
    let Sales { orders, buyers, revenue, unpriced, refunds, .. } = sales;
    buyers <= orders && unpriced <= orders && *revenue >= Money::ZERO && refunds.revenue <= Money::ZERO
}

pub(crate) fn realtime(
    mut facts: RealtimeFacts,
    question: &RealtimeQuestion,
    name: &str,
) -> CheckResult<RealtimeFacts> {
    let check = Check { name, expected: "the slots of each activity asked for" };
    check.count("activities", question.activities.len(), facts.slots.len())?;
    for ((id, slots), expected) in facts.slots.iter_mut().zip(&question.activities) {
        check.that(id == expected, "an activity is not in the question, or out of order")?;
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

    fn that(&self, holds: bool, violation: &'static str) -> CheckResult<()> {
        if holds { Ok(()) } else { Err(self.malformed(Violation(violation))) }
    }

    fn count(&self, what: &'static str, expected: usize, actual: usize) -> CheckResult<()> {
        if expected == actual { Ok(()) } else { Err(self.malformed(CountMismatch { what, expected, actual })) }
    }

    /// `rules` is the number of step rules in the question.
    fn steps(&self, steps: &mut StepCounts, scope: &QueryScope, rules: usize) -> CheckResult<()> {
        self.count("counts of the current window", rules, steps.current.len())?;
        let previous = if scope.previous.is_some() { rules } else { 0 };
        self.count("counts of the previous window", previous, steps.previous.len())?;
        let per_activity = if scope.by_activity && rules > 0 { scope.funnel_activities.len() } else { 0 };
        self.count("activities", per_activity, steps.by_activity.len())?;
        for ((id, counts), expected) in steps.by_activity.iter().zip(&scope.funnel_activities) {
            self.that(id == expected, "an activity is not in the question, or out of order")?;
            self.count("counts of an activity", rules, counts.len())?;
        }
        let per_activity = steps.by_activity.iter_mut().flat_map(|(_, counts)| counts);
        for fact in steps.current.iter_mut().chain(&mut steps.previous).chain(per_activity) {
            clamp_to_as_of(fact, scope.as_of);
            self.that(
                !matches!(
                    fact,
                    Err(Missing::ZeroDenominator | Missing::NoBaseline | Missing::Unlimited | Missing::Loading(_))
                ),
                "the reason of a missing count is not one of a source",
            )?;
        }
        Ok(())
    }
}

/// A fact is never complete beyond the instant of the answer, even if the store's clock is ahead.
fn clamp_to_as_of<T>(fact: &mut Fact<T>, as_of: Timestamp) {
    if let Ok(measured) = fact {
        measured.complete_to = measured.complete_to.min(as_of);
    }
}
