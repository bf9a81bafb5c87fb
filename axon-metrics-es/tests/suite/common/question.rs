//! The question that scripted replies answer.

use std::{sync::Arc, time::Duration};

use axon_metrics::{
    ActivityId, EventRule, Timestamp, Window,
    source::{BehaviorQuestion, Counting, QueryScope},
};

/// The instant this many seconds after the `as_of` of [`clicks`].
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_timestamp(1_731_407_400 + second, 0).unwrap()
}

/// Clicks of one activity in the last two hours.
pub(crate) fn clicks() -> BehaviorQuestion {
    BehaviorQuestion {
        scope: Arc::new(QueryScope {
            as_of: at(0),
            activities: vec![ActivityId(77)],
            funnel_activities: vec![ActivityId(77)],
            current: Window { from: at(-7_200), to: at(0) },
            previous: None,
            counting: Counting::Events,
            by_activity: false,
        }),
        budget: Duration::from_secs(5),
        steps: vec![EventRule::trigger("CLICK")],
        series: Vec::new(),
        active: None,
    }
}
