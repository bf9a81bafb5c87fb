//! The requests on the wire: the text of the plan's question for each mapping, one request per question, equal texts
//! within a tick, and no query that reads every document.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common;

use std::{path::PathBuf, sync::Arc, time::Duration};

use axon_metrics::{
    ActivityId, Catalog, Dashboard, DashboardRequest, EventRule, Lifetimes, MemoryStore, StepRules, Timestamp, Widget,
    Window,
    catalog::{Activity, ActivityKind, Campaign},
    definitions::Record,
    source::{BehaviorQuestion, BehaviorSource as _, Cells, Counting, Grid, QueryScope, Series, SeriesActivities},
};
use axon_metrics_es::EsOptions;
use chrono::TimeDelta;
use common::scripted::{CannedReply, IndexStub, ScriptedServer, shards};
use serde_json::{Value, json};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A question about all figures of seven days of the plan's example.
fn question(counting: Counting) -> BehaviorQuestion {
    let as_of = at("2024-11-12T10:30:00Z");
    let rules = StepRules::default();
    let rules = rules.steps().iter().map(|step| match &step.record {
        Record::Event(rule) => rule.clone(),
        other => panic!("no event: {other:?}"),
    });
    let rules: Vec<EventRule> = rules.collect();
    let week = Window { from: at("2024-11-05T15:00:00Z"), to: as_of };
    let scope = QueryScope::new(as_of, [78, 77].map(ActivityId), week)
        .with_funnel_activities([77, 78].map(ActivityId))
        .with_previous(Window { from: at("2024-10-29T15:00:00Z"), to: at("2024-11-05T10:30:00Z") })
        .with_counting(counting);
    let cells = Cells::Grid(Grid { from: at("2024-11-11T11:00:00Z"), step: TimeDelta::hours(1), cells: 24 });
    BehaviorQuestion::new(scope, Duration::from_secs(5))
        .with_series([Series::new(rules[0].clone(), SeriesActivities::All, cells)])
        .with_active(Window { from: at("2024-11-12T10:25:00Z"), to: as_of })
        .with_steps(rules)
}

/// The body of the one request that a question sends to a server over these indices.
async fn request_of(indices: Vec<IndexStub>, options: EsOptions, question: &BehaviorQuestion) -> String {
    let server = ScriptedServer::over(indices, |_| CannedReply::Sized(503, b"{}".to_vec())).await;
    let _ = server.source(options).behavior(question).await;
    let mut questions = server.questions();
    assert_eq!(questions.len(), 1, "one request for one question");
    questions.remove(0)
}

/// Compares with a file, as JSON: a line of the request is an entry.
fn golden(name: &str, text: &str) {
    let actual: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.ndjson"));
    if std::env::var_os("AXON_UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let expected: Vec<Value> = expected.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(
        actual == expected,
        "{} differs; AXON_UPDATE_GOLDEN=1 cargo test -p axon-metrics-es rewrites it. Actual text:\n{text}",
        path.display()
    );
}

const BEHAVIOR: &str = "axon.event.behavior";
const COMMERCE: &str = "axon.event.commerce";

fn dec2025() -> Vec<IndexStub> {
    vec![IndexStub::dynamic(BEHAVIOR, "float"), IndexStub::dynamic(COMMERCE, "float")]
}
fn aug2026() -> Vec<IndexStub> {
    vec![IndexStub::template(BEHAVIOR), IndexStub::dynamic(COMMERCE, "float")]
}
fn dates() -> Vec<IndexStub> {
    vec![IndexStub::template(BEHAVIOR), IndexStub::template(COMMERCE)]
}
fn mixed() -> Vec<IndexStub> {
    vec![IndexStub::dynamic("old", "float"), IndexStub::template("new")]
}
fn both(names: [&str; 2]) -> EsOptions {
    EsOptions::default().with_event_indices(names).with_purchase_indices(names)
}

#[tokio::test]
async fn the_plans_question_is_written_for_each_mapping() {
    let (events, subjects) = (question(Counting::Events), question(Counting::Subjects));
    let default = EsOptions::default;
    golden("dec2025", &request_of(dec2025(), default(), &events).await);
    golden("aug2026", &request_of(aug2026(), default(), &events).await);
    golden("dates_subjects", &request_of(dates(), default(), &subjects).await);
    let plan = |mapped: IndexStub| (vec![mapped], EsOptions::plan());
    let (indices, options) = plan(IndexStub::dynamic("behavior-events", "float"));
    golden("plan", &request_of(indices, options, &events).await);
    let (indices, options) = plan(IndexStub::dynamic("behavior-events", "double"));
    golden("double", &request_of(indices, options, &events).await);
    let (indices, options) = plan(IndexStub::dynamic("behavior-events", "long").with_units([0, 1_000, 0]));
    golden("millis", &request_of(indices, options, &events).await);
    let (indices, options) = plan(IndexStub::template("behavior-events").with_units([0, 0, 1_000]));
    golden("year_58143", &request_of(indices, options, &events).await);
    let (indices, options) = plan(IndexStub::template("behavior-events").with_units([1_000, 0, 0]));
    golden("year_1970", &request_of(indices, options, &events).await);
    golden("mixed", &request_of(mixed(), both(["new", "old"]), &events).await);
}

#[tokio::test]
async fn counts_per_activity_are_part_of_the_searches_of_steps() {
    let per_activity = |indices: Vec<IndexStub>, options: EsOptions| async move {
        let mut question = question(Counting::Subjects);
        question.steps.truncate(1);
        (question.series, question.active) = (Vec::new(), None);
        question.scope = Arc::new((*question.scope).clone().with_by_activity(true).with_previous(None));
        request_of(indices, options, &question).await
    };
    golden("by_activity", &per_activity(dates(), EsOptions::default()).await);
    let pages = ["http://shop.example/campaign-activities/{id}", "http://shop.example/campaign-activity/{id}/*"];
    golden("by_page", &per_activity(dates(), EsOptions::default().with_page_templates(pages)).await);
}

#[tokio::test]
async fn a_mixed_rule_reads_purchases_in_purchase_indices_only() {
    let mut question = question(Counting::Events);
    question.steps = vec![EventRule::any_of(["PURCHASE", "CLICK", "APPROVED"]).of_definitions([42, 3])];
    (question.series, question.active) = (Vec::new(), None);
    golden("mixed_rule", &request_of(dates(), EsOptions::default(), &question).await);
}

#[tokio::test]
async fn two_questions_of_one_tick_are_equal_byte_for_byte() {
    let first = question(Counting::Subjects);
    let mut second = question(Counting::Subjects);
    let mut scope = (*second.scope).clone();
    scope.activities.reverse();
    scope.funnel_activities = vec![ActivityId(78), ActivityId(77), ActivityId(77)];
    second.scope = Arc::new(scope);
    second.budget = Duration::from_millis(2_417);
    let mut rules = second.steps.clone();
    rules[1].triggers.push("CLICK".to_owned());
    second.steps = rules;
    assert_eq!(
        request_of(dates(), EsOptions::default(), &first).await,
        request_of(dates(), EsOptions::default(), &second).await
    );
}

/// The plan's campaign 123 with its activity 789.
fn catalog() -> Catalog {
    let (start, end) = (at("2024-11-05T15:00:00Z"), at("2024-11-19T15:00:00Z"));
    let activity = Activity::new(789, "activity", ActivityKind::FirstComeFirstServe).with_limit(100);
    let campaign = Campaign::new(123, "campaign", [activity.with_start(start).with_end(end)]);
    Catalog::new("KRW", vec![campaign.with_start(start).with_end(end)]).unwrap()
}

/// A valid reply to any question, without an event.
fn no_events(body: &str) -> CannedReply {
    let zero = json!({"value": 0});
    let no_cells = json!({"doc_count": 0, "each": {"buckets": []}});
    let search = json!({
        "status": 200, "timed_out": false, "_shards": shards(1), "hits": {"total": {"value": 0, "relation": "eq"}},
        "aggregations": {
            "users": zero, "anonymous": {"sessions": zero},
            "hours": no_cells, "hours_1": no_cells, "activities": {"buckets": []},
        },
    });
    CannedReply::json(&json!({"responses": vec![search; body.lines().count() / 2]}))
}

#[tokio::test]
async fn answers_within_one_second_send_equal_requests() {
    let server = ScriptedServer::over(dates(), no_events).await;
    let source = server.source(EsOptions::default());
    let builder = Dashboard::builder().catalog(MemoryStore::new(catalog())).behavior(source);
    let dashboard = builder.lifetimes(Lifetimes::none()).build();
    let request = DashboardRequest::campaign(123).widgets(Widget::ALL).compare_previous();
    for now in ["2024-11-12T10:30:00.100Z", "2024-11-12T10:30:00.900Z", "2024-11-12T10:30:01.900Z"] {
        let answer = dashboard.answer(&request, at(now)).await.unwrap();
        let steps = answer.data.funnel.unwrap().steps;
        assert_eq!(steps[0].value, Some(0), "{now}: no answer to the question");
    }
    let [first, same_second, next_second] = &server.questions()[..] else { panic!("not one request per answer") };
    assert_eq!(first, same_second);
    assert_ne!(first, next_second);
    assert_eq!(first.lines().count(), next_second.lines().count(), "another number of searches");
}

#[tokio::test]
async fn no_search_reads_every_document() {
    fn collect_names(value: &Value, names: &mut Vec<String>) {
        match value {
            Value::Object(members) => members.iter().for_each(|(name, value)| {
                names.push(name.clone());
                // Only who is nobody is found by an expression, which begins with few letters and is no part of a text.
                if name == "regexp" {
                    let text = value.to_string();
                    assert!(text.contains("[gG][uU][eE][sS][tT]") && !text.contains(".*"), "{text}");
                }
                collect_names(value, names);
            }),
            Value::Array(values) => values.iter().for_each(|value| collect_names(value, names)),
            Value::String(text) => assert!(!text.contains("now"), "{text}"),
            _ => {}
        }
    }
    let forbidden = ["wildcard", "script", "query_string", "simple_query_string", "fuzzy", "runtime_mappings"];
    for indices in [dec2025(), aug2026(), dates()] {
        let text = request_of(indices, EsOptions::default(), &question(Counting::Subjects)).await;
        for line in text.lines().skip(1).step_by(2) {
            let search: Value = serde_json::from_str(line).unwrap();
            assert_eq!((&search["size"], &search["track_total_hits"]), (&Value::from(0), &Value::from(true)));
            let mut names = Vec::new();
            collect_names(&search, &mut names);
            assert!(names.iter().all(|name| !forbidden.contains(&name.as_str())), "{names:?}");
        }
    }
}

#[tokio::test]
async fn a_question_is_one_request_after_the_probe() {
    let server = ScriptedServer::over(dates(), |_| CannedReply::Sized(503, b"{}".to_vec())).await;
    let source = server.source(EsOptions::default());
    for requests in [3, 4, 5] {
        let _ = source.clone().behavior(&question(Counting::Subjects)).await;
        assert_eq!(server.requests().len(), requests);
    }
}

#[tokio::test]
async fn records_that_cannot_be_used_are_counted_by_the_same_request() {
    let count = async |lossy: IndexStub| {
        let server = ScriptedServer::over(vec![lossy, IndexStub::template(COMMERCE)], no_events).await;
        let source = server.source(EsOptions::default());
        source.behavior(&question(Counting::Subjects)).await.unwrap();
        let questions = server.questions();
        assert_eq!(questions.len(), 1, "one request for one question");
        questions[0].lines().count() / 2
    };
    let stub = || IndexStub::template(BEHAVIOR);
    let usual = count(stub()).await;
    // Three of four steps in two windows, and active subjects, which read both indices.
    assert_eq!(count(stub().with_losses([0, 0, 0, 0, 5, 0, 0, 0])).await, usual + 2 * 3 + 1, "ignored users");
    let timeless = stub().with_units([0, 995, 0]).with_losses([5, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(count(timeless).await, usual + 2 * (3 + 1), "no time, whatever the window");
    assert_eq!(count(stub().with_purchases(5)).await, usual + 2, "purchases elsewhere, in two windows");
}

#[tokio::test]
async fn a_question_without_activities_sends_no_search() {
    let server = ScriptedServer::over(dates(), |_| CannedReply::Sized(503, b"{}".to_vec())).await;
    let mut question = question(Counting::Subjects);
    let scope = Arc::make_mut(&mut question.scope);
    (scope.activities, scope.funnel_activities) = (Vec::new(), Vec::new());
    let facts = server.source(EsOptions::default()).behavior(&question).await.unwrap();
    assert!(facts.steps.current.iter().all(|fact| fact.as_ref().is_ok_and(|fact| fact.value == 0)));
    assert_eq!(facts.series[0].clone().unwrap().value, [0; 24]);
    assert!(server.questions().is_empty());
}
