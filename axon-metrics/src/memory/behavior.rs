//! Answers a behavior question from one snapshot.
//! Lives here: which logs a question reads, and how many records each figure lacks. Lives elsewhere: reading the logs
//! (`events`), counting subjects (`subjects`), records that are not in the logs (`coverage`).

use std::sync::Arc;

use super::{
    coverage::{Tally, future},
    events::Kind,
    snapshot::Snapshot,
    subjects::{Code, SubjectFilter, distinct},
    time_log::{Span, TimeLog},
};
use crate::{
    ActivityId, Measured, Timestamp,
    source::{BehaviorFacts, Fact, LeftOutReason, StepCounts},
    source::{BehaviorQuestion, Counting, QueryScope, Series},
    vocabulary::EventRule,
    vocabulary::Window,
};

pub(super) fn answer(snapshot: &Snapshot, question: &BehaviorQuestion) -> BehaviorFacts {
    let scope = &*question.scope;
    let events = Answering { snapshot, name: Snapshot::SOURCE_NAME.into(), as_of: scope.as_of };
    let rules: Vec<(&EventRule, Vec<Kind>)> =
        question.steps.iter().map(|rule| (rule, snapshot.kinds.matching(rule))).collect();
    let steps = |activities: &[ActivityId], window: Window, counting: Counting| -> Vec<Fact<u64>> {
        let span = Span::of(window, scope.as_of);
        rules.iter().map(|(rule, kinds)| Ok(events.step(activities, rule, kinds, span, counting))).collect()
    };
    let union = &scope.funnel_activities;
    let per_activity = if scope.by_activity && !rules.is_empty() { &union[..] } else { &[] };
    let by_activity = per_activity.iter().map(|id| (*id, steps(&[*id], scope.current, Counting::Events)));
    let counts = StepCounts::new(steps(union, scope.current, scope.counting))
        .with_previous(scope.previous.map(|window| steps(union, window, scope.counting)).unwrap_or_default())
        .with_by_activity(by_activity.collect());
    let series = question.series.iter().map(|series| Ok(events.series(series, scope)));
    let active = question.active.map(|window| Ok(events.active(&scope.activities, Span::of(window, scope.as_of))));
    BehaviorFacts::new(counts).with_series(series.collect()).with_active(active)
}

/// A snapshot from which a question is answered.
pub(super) struct Answering<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) name: Arc<str>,
    pub(super) as_of: Timestamp,
}

impl Answering<'_> {
    /// The events of a rule, whose kinds these are, or their distinct subjects.
    fn step(
        &self,
        activities: &[ActivityId],
        rule: &EventRule,
        kinds: &[Kind],
        span: Span,
        counting: Counting,
    ) -> Measured<u64> {
        match counting {
            Counting::Events => {
                let events = self.count(activities, kinds, span);
                self.fact(events, events, &self.tally(activities, rule, kinds, &[span]))
            }
            Counting::Subjects => self.subjects(activities, rule, kinds, span, SubjectFilter::All),
        }
    }

    /// The distinct subjects of the events of a rule, whose kinds these are.
    pub(super) fn subjects(
        &self,
        activities: &[ActivityId],
        rule: &EventRule,
        kinds: &[Kind],
        span: Span,
        filter: SubjectFilter,
    ) -> Measured<u64> {
        let logs: Vec<_> = self.snapshot.events.of(activities, kinds).collect();
        self.distinct(&logs, span, filter, self.tally(activities, rule, kinds, &[span]))
    }

    fn series(&self, series: &Series, scope: &QueryScope) -> Measured<Vec<u64>> {
        let (activities, kinds) = (series.activities_of(scope), self.snapshot.kinds.matching(&series.rule));
        let spans: Vec<Span> = series.cells.windows().iter().map(|window| Span::of(*window, self.as_of)).collect();
        let counts: Vec<u64> = spans.iter().map(|span| self.count(activities, &kinds, *span)).collect();
        let used = counts.iter().sum();
        self.fact(counts, used, &self.tally(activities, &series.rule, &kinds, &spans))
    }

    /// The distinct subjects of all events.
    fn active(&self, activities: &[ActivityId], span: Span) -> Measured<u64> {
        let logs: Vec<_> = self.snapshot.events.any(activities).collect();
        let mut tally = Tally::default();
        self.snapshot.left_out.events.tally_active(activities, span, &mut tally);
        self.tally_future(logs.iter().copied(), &mut tally);
        self.distinct(&logs, span, SubjectFilter::All, tally)
    }

    fn count(&self, activities: &[ActivityId], kinds: &[Kind], span: Span) -> u64 {
        self.snapshot.events.of(activities, kinds).map(|log| log.count(span) as u64).sum()
    }

    fn distinct(&self, logs: &[&TimeLog<Code>], span: Span, filter: SubjectFilter, mut tally: Tally) -> Measured<u64> {
        let slices = || logs.iter().flat_map(|log| log.slices(span));
        let subjects = distinct(slices(), self.snapshot.subjects, filter);
        let records: usize = logs.iter().map(|log| log.count(span)).sum();
        let has_dropped = self.snapshot.left_out.dropped_subjects > 0;
        let dropped = if has_dropped { slices().flatten().filter(|code| **code == Code::DROPPED).count() } else { 0 };
        tally.in_window(LeftOutReason::NoSubject, dropped as u64);
        self.fact(subjects, (records - dropped) as u64, &tally)
    }

    /// The events of a rule, whose kinds these are, that are in none of the logs, or too far in the future.
    fn tally(&self, activities: &[ActivityId], rule: &EventRule, kinds: &[Kind], spans: &[Span]) -> Tally {
        let mut tally = Tally::default();
        self.snapshot.left_out.events.tally_rule(activities, rule, spans, &mut tally);
        self.tally_future(self.snapshot.events.of(activities, kinds), &mut tally);
        tally
    }

    fn tally_future<'b>(&self, logs: impl Iterator<Item = &'b TimeLog<Code>>, tally: &mut Tally) {
        let future = future(self.as_of);
        if self.snapshot.events.reach(future.from) {
            tally.in_store(LeftOutReason::Future, logs.map(|log| log.count(future) as u64).sum());
        }
    }

    fn fact<T>(&self, value: T, used: u64, tally: &Tally) -> Measured<T> {
        let coverage = tally.coverage(used, self.snapshot.event_records);
        Measured::exact(value, Arc::clone(&self.name), self.as_of).with_coverage(coverage)
    }
}
