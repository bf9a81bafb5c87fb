//! Answers a behavior question from one snapshot.
//! Lives here: which logs a question reads. Lives elsewhere: reading them (`events`), counting subjects (`subjects`).

use std::sync::Arc;

use super::{
    events::Kind,
    snapshot::Snapshot,
    subjects::{SubjectFilter, distinct},
    time_log::Span,
};
use crate::{
    ActivityId, Measured,
    source::{BehaviorFacts, Fact, StepCounts},
    source::{BehaviorQuestion, Counting},
    vocabulary::EventRule,
    vocabulary::Window,
};

pub(super) fn answer(snapshot: &Snapshot, question: &BehaviorQuestion) -> BehaviorFacts {
    let scope = &*question.scope;
    let name: Arc<str> = Snapshot::SOURCE_NAME.into();
    let exact = |value: u64| -> Fact<u64> { Ok(Measured::exact(value, Arc::clone(&name), scope.as_of)) };
    let rules: Vec<Vec<Kind>> = question.steps.iter().map(|rule| snapshot.kinds.matching(rule)).collect();
    let steps = |activities: &[ActivityId], window: Window, counting: Counting| -> Vec<Fact<u64>> {
        let span = Span::of(window, scope.as_of);
        rules.iter().map(|kinds| exact(snapshot.events_in(activities, kinds, span, counting))).collect()
    };
    let union = &scope.funnel_activities;
    let per_activity = if scope.by_activity && !rules.is_empty() { &union[..] } else { &[] };
    let by_activity = per_activity.iter().map(|id| (*id, steps(&[*id], scope.current, Counting::Events)));
    let counts = StepCounts::new(steps(union, scope.current, scope.counting))
        .with_previous(scope.previous.map(|window| steps(union, window, scope.counting)).unwrap_or_default())
        .with_by_activity(by_activity.collect());
    let series = question.series.iter().map(|series| {
        let (activities, cells) = (series.activities_of(scope), series.cells.windows());
        let counts = snapshot.counts_per_window(activities, &series.rule, &cells, scope.as_of);
        Ok(Measured::exact(counts, Arc::clone(&name), scope.as_of))
    });
    let active = question.active.map(|window| {
        let span = Span::of(window, scope.as_of);
        let codes = snapshot.events.any(&scope.activities).flat_map(|log| log.slices(span));
        exact(distinct(codes, snapshot.subjects, SubjectFilter::All))
    });
    BehaviorFacts::new(counts).with_series(series.collect()).with_active(active)
}

impl Snapshot {
    fn events_in(&self, activities: &[ActivityId], kinds: &[Kind], span: Span, counting: Counting) -> u64 {
        let logs = self.events.of(activities, kinds);
        match counting {
            Counting::Events => logs.map(|log| log.count(span) as u64).sum(),
            Counting::Subjects => distinct(logs.flat_map(|log| log.slices(span)), self.subjects, SubjectFilter::All),
        }
    }

    fn counts_per_window(
        &self,
        activities: &[ActivityId],
        rule: &EventRule,
        windows: &[Window],
        as_of: crate::Timestamp,
    ) -> Vec<u64> {
        let kinds = self.kinds.matching(rule);
        let count = |window: &Window| self.events_in(activities, &kinds, Span::of(*window, as_of), Counting::Events);
        windows.iter().map(count).collect()
    }
}
