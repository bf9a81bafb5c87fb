//! The memory for reading replies is bounded. A test program of its own, since the peak of the process is measured.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "suite/common/mod.rs"]
mod common;

use std::{sync::Arc, time::Duration};

use axon_examples::stores::elasticsearch::client;
use axon_metrics::{
    ActivityId, EventRule, SourceError, Timestamp,
    source::{BehaviorQuestion, BehaviorSource as _, Cells, Counting, Grid, Series, SeriesActivities},
    testing::server,
};
use axon_metrics_es::{EsBehavior, EsOptions};
use chrono::TimeDelta;
use common::{
    question::{at, clicks_of},
    scripted::{CannedReply, IndexStub, LongBody, ScriptedServer, shards},
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// The peak memory of the process so far. It never sinks, so a test shows only what takes more than all before it.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A server whose replies have a valid head and up to this many blanks. `length` is the header that describes the body.
async fn endless(length: &'static str, bytes: usize) -> EsBehavior {
    let server = server::start(move |mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{length}\r\n\r\n");
        let _ = stream.write_all(head.as_bytes()).await;
        let chunk = [b"4000\r\n".to_vec(), vec![b' '; 0x4000], b"\r\n".to_vec()].concat();
        let mut sent = 0;
        while sent < bytes && stream.write_all(&chunk).await.is_ok() {
            sent += chunk.len();
        }
        let _ = stream.write_all(b"0\r\n\r\n").await;
    });
    EsBehavior::new(client(&format!("http://{}", server.await)).unwrap())
}

/// The longest reply that is accepted, in bytes.
const MAX_REPLY: usize = 8 << 20;
/// The part of it that is left for the members which occur once.
const FIXED_PART: usize = 2 << 10;

/// The most memory for reading a reply, as a multiple of its length.
const MAX_FACTOR: u64 = 4;

/// Clicks of two activities in an hour, in all, per activity and per hour: one search.
fn clicks() -> BehaviorQuestion {
    let cells = Cells::Grid(Grid { from: at(-3_600), step: TimeDelta::hours(1), cells: 1 });
    let mut question = clicks_of([77, 78].map(ActivityId), 3_600, Counting::Events).with_series([Series::new(
        EventRule::trigger("CLICK"),
        SeriesActivities::All,
        cells,
    )]);
    Arc::make_mut(&mut question.scope).by_activity = true;
    question
}

/// A valid reply just below the limit, whose list `list` repeats one entry. With the number of entries.
fn filled(list: &str, entry: &Value) -> (LongBody, u64) {
    const MARK: &str = r#","here""#;
    let part = format!(",{entry}");
    let times = (MAX_REPLY - FIXED_PART) / part.len();
    let count = times as u64 + 1;
    let hour = json!({"key": at(-3_600).timestamp_millis(), "doc_count": count});
    let mut shards = shards(1);
    shards["failures"] = json!([]);
    let mut search = json!({
        "status": 200, "timed_out": false, "_shards": shards,
        "hits": {"total": {"value": count, "relation": "eq"}, "hits": []},
        "aggregations": {
            "hours": {"doc_count": count, "each": {"buckets": [hour]}},
            "activities": {"buckets": [{"key": 77, "doc_count": count}]},
        },
    });
    *search.pointer_mut(list).unwrap() = json!([entry, "here"]);
    let reply = json!({"responses": [search]}).to_string();
    let (start, end) = reply.split_once(MARK).unwrap();
    let long = LongBody { start: start.into(), part, times, end: end.into() };
    assert!((MAX_REPLY - FIXED_PART..=MAX_REPLY).contains(&long.bytes()), "{} bytes", long.bytes());
    (long, count)
}

/// The count that the question gets from this reply, and whether it is whole.
async fn count_of(reply: LongBody) -> Result<(u64, bool), SourceError> {
    let indices = ["axon.event.behavior", "axon.event.commerce"].map(IndexStub::template);
    let server = ScriptedServer::over(indices.into(), move |_| CannedReply::LongBody(reply.clone())).await;
    let source = server.source(EsOptions::default().with_longest_reply(MAX_REPLY as u64));
    let facts = source.behavior(&clicks()).await?;
    let fact = facts.steps.current[0].as_ref().unwrap();
    Ok((fact.value, !fact.partial))
}

/// One test, since the peak is that of the whole process.
#[tokio::test]
async fn a_reply_takes_at_most_four_times_its_bytes() {
    let growth = |before: u64, what: &str| {
        let growth = peak_kib() - before;
        eprintln!("{what}: {growth} KiB");
        growth
    };
    let check_rejected = async |source: EsBehavior| {
        let result = source.probe(Timestamp::UNIX_EPOCH, Duration::from_secs(20)).await;
        assert!(matches!(result, Err(SourceError::Malformed { .. })), "{result:?}");
    };
    let body = MAX_REPLY as u64 >> 10;
    let before = peak_kib();
    check_rejected(endless("content-length: 1073741824", 1 << 30).await).await;
    assert!(growth(before, "too long by its content-length") < body);

    // Memory that the first request allocated for good is not counted again.
    let before = peak_kib();
    // A growth of less than half a reply would mean that the measurement does not work.
    let bounds = body / 2..=MAX_FACTOR * body;
    let (skipped, count) = filled("/hits/hits", &json!({"_source": {"pageUrl": "http://shop.example/1"}}));
    assert_eq!(count_of(skipped).await.unwrap(), (count, true));
    assert!(bounds.contains(&growth(before, "just below the limit, with many skipped entries")));
    let (hours, count) =
        filled("/aggregations/hours/each/buckets", &json!({"key": at(-3_600).timestamp_millis(), "doc_count": 1}));
    assert_eq!(count_of(hours).await.unwrap(), (count, true));
    assert!(bounds.contains(&growth(before, "just below the limit, with many hours")));
    let (failures, count) = filled("/_shards/failures", &json!({}));
    assert_eq!(count_of(failures).await.unwrap(), (count, false));
    assert!(bounds.contains(&growth(before, "just below the limit, with many shard failures")));
    // Read to its end, and rejected because of the duplicate activity.
    let (activities, _) = filled("/aggregations/activities/buckets", &json!({"key": 77, "doc_count": 1}));
    let result = count_of(activities).await;
    assert!(format!("{result:?}").contains("the counts per activity do not match the question"), "{result:?}");
    assert!(bounds.contains(&growth(before, "just below the limit, with many activities")));

    check_rejected(endless("transfer-encoding: chunked", 64 << 20).await).await;
    assert!(growth(before, "too long, in chunks") < MAX_FACTOR * (64 << 10));
}
