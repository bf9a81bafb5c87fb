//! Faulty replies, recorded from a real server or made up: no incomplete reply counts as complete.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common;

use std::path::PathBuf;

use axon_metrics::{
    ActivityId, EventRule, Fact, Missing, Reason, SourceError,
    facts::BehaviorFacts,
    source::{BehaviorQuestion, BehaviorSource as _, Cells, Counting, Grid, QueryScope, Series, SeriesActivities},
};
use axon_metrics_es::EsOptions;
use chrono::TimeDelta;
use common::{
    question::{at, clicks},
    scripted::{CannedReply, IndexStub, ScriptedServer, shards},
};
use serde_json::{Value, json};

/// The outcome of a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Whole(u64),
    Partial(u64),
    NoIndex,
    Unavailable,
    Lost,
    Overloaded,
    Denied,
    Malformed,
}
use Verdict::{Denied, Lost, Malformed, NoIndex, Overloaded, Partial, Unavailable, Whole};

fn error_verdict(error: &SourceError) -> Verdict {
    assert!(!error.to_string().contains("127.0.0.1"), "{error}");
    match error {
        SourceError::Unavailable { .. } => Unavailable,
        SourceError::Lost { .. } => Lost,
        SourceError::Overloaded { .. } => Overloaded,
        SourceError::Denied { missing, .. } => {
            assert!(!missing.contains("u_a") && !missing.contains("other-secret"), "{missing}");
            Denied
        }
        _ => Malformed,
    }
}

fn fact_verdict(fact: &Fact<u64>) -> Verdict {
    match fact {
        Ok(fact) if fact.partial => Partial(fact.value),
        Ok(fact) => Whole(fact.value),
        Err(Missing::NotMeasured(Reason::NoIndex)) => NoIndex,
        Err(Missing::Unavailable(error)) => error_verdict(error),
        Err(other) => panic!("{other:?}"),
    }
}

/// All figures of the clicks of two activities in one search: subjects, per hour, per activity.
fn everything() -> BehaviorQuestion {
    let question = clicks();
    let scope = QueryScope::new(at(0), [77, 78].map(ActivityId), question.scope.current)
        .with_counting(Counting::Subjects)
        .with_by_activity(true);
    let cells = Cells::Grid(Grid { from: at(-7_200), step: TimeDelta::hours(1), cells: 2 });
    BehaviorQuestion::new(scope, question.budget).with_steps(question.steps).with_series([Series::new(
        EventRule::trigger("CLICK"),
        SeriesActivities::All,
        cells,
    )])
}

/// The facts of a question if the server sends this reply, over an index with this many shards.
async fn facts_of(question: BehaviorQuestion, shards: u64, reply: CannedReply) -> Result<BehaviorFacts, SourceError> {
    let indices = vec![
        IndexStub::template("axon.event.behavior").with_shards(shards),
        IndexStub::template("axon.event.commerce"),
    ];
    let server = ScriptedServer::over(indices, move |_| reply.clone()).await;
    server.source(EsOptions::default().with_longest_reply(1 << 20)).behavior(&question).await
}

async fn verdict(shards: u64, reply: CannedReply) -> Verdict {
    match facts_of(clicks(), shards, reply).await {
        Ok(facts) => fact_verdict(&facts.steps.current[0]),
        Err(error) => error_verdict(&error),
    }
}

/// Each recorded reply: the number of shards of the index, its verdict as the reply to one search, and as the whole
/// reply.
const RECORDINGS: [(&str, u64, Verdict, Verdict); 48] = [
    ("auth_401_bad_api_key", 1, Denied, Denied),
    ("auth_401_none", 1, Denied, Denied),
    ("auth_401_revoked_api_key", 1, Denied, Denied),
    ("auth_401_wrong_password", 1, Denied, Denied),
    ("auth_403_hidden_by_ignore", 1, Unavailable, Malformed),
    ("auth_403_other_index", 1, Denied, Denied),
    ("auth_403_write", 1, Denied, Denied),
    ("bad_time_zone", 1, Malformed, Malformed),
    ("circuit_breaker_429", 1, Overloaded, Overloaded),
    ("closed_in_pattern", 1, Unavailable, Malformed),
    ("closed_index", 1, Unavailable, Unavailable),
    ("closed_index_ignored", 1, Unavailable, Malformed),
    ("date_format_error", 1, Malformed, Malformed),
    ("esql_absent", 1, Malformed, Malformed),
    ("field_caps_missing", 1, NoIndex, Malformed),
    ("field_caps_missing_ignored", 1, Malformed, Malformed),
    ("field_caps_three", 1, Malformed, Malformed),
    ("interval_on_missing_unit", 1, Malformed, Malformed),
    ("missing_index", 1, NoIndex, Malformed),
    ("missing_index_ignored", 1, Unavailable, Malformed),
    ("missing_one_of_two", 2, NoIndex, Malformed),
    ("missing_one_of_two_ignored", 2, Unavailable, Malformed),
    ("msearch_bad_header", 1, Unavailable, Unavailable),
    ("msearch_parse_error_breaks_all", 1, Malformed, Malformed),
    ("no_handler_root", 1, Malformed, Malformed),
    ("ok_small", 1, Whole(1_000_000), Malformed),
    ("parse_error", 1, Malformed, Malformed),
    ("pattern_without_match", 1, Unavailable, Malformed),
    ("pattern_without_match_strict", 1, NoIndex, Malformed),
    ("pit_garbage", 1, Unavailable, Malformed),
    ("pit_gone", 1, Malformed, Malformed),
    ("rejected_429", 1, Overloaded, Overloaded),
    ("rejected_partial_200", 2, Malformed, Malformed),
    ("result_window", 1, Malformed, Malformed),
    ("script_absent", 1, Malformed, Malformed),
    ("shards_failed_all", 1, Malformed, Malformed),
    ("shards_failed_no_partial", 1, Malformed, Malformed),
    ("shards_failed_partial", 2, Partial(1_000_000), Malformed),
    ("terminated_early", 1, Whole(1_000_000), Malformed),
    ("terms_too_many", 1, Malformed, Malformed),
    ("timed_out_partial", 1, Partial(788_864), Malformed),
    ("too_many_buckets", 1, Malformed, Malformed),
    ("too_many_buckets_composite", 1, Malformed, Malformed),
    ("unassigned_shard_alone", 1, Unavailable, Unavailable),
    ("unassigned_shard_with_other", 2, Partial(1_000_000), Malformed),
    // A plain count needs no unmapped field, so it is right.
    ("unmapped_field_silent_zero", 1, Whole(1_000_000), Malformed),
    ("vnd_v8_header", 1, Malformed, Malformed),
    ("vnd_v9_header", 1, Malformed, Malformed),
];

/// Recorded replies to several searches: the verdict as the whole reply, and that of each search.
const MSEARCH_RECORDINGS: [(&str, Verdict, &[Verdict]); 3] = [
    ("msearch_inner_429", Malformed, &[Overloaded, Overloaded, Overloaded]),
    ("msearch_inner_errors", Malformed, &[Malformed, NoIndex, Unavailable]),
    ("msearch_inner_errors_filtered", Malformed, &[Malformed, NoIndex, Unavailable]),
];

fn recording(name: &str) -> (u16, Value) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/replies/{name}.json"));
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    match file.get("body") {
        Some(body) => (file["http_status"].as_u64().unwrap().try_into().unwrap(), body.clone()),
        None => (200, file),
    }
}

fn reply_of(search: &Value) -> CannedReply {
    CannedReply::json(&json!({"took": 3, "responses": [search]}))
}

#[tokio::test]
async fn each_recorded_reply_has_its_verdict() {
    for (name, shards, as_search, as_reply) in RECORDINGS {
        let (status, body) = recording(name);
        assert_eq!(verdict(shards, CannedReply::Chunked(status, body.to_string().into())).await, as_reply, "{name}");
        let mut search = body;
        search["status"] = json!(status);
        assert_eq!(verdict(shards, reply_of(&search)).await, as_search, "{name} as a search");
    }
    let wrong_type = recording("wrong_content_type");
    assert_eq!(verdict(1, CannedReply::Sized(wrong_type.0, wrong_type.1.to_string().into())).await, Malformed);
    for (name, as_reply, searches) in MSEARCH_RECORDINGS {
        let (status, body) = recording(name);
        assert_eq!(verdict(1, CannedReply::Chunked(status, body.to_string().into())).await, as_reply, "{name}");
        for (index, expected) in searches.iter().enumerate() {
            assert_eq!(verdict(1, reply_of(&body["responses"][index])).await, *expected, "{name} {index}");
        }
    }
    let files = std::fs::read_dir(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/replies")).unwrap();
    let files = files.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|end| end == "json"));
    assert_eq!(files.count(), RECORDINGS.len() + 1 + MSEARCH_RECORDINGS.len(), "each file has a verdict");
}

#[tokio::test]
async fn a_search_that_fails_costs_its_own_figures_only() {
    let mut question = clicks();
    question.steps = ["CLICK", "APPROVED", "SCROLL"].map(EventRule::trigger).into();
    let good = json!({
        "status": 200, "timed_out": false, "_shards": shards(1), "hits": {"total": {"value": 5, "relation": "eq"}},
    });
    let busy = recording("msearch_inner_429").1["responses"][0].clone();
    let reply = json!({"responses": [good, busy, good]});
    let facts = facts_of(question, 1, CannedReply::json(&reply)).await.unwrap();
    let verdicts: Vec<_> = facts.steps.current.iter().map(fact_verdict).collect();
    assert_eq!(verdicts, [Whole(5), Overloaded, Whole(5)]);
}

/// A valid reply to [`everything`].
fn good() -> Value {
    let key = |second: i64| at(second).timestamp_millis();
    json!({"responses": [{
        "status": 200, "timed_out": false, "_shards": shards(1), "hits": {"total": {"value": 10, "relation": "eq"}},
        "aggregations": {
            "users": {"value": 4}, "anonymous": {"doc_count": 3, "sessions": {"value": 2}},
            "hours": {"doc_count": 10, "each": {"buckets": [
                {"key": key(-7_200), "doc_count": 4}, {"key": key(-3_600), "doc_count": 6},
            ]}},
            "activities": {"doc_count_error_upper_bound": 0, "sum_other_doc_count": 0, "buckets": [
                {"key": 78, "doc_count": 7}, {"key": 77, "doc_count": 3},
            ]},
        },
    }]})
}

#[tokio::test]
async fn a_valid_reply_gives_its_figures() {
    let facts = facts_of(everything(), 1, CannedReply::json(&good())).await.unwrap();
    assert_eq!(fact_verdict(&facts.steps.current[0]), Whole(6));
    assert_eq!(facts.series[0].clone().unwrap().value, [4, 6]);
    let per_activity: Vec<_> =
        facts.steps.by_activity.iter().map(|(id, counts)| (id.0, fact_verdict(&counts[0]))).collect();
    assert_eq!(per_activity, [(77, Whole(3)), (78, Whole(7))]);
}

/// Checks that the reply fails the whole question with this verdict. `what` names it.
async fn check_rejected(what: &str, reply: CannedReply, expected: Verdict) {
    match facts_of(everything(), 1, reply).await {
        Err(error) => assert_eq!(error_verdict(&error), expected, "{what}: {error}"),
        Ok(facts) => panic!("{what}: {facts:?}"),
    }
}

#[tokio::test]
async fn a_truncated_reply_is_rejected_wherever_it_ends() {
    let text = good().to_string();
    for length in (0..text.len()).step_by(7) {
        check_rejected("truncated", CannedReply::Sized(200, text.as_bytes()[..length].into()), Malformed).await;
    }
    check_rejected(
        "truncated before its content-length",
        CannedReply::Cut(200, text.len(), text.as_bytes()[..200].into()),
        Lost,
    )
    .await;
}

#[tokio::test]
async fn a_reply_with_one_wrong_member_is_rejected() {
    let search = "/responses/0";
    let wrong: &[(&str, &str, Value, Verdict)] = &[
        ("no status", "/status", Value::Null, Malformed),
        ("a status of its own", "/status", json!(503), Unavailable),
        ("a redirect status", "/status", json!(302), Malformed),
        ("an error beside numbers", "/error", json!({"type": "some_exception"}), Unavailable),
        ("an error as a sentence", "/error", json!("it went wrong"), Unavailable),
        ("no time-out flag", "/timed_out", Value::Null, Malformed),
        ("a time-out flag as text", "/timed_out", json!("false"), Malformed),
        ("no shards", "/_shards", Value::Null, Malformed),
        ("zero shards", "/_shards/total", json!(0), Unavailable),
        ("another number of shards", "/_shards/total", json!(2), Unavailable),
        ("more shards than there are", "/_shards/failed", json!(7), Malformed),
        ("no shard answered", "/_shards/successful", json!(0), Unavailable),
        ("shards below zero", "/_shards/failed", json!(-1), Malformed),
        ("no hits", "/hits", Value::Null, Malformed),
        ("hits as a list", "/hits", json!([]), Malformed),
        ("a lower bound", "/hits/total/relation", json!("gte"), Malformed),
        ("an unknown relation", "/hits/total/relation", json!("about"), Malformed),
        ("no relation", "/hits/total/relation", Value::Null, Malformed),
        ("a negative total", "/hits/total/value", json!(-1), Malformed),
        ("a fractional total", "/hits/total/value", json!(10.5), Malformed),
        ("a total as text", "/hits/total/value", json!("10"), Malformed),
        ("a total as a list", "/hits/total/value", json!([10]), Malformed),
        ("a total as before version 7", "/hits/total", json!(10), Malformed),
        ("no aggregations", "/aggregations", Value::Null, Malformed),
        ("aggregations as a list", "/aggregations", json!([]), Malformed),
        ("no users", "/aggregations/users", Value::Null, Malformed),
        ("users without a value", "/aggregations/users", json!({}), Malformed),
        ("users of null", "/aggregations/users/value", Value::Null, Malformed),
        ("no sessions", "/aggregations/anonymous/sessions", Value::Null, Malformed),
        ("more subjects than events", "/aggregations/users/value", json!(9), Malformed),
        ("subjects that overflow", "/aggregations/users/value", json!(u64::MAX), Malformed),
        ("no hours", "/aggregations/hours", Value::Null, Malformed),
        ("hours without buckets", "/aggregations/hours/each", json!({}), Malformed),
        ("hours that do not add up", "/aggregations/hours/each/buckets/0/doc_count", json!(5), Malformed),
        ("hours that overflow", "/aggregations/hours/each/buckets/0/doc_count", json!(u64::MAX), Malformed),
        (
            "an hour outside the question",
            "/aggregations/hours/each/buckets/0/key",
            json!(1_731_400_000_000_i64),
            Malformed,
        ),
        ("an hour of long ago", "/aggregations/hours/each/buckets/0/key", json!(0), Malformed),
        ("an hour as text", "/aggregations/hours/each/buckets/0/key", json!("noon"), Malformed),
        ("more events by hour than events", "/aggregations/hours/doc_count", json!(11), Malformed),
        ("no activities", "/aggregations/activities", Value::Null, Malformed),
        ("other activities", "/aggregations/activities/sum_other_doc_count", json!(1), Malformed),
        ("activities estimated", "/aggregations/activities/doc_count_error_upper_bound", json!(3), Malformed),
        ("an activity outside the question", "/aggregations/activities/buckets/0/key", json!(79), Malformed),
        ("an activity twice", "/aggregations/activities/buckets/0/key", json!(77), Malformed),
        ("an activity that is no id", "/aggregations/activities/buckets/0/key", json!("77a"), Malformed),
        ("a fractional activity", "/aggregations/activities/buckets/0/key", json!(77.5), Malformed),
        ("an activity with too few events", "/aggregations/activities/buckets/0/doc_count", json!(6), Malformed),
        ("a missing activity", "/aggregations/activities/buckets", json!([{"key": 78, "doc_count": 7}]), Malformed),
        ("no activity bucket", "/aggregations/activities/buckets", json!([]), Malformed),
        ("an activity with more events than all", "/aggregations/activities/buckets/0/doc_count", json!(11), Malformed),
    ];
    for (what, pointer, value, expected) in wrong {
        let mut reply = good();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        match reply.pointer_mut(&format!("{search}{parent}")).unwrap() {
            Value::Object(members) if value.is_null() => {
                members.remove(name);
            }
            Value::Object(members) => {
                members.insert(name.to_owned(), value.clone());
            }
            other => panic!("{what}: {other}"),
        }
        check_rejected(what, CannedReply::json(&reply), *expected).await;
    }
}

#[tokio::test]
async fn a_text_of_another_form_is_rejected() {
    let good = good().to_string();
    let with = |old: &str, new: &str| {
        assert!(good.contains(old), "{old}");
        good.replacen(old, new, 1)
    };
    let page = "<html><body><h1>502 Bad Gateway</h1></body></html>".to_owned();
    let search = &good[r#"{"responses":["#.len()..good.len() - 2];
    let wrong = [
        (200, page.clone(), Malformed),
        (502, page.clone(), Unavailable),
        (503, page.clone(), Unavailable),
        (504, page.clone(), Unavailable),
        (429, page.clone(), Overloaded),
        (401, page.clone(), Denied),
        (403, page.clone(), Denied),
        (404, page.clone(), Malformed),
        (413, page.clone(), Malformed),
        (204, String::new(), Malformed),
        (201, good.clone(), Malformed),
        (304, String::new(), Malformed),
        (302, good.clone(), Malformed),
        (500, good.clone(), Unavailable),
        (200, "null".to_owned(), Malformed),
        (200, "{}".to_owned(), Malformed),
        (200, "[]".to_owned(), Malformed),
        (200, r#"{"responses":[]}"#.to_owned(), Malformed),
        (200, r#"{"responses":null}"#.to_owned(), Malformed),
        (200, r#"{"responses":{}}"#.to_owned(), Malformed),
        (200, r#"{"responses":[null]}"#.to_owned(), Malformed),
        (200, r#"{"responses":["..."]}"#.to_owned(), Malformed),
        (200, format!(r#"{{"responses":[{search},{search}]}}"#), Malformed),
        (200, format!(r#"{{"responses":[{search}],"responses":[{search}]}}"#), Malformed),
        (200, format!("{good}{good}"), Malformed),
        (200, format!("\u{feff}{good}"), Malformed),
        (200, format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000)), Malformed),
        (200, format!(r#"{{"responses":[{}]}}"#, r#"{"a":"#.repeat(100_000)), Malformed),
        (200, with(r#""value":10"#, r#""value":NaN"#), Malformed),
        (200, with(r#""value":10"#, r#""value":Infinity"#), Malformed),
        (200, with(r#""value":10"#, r#""value":1e400"#), Malformed),
        (200, with(r#""value":10"#, r#""value":18446744073709551616"#), Malformed),
        (200, with(r#""value":10"#, r#""value":10,"value":10"#), Malformed),
        (200, with(r#""value":4"#, r#""value":4,"value":4"#), Malformed),
        (200, with(r#""status":200"#, r#""status":200,"status":200"#), Malformed),
        (200, with(r#""timed_out":false"#, r#""timed_out":true,"timed_out":false"#), Malformed),
        (200, with(r#""users":{"#, r#""users":{"value":4},"users":{"#), Malformed),
        (200, with(r#""failed":0"#, r#""failed":0,"failed":1"#), Malformed),
    ];
    for (status, text, expected) in wrong {
        let what = text.chars().take(60).collect::<String>();
        check_rejected(&format!("{status} {what}"), CannedReply::Sized(status, text.into()), expected).await;
    }
    let mut bytes = good.clone().into_bytes();
    bytes[3] = 0xff;
    check_rejected("invalid UTF-8", CannedReply::Chunked(200, bytes), Malformed).await;
    check_rejected("gzip", CannedReply::Chunked(200, vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3]), Malformed)
        .await;
    check_rejected("not HTTP", CannedReply::Raw(b"\x00\x01\x02 nonsense \r\n\r\n".to_vec()), Unavailable).await;
    check_rejected("a head only", CannedReply::Raw(b"HTTP/1.1 200 OK\r\n".to_vec()), Lost).await;
    check_rejected("an endless content-length", CannedReply::Cut(200, usize::MAX / 4, good.into_bytes()), Malformed)
        .await;
}

#[tokio::test]
async fn a_lost_shard_or_a_time_out_makes_every_figure_partial() {
    let failures = json!([{"shard": 0, "reason": {"type": "some_exception"}}]);
    for (pointer, value) in [
        ("/timed_out", json!(true)),
        ("/_shards", json!({"total": 2, "successful": 1, "failed": 0})),
        ("/_shards", json!({"total": 1, "successful": 1, "failed": 0, "failures": failures})),
        ("/_shards", json!({"total": 1, "successful": 1, "failed": 0, "failures": [{}]})),
    ] {
        let mut reply = good();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        reply.pointer_mut(&format!("/responses/0{parent}")).unwrap()[name] = value;
        let shards = reply["responses"][0]["_shards"]["total"].as_u64().unwrap();
        let facts = facts_of(everything(), shards, CannedReply::json(&reply)).await.unwrap();
        assert_eq!(fact_verdict(&facts.steps.current[0]), Partial(6), "{pointer}");
        assert!(facts.series[0].clone().unwrap().partial, "{pointer}");
        let mut per_activity = facts.steps.by_activity.iter().map(|(_, counts)| fact_verdict(&counts[0]));
        assert!(per_activity.all(|verdict| matches!(verdict, Partial(_))), "{pointer}");
    }
}

#[tokio::test]
async fn a_reply_beyond_the_longest_one_is_rejected() {
    let long = format!("{}{}", good(), " ".repeat(1 << 20));
    check_rejected("long by its content-length", CannedReply::Sized(200, long.clone().into()), Malformed).await;
    check_rejected("long, in chunks", CannedReply::Chunked(200, long.into()), Malformed).await;
}
