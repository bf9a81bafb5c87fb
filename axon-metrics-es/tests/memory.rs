//! Memory while reading replies is bounded. Alone in its process, whose peak is measured.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "suite/common/mod.rs"]
mod common;

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::Arc,
    time::Duration,
};

use axon_examples::stores::elasticsearch::client;
use axon_metrics::{
    ActivityId, EventRule, SourceError, Timestamp, Window,
    source::{BehaviorQuestion, BehaviorSource as _, Cells, Counting, Grid, QueryScope, Series, SeriesActivities},
};
use axon_metrics_es::{EsBehavior, EsOptions};
use chrono::TimeDelta;
use common::scripted::{Canned, Long, Mapped, Scripted, shards};
use serde_json::{Value, json};

/// The most that the process ever had. It never sinks: what takes more than all before it shows.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A server that answers with a good beginning and blanks: so many bytes, all of them or as many as are taken.
fn endless(length: &'static str, bytes: usize) -> EsBehavior {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let _ = stream.read(&mut [0; 4096]);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{length}\r\n\r\n");
            let _ = stream.write_all(head.as_bytes());
            let chunk = [b"4000\r\n".to_vec(), vec![b' '; 0x4000], b"\r\n".to_vec()].concat();
            let mut sent = 0;
            while sent < bytes && stream.write_all(&chunk).is_ok() {
                sent += chunk.len();
            }
            let _ = stream.write_all(b"0\r\n\r\n");
        }
    });
    EsBehavior::new(client(&url).unwrap())
}

/// The longest reply that is read, and room below it for what a reply says once.
const LIMIT: usize = 8 << 20;
const ROOM: usize = 2 << 10;

/// The most memory that reading a reply of counts takes, in times of its bytes.
const MOST: u64 = 4;

fn at(second: i64) -> Timestamp {
    Timestamp::from_timestamp(1_731_405_600 + second, 0).unwrap()
}

/// Clicks of two activities in an hour, with those of each apart and by the hour: one search.
fn clicks() -> BehaviorQuestion {
    let hour = Window { from: at(0), to: at(3_600) };
    let both = vec![ActivityId(77), ActivityId(78)];
    BehaviorQuestion {
        scope: Arc::new(QueryScope {
            as_of: hour.to,
            activities: both.clone(),
            funnel_activities: both,
            current: hour,
            previous: None,
            counting: Counting::Events,
            by_activity: true,
        }),
        budget: Duration::from_secs(20),
        steps: vec![EventRule::trigger("CLICK")],
        series: vec![Series {
            rule: EventRule::trigger("CLICK"),
            activities: SeriesActivities::All,
            cells: Cells::Grid(Grid { from: hour.from, step: TimeDelta::hours(1), cells: 1 }),
        }],
        active: None,
    }
}

/// A good reply in which an entry of one list stands so often that it is just under the limit, and how often that is.
fn filled(list: &str, entry: &Value) -> (Long, u64) {
    const HERE: &str = r#","here""#;
    let again = format!(",{entry}");
    let times = (LIMIT - ROOM) / again.len();
    let count = times as u64 + 1;
    let hour = json!({"key": at(0).timestamp_millis(), "doc_count": count});
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
    let (start, end) = reply.split_once(HERE).unwrap();
    let long = Long { start: start.into(), again, times, end: end.into() };
    assert!((LIMIT - ROOM..=LIMIT).contains(&long.bytes()), "{} bytes", long.bytes());
    (long, count)
}

/// What comes of the question when it is answered so: the count, and whether it is whole.
async fn counted(reply: Long) -> Result<(u64, bool), SourceError> {
    let indices = ["axon.event.behavior", "axon.event.commerce"].map(Mapped::template);
    let server = Scripted::over(indices.into(), move |_| Canned::Long(reply.clone())).await;
    let source = server.source(EsOptions::default().with_longest_reply(LIMIT as u64));
    let facts = source.behavior(&clicks()).await?;
    let fact = facts.steps.current[0].as_ref().unwrap();
    Ok((fact.value, !fact.partial))
}

/// One test, since the peak is that of the whole process.
#[tokio::test]
async fn a_reply_takes_at_most_four_times_its_bytes() {
    let taken = |before: u64, what: &str| {
        let taken = peak_kib() - before;
        eprintln!("{what}: {taken} KiB");
        taken
    };
    let refused = async |source: EsBehavior| {
        let found = source.probe(Timestamp::UNIX_EPOCH, Duration::from_secs(20)).await;
        assert!(matches!(found, Err(SourceError::Malformed { .. })), "{found:?}");
    };
    let body = LIMIT as u64 >> 10;
    let before = peak_kib();
    refused(endless("content-length: 1073741824", 1 << 30)).await;
    assert!(taken(before, "too long, as it says") < body);

    // Not again what the first request needed for good.
    let before = peak_kib();
    // Less than half a reply would say that nothing was measured.
    let all = body / 2..=MOST * body;
    let (skipped, count) = filled("/hits/hits", &json!({"_source": {"pageUrl": "http://shop.example/1"}}));
    assert_eq!(counted(skipped).await.unwrap(), (count, true));
    assert!(all.contains(&taken(before, "just short enough, with much that is skipped")));
    let (hours, count) =
        filled("/aggregations/hours/each/buckets", &json!({"key": at(0).timestamp_millis(), "doc_count": 1}));
    assert_eq!(counted(hours).await.unwrap(), (count, true));
    assert!(all.contains(&taken(before, "just short enough, with many hours")));
    let (failures, count) = filled("/_shards/failures", &json!({}));
    assert_eq!(counted(failures).await.unwrap(), (count, false));
    assert!(all.contains(&taken(before, "just short enough, with much that failed")));
    // Read to its end, and refused since an activity is in it twice.
    let (activities, _) = filled("/aggregations/activities/buckets", &json!({"key": 77, "doc_count": 1}));
    let found = counted(activities).await;
    assert!(format!("{found:?}").contains("the counts by activity are not those asked for"), "{found:?}");
    assert!(all.contains(&taken(before, "just short enough, with many activities")));

    refused(endless("transfer-encoding: chunked", 64 << 20)).await;
    assert!(taken(before, "too long, as it turns out") < MOST * (64 << 10));
}
