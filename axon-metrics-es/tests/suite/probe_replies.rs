//! Faulty replies to a probe: an incomplete probe gives no count.
//!
//! The search after the probe always gets a valid reply, so a whole count proves that the probe was accepted.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common;

use std::{path::PathBuf, time::Duration};

use axon_metrics::{
    EventRule, Missing, SourceError,
    source::{BehaviorSource as _, ErrorChain},
};
use axon_metrics_es::EsOptions;
use common::{
    question::clicks,
    scripted::{CannedReply, IndexStub, ScriptedServer, counts, field_caps, shards},
};
use serde_json::{Value, json};

const EVENTS: &str = "axon.event.behavior";
const PURCHASES: &str = "axon.event.commerce";

/// The count in each search reply.
const CLICKS: u64 = 5;

fn indices() -> [IndexStub; 2] {
    [IndexStub::template(EVENTS), IndexStub::template(PURCHASES)]
}
fn good_types() -> Value {
    field_caps(&indices())
}
fn good_counts() -> Value {
    counts(&indices())
}

/// A valid reply to all searches of a request. A search is two lines, a header and a body.
fn good_searches(body: &str) -> CannedReply {
    let search = json!({
        "status": 200, "timed_out": false, "_shards": shards(1), "hits": {"total": {"value": CLICKS, "relation": "eq"}},
    });
    CannedReply::json(&json!({"responses": vec![search; body.lines().count() / 2]}))
}

/// The whole count that the question gets after these probe replies, or a text that says what it gets instead.
async fn whole_count(types: CannedReply, counts: CannedReply) -> Result<u64, String> {
    let server = ScriptedServer::start(move |number, path, body| match number {
        0 => types.clone(),
        // Each name by itself, after a reply that does not list all of them.
        _ if path.contains("_field_caps") => CannedReply::json(&json!({"indices": [], "fields": {}})),
        _ if body.contains("\"units\"") || !body.contains("\"query\"") => counts.clone(),
        _ => good_searches(body),
    })
    .await;
    let facts = server.source(EsOptions::default()).behavior(&clicks()).await;
    let facts = facts.map_err(|error| format!("{error:?}"))?;
    match &facts.steps.current[0] {
        Ok(fact) if fact.partial => Err(format!("partial: {}", fact.value)),
        Ok(fact) => Ok(fact.value),
        Err(missing) => Err(format!("{missing:?}")),
    }
}

/// Checks that none of these replies gives a whole count. `replies` adds a valid reply to the other request of the
/// probe.
async fn check_rejected(bad: Vec<(&str, CannedReply)>, replies: impl Fn(CannedReply) -> (CannedReply, CannedReply)) {
    for (name, reply) in bad {
        let (types, counts) = replies(reply);
        let result = whole_count(types, counts).await;
        assert!(result.is_err(), "{name}: {result:?}");
    }
}

fn text(text: impl Into<String>) -> CannedReply {
    CannedReply::Sized(200, text.into().into_bytes())
}

/// A reply with one part of its text replaced.
fn with(reply: &Value, old: &str, new: &str) -> CannedReply {
    let reply = reply.to_string();
    assert_eq!(reply.matches(old).count(), 1, "{old} in {reply}");
    text(reply.replace(old, new))
}

/// A reply with another value at a JSON pointer; `None` removes the member.
fn at(reply: &Value, pointer: &str, value: Option<Value>) -> CannedReply {
    let mut reply = reply.clone();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let members = reply.pointer_mut(parent).and_then(Value::as_object_mut).unwrap();
    match value {
        Some(value) => members.insert(name.to_owned(), value),
        None => members.remove(name),
    };
    CannedReply::json(&reply)
}

/// A reply recorded from a real server.
fn recording(name: &str) -> CannedReply {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/replies/{name}.json"));
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    match file.get("body") {
        Some(body) => {
            CannedReply::Chunked(file["http_status"].as_u64().unwrap().try_into().unwrap(), body.to_string().into())
        }
        None => CannedReply::json(&file),
    }
}

const GATEWAY: &str = "<html><body><h1>502 Bad Gateway</h1></body></html>";

#[tokio::test]
async fn valid_probe_replies_give_a_whole_count() {
    let result = whole_count(CannedReply::json(&good_types()), CannedReply::json(&good_counts())).await;
    assert_eq!(result, Ok(CLICKS));
}

#[tokio::test]
async fn faulty_mapped_types_give_no_count() {
    let good = good_types();
    let whole = good.to_string();
    let member = |name: &str, value: &Value| format!("{}:{value},", json!(name));
    let time = &good["fields"]["occurredAt"];
    let date = &time["date"];
    let twice = |name: &str, first: &Value, second: &Value| {
        let (first, second) = (member(name, first), format!("{}:{second}", json!(name)));
        with(&good, &second, &(first + &second))
    };
    let with_types = |types: Value| at(&good, "/fields/occurredAt", Some(types));
    let another_index = json!([EVENTS, PURCHASES, "axon.event.behavior-000002"]);
    let bad = vec![
        ("truncated", text(&whole[..whole.len() / 2])),
        ("truncated before its last brace", text(&whole[..whole.len() - 1])),
        (
            "truncated before its content-length",
            CannedReply::Cut(200, whole.len(), whole.as_bytes()[..whole.len() / 2].into()),
        ),
        ("twice in one body", text(whole.repeat(2))),
        ("a field twice", twice("occurredAt", &json!({"float": {"type": "float"}}), time)),
        ("a field twice, the same", twice("occurredAt", time, time)),
        ("a type twice", twice("date", &json!({"type": "date", "indices": [PURCHASES]}), date)),
        ("a type twice, the same", twice("date", date, date)),
        ("the name of a type twice", with(&good, r#""type":"date""#, r#""type":"float","type":"date""#)),
        ("two types of a field in one index", with_types(json!({"date": date, "float": {"type": "float"}}))),
        ("fields twice", with(&good, r#""fields":"#, r#""fields":{},"fields":"#)),
        ("fields as a list", at(&good, "/fields", Some(json!([])))),
        ("no fields", at(&good, "/fields", None)),
        ("a field as a list", with_types(json!(["date"]))),
        ("a field of null", with_types(Value::Null)),
        ("a type that is a number", with_types(json!({"date": {"type": 7}}))),
        ("a type without its name", with_types(json!({"date": {"indices": [EVENTS, PURCHASES]}}))),
        ("a type in no index", with_types(json!({"date": {"type": "date", "indices": []}}))),
        ("indices of null", at(&good, "/indices", Some(Value::Null))),
        ("no indices", at(&good, "/indices", None)),
        ("indices as a text", at(&good, "/indices", Some(json!(EVENTS)))),
        ("an empty list of indices", at(&good, "/indices", Some(json!([])))),
        ("one index missing", at(&good, "/indices", Some(json!([PURCHASES])))),
        ("an index outside the request", at(&good, "/indices", Some(another_index))),
        ("a gateway's page", text(GATEWAY)),
        ("a gateway's page with its status", CannedReply::Sized(502, GATEWAY.into())),
        ("a good body with another status", CannedReply::Sized(503, whole.clone().into())),
        ("an empty body", text("")),
        ("an empty body without content", CannedReply::Sized(204, Vec::new())),
        ("an empty object", text("{}")),
        ("null", text("null")),
        ("not HTTP", CannedReply::Raw(b"\x00\x01 nonsense \r\n\r\n".to_vec())),
        ("recorded: no such index", recording("field_caps_missing")),
        ("recorded: no such index, ignored", recording("field_caps_missing_ignored")),
        ("recorded: three other indices", recording("field_caps_three")),
    ];
    check_rejected(bad, |types| (types, CannedReply::json(&good_counts()))).await;
}

#[tokio::test]
async fn faulty_counts_give_no_count() {
    let good = good_counts();
    let whole = good.to_string();
    let first = |pointer: &str, value: Option<Value>| at(&good, &format!("/responses/0{pointer}"), value);
    let search = |index: usize| good["responses"][index].clone();
    let searches = |searches: &[Value]| CannedReply::json(&json!({"responses": searches}));
    let missing = json!({"status": 404, "error": {"type": "index_not_found_exception"}});
    let buckets = "/aggregations/units/buckets";
    // Replaces only the first of the two occurrences.
    let in_first = |old: &str, new: &str| {
        assert_eq!(whole.matches(old).count(), 2, "{old} in {whole}");
        text(whole.replacen(old, new, 1))
    };
    let bad = vec![
        ("timed out", first("/timed_out", Some(json!(true)))),
        ("no time-out flag", first("/timed_out", None)),
        ("a failed shard", first("/_shards", Some(json!({"total": 2, "successful": 1, "failed": 1})))),
        ("a shard that did not answer", first("/_shards", Some(json!({"total": 2, "successful": 1, "failed": 0})))),
        ("no shard that answered", first("/_shards", Some(json!({"total": 1, "successful": 0, "failed": 1})))),
        ("zero shards", first("/_shards", Some(shards(0)))),
        ("no shards", first("/_shards", None)),
        ("no aggregation", first("/aggregations", None)),
        ("no counts of ignored fields", first("/aggregations/checks", None)),
        ("one count of ignored fields", first("/aggregations/checks/buckets", Some(json!([{"doc_count": 0}])))),
        ("another aggregation", first("/aggregations", Some(json!({"users": {"value": 4}})))),
        ("two buckets instead of three", first(buckets, Some(json!([{"doc_count": 0}, {"doc_count": 1_000}])))),
        ("four buckets instead of three", first(buckets, Some(json!(vec![json!({"doc_count": 250}); 4])))),
        ("a bucket without a count", first(buckets, Some(json!([{}, {"doc_count": 1_000}, {"doc_count": 0}])))),
        ("a lower bound", first("/hits/total/relation", Some(json!("gte")))),
        ("no total", first("/hits", None)),
        ("a negative total", first("/hits/total/value", Some(json!(-1)))),
        ("no record", first("/hits/total/value", Some(json!(0)))),
        ("no status", first("/status", None)),
        ("a status of its own", first("/status", Some(json!(503)))),
        ("an error beside numbers", first("/error", Some(json!({"type": "some_exception"})))),
        ("a missing index", searches(&[missing, search(1)])),
        ("one search too few", searches(&[search(0)])),
        ("one search too many", searches(&[search(0), search(1), search(1)])),
        ("no search", searches(&[])),
        ("null for a search", searches(&[Value::Null, search(1)])),
        ("searches twice", with(&good, r#""responses":"#, r#""responses":[],"responses":"#)),
        ("a total twice", in_first(r#""value":1000"#, r#""value":1,"value":1000"#)),
        ("a status twice", in_first(r#""status":200"#, r#""status":503,"status":200"#)),
        ("units twice", in_first(r#""units":"#, r#""units":{"buckets":[]},"units":"#)),
        ("truncated", text(&whole[..whole.len() / 2])),
        ("truncated before its last brace", text(&whole[..whole.len() - 1])),
        (
            "truncated before its content-length",
            CannedReply::Cut(200, whole.len(), whole.as_bytes()[..whole.len() / 2].into()),
        ),
        ("a gateway's page", text(GATEWAY)),
        ("a gateway's page with its status", CannedReply::Sized(502, GATEWAY.into())),
        ("a good body with another status", CannedReply::Sized(503, whole.clone().into())),
        ("an empty body", text("")),
        ("recorded: searches that failed", recording("msearch_inner_errors")),
        ("recorded: searches refused", recording("msearch_inner_429")),
    ];
    check_rejected(bad, |counts| (CannedReply::json(&good_types()), counts)).await;
}

/// Records may lack their time, and the server does not count them: the question still asks for those of its scope.
#[tokio::test]
async fn losses_that_a_probe_cannot_count_are_counted_by_the_question() {
    let indices = [IndexStub::template(EVENTS).with_units([0, 990, 0]), IndexStub::template(PURCHASES)];
    let server = ScriptedServer::start(move |_, path, body| {
        if path.contains("_field_caps") {
            CannedReply::json(&field_caps(&indices))
        } else if body.contains("\"losses\"") {
            CannedReply::Sized(503, GATEWAY.into())
        } else if body.contains("\"units\"") {
            CannedReply::json(&counts(&indices))
        } else {
            good_searches(body)
        }
    })
    .await;
    let source = server.source(EsOptions::default());
    let fact = source.behavior(&clicks()).await.unwrap().steps.current.remove(0).unwrap();
    assert_eq!((fact.value, fact.partial), (CLICKS, false));
    let left_out: Vec<_> = fact.coverage.left_out().iter().map(|one| (one.reason.code(), one.records)).collect();
    assert_eq!(left_out, ["no_time", "time_out_of_range"].map(|code| (code, Some(CLICKS))));
    let probe = source.probe(common::question::at(0), Duration::from_secs(5)).await.unwrap();
    assert_eq!(probe.losses, []);
    assert!(probe.findings.iter().any(|(name, text)| name.ends_with(".losses") && text.starts_with("not counted")));
}

#[tokio::test]
async fn losses_are_counted_again_only_when_their_number_has_changed() {
    use std::sync::atomic::{AtomicU64, Ordering};
    let lossy = std::sync::Arc::new(AtomicU64::new(5));
    let current = std::sync::Arc::clone(&lossy);
    let server = ScriptedServer::start(move |_, path, body| {
        let users = current.load(Ordering::Relaxed);
        let indices = [IndexStub::template(EVENTS).with_losses([0, 0, 0, 0, users, 0, 0, 0])];
        CannedReply::json(&match body {
            _ if path.contains("_field_caps") => field_caps(&indices),
            _ if body.contains("\"losses\"") => common::scripted::losses(&indices, body),
            _ => counts(&indices),
        })
    })
    .await;
    let source = server.source(EsOptions::default().with_event_indices([EVENTS]).with_purchase_indices([EVENTS]));
    for (number, requests) in [(5, 1), (5, 1), (6, 2), (0, 2)] {
        lossy.store(number, Ordering::Relaxed);
        let probe = source.probe(common::question::at(0), Duration::from_secs(5)).await.unwrap();
        assert_eq!(probe.losses.iter().map(|loss| loss.records).sum::<u64>(), number);
        let counted = server.requests().iter().filter(|(_, body)| body.contains("\"losses\"")).count();
        assert_eq!(counted, requests, "{number}");
    }
}

#[tokio::test]
async fn an_index_created_during_the_probe_gives_no_count() {
    let types = field_caps(&[IndexStub::template(PURCHASES)]);
    let result = whole_count(CannedReply::json(&types), CannedReply::json(&good_counts())).await;
    assert!(result.is_err(), "counted but not mapped: {result:?}");
}

/// No click and some purchases are found. The probe that would confirm the zero fails.
#[tokio::test]
async fn a_zero_that_no_probe_confirms_is_missing_and_what_was_found_is_kept() {
    let search = |header: &str| {
        let total = if header.contains(PURCHASES) { CLICKS } else { 0 };
        let hits = json!({"total": {"value": total, "relation": "eq"}});
        json!({"status": 200, "timed_out": false, "_shards": shards(1), "hits": hits})
    };
    let server = ScriptedServer::start(move |number, path, body| match number {
        0 => CannedReply::json(&good_types()),
        1 => CannedReply::json(&good_counts()),
        _ if path.contains("_field_caps") => CannedReply::Sized(503, GATEWAY.into()),
        // A search is two lines, a header and a body.
        _ => CannedReply::json(&json!({"responses": body.lines().step_by(2).map(search).collect::<Vec<_>>()})),
    })
    .await;
    let source = server.source(EsOptions::default());
    let mut question = clicks();
    question.steps = ["CLICK", "PURCHASE"].map(EventRule::trigger).into();
    let counts = async || source.behavior(&question).await.unwrap().steps.current;
    let just_probed: Vec<u64> = counts().await.into_iter().map(|fact| fact.unwrap().value).collect();
    assert_eq!(just_probed, [0, CLICKS]);

    tokio::time::sleep(Duration::from_secs(5)).await;
    let counts = counts().await;
    let Err(Missing::Unavailable(error)) = &counts[0] else { panic!("{counts:?}") };
    let text = ErrorChain(&**error).to_string();
    assert!(text.contains("index probe failed") && text.contains("status 503"), "{text}");
    assert_eq!(counts[1].as_ref().unwrap().value, CLICKS);
    // Here nothing else was found.
    let error = source.behavior(&clicks()).await.unwrap_err();
    assert!(matches!(error, SourceError::Unavailable { .. }), "{error:?}");
}
