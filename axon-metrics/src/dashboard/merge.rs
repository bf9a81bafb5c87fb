//! Needs become questions, and replies become facts in the order of the funnels. Pure.

use std::{sync::Arc, time::Duration};

use super::sources::{Questions, Replies};
use crate::{
    call::CallResult,
    source::{
        BehaviorFacts, BehaviorQuestion, Fact, HistoryFact, LedgerFacts, LedgerQuestion, Missing, QuestionKind,
        RealtimeQuestion, Reason, SalesFacts, Series, Slots, SourceKind, StepCounts, believed,
    },
    vocabulary::{EventRule, LedgerStep, Part, Record, Step},
    widget::{BucketSeries, Facts, Needs, Widget, WidgetInput},
};

/// Which source counts which step, and in which order the counts are put together again.
pub(super) struct Plan {
    needs: Needs,
    events: Vec<EventRule>,
    rows: Vec<LedgerStep>,
    /// For each step of the plan's funnel, and of the chosen one, its index among the events or the rows.
    steps: Vec<StepSource>,
    funnel: Vec<StepSource>,
    /// The parts of each bucket series, in the order of the question; `None` for a series that no source can count.
    series: Vec<Option<Vec<SeriesPart>>>,
}

/// A part of a bucket series, and the question for it.
struct SeriesPart {
    part: Part,
    series: Series,
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
    pub(super) fn new(needs: Needs, series: &[BucketSeries], input: &WidgetInput<'_>) -> Self {
        let mut plan = Self {
            needs,
            events: Vec::new(),
            rows: Vec::new(),
            steps: Vec::new(),
            funnel: Vec::new(),
            series: series.iter().map(|series| Self::series(series, input)).collect(),
        };
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

    /// The parts of a bucket series of the first step; `None` if that step is no event, or no activity of the series
    /// has a funnel.
    fn series(series: &BucketSeries, input: &WidgetInput<'_>) -> Option<Vec<SeriesPart>> {
        let Record::Event(rule) = &input.rules.steps().first()?.record else { return None };
        let series_part = |part: Part| {
            let series = Series { rule: rule.clone(), activities: series.activities, cells: part.cells.clone() };
            SeriesPart { part, series }
        };
        let parts: Vec<SeriesPart> = Part::over(&series.buckets).into_iter().map(series_part).collect();
        let is_countable = |part: &SeriesPart| !part.series.activities_of(&input.query).is_empty();
        (input.query.activities.is_empty() || parts.iter().all(is_countable)).then_some(parts)
    }

    /// Every part of every series, in the order of the question.
    fn parts(&self) -> impl Iterator<Item = &SeriesPart> {
        self.series.iter().flatten().flatten()
    }

    /// The question to each source. `budget` gives the budget of each kind of question.
    pub(super) fn questions(&self, input: &WidgetInput<'_>, budget: impl Fn(QuestionKind) -> Duration) -> Questions {
        let kinds = self.kinds(self.needs, |_| true, input);
        let asks = |kind| kinds.contains(&kind);
        Questions {
            behavior: asks(SourceKind::Behavior).then(|| self.behavior(input, budget(QuestionKind::Behavior))),
            ledger: asks(SourceKind::Ledger).then(|| LedgerQuestion {
                scope: Arc::clone(&input.query),
                budget: budget(QuestionKind::Ledger),
                steps: self.rows.clone(),
                sales: self.needs.sales.then(|| input.sales.clone()),
                history: None,
            }),
            realtime: asks(SourceKind::Realtime).then(|| RealtimeQuestion {
                as_of: input.as_of,
                budget: budget(QuestionKind::Realtime),
                activities: input.query.activities.clone(),
            }),
        }
    }

    /// The kinds of sources that the facts of one widget come from, whatever other widgets are loaded with it.
    pub(super) fn kinds_of(&self, widget: Widget, input: &WidgetInput<'_>) -> Vec<SourceKind> {
        self.kinds(widget.needs(), |series| series.is_of(widget.data_type()), input)
    }

    /// The kinds of sources that are asked for these needs, and for the series that are meant.
    fn kinds(
        &self,
        needs: Needs,
        is_meant: impl Fn(&BucketSeries) -> bool,
        input: &WidgetInput<'_>,
    ) -> Vec<SourceKind> {
        if input.query.activities.is_empty() {
            return Vec::new();
        }
        let steps: &[StepSource] = if needs.steps || needs.by_activity { &self.steps } else { &[] };
        let funnel: &[StepSource] = if needs.funnel { &self.funnel } else { &[] };
        let counts = |is_meant: fn(&StepSource) -> bool| steps.iter().chain(funnel).any(is_meant);
        let mut series = self.series.iter().zip(&input.series).filter(|(_, series)| is_meant(series));
        let counts_series = series.any(|(parts, _)| parts.as_ref().is_some_and(|parts| !parts.is_empty()));
        let events = counts(|step| matches!(step, StepSource::Event(_))) || needs.active || counts_series;
        let rows = counts(|step| matches!(step, StepSource::Row(_))) || needs.sales;
        let needed = [(SourceKind::Behavior, events), (SourceKind::Ledger, rows), (SourceKind::Realtime, needs.slots)];
        needed.into_iter().filter_map(|(kind, is_needed)| is_needed.then_some(kind)).collect()
    }

    fn behavior(&self, input: &WidgetInput<'_>, budget: Duration) -> BehaviorQuestion {
        BehaviorQuestion {
            scope: Arc::clone(&input.query),
            budget,
            steps: self.events.clone(),
            series: self.parts().map(|part| part.series.clone()).collect(),
            active: self.needs.active.then_some(input.active),
        }
    }

    /// The replies in the order of the funnels.
    pub(super) fn merge(&self, input: &WidgetInput<'_>, replies: Replies, history: HistoryFact) -> Facts {
        let Replies { behavior, ledger, realtime } = replies;
        let (query, tolerance) = (&input.query, input.tolerance);
        let counts = |sources: &[StepSource], pick: Pick<'_>| -> Vec<Fact<u64>> {
            sources.iter().map(|source| believed(count(*source, &behavior, &ledger, pick), tolerance)).collect()
        };
        let whole = |sources: &[StepSource]| {
            let previous = query.previous.map(|_| counts(sources, &|steps| Some(&steps.previous)));
            StepCounts::new(counts(sources, &|steps| Some(&steps.current))).with_previous(previous.unwrap_or_default())
        };
        let by_activity =
            |index: usize| counts(&self.steps, &|steps| steps.by_activity.get(index).map(|(_, counts)| counts));
        let activities = query.funnel_activities.iter().enumerate();
        let by_activity = activities.map(|(index, id)| (*id, by_activity(index))).collect();
        let (steps, funnel) = (whole(&self.steps).with_by_activity(by_activity), whole(&self.funnel));
        let not_asked = || Missing::NotMeasured(Reason::NoSource);
        let mut replies = behavior.as_ref().map(|facts| facts.series.iter()).map_err(Clone::clone);
        let mut of_part = |SeriesPart { part, .. }: &SeriesPart| -> Vec<Fact<u64>> {
            let reply = replies.as_mut().map_err(|why| why.clone());
            let counts = reply.and_then(|replies| replies.next().cloned().unwrap_or_else(|| Err(not_asked())));
            match believed(counts, tolerance).map(|counts| counts.map(|counts| part.fold(&counts))) {
                Ok(mut counts) => {
                    // The coverage is that of all buckets of the part: the first one has it. So it is with ambiguous times.
                    let mut coverage = std::mem::take(&mut counts.coverage);
                    let mut ambiguous = std::mem::take(&mut counts.ambiguous);
                    let bucket = |count: &u64| {
                        let bucket = counts.clone().map(|_| *count).with_coverage(std::mem::take(&mut coverage));
                        Ok(bucket.with_ambiguous(std::mem::take(&mut ambiguous)))
                    };
                    counts.value.iter().map(bucket).collect()
                }
                Err(why) => vec![Err(why); part.buckets.len()],
            }
        };
        let series = self.series.iter().zip(&input.series).map(|(parts, series)| match parts {
            Some(parts) => parts.iter().flat_map(&mut of_part).collect(),
            None => vec![Err(Missing::NotSupported); series.buckets.len()],
        });
        let series = series.collect();
        let active = behavior.and_then(|facts| facts.active.unwrap_or_else(|| Err(not_asked())));
        let active = believed(active, tolerance);
        let sales = ledger
            .and_then(|facts| facts.sales.ok_or_else(not_asked))
            .unwrap_or_else(|why| SalesFacts::new(Err(why.clone()), Err(why.clone()), Err(why)));
        let SalesFacts { promotion, regular, others } = sales;
        let sales =
            SalesFacts::new(believed(promotion, tolerance), believed(regular, tolerance), believed(others, tolerance));
        let history = believed(history, tolerance);
        let slots = realtime.map(|facts| facts.slots).unwrap_or_else(|why| {
            let missing = || Slots::new(Err(why.clone()), Err(why.clone()));
            query.activities.iter().map(|id| (*id, missing())).collect()
        });
        Facts { steps, funnel, series, active, sales, history, slots }
    }
}

/// Picks counts from a reply; `None` if the reply has none of that kind.
type Pick<'a> = &'a dyn Fn(&StepCounts) -> Option<&Vec<Fact<u64>>>;

/// The count of one step from the reply of its source.
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

/// The index of an item in a list. An item that is not in the list is appended.
fn index_of<T: PartialEq + Clone>(list: &mut Vec<T>, item: &T) -> usize {
    list.iter().position(|one| one == item).unwrap_or_else(|| {
        list.push(item.clone());
        list.len() - 1
    })
}
