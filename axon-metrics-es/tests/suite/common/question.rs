//! The question that scripted replies answer.

use std::time::Duration;

use axon_metrics::{
    ActivityId, EventRule, Timestamp, Window,
    source::{BehaviorQuestion, QueryScope},
};

/// The instant this many seconds after the `as_of` of [`clicks`].
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_timestamp(1_731_407_400 + second, 0).unwrap()
}

/// Clicks of one activity in the last two hours.
pub(crate) fn clicks() -> BehaviorQuestion {
    let scope = QueryScope::new(at(0), [ActivityId(77)], Window { from: at(-7_200), to: at(0) });
    BehaviorQuestion::new(scope, Duration::from_secs(5)).with_steps([EventRule::trigger("CLICK")])
}
