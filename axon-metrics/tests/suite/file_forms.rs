//! The forms of files: each gives the same figures, or an error that names the form and the command that converts it.

#![cfg(all(feature = "memory", feature = "testing"))]

use std::io::{Cursor, Write};

use axon_metrics::{
    Dashboard, DashboardRequest, Files, MemoryStore, Mode, Period, Timestamp, Widget,
    memory::{Fault, LoadError, LoadReport},
};
use serde_json::{Value, json};

const CATALOG: &str = r#"{"currency":"KRW","campaigns":[{"id":1,"name":"Spring","activities":[{"id":77,"name":"Chair",
  "type":"FIRST_COME_FIRST_SERVE","startAt":"2024-11-06T00:00:00","endAt":"2024-11-20T00:00:00","limitCount":100,"productId":456},
  {"id":78,"name":"Desk","type":"FIRST_COME_FIRST_SERVE"}]}]}"#;

/// Visits, clicks, approvals and purchases.
const FUNNEL: [u64; 4] = [10, 6, 3, 2];

fn now() -> Timestamp {
    "2024-11-12T10:30:00Z".parse().expect("an instant")
}

/// 10 visits, 6 clicks, 3 approvals and 2 purchases of activity 77, each by another user.
fn events() -> Vec<Value> {
    let steps = ["PAGE_VIEW", "CLICK", "APPROVED", "PURCHASE"].into_iter().zip(FUNNEL);
    steps
        .flat_map(|(trigger, count)| {
            (1..=count).map(move |user| {
                json!({"triggerType": trigger, "occurredAt": format!("2024-11-12T09:{user:02}:00Z"), "userId": user,
                    "sessionId": null, "properties": {"activityId": 77}})
            })
        })
        .collect()
}

/// The same, with the properties under a dotted name.
fn dotted_events() -> Vec<Value> {
    let dotted = |mut event: Value| {
        let fields = event.as_object_mut().expect("an object");
        fields.remove("properties");
        fields.insert("properties.activityId".into(), 77.into());
        event
    };
    events().into_iter().map(dotted).collect()
}

/// The same as documents of an export, each from the index that is given for its trigger type.
fn exported(events: Vec<Value>, index: impl Fn(&str) -> String) -> Vec<Value> {
    let document = |(id, event): (usize, Value)| {
        let index = index(event["triggerType"].as_str().expect("a trigger type"));
        json!({"_index": index, "_id": id.to_string(), "_score": 1, "_source": event})
    };
    events.into_iter().enumerate().map(document).collect()
}

fn lines(records: &[Value]) -> String {
    records.iter().map(|record| format!("{record}\n")).collect()
}

/// The records as texts with something between them.
fn joined(records: &[Value], separator: &str) -> String {
    records.iter().map(Value::to_string).collect::<Vec<_>>().join(separator)
}

fn pretty(records: &[Value], separator: &str) -> String {
    let text = |record| serde_json::to_string_pretty(record).expect("JSON");
    records.iter().map(text).collect::<Vec<_>>().join(separator)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("gzip");
    encoder.finish().expect("gzip")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 0).expect("zstd")
}

fn with_events(name: &str, bytes: impl Into<Vec<u8>>) -> Files {
    Files::new().catalog_from("catalog", CATALOG.as_bytes()).events_from(name, Cursor::new(bytes.into()))
}

fn with_ledger(name: &str, bytes: impl Into<Vec<u8>>) -> Files {
    Files::new().catalog_from("catalog", CATALOG.as_bytes()).ledger_from(name, Cursor::new(bytes.into()))
}

fn load(files: Files) -> MemoryStore {
    MemoryStore::load(files).unwrap_or_else(|error| panic!("{error}"))
}

fn report(files: Files) -> LoadReport {
    load(files).report(now())
}

fn refusal(files: Files) -> String {
    let error = MemoryStore::load(files).expect_err("refused");
    assert!(matches!(error, LoadError::Unreadable { .. }), "{error:?}");
    let text = error.to_string();
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

/// The data of an activity's answer in a mode.
async fn data(store: &MemoryStore, activity: u64, mode: Mode) -> Value {
    let dashboard = Dashboard::builder().memory(store.clone()).build();
    let request = DashboardRequest::activity(activity)
        .widgets([Widget::Funnel, Widget::Comparison])
        .period(Period::Last7Days)
        .mode(mode);
    let answer = dashboard.answer(&request, now()).await.expect("an answer");
    serde_json::to_value(&answer).expect("JSON")["data"].take()
}

/// The four steps of an activity in a mode.
async fn steps(store: &MemoryStore, activity: u64, mode: Mode) -> Vec<Value> {
    let data = data(store, activity, mode).await;
    data["funnel"]["steps"].as_array().expect("steps").iter().map(|step| step["value"].clone()).collect()
}

#[tokio::test]
async fn every_form_of_events_that_is_read_gives_the_same_figures() {
    let records = events();
    let plain = lines(&records);
    let array = format!("[{}]", joined(&records, ","));
    let elastic = lines(&exported(records.clone(), |_| "axon.event.commerce".to_owned()));
    let bulk: String = exported(records.clone(), |_| "behavior-events".to_owned())
        .iter()
        .map(|document| {
            format!(
                "{}\n{}\n",
                json!({"index": {"_index": document["_index"], "_id": document["_id"]}}),
                document["_source"]
            )
        })
        .collect();
    let padded = |bytes: Vec<u8>| [bytes, vec![0; 512]].concat();
    let forms: Vec<(&str, Vec<u8>)> = vec![
        ("lines", plain.clone().into()),
        ("lines without a last end", plain.trim_end().into()),
        ("CRLF", plain.replace('\n', "\r\n").into()),
        ("BOM", format!("\u{feff}{plain}").into()),
        (
            "two files with a BOM each",
            format!("\u{feff}{}\u{feff}{}", lines(&records[..9]), lines(&records[9..])).into(),
        ),
        ("BOM before an array", format!("\u{feff}{array}").into()),
        ("array on one line", array.clone().into()),
        ("array, pretty", format!("[\n{}\n]\n", pretty(&records, ",\n")).into()),
        ("array, pretty, CRLF", format!("[\r\n{}\r\n]", pretty(&records, ",\n").replace('\n', "\r\n")).into()),
        ("array, one per line", format!("[\n{}\n]", joined(&records, ",\n")).into()),
        ("old elasticdump", format!("[\n{}\n]\n", joined(&records, "\n,")).into()),
        ("array without commas", format!("[\n{}\n]\n", joined(&records, "\n")).into()),
        ("two arrays", format!("[{}]\n[{}]", joined(&records[..9], ","), joined(&records[9..], ",")).into()),
        ("commas after lines", joined(&records, ",\n").into()),
        ("a comma after each line", format!("{},\n", joined(&records, ",\n")).into()),
        ("commas before lines", joined(&records, "\n,").into()),
        ("pretty objects", pretty(&records, "\n").into()),
        ("objects without anything between", joined(&records, "").into()),
        ("objects on one line", joined(&records, ", ").into()),
        ("JSON text sequence", format!("\u{1e}{}\n", joined(&records, "\n\u{1e}")).into()),
        ("export", elastic.clone().into()),
        ("export as an array", format!("[{}]", elastic.trim_end().replace('\n', ",\n")).into()),
        ("bulk request", bulk.into()),
        ("dotted names", lines(&dotted_events()).into()),
        ("dotted names in an export", lines(&exported(dotted_events(), |_| "behavior-events".to_owned())).into()),
        ("gzip", gzip(plain.as_bytes())),
        ("gzip, padded", padded(gzip(plain.as_bytes()))),
        ("gzip, two members", [gzip(&plain.as_bytes()[..999]), gzip(&plain.as_bytes()[999..])].concat()),
        ("gzip of an array", gzip(array.as_bytes())),
        ("zstd", zstd(plain.as_bytes())),
        ("zstd, two frames, padded", padded([zstd(&plain.as_bytes()[..999]), zstd(&plain.as_bytes()[999..])].concat())),
        ("zstd of an array with a BOM", zstd(format!("\u{feff}{array}").as_bytes())),
    ];
    for (form, bytes) in forms {
        let store = load(with_events(form, bytes));
        let report = store.report(now());
        assert_eq!((report.events.kept, report.rejected.total), (21, 0), "{form}: {report:?}");
        for mode in [Mode::Count, Mode::Unique] {
            assert_eq!(steps(&store, 77, mode).await, FUNNEL, "{form}, {mode:?}");
        }
    }
}

#[tokio::test]
async fn a_large_array_is_read_whatever_its_size_and_the_sizes_of_its_records() {
    let mut array = b"[".to_vec();
    for record in 1..=40_000 {
        let filling = "x ]},{[\\\" ".repeat(if record % 10_000 == 0 { 20_000 } else { record % 7 });
        let event = json!({"triggerType": "CLICK", "occurredAt": 1_731_400_000, "userId": record + 1, "note": filling, "properties": {"activityId": 77}});
        let text =
            if record % 2 == 0 { event.to_string() } else { serde_json::to_string_pretty(&event).expect("JSON") };
        array.extend_from_slice(text.as_bytes());
        array.extend_from_slice(b",\n");
    }
    array.push(b']');
    for bytes in [zstd(&array), array] {
        let store = load(with_events("array", bytes));
        assert_eq!(store.report(now()).events.kept, 40_000);
        assert_eq!(steps(&store, 77, Mode::Unique).await[1], 40_000);
    }
}

#[tokio::test]
async fn events_of_a_rolled_over_index_or_data_stream_are_believed() {
    for index in [
        ".ds-axon.event.commerce-2024.11.12-000003",
        ".ds-axon.event.commerce-000003",
        "axon.event.commerce-000002",
        "behavior-events-000001",
    ] {
        let store = load(with_events("dump", lines(&exported(events(), |_| index.to_owned()))));
        assert_eq!(steps(&store, 77, Mode::Count).await, FUNNEL, "{index}");
    }
    let dump = || lines(&exported(events(), |_| ".ds-shop-2024.11.12-000003".to_owned()));
    assert_eq!(report(with_events("dump", dump())).events.disbelieved, 2);
    let store = load(with_events("dump", dump()).purchase_indices(["shop"]));
    assert_eq!(steps(&store, 77, Mode::Count).await, FUNNEL);
    assert_eq!(store.report(now()).events.disbelieved, 0);
}

#[tokio::test]
async fn an_event_belongs_to_each_activity_that_it_names() {
    let event = |user: u64, fields: &str| {
        format!(r#"{{"triggerType":"PAGE_VIEW","occurredAt":"2024-11-12T09:00:00Z","userId":{user},{fields}}}"#)
    };
    let both = [
        event(1, r#""properties":{"activityId":[77,78]}"#),
        event(2, r#""properties":{"activityId":77},"properties.activityId":78"#),
        event(3, r#""properties.activityId":["78",77.0,77]"#),
        event(4, r#""properties":[{"activityId":78},{"activityId":77}]"#),
        format!(r#"{{"_index":"i","_id":"5","_source":{}}}"#, event(5, r#""properties.activityId":[78,77]"#)),
    ];
    let one = event(6, r#""properties.activityId":77,"properties":{"activityId":"77"}"#);
    let wrong = event(7, r#""properties":{"activityId":[77,"seventy-eight"]}"#);
    let text = both.iter().chain([&one, &wrong]).map(|line| format!("{line}\n")).collect::<String>();
    let store = load(with_events("arrays", text));
    let report = store.report(now());
    assert_eq!((report.events.kept, report.rejected.total), (6, 1));
    assert_eq!(report.rejected.first[0].reason, Fault::Wrong("properties.activityId"));
    for (activity, visits) in [(77, 6), (78, 5)] {
        for mode in [Mode::Count, Mode::Unique] {
            assert_eq!(steps(&store, activity, mode).await[0], visits, "{activity} {mode:?}");
        }
    }
    // In the campaign each event counts once.
    let dashboard = Dashboard::builder().memory(store).build();
    let answer = dashboard.answer(&DashboardRequest::campaign(1), now()).await.expect("an answer");
    assert_eq!(answer.data.overview.expect("an overview").totals.total_visits, Some(6));
}

/// A row of the ledger with this text as its price.
fn purchase(id: u64, price: &str, quantity: &str) -> String {
    format!(
        r#"{{"kind":"purchase","id":{id},"userId":{id},"productId":456,"activityId":77,"price":{price},"quantity":{quantity},"status":"CONFIRMED","purchaseAt":"2024-11-12T18:10:00+09:00"}}"#
    )
}

async fn sales(store: &MemoryStore) -> (Value, Value, Value) {
    let promotion = data(store, 77, Mode::Count).await["comparison"]["promotion"].take();
    (promotion["orders"].clone(), promotion["quantity"].clone(), promotion["revenue"].clone())
}

#[tokio::test]
async fn a_price_with_a_point_is_read_exactly_from_its_text() {
    let cases = [
        ([("19.99", "1"), ("19.99", "1")], 2, 2, "39.98"),
        ([("12900.00", "1"), ("12900.00", "2")], 2, 3, "38700.00"),
        ([("20", "1"), ("19.99", "1")], 2, 2, "39.99"),
        ([("\"19.99\"", "1"), ("1999e-2", "1.0")], 2, 2, "39.98"),
        ([("1e3", "2.0"), ("0.1", "3")], 2, 5, "2000.30"),
        ([("0.1", "1"), ("0.2", "1")], 2, 2, "0.30"),
    ];
    for (rows, orders, quantity, revenue) in cases {
        let texts: Vec<String> =
            (1..).zip(&rows).map(|(id, (price, quantity))| purchase(id, price, quantity)).collect();
        for ledger in [texts.join("\n"), format!("[{}]", texts.join(",")), format!("[\n{}\n]\n", texts.join("\n,"))] {
            let store = load(with_ledger("ledger", ledger));
            assert_eq!(store.report(now()).rejected.total, 0);
            let expected = (json!(orders), json!(quantity), json!(revenue));
            assert_eq!(sales(&store).await, expected, "{rows:?}");
        }
    }
}

#[test]
fn an_amount_with_more_digits_than_are_held_is_rejected_and_not_rounded() {
    let prices =
        ["0.12345678901234567890123456789", "79228162514264337593543950336", "1e-29", "1e29", "[1]", "\"1,5\""];
    let good = ["1", "2", "3", "4", "5", "6"].map(|price| purchase(9, price, "1"));
    let bad = prices.map(|price| purchase(1, price, "1"));
    let report = report(with_ledger("ledger", [good, bad].concat().join("\n")));
    assert_eq!(report.rejected.reasons, [(Fault::Wrong("price"), 6)].into());
    let whole = ["1.5", "\"2.5\"", "true"].map(|quantity| purchase(1, "1", quantity));
    let report = self::report(with_ledger("ledger", whole.join("\n")).accept_rejected());
    assert_eq!(report.rejected.reasons, [(Fault::Wrong("quantity"), 3)].into());
}

#[tokio::test]
async fn times_are_read_in_the_forms_that_elasticsearch_takes() {
    let event = |at: &str| {
        format!(r#"{{"triggerType":"CLICK","occurredAt":{at},"userId":1,"properties":{{"activityId":77}}}}"#) + "\n"
    };
    let read = [
        "1731402000000",
        "\"1731402000000\"",
        "\"1731402000\"",
        "\"2024-11-12T09:00:00Z\"",
        "\"2024-11-12T18:00:00.123456789+0900\"",
        "\"2024-11-12T18:00\"",
        "\"2024-11-12T18\"",
        "\"2024-11-12\"",
        "\"2024-11-12T09:00:00UTC\"",
    ];
    let unread = ["\"12/11/2024 18:00\"", "\"2024-W46-2\"", "\"20241112\"", "\"Tue Nov 12 2024\"", "{\"$date\":1}"];
    let text: String = read.iter().chain(&unread).map(|at| event(at)).collect();
    let store = load(with_events("times", text));
    assert_eq!(steps(&store, 77, Mode::Count).await[1], 9);
    let rejected = store.report(now()).rejected;
    assert_eq!(rejected.reasons, [(Fault::Wrong("occurredAt"), 5)].into());
    assert_eq!((&*rejected.first[0].file, rejected.first[0].line), ("times", 10));
}

#[test]
fn a_file_of_another_form_is_refused_with_its_form_and_the_command_that_converts_it() {
    let utf16: Vec<u8> = lines(&events()).encode_utf16().flat_map(u16::to_le_bytes).collect();
    let csv: String = "triggerType,occurredAt,userId\nCLICK,2024-11-12T09:00:00Z,1\n".repeat(3);
    let reply = json!({"took": 3, "timed_out": false, "hits": {"total": {"value": 21}, "hits": exported(events(), |_| "i".to_owned())}});
    let latin1: Vec<u8> = lines(&events())
        .replace("PAGE_VIEW", "é")
        .replace("CLICK", "é")
        .chars()
        .map(|char| u8::try_from(char).expect("Latin-1"))
        .collect();
    let cases: Vec<(Vec<u8>, &str, &str)> = vec![
        (b"BZh91AY&SY\x12\x34".to_vec(), "bzip2", "bzip2 -dc dump > converted.ndjson"),
        (b"\xfd7zXZ\x00\x00\x04".to_vec(), "xz", "xz -dc dump"),
        (b"PK\x03\x04\x14\x00\x00\x00\x08\x00events.ndjson".to_vec(), "zip", "unzip -p dump"),
        (gzip(&gzip(b"{}")), "packed twice", "gzip -dc dump | gzip -dc"),
        (utf16, "UTF-16", "iconv -f UTF-16LE -t UTF-8 dump"),
        (latin1, "Latin-1", "iconv -f WINDOWS-1252 -t UTF-8 dump"),
        (csv.into(), "CSV", "mlr --icsv --ojsonl cat dump"),
        (reply.to_string().into(), "search reply", "jq -c '.hits.hits[]' dump"),
        (serde_json::to_vec_pretty(&reply).expect("JSON"), "search reply", "jq -c '.hits.hits[]' dump"),
        (json!({"events": events()}).to_string().into(), "another shape", "jq -c '.events[]' dump"),
        (gzip(json!({"events": events()}).to_string().as_bytes()), "another shape", "jq -c '.events[]' dump"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>\n".to_vec(), "HTML", "export"),
        (b"{}".to_vec(), "1 of 1 records", "triggerType is missing"),
        (b"nonsense\n".to_vec(), "1 of 1 records", "line 1: not JSON"),
    ];
    for (bytes, form, command) in cases {
        let text = refusal(with_events("dump", bytes.clone()));
        assert!(text.starts_with("dump cannot be loaded: "), "{text}");
        assert!(text.contains(form) && text.contains(command), "{form}, {command}: {text}");
        let accepted = report(with_events("dump", bytes).accept_rejected());
        assert!(accepted.events.kept <= 5 && accepted.rejected.total > 0, "{form}: {accepted:?}");
    }
    let text = refusal(with_ledger("rows", "INSERT INTO `purchases` VALUES (1,2,3);\n"));
    assert!(text.contains("SQL") && text.contains("JSON_OBJECT"), "{text}");
    let catalog = Files::new().catalog_from("catalog.xz", &b"\xfd7zXZ\x00\x00\x04"[..]);
    let text = refusal(catalog.accept_rejected());
    assert!(text.contains("xz -dc catalog.xz > converted.json"), "{text}");
}

#[test]
fn a_file_loads_unless_more_than_half_of_its_records_are_rejected() {
    let (good, bad) = (events()[0].to_string(), "{\"triggerType\":\"CLICK\"}");
    let mixed = |goods: usize, bads: usize| {
        let lines = std::iter::repeat_n(&*good, goods).chain(std::iter::repeat_n(bad, bads));
        lines.chain(["", " "]).collect::<Vec<_>>().join("\n")
    };
    for (goods, bads) in [(0, 0), (1, 0), (1, 1), (2, 1), (50, 50)] {
        let report = report(with_events("mixed", mixed(goods, bads)));
        assert_eq!((report.events.kept, report.events.rejected), (goods as u64, bads as u64));
    }
    for (goods, bads) in [(0, 1), (1, 2), (50, 51)] {
        let text = refusal(with_events("mixed", mixed(goods, bads)));
        let share = format!("{bads} of {} records are rejected, the first in line {}", goods + bads, goods + 1);
        assert!(text.contains(&share) && text.contains("occurredAt is missing"), "{text}");
        let accepted = report(with_events("mixed", mixed(goods, bads)).accept_rejected());
        assert_eq!((accepted.events.kept, accepted.events.rejected), (goods as u64, bads as u64));
    }
    // Events that are not believed or belong to no activity are read.
    let unbelieved = lines(&exported(events(), |_| "forged".to_owned())[19..]);
    let report = report(with_events("unbelieved", unbelieved + r#"{"triggerType":"VISIT","occurredAt":1}"#));
    assert_eq!((report.events.disbelieved, report.events.without_activity), (2, 1));
}

#[test]
fn an_empty_file_has_no_records() {
    for bytes in [&b""[..], b"\n \r\n", b"[]", b"[\n]\n", b"\xef\xbb\xbf", &gzip(b"")[..], &zstd(b"[ ]")[..]] {
        let loaded = report(with_events("empty", bytes).ledger_from("empty", Cursor::new(bytes.to_vec())));
        assert_eq!((loaded.events.kept, loaded.rejected.total), (0, 0), "{bytes:?}");
    }
}

#[test]
fn a_file_that_is_cut_off_is_an_error_or_has_one_record_less() {
    let array = format!("[{}]", joined(&events(), ","));
    for (name, bytes) in [
        ("in a record", array.as_bytes()[..array.len() - 5].to_vec()),
        ("after a record", array.as_bytes()[..array.len() - 1].to_vec()),
        ("gzip", gzip(array.as_bytes())[..200].to_vec()),
        ("zstd", zstd(array.as_bytes())[..100].to_vec()),
    ] {
        let error = MemoryStore::load(with_events(name, bytes)).expect_err("cut off");
        assert!(matches!(error, LoadError::Io { .. }), "{name}: {error:?}");
        assert_eq!(error.to_string(), format!("{name} cannot be read"));
    }
    for (cut, kept) in [(1, 21), (5, 20)] {
        let cut = array.as_bytes()[..array.len() - cut].to_vec();
        let accepted = report(with_events("cut", cut).accept_rejected());
        assert_eq!((accepted.events.kept, accepted.rejected.total), (kept, 1));
    }
}

#[tokio::test]
async fn forms_are_told_apart_where_lines_are_added_to_a_store() {
    let store = load(Files::new().catalog_from("catalog", CATALOG.as_bytes()));
    let (first, second) = (events()[..10].to_vec(), events()[10..].to_vec());
    let add = |bytes: Vec<u8>| store.append_lines("more", Cursor::new(bytes)).expect("added");
    assert_eq!(add(format!("[{}]", joined(&first, ",\n")).into()), 0);
    assert_eq!(add(zstd(pretty(&second, "\n").as_bytes())), 0);
    assert_eq!(add(b"BZh91AY&SY\n".to_vec()), 1);
    assert_eq!(steps(&store, 77, Mode::Unique).await, FUNNEL);
}
