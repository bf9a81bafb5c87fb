//! A question about clicks, which tests change, and the events that answer it.

use std::time::Duration;

use axon_metrics::{
    ActivityId, EventRule, Timestamp, Window,
    source::{BehaviorQuestion, Counting, QueryScope},
    testing::EventRecord,
};

/// The instant of all questions, 2024-11-12T10:30:00Z, in seconds since 1970.
pub(crate) const AS_OF: i64 = 1_731_407_400;

/// The instant this many seconds after [`AS_OF`].
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_timestamp(AS_OF + second, 0).unwrap()
}

/// Clicks of these activities since this many seconds before [`AS_OF`].
pub(crate) fn clicks_of(
    activities: impl IntoIterator<Item = ActivityId>,
    seconds: i64,
    counting: Counting,
) -> BehaviorQuestion {
    let scope = QueryScope::new(at(0), activities, Window { from: at(-seconds), to: at(0) }).with_counting(counting);
    BehaviorQuestion::new(scope, Duration::from_secs(20)).with_steps([EventRule::trigger("CLICK")])
}

/// Clicks of activity 77 in two hours.
pub(crate) fn clicks() -> BehaviorQuestion {
    clicks_of([ActivityId(77)], 7_200, Counting::Events)
}

/// A click of a user on activity 7, this many seconds after [`AS_OF`].
pub(crate) fn click(second: i64, user: u64) -> EventRecord {
    EventRecord {
        trigger: "CLICK",
        definition: Some(1),
        at: at(second),
        activity: Some(ActivityId(7)),
        user: Some(user),
        session: None,
        forged: false,
    }
}
