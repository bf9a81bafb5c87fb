//! Answers a realtime question from one snapshot.
//! Lives here: figures from counters, or from approval events if there are none. Lives elsewhere: counters (`slots`).

use std::sync::Arc;

use super::{
    behavior::Answering,
    slots::{SlotCounts, SlotFigure},
    snapshot::Snapshot,
    subjects::SubjectFilter,
    time_log::Span,
};
use crate::{
    ActivityId, Measured, Missing, Reason,
    source::{Coverage, Fact, RealtimeFacts, RealtimeQuestion, Slots, Stock},
    vocabulary::EventRule,
};

/// The trigger type of the events from which slots are derived.
const APPROVED: &str = "APPROVED";

pub(super) fn answer(snapshot: &Snapshot, question: &RealtimeQuestion) -> RealtimeFacts {
    let events = Answering { snapshot, name: Snapshot::SOURCE_NAME.into(), as_of: question.as_of };
    let rule = EventRule::trigger(APPROVED);
    let approved = snapshot.kinds.matching(&rule);
    let slots = |activity: &ActivityId| match &snapshot.counters {
        Some(counters) => {
            let missing = SlotCounts { counter: Err(Reason::KeyMissing), members: Err(Reason::KeyMissing) };
            let counts = counters.get(activity).copied().unwrap_or(missing);
            Slots::new(stored(counts.counter, &events).map(held), stored(counts.members, &events))
        }
        None => {
            let before = Span::before(question.as_of);
            let users = events.subjects(&[*activity], &rule, &approved, before, SubjectFilter::Users);
            let stock = users.clone().map(|users| Stock::Held(i64::try_from(users).unwrap_or(i64::MAX)));
            Slots::new(Ok(stock), Ok(users)).with_derived(true)
        }
    };
    RealtimeFacts::new(question.activities.iter().map(|activity| (*activity, slots(activity))).collect())
}

/// A figure that is stored as it is: one record.
fn stored<T>(figure: SlotFigure<T>, events: &Answering<'_>) -> Fact<T> {
    let measured = |value| Measured::exact(value, Arc::clone(&events.name), events.as_of);
    figure.map(|value| measured(value).with_coverage(Coverage::of(1))).map_err(Missing::NotMeasured)
}

fn held(counter: Measured<i64>) -> Measured<Stock> {
    counter.map(Stock::Held)
}
