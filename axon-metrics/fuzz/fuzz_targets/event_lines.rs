//! Loads arbitrary bytes as a file of events: as they are, in an array, with commas between lines, as gzip, as zstd, and
//! padded. Checks that the report is consistent, that a form changes nothing, and that the stored events can be queried.
//! Run in `axon-metrics/`: `cargo +nightly fuzz run event_lines -- -max_total_time=600 -detect_leaks=0`. Leak detection
//! is off, since it reports the registration of thread-locals in the C library.

#![no_main]

use std::{
    io::{Cursor, Read},
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use axon_metrics::{
    ActivityId, EventRule, Files, Timestamp, MemoryStore, Window,
    memory::LISTED,
    source::{BehaviorQuestion, BehaviorSource, Counting, Cells, QueryScope, Series, SeriesActivities, RealtimeQuestion, RealtimeSource},
};
use flate2::{Compression, read::GzEncoder};
use libfuzzer_sys::fuzz_target;

/// The store of a file of which everything may be rejected. `None` for broken compressed data.
fn load(bytes: Vec<u8>) -> Option<MemoryStore> {
    let compressed = is_compressed(&bytes);
    let store = MemoryStore::load(Files::new().events_from("fuzz", Cursor::new(bytes)).accept_rejected());
    assert!(store.is_ok() || compressed);
    store.ok()
}

fn is_compressed(bytes: &[u8]) -> bool {
    matches!(bytes, [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

/// A file whose form the first byte chooses.
fn shaped(data: &[u8]) -> Vec<u8> {
    let [form, data @ ..] = data else { return Vec::new() };
    let gzip = |bytes: &[u8]| {
        let mut packed = Vec::new();
        GzEncoder::new(bytes, Compression::fast()).read_to_end(&mut packed).expect("gzip");
        packed
    };
    let array = || [b"[\n", &data.split(|byte| *byte == b'\n').collect::<Vec<_>>().join(&b"\n,"[..])[..], b"\n]"].concat();
    let mut bytes = match form % 8 {
        0 => array(),
        1 => [b"{\n\"triggerType\":\"X\"}", data].concat(),
        2 => [b"{\"index\":{\"_index\":\"i\"}}\n", data].concat(),
        3 => gzip(data),
        4 => gzip(&array()),
        5 => zstd::encode_all(data, 1).expect("zstd"),
        6 => zstd::encode_all(&array()[..], 1).expect("zstd"),
        _ => data.to_vec(),
    };
    if form & 0x80 != 0 {
        bytes.resize(bytes.len() + usize::from(*form), 0);
    }
    bytes
}

fuzz_target!(|data: &[u8]| {
    let plain = load(data.to_vec());
    if !is_compressed(data) {
        let packed = load(zstd::encode_all(data, 1).expect("zstd"));
        let report = |store: &Option<MemoryStore>| store.as_ref().map(|store| store.report(Timestamp::UNIX_EPOCH));
        assert_eq!(report(&plain), report(&packed));
    }
    check(plain);
    check(load(shaped(data)));
});

fn check(store: Option<MemoryStore>) {
    let Some(store) = store else { return };
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
}

/// The answer of the store, which never waits, so no runtime is needed.
fn wait<T>(answer: impl Future<Output = T>) -> T {
    match pin!(answer).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("the store does not wait"),
    }
}
