//! Answers a realtime question from one snapshot.
//! Lives here: figures from counters, or from approval events if there are none. Lives elsewhere: counters (`slots`).

use std::sync::Arc;

use super::{
    slots::{SlotCounts, SlotFigure},
    snapshot::Snapshot,
    subjects::{SubjectFilter, distinct},
    time_log::Span,
};
use crate::{
    ActivityId, Measured, Missing, Reason,
    source::{Fact, RealtimeFacts, RealtimeQuestion, Slots, Stock},
    vocabulary::EventRule,
};

/// The trigger type of the events from which slots are derived.
const APPROVED: &str = "APPROVED";

pub(super) fn answer(snapshot: &Snapshot, question: &RealtimeQuestion) -> RealtimeFacts {
    let name: Arc<str> = Snapshot::SOURCE_NAME.into();
    let stock = |held: SlotFigure<i64>| -> Fact<Stock> {
        let measured = held.map(|held| Measured::exact(Stock::Held(held), Arc::clone(&name), question.as_of));
        measured.map_err(Missing::NotMeasured)
    };
    let members = |members: SlotFigure<u64>| -> Fact<u64> {
        let measured = members.map(|members| Measured::exact(members, Arc::clone(&name), question.as_of));
        measured.map_err(Missing::NotMeasured)
    };
    let approved = snapshot.kinds.matching(&EventRule::trigger(APPROVED));
    let slots = |activity: &ActivityId| match &snapshot.counters {
        Some(counters) => {
            let missing = SlotCounts { counter: Err(Reason::KeyMissing), members: Err(Reason::KeyMissing) };
            let counts = counters.get(activity).copied().unwrap_or(missing);
            Slots::new(stock(counts.counter), members(counts.members))
        }
        None => {
            let activities = [*activity];
            let logs = snapshot.events.of(&activities, &approved);
            let before = Span::before(question.as_of);
            let users = distinct(logs.flat_map(|log| log.slices(before)), snapshot.subjects, SubjectFilter::Users);
            let counter = i64::try_from(users).unwrap_or(i64::MAX);
            Slots::new(stock(Ok(counter)), members(Ok(users))).with_derived(true)
        }
    };
    RealtimeFacts::new(question.activities.iter().map(|activity| (*activity, slots(activity))).collect())
}
