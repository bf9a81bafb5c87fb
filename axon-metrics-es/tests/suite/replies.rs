//! What becomes of replies: those that a real server gave when something was wrong, and hostile ones. None that is incomplete
//! is taken for complete.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common;

use std::{path::PathBuf, sync::Arc};

use axon_metrics::{
    ActivityId, EventRule, Fact, Missing, Reason, SourceError,
    facts::BehaviorFacts,
    source::{BehaviorQuestion, BehaviorSource as _, Cells, Counting, Grid, QueryScope, Series, SeriesActivities},
};
use axon_metrics_es::EsOptions;
use chrono::TimeDelta;
use common::{
    question::{at, clicks},
    scripted::{Canned, Mapped, Scripted, shards},
};
use serde_json::{Value, json};

/// What a count turned out to be.
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

fn of_error(error: &SourceError) -> Verdict {
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

fn of_fact(fact: &Fact<u64>) -> Verdict {
    match fact {
        Ok(fact) if fact.partial => Partial(fact.value),
        Ok(fact) => Whole(fact.value),
        Err(Missing::NotMeasured(Reason::NoIndex)) => NoIndex,
        Err(Missing::Unavailable(error)) => of_error(error),
        Err(other) => panic!("{other:?}"),
    }
}

/// Everything about the clicks of two activities in one search: events, subjects, by hour, by activity.
fn everything() -> BehaviorQuestion {
    let mut question = clicks();
    let both = vec![ActivityId(77), ActivityId(78)];
    question.scope = Arc::new(QueryScope {
        activities: both.clone(),
        funnel_activities: both,
        counting: Counting::Subjects,
        by_activity: true,
        ..(*question.scope).clone()
    });
    let cells = Cells::Grid(Grid { from: at(-7_200), step: TimeDelta::hours(1), cells: 2 });
    question.series = vec![Series { rule: EventRule::trigger("CLICK"), activities: SeriesActivities::All, cells }];
    question
}

/// What comes of a question when the server answers so.
async fn answered(question: BehaviorQuestion, shards: u64, reply: Canned) -> Result<BehaviorFacts, SourceError> {
    let indices =
        vec![Mapped::template("axon.event.behavior").with_shards(shards), Mapped::template("axon.event.commerce")];
    let server = Scripted::over(indices, move |_| reply.clone()).await;
    server.source(EsOptions::default().with_longest_reply(1 << 20)).behavior(&question).await
}

async fn verdict(shards: u64, reply: Canned) -> Verdict {
    match answered(clicks(), shards, reply).await {
        Ok(facts) => of_fact(&facts.steps.current[0]),
        Err(error) => of_error(&error),
    }
}

/// Each recorded reply: the number of shards that there are, its verdict as one search among several, and as the whole reply.
const RECORDED: [(&str, u64, Verdict, Verdict); 48] = [
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
    // A plain count needs no field that is not mapped: it is right.
    ("unmapped_field_silent_zero", 1, Whole(1_000_000), Malformed),
    ("vnd_v8_header", 1, Malformed, Malformed),
    ("vnd_v9_header", 1, Malformed, Malformed),
];

/// Recorded replies to several searches: the verdict of the whole, and of each search.
const RECORDED_SEVERAL: [(&str, Verdict, &[Verdict]); 3] = [
    ("msearch_inner_429", Malformed, &[Overloaded, Overloaded, Overloaded]),
    ("msearch_inner_errors", Malformed, &[Malformed, NoIndex, Unavailable]),
    ("msearch_inner_errors_filtered", Malformed, &[Malformed, NoIndex, Unavailable]),
];

fn recorded(name: &str) -> (u16, Value) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/replies/{name}.json"));
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    match file.get("body") {
        Some(body) => (file["http_status"].as_u64().unwrap().try_into().unwrap(), body.clone()),
        None => (200, file),
    }
}

fn one(search: &Value) -> Canned {
    Canned::json(&json!({"took": 3, "responses": [search]}))
}

#[tokio::test]
async fn no_recorded_reply_is_taken_for_more_than_it_is() {
    for (name, shards, as_search, as_reply) in RECORDED {
        let (status, body) = recorded(name);
        assert_eq!(verdict(shards, Canned::Chunked(status, body.to_string().into())).await, as_reply, "{name}");
        let mut search = body;
        search["status"] = json!(status);
        assert_eq!(verdict(shards, one(&search)).await, as_search, "{name} as a search");
    }
    let wrong_type = recorded("wrong_content_type");
    assert_eq!(verdict(1, Canned::Sized(wrong_type.0, wrong_type.1.to_string().into())).await, Malformed);
    for (name, as_reply, searches) in RECORDED_SEVERAL {
        let (status, body) = recorded(name);
        assert_eq!(verdict(1, Canned::Chunked(status, body.to_string().into())).await, as_reply, "{name}");
        for (index, expected) in searches.iter().enumerate() {
            assert_eq!(verdict(1, one(&body["responses"][index])).await, *expected, "{name} {index}");
        }
    }
    let files = std::fs::read_dir(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/replies")).unwrap();
    let files = files.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|end| end == "json"));
    assert_eq!(files.count(), RECORDED.len() + 1 + RECORDED_SEVERAL.len(), "each file has its verdict");
}

#[tokio::test]
async fn a_search_that_fails_costs_only_its_own_figures() {
    let mut question = clicks();
    question.steps = ["CLICK", "APPROVED", "SCROLL"].map(EventRule::trigger).into();
    let good = json!({
        "status": 200, "timed_out": false, "_shards": shards(1), "hits": {"total": {"value": 5, "relation": "eq"}},
    });
    let busy = recorded("msearch_inner_429").1["responses"][0].clone();
    let reply = json!({"responses": [good, busy, good]});
    let facts = answered(question, 1, Canned::json(&reply)).await.unwrap();
    let verdicts: Vec<_> = facts.steps.current.iter().map(of_fact).collect();
    assert_eq!(verdicts, [Whole(5), Overloaded, Whole(5)]);
}

/// A good reply to [`everything`].
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
async fn a_good_reply_is_read_as_it_is() {
    let facts = answered(everything(), 1, Canned::json(&good())).await.unwrap();
    assert_eq!(of_fact(&facts.steps.current[0]), Whole(6));
    assert_eq!(facts.series[0].clone().unwrap().value, [4, 6]);
    let apart: Vec<_> = facts.steps.by_activity.iter().map(|(id, counts)| (id.0, of_fact(&counts[0]))).collect();
    assert_eq!(apart, [(77, Whole(3)), (78, Whole(7))]);
}

/// Nothing of an answer is taken for complete.
async fn incomplete(what: &str, reply: Canned, expected: Verdict) {
    match answered(everything(), 1, reply).await {
        Err(error) => assert_eq!(of_error(&error), expected, "{what}: {error}"),
        Ok(facts) => panic!("{what}: {facts:?}"),
    }
}

#[tokio::test]
async fn a_reply_that_is_cut_anywhere_is_no_reply() {
    let text = good().to_string();
    for length in (0..text.len()).step_by(7) {
        incomplete("cut", Canned::Sized(200, text.as_bytes()[..length].into()), Malformed).await;
    }
    incomplete("cut on the way", Canned::Cut(200, text.len(), text.as_bytes()[..200].into()), Lost).await;
}

#[tokio::test]
async fn a_reply_with_one_thing_wrong_is_not_believed() {
    let search = "/responses/0";
    let wrong: &[(&str, &str, Value, Verdict)] = &[
        ("no status", "/status", Value::Null, Malformed),
        ("a status of its own", "/status", json!(503), Unavailable),
        ("an odd status", "/status", json!(302), Malformed),
        ("an error beside numbers", "/error", json!({"type": "some_exception"}), Unavailable),
        ("an error as a sentence", "/error", json!("it went wrong"), Unavailable),
        ("not said whether it timed out", "/timed_out", Value::Null, Malformed),
        ("timed out in words", "/timed_out", json!("false"), Malformed),
        ("no shards", "/_shards", Value::Null, Malformed),
        ("zero shards", "/_shards/total", json!(0), Unavailable),
        ("another number of shards", "/_shards/total", json!(2), Unavailable),
        ("more shards than there are", "/_shards/failed", json!(7), Malformed),
        ("no shard answered", "/_shards/successful", json!(0), Unavailable),
        ("shards below zero", "/_shards/failed", json!(-1), Malformed),
        ("no hits", "/hits", Value::Null, Malformed),
        ("hits as a list", "/hits", json!([]), Malformed),
        ("at least so many", "/hits/total/relation", json!("gte"), Malformed),
        ("an unknown relation", "/hits/total/relation", json!("about"), Malformed),
        ("no relation", "/hits/total/relation", Value::Null, Malformed),
        ("a negative total", "/hits/total/value", json!(-1), Malformed),
        ("a broken total", "/hits/total/value", json!(10.5), Malformed),
        ("a total as text", "/hits/total/value", json!("10"), Malformed),
        ("a total as a list", "/hits/total/value", json!([10]), Malformed),
        ("a total of old", "/hits/total", json!(10), Malformed),
        ("no aggregations", "/aggregations", Value::Null, Malformed),
        ("aggregations as a list", "/aggregations", json!([]), Malformed),
        ("no users", "/aggregations/users", Value::Null, Malformed),
        ("users without a value", "/aggregations/users", json!({}), Malformed),
        ("users of null", "/aggregations/users/value", Value::Null, Malformed),
        ("no sessions", "/aggregations/anonymous/sessions", Value::Null, Malformed),
        ("more subjects than events", "/aggregations/users/value", json!(9), Malformed),
        ("subjects beyond counting", "/aggregations/users/value", json!(u64::MAX), Malformed),
        ("no hours", "/aggregations/hours", Value::Null, Malformed),
        ("hours without buckets", "/aggregations/hours/each", json!({}), Malformed),
        ("hours that do not add up", "/aggregations/hours/each/buckets/0/doc_count", json!(5), Malformed),
        ("hours beyond counting", "/aggregations/hours/each/buckets/0/doc_count", json!(u64::MAX), Malformed),
        (
            "an hour that was not asked for",
            "/aggregations/hours/each/buckets/0/key",
            json!(1_731_400_000_000_i64),
            Malformed,
        ),
        ("an hour of long ago", "/aggregations/hours/each/buckets/0/key", json!(0), Malformed),
        ("an hour in words", "/aggregations/hours/each/buckets/0/key", json!("noon"), Malformed),
        ("more events by hour than events", "/aggregations/hours/doc_count", json!(11), Malformed),
        ("no activities", "/aggregations/activities", Value::Null, Malformed),
        ("activities left out", "/aggregations/activities/sum_other_doc_count", json!(1), Malformed),
        ("activities estimated", "/aggregations/activities/doc_count_error_upper_bound", json!(3), Malformed),
        ("an activity that was not asked for", "/aggregations/activities/buckets/0/key", json!(79), Malformed),
        ("an activity twice", "/aggregations/activities/buckets/0/key", json!(77), Malformed),
        ("an activity that is none", "/aggregations/activities/buckets/0/key", json!("77a"), Malformed),
        ("half an activity", "/aggregations/activities/buckets/0/key", json!(77.5), Malformed),
        ("an activity with less than its own", "/aggregations/activities/buckets/0/doc_count", json!(6), Malformed),
        (
            "an activity left out without a word",
            "/aggregations/activities/buckets",
            json!([{"key": 78, "doc_count": 7}]),
            Malformed,
        ),
        ("no activity at all", "/aggregations/activities/buckets", json!([]), Malformed),
        ("an activity with more than all", "/aggregations/activities/buckets/0/doc_count", json!(11), Malformed),
    ];
    for (what, place, value, expected) in wrong {
        let mut reply = good();
        let (parent, name) = place.rsplit_once('/').unwrap();
        match reply.pointer_mut(&format!("{search}{parent}")).unwrap() {
            Value::Object(members) if value.is_null() => {
                members.remove(name);
            }
            Value::Object(members) => {
                members.insert(name.to_owned(), value.clone());
            }
            other => panic!("{what}: {other}"),
        }
        incomplete(what, Canned::json(&reply), *expected).await;
    }
}

#[tokio::test]
async fn text_that_is_no_such_reply_is_not_believed() {
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
        incomplete(&format!("{status} {what}"), Canned::Sized(status, text.into()), expected).await;
    }
    let mut bytes = good.clone().into_bytes();
    bytes[3] = 0xff;
    incomplete("no text", Canned::Chunked(200, bytes), Malformed).await;
    incomplete("packed", Canned::Chunked(200, vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3]), Malformed).await;
    incomplete("no HTTP", Canned::Raw(b"\x00\x01\x02 nonsense \r\n\r\n".to_vec()), Unavailable).await;
    incomplete("only a head", Canned::Raw(b"HTTP/1.1 200 OK\r\n".to_vec()), Lost).await;
    incomplete("an endless length", Canned::Cut(200, usize::MAX / 4, good.into_bytes()), Malformed).await;
}

#[tokio::test]
async fn a_lost_shard_and_lost_time_make_every_figure_partial() {
    let failures = json!([{"shard": 0, "reason": {"type": "some_exception"}}]);
    for (place, value) in [
        ("/timed_out", json!(true)),
        ("/_shards", json!({"total": 2, "successful": 1, "failed": 0})),
        ("/_shards", json!({"total": 1, "successful": 1, "failed": 0, "failures": failures})),
        ("/_shards", json!({"total": 1, "successful": 1, "failed": 0, "failures": [{}]})),
    ] {
        let mut reply = good();
        let (parent, name) = place.rsplit_once('/').unwrap();
        reply.pointer_mut(&format!("/responses/0{parent}")).unwrap()[name] = value;
        let shards = reply["responses"][0]["_shards"]["total"].as_u64().unwrap();
        let facts = answered(everything(), shards, Canned::json(&reply)).await.unwrap();
        assert_eq!(of_fact(&facts.steps.current[0]), Partial(6), "{place}");
        assert!(facts.series[0].clone().unwrap().partial, "{place}");
        assert!(facts.steps.by_activity.iter().all(|(_, counts)| matches!(of_fact(&counts[0]), Partial(_))), "{place}");
    }
}

#[tokio::test]
async fn a_reply_longer_than_is_read_is_refused() {
    let long = format!("{}{}", good(), " ".repeat(1 << 20));
    incomplete("long, as it says", Canned::Sized(200, long.clone().into()), Malformed).await;
    incomplete("long, as it turns out", Canned::Chunked(200, long.into()), Malformed).await;
}
