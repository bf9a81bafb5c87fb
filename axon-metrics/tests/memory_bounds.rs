//! Memory while loading is bounded, whatever the file contains. A test program of its own, since the peak memory of the
//! process is measured.

#![cfg(all(feature = "memory", target_os = "linux"))]

use std::io::Read;

use axon_metrics::{
    Files, MemoryStore, Timestamp,
    memory::{Fault, Rejection},
};

/// The peak resident memory of this process, in KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("a peak");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

#[test]
fn a_line_of_a_gigabyte_is_skipped_without_being_buffered() {
    const GOOD: &[u8] = b"{\"triggerType\":\"CLICK\",\"occurredAt\":1,\"properties\":{\"activityId\":77}}\n";
    let before = peak_kib();
    let line = std::io::repeat(b'x').take(1 << 30).chain(&b"\n"[..]);
    let file = GOOD.chain(line).chain(GOOD);
    let store = MemoryStore::load(Files::new().events_from("long", file)).expect("a store");
    let report = store.report(Timestamp::UNIX_EPOCH);
    assert_eq!((report.events.lines, report.events.kept), (3, 2));
    assert_eq!(report.rejected.first, [Rejection { file: "long".into(), line: 2, reason: Fault::TooLong }]);
    let growth = peak_kib() - before;
    assert!(growth < 32 * 1024, "the peak memory grew by {growth} KiB");
}

#[test]
fn a_long_or_deep_record_of_an_array_is_skipped_without_being_buffered() {
    const GOOD: &[u8] = b"{\"triggerType\":\"CLICK\",\"occurredAt\":1,\"properties\":{\"activityId\":77}}";
    let before = peak_kib();
    let text = (&b"{\"text\":\""[..]).chain(std::io::repeat(b'x').take(1 << 29)).chain(&b"\"}"[..]);
    let deep = std::io::repeat(b'[').take(1 << 22).chain(std::io::repeat(b']').take(1 << 22));
    let comma = || &b",\n"[..];
    let file = (&b"["[..]).chain(GOOD).chain(comma()).chain(text).chain(comma()).chain(GOOD).chain(comma());
    let file = file.chain(deep).chain(comma()).chain(GOOD).chain(&b"]"[..]);
    let store = MemoryStore::load(Files::new().events_from("array", file)).expect("a store");
    let report = store.report(Timestamp::UNIX_EPOCH);
    assert_eq!((report.events.lines, report.events.kept), (5, 3));
    let too_long = |line| Rejection { file: "array".into(), line, reason: Fault::TooLong };
    assert_eq!(report.rejected.first, [too_long(2), too_long(4)]);
    let growth = peak_kib() - before;
    assert!(growth < 32 * 1024, "the peak memory grew by {growth} KiB");
}
