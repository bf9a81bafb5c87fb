//! Loads arbitrary bytes as a file of event lines. Checks that the report is consistent, and that the stored events can
//! be queried.
//! Run in `axon-metrics/`: `cargo +nightly fuzz run event_lines -- -max_total_time=600 -detect_leaks=0`. Leak detection
//! is off, since it reports the registration of thread-locals in the C library.

#![no_main]

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use axon_metrics::{
    ActivityId, EventRule, Files, Timestamp, MemoryStore, Window,
    memory::LISTED,
    source::{BehaviorQuestion, BehaviorSource, Counting, Cells, QueryScope, Series, SeriesActivities, RealtimeQuestion, RealtimeSource},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let bytes = data.to_vec();
    // The only error is broken gzip.
    let Ok(store) = MemoryStore::load(Files::new().events_from("fuzz", std::io::Cursor::new(bytes))) else {
        assert!(data.starts_with(&[0x1f, 0x8b]));
        return;
    };
    let report = store.report(Timestamp::UNIX_EPOCH);
    let events = &report.events;
    let parts =
        [events.blank, events.rejected, events.duplicates, events.disbelieved, events.without_activity, events.kept];
    assert_eq!(events.lines, parts.iter().sum::<u64>());
    assert_eq!(report.rejected.total, events.rejected);
    assert_eq!(report.rejected.total, report.rejected.reasons.values().sum::<u64>());
    assert_eq!(report.rejected.first.len() as u64, report.rejected.total.min(LISTED as u64));
    assert_eq!(events.triggers.values().sum::<u64>() + events.other_triggers, events.kept + events.without_activity);
    // No event is before 1970, so all of them are in the future of 1970.
    assert_eq!(events.future, events.kept);
    assert!(events.without_subject <= events.kept);

    let activities = [1, 2, 7, 77].map(ActivityId);
    let all = Window { from: Timestamp::UNIX_EPOCH, to: Timestamp::MAX_UTC };
    let rules: Vec<EventRule> = events.triggers.keys().map(EventRule::trigger).collect();
    let ask = |counting| {
        let scope = QueryScope::new(Timestamp::MAX_UTC, activities, all)
            .with_previous(all)
            .with_counting(counting)
            .with_by_activity(true);
        let (views, cells) = (EventRule::trigger("PAGE_VIEW"), Cells::Windows(vec![all]));
        let question = BehaviorQuestion::new(scope, Duration::from_secs(1))
            .with_steps(rules.clone())
            .with_series([Series::new(views, SeriesActivities::All, cells)])
            .with_active(all);
        let answer = wait(store.behavior(&question)).expect("an answer");
        let value = |fact: &axon_metrics::Fact<u64>| fact.as_ref().expect("measured").value;
        let counts: Vec<u64> = answer.steps.current.iter().map(value).collect();
        assert_eq!(counts, answer.steps.previous.iter().map(value).collect::<Vec<_>>());
        counts
    };
    let (counts, subjects) = (ask(Counting::Events), ask(Counting::Subjects));
    assert!(counts.iter().zip(&subjects).all(|(events, subjects)| subjects <= events));
    assert!(counts.iter().sum::<u64>() <= events.kept);
    let question = RealtimeQuestion::new(Timestamp::MAX_UTC, Duration::from_secs(1), activities);
    wait(store.realtime(&question)).expect("an answer");
});

/// The answer of the store, which never waits, so no runtime is needed.
fn wait<T>(answer: impl Future<Output = T>) -> T {
    match pin!(answer).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("the store does not wait"),
    }
}
