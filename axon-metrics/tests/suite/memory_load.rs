//! Loading files into the embedded store: all formats of the platform, and invalid input.

#![cfg(all(feature = "memory", feature = "testing"))]

use std::{
    io::{Cursor, Write},
    sync::{Arc, Mutex},
    time::Duration,
};

use axon_metrics::{
    ActivityId, Dashboard, DashboardRequest, EventRule, Files, MemoryStore, Period, Reason, Timestamp, Widget, Window,
    facts::{Missing, Stock},
    memory::{Event, Fault, LoadError, MAX_TEXT, Rejection},
    source::{BehaviorQuestion, BehaviorSource, Counting, QueryScope, RealtimeQuestion, RealtimeSource},
};
use serde_json::json;

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn text(text: impl Into<String>) -> Cursor<String> {
    Cursor::new(text.into())
}

/// A store with these lines, also if most of them are rejected.
fn events(lines: &str) -> MemoryStore {
    MemoryStore::load(Files::new().events_from("events", text(lines)).accept_rejected()).expect("a store")
}

/// The events and subjects of one rule for activity 77, over all time.
async fn counts(store: &MemoryStore, rule: EventRule) -> (u64, u64) {
    let count = async |counting| {
        let end = at("9999-12-31T23:59:59Z");
        let scope = QueryScope::new(end, [ActivityId(77)], Window { from: Timestamp::UNIX_EPOCH, to: end });
        let scope = scope.with_counting(counting);
        let question = BehaviorQuestion::new(scope, Duration::from_secs(1)).with_steps([rule.clone()]);
        let facts = store.behavior(&question).await.expect("an answer");
        facts.steps.current[0].as_ref().expect("measured").value
    };
    (count(Counting::Events).await, count(Counting::Subjects).await)
}

/// Documents of the platform, one per producer and version.
const DOCUMENTS: &str = r#"{"eventId":41,"eventName":"detail_view","triggerType":"PAGE_VIEW","occurredAt":1.772681696789E9,"userId":5012,"sessionId":null,"pageUrl":"http://shop.example/campaign-activity/77/detail","referrer":"","userAgent":"Mozilla/5.0","properties":{"activityId":77,"campaignId":9}}
{"eventId":42,"eventName":"join_click","triggerType":"CLICK","occurredAt":1.772681701250E9,"userId":5012,"sessionId":null,"pageUrl":"http://shop.example/campaign-activity/77/detail","userAgent":"Mozilla/5.0","properties":{"activityId":77,"campaignId":9}}
{"eventId":null,"eventName":"reservation_approved","triggerType":"APPROVED","occurredAt":1.772681703004E9,"userId":5012,"sessionId":null,"pageUrl":"http://core.example/campaign-activity/77/checkout","userAgent":"Axon-Backend/1.0","properties":{"activityId":77,"order":18,"source":"backend"}}
{"eventName":"purchase_completed","triggerType":"PURCHASE","occurredAt":1.772681760120E9,"userId":5012,"sessionId":null,"pageUrl":"/backend/campaign-activity/77/purchase","userAgent":"Axon-Backend/1.0","properties":{"activityId":77,"campaignId":9,"productId":301,"source":"backend"}}
{"eventId":3,"eventName":"Activity page","triggerType":"PAGE_VIEW","occurredAt":1.772681690000E9,"userId":null,"sessionId":"0b6e2a5e-5d1c-4c52-9f0e-2f6a4a1f9c10","pageUrl":"http://shop.example/campaign-activities/77","referrer":"","properties":null,"attributes":{"title":"Spring"}}
{"eventId":0,"triggerType":"SCROLL","occurredAt":1.772681695000E9,"sessionId":"0b6e...","properties":{"depth":50}}
{"eventId":0,"triggerType":"STAY","occurredAt":1.772681699000E9,"sessionId":"0b6e...","properties":{"durationSec":9}}
{"eventName":"SDK Diagnostic","triggerType":"SDK_DIAGNOSTIC","occurredAt":1.7726817E9,"properties":{"source":"axon-js-sdk"},"attributes":{"reason":"eventSendFailures"}}
{"eventName":"user_login","triggerType":"VISIT","occurredAt":1.7726816E9,"userId":5012,"pageUrl":"/backend/login","properties":{"source":"backend","eventType":"login"}}
"#;

#[tokio::test]
async fn the_platforms_documents_are_stored_or_counted() {
    let store = events(DOCUMENTS);
    let report = store.report(at("2026-03-05T03:36:00Z")).events;
    assert_eq!((report.lines, report.kept, report.without_activity, report.rejected), (9, 4, 5, 0));
    assert_eq!((report.future, report.without_subject), (1, 0));
    let triggers: Vec<_> = report.triggers.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    let once = ["APPROVED", "CLICK", "PURCHASE", "SCROLL", "SDK_DIAGNOSTIC", "STAY", "VISIT"].map(|name| (name, 1));
    assert_eq!(triggers.iter().filter(|(_, count)| *count == 1).copied().collect::<Vec<_>>(), once);
    assert_eq!(report.triggers["PAGE_VIEW"], 2);
    for trigger in ["PAGE_VIEW", "CLICK", "APPROVED", "PURCHASE"] {
        assert_eq!(counts(&store, EventRule::trigger(trigger)).await, (1, 1), "{trigger}");
    }
    assert_eq!(counts(&store, EventRule::trigger("CLICK").of_definitions([42])).await, (1, 1));
    assert_eq!(counts(&store, EventRule::trigger("CLICK").of_definitions([41])).await, (0, 0));
}

#[tokio::test]
async fn all_formats_of_times_and_ids_are_read() {
    let mut lines = String::new();
    let times = [
        "1772681696.789000000",
        "1.772681696789E9",
        "1772681696",
        "1772681696789",
        "1.772681696789E12",
        r#""2026-03-05T03:34:56.789Z""#,
        r#""2026-03-05T12:34:56.789+09:00""#,
        r#""2026-03-05T12:34:56.789""#,
    ];
    for time in times {
        for id in ["77", r#""77""#, "77.0"] {
            for user in ["5012", r#""5012""#, "5012.0"] {
                lines += &format!(
                    r#"{{"triggerType":"PAGE_VIEW","occurredAt":{time},"userId":{user},"properties":{{"activityId":{id}}}}}"#
                );
                lines += "\n";
            }
        }
    }
    let store = events(&lines);
    assert_eq!(counts(&store, EventRule::trigger("PAGE_VIEW")).await, (72, 1));
    let future = |now| store.report(at(now)).events.future;
    assert_eq!((future("2026-03-05T03:34:56Z"), future("2026-03-05T03:34:57Z")), (72, 0));
}

#[tokio::test]
async fn a_subject_is_the_user_else_the_session_else_nobody() {
    let line = |who: &str| format!(r#"{{"triggerType":"CLICK","occurredAt":1,{who}"properties":{{"activityId":77}}}}"#);
    let who = [
        r#""userId":1,"sessionId":"a","#,
        r#""userId":"1","sessionId":"b","#,
        r#""userId":"one","#,
        r#""sessionId":"a","#,
        r#""userId":null,"sessionId":"a","#,
        r#""userId":"","sessionId":"1","#,
        r#""sessionId":"","#,
        "",
    ];
    let store = events(&who.map(line).join("\n"));
    // User 1, user "one", session a, session 1.
    assert_eq!(counts(&store, EventRule::trigger("CLICK")).await, (8, 4));
    assert_eq!(store.report(Timestamp::UNIX_EPOCH).events.without_subject, 2);
}

#[tokio::test]
async fn texts_that_are_too_long_cost_the_subject_or_the_record() {
    let fitting = "s".repeat(MAX_TEXT);
    let long = fitting.clone() + "s";
    let line =
        |who: &str| format!(r#"{{"triggerType":"CLICK","occurredAt":1,{who},"properties":{{"activityId":77}}}}"#);
    let store = events(&["sessionId", "userId"].map(|field| line(&format!(r#""{field}":"{fitting}""#))).join("\n"));
    assert_eq!(counts(&store, EventRule::trigger("CLICK")).await, (2, 2));
    let lines = ["sessionId", "userId"].map(|field| line(&format!(r#""{field}":"{long}""#))).join("\n");
    assert_eq!(store.append_lines("long", text(lines)).expect("lines"), 0);
    // They count as events, and as no subjects.
    assert_eq!(counts(&store, EventRule::trigger("CLICK")).await, (4, 2));
    let event = |trigger: &str, session: &str| Event {
        trigger: trigger.into(),
        definition: None,
        at: Timestamp::UNIX_EPOCH,
        activity: ActivityId(77),
        user: None,
        session: Some(session.into()),
    };
    assert_eq!(store.append_events([event("CLICK", &long), event(&long, "s"), event("CLICK", &fitting)]), 1);
    assert_eq!(counts(&store, EventRule::trigger("CLICK")).await, (6, 2));
    let report = store.report(Timestamp::UNIX_EPOCH);
    let reasons: Vec<_> = report.rejected.first.iter().map(|line| line.reason).collect();
    assert_eq!((reasons, report.events.dropped_subjects), (vec![Fault::TextTooLong("trigger")], 3));
}

#[tokio::test]
async fn a_document_of_an_export_counts_once_and_a_plain_line_each_time() {
    let event = r#"{"triggerType":"CLICK","occurredAt":1,"properties":{"activityId":77}}"#;
    let document =
        |index: &str, id: &str| format!(r#"{{"_index":"{index}","_id":"{id}","_score":1,"_source":{event}}}"#);
    let lines = [
        event.to_owned(),
        event.to_owned(),
        document("i", "1"),
        document("i", "1"),
        document("i", "2"),
        document("j", "1"),
    ];
    let store = events(&lines.join("\n"));
    assert_eq!(counts(&store, EventRule::trigger("CLICK")).await, (5, 0));
    store.append_lines("again", text(lines.join("\n"))).expect("lines");
    assert_eq!(counts(&store, EventRule::trigger("CLICK")).await, (7, 0));
    assert_eq!(store.report(Timestamp::UNIX_EPOCH).events.duplicates, 1 + 4);
}

#[tokio::test]
async fn a_purchase_is_accepted_from_purchase_indices_and_without_an_index() {
    let event = r#"{"triggerType":"PURCHASE","occurredAt":1,"properties":{"activityId":77}}"#;
    let document = |index: &str| format!(r#"{{"_index":"{index}","_id":"1","_source":{event}}}"#);
    let lines = [
        event.to_owned(),
        document("axon.event.commerce"),
        document("behavior-events"),
        document("axon.event.behavior"),
    ]
    .join("\n");
    let store = events(&lines);
    assert_eq!(counts(&store, EventRule::trigger("PURCHASE")).await.0, 3);
    assert_eq!(store.report(Timestamp::UNIX_EPOCH).events.disbelieved, 1);
    let own = Files::new().events_from("events", text(lines)).purchase_indices(["axon.event.behavior"]);
    let store = MemoryStore::load(own).expect("a store");
    assert_eq!(counts(&store, EventRule::trigger("PURCHASE")).await.0, 2);
}

#[test]
fn invalid_lines_are_rejected_one_by_one_with_their_reasons() {
    let good = r#"{"triggerType":"CLICK","occurredAt":1,"properties":{"activityId":77}}"#;
    let deep = "[".repeat(100_000);
    let nested = format!("{}1{}", r#"{"a":"#.repeat(200), "}".repeat(200));
    let long = format!(r#"{{"triggerType":"{}"}}"#, "x".repeat(10_000_000));
    let line = |fields: &str| format!(r#"{{"triggerType":"CLICK","occurredAt":1,{fields}}}"#).into_bytes();
    let lines: Vec<(Vec<u8>, Option<Fault>)> = vec![
        (good.into(), None),
        (good[..40].into(), Some(Fault::NotJson)),
        (long.into(), Some(Fault::TooLong)),
        (b"\0\0\0".to_vec(), Some(Fault::NotJson)),
        (format!("{good}\0").into(), Some(Fault::NotJson)),
        (b"{\"triggerType\":\"\xff\xfe\"}".to_vec(), Some(Fault::NotUtf8)),
        (b"[1,2]".to_vec(), Some(Fault::NotAnObject)),
        (b"null".to_vec(), Some(Fault::NotAnObject)),
        (b"42".to_vec(), Some(Fault::NotAnObject)),
        (b"NaN".to_vec(), Some(Fault::NotJson)),
        (deep.clone().into(), Some(Fault::NotJson)),
        (line(&format!(r#""properties":{nested}"#)), None),
        (line(&format!(r#""userId":{nested}"#)), None),
        (format!("{good}{good}").into(), Some(Fault::NotJson)),
        (line(r#""triggerType":"VIEW""#), Some(Fault::FieldTwice)),
        (line(r#""properties":{"activityId":1,"activityId":2}"#), Some(Fault::FieldTwice)),
        (b"{}".to_vec(), Some(Fault::Missing("triggerType"))),
        (br#"{"triggerType":null,"occurredAt":1}"#.to_vec(), Some(Fault::Missing("triggerType"))),
        (br#"{"triggerType":7,"occurredAt":1}"#.to_vec(), Some(Fault::Wrong("triggerType"))),
        (br#"{"triggerType":"CLICK"}"#.to_vec(), Some(Fault::Missing("occurredAt"))),
        (br#"{"triggerType":"CLICK","occurredAt":NaN}"#.to_vec(), Some(Fault::NotJson)),
        (br#"{"triggerType":"CLICK","occurredAt":1e999}"#.to_vec(), Some(Fault::NotJson)),
        (br#"{"triggerType":"CLICK","occurredAt":1e300}"#.to_vec(), Some(Fault::OutOfRange("occurredAt"))),
        (br#"{"triggerType":"CLICK","occurredAt":-1}"#.to_vec(), Some(Fault::OutOfRange("occurredAt"))),
        (br#"{"triggerType":"CLICK","occurredAt":"05.03.2026"}"#.to_vec(), Some(Fault::Wrong("occurredAt"))),
        (br#"{"triggerType":"CLICK","occurredAt":true}"#.to_vec(), Some(Fault::Wrong("occurredAt"))),
        (good.replace(":1,", r#":"9999-12-31T23:59:59.999Z","#).into(), None),
        (good.replace(":1,", r#":"1970-01-01T00:00:00Z","#).into(), None),
        (good.replace(":1,", r#":"1970-01-01T00:00:00","#).into(), Some(Fault::OutOfRange("occurredAt"))),
        (line(r#""userId":{"id":1}"#), None),
        (line(r#""userId":1.5"#), None),
        (line(r#""sessionId":["a"]"#), None),
        (line(r#""eventId":{}"#), Some(Fault::Wrong("eventId"))),
        (line(r#""eventId":"a text","properties":{"activityId":77}"#), None),
        (line(r#""properties":"activityId""#), Some(Fault::Wrong("properties"))),
        (line(r#""properties":{"activityId":0}"#), Some(Fault::Wrong("properties.activityId"))),
        (line(r#""properties":{"activityId":-7}"#), Some(Fault::Wrong("properties.activityId"))),
        (line(r#""properties":{"activityId":"seven"}"#), Some(Fault::Wrong("properties.activityId"))),
        (line(r#""properties":{"activityId":9223372036854775808}"#), Some(Fault::Wrong("properties.activityId"))),
        (line(r#""_index":1"#), Some(Fault::Wrong("_index"))),
        (br#"{"_source":[]}"#.to_vec(), Some(Fault::Wrong("_source"))),
        (b"".to_vec(), None),
        (b" \t\r".to_vec(), None),
        (format!("{good}\r").into(), None),
    ];
    let (bytes, expected): (Vec<Vec<u8>>, Vec<Option<Fault>>) = lines.into_iter().unzip();
    let mut bytes = bytes.join(&b'\n');
    bytes.splice(0..0, [0xef, 0xbb, 0xbf]);
    let files = Files::new().events_from("hostile", Cursor::new(bytes)).accept_rejected();
    let store = MemoryStore::load(files).expect("a store");
    let report = store.report(at("2026-03-05T03:35:00Z"));
    let expected: Vec<Rejection> = (1..)
        .zip(&expected)
        .filter_map(|(line, reason)| reason.map(|reason| Rejection { file: "hostile".into(), line, reason }))
        .collect();
    assert_eq!(report.rejected.first, expected);
    assert_eq!((report.events.lines, report.events.blank), (44, 2));
    assert_eq!((report.events.kept, report.events.without_activity, report.events.future), (5, 5, 1));
}

#[test]
fn the_first_hundred_invalid_lines_are_listed_and_all_are_counted() {
    let store = events(&"{\n".repeat(100_000));
    let rejected = store.report(Timestamp::UNIX_EPOCH).rejected;
    assert_eq!((rejected.total, rejected.first.len()), (100_000, 100));
    assert_eq!(rejected.reasons.into_iter().collect::<Vec<_>>(), [(Fault::NotJson, 100_000)]);
    assert!(rejected.first.iter().zip(1..).all(|(rejection, line)| rejection.line == line));
}

#[test]
fn events_of_too_many_activities_are_rejected() {
    let line =
        |id: u32| format!("{{\"triggerType\":\"CLICK\",\"occurredAt\":1,\"properties\":{{\"activityId\":{id}}}}}\n");
    let store = events(&(1..=100_002).map(line).collect::<String>());
    let faults = |store: &MemoryStore| store.report(Timestamp::UNIX_EPOCH).rejected.reasons;
    assert_eq!(faults(&store), [(Fault::TooManyActivities, 2)].into());
    store.append_lines("more", text(line(1) + &line(100_001))).expect("lines");
    assert_eq!(faults(&store), [(Fault::TooManyActivities, 3)].into());
    assert_eq!(store.report(Timestamp::UNIX_EPOCH).events.kept, 100_001);
    // Each activity has an entry in the map, one log, and one segment: at least this many bytes.
    assert!(store.memory_bytes() > 100_000 * 100, "{}", store.memory_bytes());
}

#[test]
fn a_report_does_not_depend_on_the_threads() {
    let mut lines = String::new();
    for line in 0..50_000 {
        lines += match line % 500 {
            7 => "broken\n",
            8 => "\n",
            9 => "{}\n",
            _ => {
                r#"{"triggerType":"CLICK","occurredAt":1772681696,"sessionId":"s","pageUrl":"http://shop.example/","properties":{"activityId":77}}"#
            }
        };
        lines += "\n";
    }
    let report = || events(&lines).report(Timestamp::UNIX_EPOCH);
    let first = report();
    assert_eq!((first.events.kept, first.rejected.total), (50_000 - 300, 200));
    assert_eq!(first.rejected.first[2].line, first.rejected.first[0].line + 503);
    assert_eq!(report(), first);
}

#[tokio::test]
async fn files_may_be_gzip_also_concatenated() {
    let gzip = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text.as_bytes()).expect("gzip");
        encoder.finish().expect("gzip")
    };
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("events.ndjson.gz");
    std::fs::write(&path, [gzip(DOCUMENTS), gzip(DOCUMENTS)].concat()).expect("written");
    let calls = Arc::new(Mutex::new(Vec::new()));
    let recorded = Arc::clone(&calls);
    let files = Files::new().events(&path).on_progress(move |progress| {
        recorded.lock().expect("unpoisoned").push((progress.bytes, progress.total, progress.lines));
    });
    let store = MemoryStore::load(files).expect("a store");
    assert_eq!(counts(&store, EventRule::trigger("CLICK")).await, (2, 1));
    let size = std::fs::metadata(&path).expect("a file").len();
    assert_eq!(calls.lock().expect("unpoisoned").last(), Some(&(size, Some(size), 18)));

    let half = &gzip(DOCUMENTS)[..200];
    let error = MemoryStore::load(Files::new().events_from("half.gz", Cursor::new(half.to_vec()))).expect_err("broken");
    assert!(matches!(&error, LoadError::Io { file, .. } if &**file == "half.gz"));
    assert_eq!(error.to_string(), "half.gz cannot be read");
}

#[test]
fn a_missing_file_is_named_in_the_error() {
    let error = MemoryStore::load(Files::new().events("/no/such/file.ndjson")).expect_err("missing");
    assert_eq!(error.to_string(), "/no/such/file.ndjson cannot be read");
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn an_invalid_catalog_is_an_error_with_a_position_and_no_value() {
    let cases = [
        ("{", "c, line 1, column 1: the file ends too early"),
        ("{]", "c, line 1, column 2: not JSON"),
        ("\"secret\"", "c, line 1, column 8: expected an object with currency and campaigns"),
        (r#"{"currency":"KRW"}"#, "c, line 1, column 18: missing field `campaigns`"),
        (r#"{"currency":"KRW","campaigns":[{"id":0,"name":"x"}]}"#, "c, campaigns[0]: id has an invalid value"),
        (
            r#"{"currency":"KRW","campaigns":[{"id":1,"name":"x","activities":[{"id":2,"name":"y","type":"COUPON","startAt":"secret"}]}]}"#,
            "c, campaigns[0].activities[0]: startAt has an invalid value",
        ),
        (r#"{"currency":"KRW","campaigns":[{"id":1,"name":"x"},{"id":1,"name":"y"}]}"#, "c is not a valid catalog"),
    ];
    for (catalog, expected) in cases {
        let error = MemoryStore::load(Files::new().catalog_from("c", text(catalog))).expect_err("wrong");
        assert_eq!(error.to_string(), expected);
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
}

const CATALOG: &str = r#"{"currency":"KRW","campaigns":[{"id":123,"name":"봄 세일","startAt":"2024-11-06T00:00:00","endAt":"2024-11-13T00:00:00+09:00",
  "budget":"1000000.50","activities":[{"id":77,"name":"의자","type":"FIRST_COME_FIRST_SERVE","status":"ACTIVE","startAt":"2024-11-06T00:00:00",
  "endAt":"2024-11-13T00:00:00","limitCount":100,"price":"19900","budget":null,"productId":301}]}],
  "products":[{"id":301,"name":"의자","category":"가구","price":25000}]}"#;

fn slots(realtime: &str) -> Result<MemoryStore, LoadError> {
    MemoryStore::load(Files::new().catalog_from("catalog", text(CATALOG)).realtime_from("realtime", text(realtime)))
}

#[tokio::test]
async fn each_figure_of_a_realtime_file_can_be_missing_alone() {
    let store = slots(
        r#"[{"activityId":1,"counter":45,"members":[1,2,"2",3]},{"activityId":"2","counter":4.5,"members":[]},
            {"activityId":3,"members":["someone"]},{"activityId":4,"counter":"-2"},{"activityId":5,"counter":null,"members":[1]}]"#,
    );
    let activities = (1..=6).map(ActivityId);
    let question = RealtimeQuestion::new(at("2024-11-12T10:30:00Z"), Duration::from_secs(1), activities);
    let facts = store.expect("a store").realtime(&question).await.expect("an answer");
    let figures: Vec<_> = facts
        .slots
        .iter()
        .map(|(_, slots)| {
            fn reason<T>(why: &Missing) -> Result<T, Reason> {
                match why {
                    Missing::NotMeasured(reason) => Err(*reason),
                    other => panic!("{other:?}"),
                }
            }
            assert!(!slots.derived);
            let stock = slots.stock.as_ref().map_or_else(reason, |stock| Ok(stock.value));
            (stock, slots.members.as_ref().map_or_else(reason, |members| Ok(members.value)))
        })
        .collect();
    let (missing, bad) = (Reason::KeyMissing, Reason::BadValue);
    assert_eq!(
        figures,
        [
            (Ok(Stock::Held(45)), Ok(3)),
            (Err(bad), Ok(0)),
            (Err(missing), Err(bad)),
            (Ok(Stock::Held(-2)), Err(missing)),
            (Err(missing), Ok(1)),
            (Err(missing), Err(missing)),
        ]
    );
}

#[test]
fn a_realtime_file_that_is_no_list_is_an_error() {
    let error = slots(r#"{"activityId":1}"#).expect_err("wrong");
    assert_eq!(error.to_string(), "realtime, line 1, column 0: expected a sequence");
}

#[test]
fn an_invalid_value_of_a_realtime_file_is_reported_with_its_place_and_costs_only_itself() {
    let realtime = r#"[{"activityId":1,"counter":45,"members":"424242"},{"counter":1},{"activityId":-1},7,
        {"activityId":2,"counter":"many","members":[1,2]},{"activityId":3,"members":[1,"you"]},{"activityId":4,"members":[0,"guest",null,-1]},
        {"activityId":5,"counter":3},{"activityId":6,"counter":1},{"activityId":6,"counter":1}]"#;
    let store = slots(realtime).expect("a store");
    let rejected = store.report(Timestamp::UNIX_EPOCH).rejected;
    let places: Vec<_> = rejected.first.iter().map(|one| (&*one.file, one.line, one.reason)).collect();
    let expected = [
        (1, Fault::Wrong("members")),
        (2, Fault::Missing("activityId")),
        (3, Fault::Wrong("activityId")),
        (4, Fault::NotAnObject),
        (5, Fault::Wrong("counter")),
        (6, Fault::Wrong("members")),
        (10, Fault::Twice("activityId")),
    ];
    assert_eq!(places, expected.map(|(line, fault)| ("realtime", line, fault)));
    assert!(!format!("{rejected:?}").contains("424242"), "{rejected:?}");
}

#[test]
fn ledger_lines_are_rows_or_rejected() {
    let ledger = r#"{"kind":"entry","id":1,"activityId":77,"userId":1,"status":"APPROVED","createdAt":"2024-11-12T10:00:00"}
{"kind":"entry","id":"1","activityId":"77","userId":"1","status":"REJECTED","createdAt":"2024-11-12T10:00:00"}
{"kind":"entry","id":2,"activityId":null,"userId":1,"status":"APPROVED","createdAt":"2024-11-12T10:00:00"}
{"kind":"entry","id":3,"activityId":77,"userId":1,"createdAt":"2024-11-12T10:00:00"}
{"kind":"purchase","id":1,"userId":1,"productId":301,"activityId":null,"purchaseType":"SHOP","price":"19900.50","quantity":2,"purchaseAt":"2024-11-12T10:00:00Z"}
{"kind":"purchase","id":2,"userId":1,"productId":301,"activityId":77,"price":19900,"quantity":2,"status":"CONFIRMED","purchaseAt":1731407100.5}
{"kind":"purchase","id":3,"userId":1,"productId":301,"price":"19.900,50","quantity":2,"purchaseAt":"2024-11-12T10:00:00Z"}
{"kind":"purchase","id":4,"userId":1,"productId":301,"price":"-1","quantity":2,"purchaseAt":"2024-11-12T10:00:00Z"}
{"kind":"purchase","id":5,"userId":1,"productId":301,"price":1,"quantity":-2,"purchaseAt":"2024-11-12T10:00:00Z"}
{"kind":"purchase","id":6,"productId":301,"price":1,"quantity":2,"purchaseAt":"2024-11-12T10:00:00Z"}
{"kind":"refund","id":7,"userId":1}

{"kind":"purchase"
"#;
    let store = MemoryStore::load(Files::new().ledger_from("ledger", text(ledger)).accept_rejected()).expect("a store");
    let report = store.report(Timestamp::UNIX_EPOCH);
    let reasons: Vec<_> = report.rejected.first.iter().map(|rejection| (rejection.line, rejection.reason)).collect();
    assert_eq!(
        reasons,
        [
            (3, Fault::Missing("activityId")),
            (4, Fault::Missing("status")),
            (7, Fault::Wrong("price")),
            (11, Fault::Wrong("kind")),
            (13, Fault::NotJson),
        ]
    );
    let ledger = report.ledger;
    assert_eq!((ledger.lines, ledger.blank, ledger.rejected), (13, 1, 5));
    assert_eq!((ledger.entries, ledger.purchases, ledger.replaced), (2, 5, 1));
    // Lines 8 and 9 give money back, and line 10 is the purchase of nobody.
    assert_eq!((ledger.refunds, ledger.unpriced, ledger.unknown_status, ledger.dropped_users), (2, 0, 0, 0));
}

/// The plan's campaign as files: visits, clicks, approvals and purchases of one activity, with 12 active subjects.
fn campaign() -> Files {
    let mut events = String::new();
    let steps = [("PAGE_VIEW", 1234), ("CLICK", 567), ("APPROVED", 123), ("PURCHASE", 45)];
    for (trigger, count) in steps {
        for user in 1..=count {
            // The first 12 views are in the last five minutes.
            let at =
                if trigger == "PAGE_VIEW" && user <= 12 { "2024-11-12T19:26:00" } else { "2024-11-11T12:00:00+09:00" };
            events += &format!(
                r#"{{"eventId":1,"triggerType":"{trigger}","occurredAt":"{at}","userId":{user},"properties":{{"activityId":77,"campaignId":123}}}}"#
            );
            events += "\n";
        }
    }
    let members: Vec<u64> = (1..=45).collect();
    let realtime = json!([{"activityId": 77, "counter": 45, "members": members}]).to_string();
    Files::new()
        .events_from("events", text(events))
        .catalog_from("catalog", text(CATALOG))
        .realtime_from("realtime", text(realtime))
}

#[tokio::test]
async fn the_plans_campaign_has_the_plans_numbers() {
    let store = MemoryStore::load(campaign()).expect("a store");
    let dashboard = Dashboard::builder().memory(store).zone(chrono_tz::Asia::Seoul).build();
    let request = DashboardRequest::campaign(123).widgets(Widget::ALL).period(Period::Last7Days);
    let answer = dashboard.answer(&request, at("2024-11-12T10:30:00Z")).await.expect("an answer");
    let answer = serde_json::to_value(&answer).expect("JSON");
    let data = &answer["data"];
    let figures = ["totalVisits", "totalParticipants", "approvedCount", "purchaseCount", "conversionRate"];
    let values = figures.map(|name| data["overview"][name].to_string());
    assert_eq!(values, ["1234", "567", "123", "45", "3.65"]);
    let rates: Vec<String> =
        data["funnel"]["steps"].as_array().expect("steps").iter().map(|step| step["rate"].to_string()).collect();
    assert_eq!(rates, ["100", "45.9", "21.7", "36.6"]);
    let realtime = &data["realtime"];
    assert_eq!((&realtime["remainingStock"], &realtime["activeUsers"]), (&json!(55), &json!(12)));
    assert_eq!(realtime["participantsTotal"], json!(45));
    for (widget, state) in answer["widgets"].as_object().expect("widgets") {
        assert_ne!(state["status"], "unavailable", "{widget}");
    }
}

#[tokio::test]
async fn no_user_or_session_is_in_a_report_debug_output_or_answer() {
    const USER: &str = "4242424242";
    const SESSION: &str = "marked-session";
    let lines = format!(
        r#"{{"triggerType":"CLICK","occurredAt":1731407100,"userId":{USER},"sessionId":"{SESSION}","properties":{{"activityId":77}}}}
{{"triggerType":"CLICK","occurredAt":1731407100,"userId":[{USER}],"sessionId":"{SESSION}","properties":{{"activityId":77}}}}
{{"triggerType":"CLICK","occurredAt":1731407100,"userId":{USER},"sessionId":"{SESSION}"
{{"kind":"entry","id":1,"activityId":77,"userId":{USER},"status":"APPROVED","createdAt":"{SESSION}"}}
"#
    );
    let files = Files::new()
        .events_from("events", text(lines.clone()))
        .ledger_from("ledger", text(lines))
        .catalog_from("catalog", text(CATALOG))
        .accept_rejected();
    let before = format!("{files:?}");
    let store = MemoryStore::load(files).expect("a store");
    let report = store.report(at("2024-11-12T10:30:00Z"));
    let json = serde_json::to_string(&report).expect("JSON");
    let dashboard = Dashboard::builder().memory(store.clone()).build();
    let request = DashboardRequest::campaign(123).widgets(Widget::ALL);
    let answer = dashboard.answer(&request, at("2024-11-12T10:30:00Z")).await.expect("an answer");
    let answer = serde_json::to_string(&answer).expect("JSON");
    let all = format!("{before} {report:?} {json} {store:?} {answer}");
    assert!(!all.contains(USER) && !all.contains(SESSION), "{all}");
    assert_eq!((report.events.kept, report.events.dropped_subjects), (2, 1));
}
