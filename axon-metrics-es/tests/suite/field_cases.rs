//! Records that cannot be used, on a real server: they are counted and said, and never a smaller number without a word.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common;

use std::{io::Cursor, time::Duration};

use axon_examples::stores::elasticsearch::mapping;
use axon_metrics::{
    Fact, Files, MemoryStore,
    facts::{
        LeftOutPlace::{Store, Window},
        LeftOutReason::{self, Future, NoActivity, NoSubject, NoTime, NotBelieved, OffsetWrong, TimeOutOfRange},
    },
    source::{BehaviorSource as _, Counting, Probe},
};
use axon_metrics_es::EsOptions;
use common::{
    Index, OwnedSource,
    cases::{
        WHOLE, base, base_with, check_whole, documents_of, left_out, question, question_of, template_with, used, whole,
    },
    question::at,
    source_over, source_with,
};
use serde_json::{Value, json};

/// A source over one index with these documents.
async fn source_of(mappings: Value, documents: Vec<Value>) -> Option<OwnedSource> {
    source_over(vec![Index::of_both("case", mappings, documents)]).await
}

async fn probe(source: &OwnedSource) -> Probe {
    source.probe(at(0), Duration::from_secs(20)).await.unwrap()
}

/// The losses of a probe: reason, records, all records. Checks that each says what to do, and has an example.
async fn losses(source: &OwnedSource) -> Vec<(LeftOutReason, u64, u64)> {
    let losses = probe(source).await.losses;
    assert!(losses.iter().all(|loss| !loss.advice.is_empty() && loss.examples.len() == 1), "{losses:?}");
    losses.iter().map(|loss| (loss.reason, loss.records, loss.of)).collect()
}

#[tokio::test]
async fn records_without_losses_are_whole() {
    let Some(source) = source_of(mapping::template(), base()).await else { return };
    for counting in [Counting::Events, Counting::Subjects] {
        check_whole(&source.behavior(&question(counting)).await.unwrap());
    }
    assert_eq!(losses(&source).await, []);
    assert_eq!(probe(&source).await.problems, [""; 0]);
}

#[tokio::test]
async fn date_nanos_gives_the_same_figures_as_date() {
    let mappings = template_with("/properties/occurredAt", json!({"type": "date_nanos"}));
    let Some(source) = source_of(mappings, base()).await else { return };
    for counting in [Counting::Events, Counting::Subjects] {
        check_whole(&source.behavior(&question(counting)).await.unwrap());
    }
    let probe = probe(&source).await;
    assert_eq!(probe.newest, Some(at(-81 * 60)));
    assert!(probe.findings.iter().any(|(name, text)| name.ends_with(".occurredAt") && text == "date_nanos"));
    assert_eq!((probe.losses.len(), probe.problems.len()), (0, 0));
    // A window beyond the years of a `date_nanos` is empty, and no error.
    let mut far = question(Counting::Events);
    let scope = std::sync::Arc::make_mut(&mut far.scope);
    let year = |year: i32| format!("{year}-01-01T00:00:00Z").parse().unwrap();
    (scope.as_of, scope.current) = (year(2568), axon_metrics::Window { from: year(2567), to: year(2568) });
    (far.series, far.active) = (Vec::new(), None);
    assert_eq!(whole(&source.behavior(&far).await.unwrap().steps.current), [0; 4]);
}

/// What each step lacks.
fn lacks(facts: &[Fact<u64>]) -> Vec<Vec<(LeftOutReason, Option<u64>, axon_metrics::facts::LeftOutPlace)>> {
    facts.iter().map(left_out).collect()
}

#[tokio::test]
async fn dates_dropped_by_ignore_malformed_are_left_out() {
    let malformed = json!({"type": "date", "ignore_malformed": true});
    let mappings = template_with("/properties/occurredAt", malformed);
    let documents = base_with(|document| document["occurredAt"] = json!("12/11/2024 18:00"));
    let Some(source) = source_of(mappings, documents).await else { return };
    let facts = source.behavior(&question(Counting::Events)).await.unwrap();
    assert_eq!(whole(&facts.steps.current), [5, 6, 3, 2]);
    assert_eq!(used(&facts.steps.current), [5, 6, 3, 2]);
    assert_eq!(lacks(&facts.steps.current), [vec![(NoTime, Some(5), Store)], vec![], vec![], vec![]]);
    assert_eq!(lacks(&facts.steps.by_activity[0].1), lacks(&facts.steps.current));
    assert_eq!(left_out(&facts.series[0]), [(NoTime, Some(5), Store)]);
    assert_eq!(left_out(&facts.active.unwrap()), [(NoTime, Some(5), Store)]);
    let first = facts.steps.current[0].as_ref().unwrap();
    assert_eq!((first.coverage.left_out()[0].of, first.coverage.last_check()), (Some(10), Some(at(0))));
    assert_eq!(losses(&source).await, [(NoTime, 5, 21)]);
    // They are known to be of activity 77.
    let of_another = source.behavior(&question_of(78, Counting::Events)).await.unwrap();
    assert_eq!(lacks(&of_another.steps.current), [vec![], vec![], vec![], vec![]]);
}

#[tokio::test]
async fn an_index_without_any_usable_time_lacks_its_records() {
    let mappings = template_with("/properties/occurredAt", json!({"type": "date", "ignore_malformed": true}));
    let mut documents = base();
    documents.iter_mut().for_each(|document| document["occurredAt"] = json!("yesterday"));
    documents[0].as_object_mut().unwrap().remove("occurredAt");
    let Some(source) = source_of(mappings, documents).await else { return };
    let facts = source.behavior(&question(Counting::Events)).await.unwrap();
    assert_eq!((whole(&facts.steps.current), used(&facts.steps.current)), (vec![0; 4], vec![0; 4]));
    let lacks = lacks(&facts.steps.current);
    assert_eq!(lacks, WHOLE.map(|count| vec![(NoTime, Some(count), Store)]));
}

#[tokio::test]
async fn times_in_no_unit_are_left_out() {
    let documents = base_with(|document| document["occurredAt"] = json!("1999-11-12T09:00:00Z"));
    let Some(source) = source_of(mapping::template(), documents).await else { return };
    let facts = source.behavior(&question(Counting::Events)).await.unwrap();
    assert_eq!(whole(&facts.steps.current), [5, 6, 3, 2]);
    assert_eq!(lacks(&facts.steps.current), [vec![(TimeOutOfRange, Some(5), Store)], vec![], vec![], vec![]]);
    assert_eq!(losses(&source).await, [(TimeOutOfRange, 5, 21)]);
}

#[tokio::test]
async fn activity_ids_dropped_by_ignore_malformed_are_left_out() {
    let path = "/properties/properties/properties/activityId";
    let mappings = template_with(path, json!({"type": "long", "ignore_malformed": true}));
    let documents = base_with(|document| document["properties"]["activityId"] = json!("act-77"));
    let Some(source) = source_of(mappings, documents).await else { return };
    for activity in [77, 78] {
        let facts = source.behavior(&question_of(activity, Counting::Events)).await.unwrap();
        let right = if activity == 77 { [5, 6, 3, 2] } else { [0; 4] };
        assert_eq!(whole(&facts.steps.current), right);
        // They may be of any activity.
        assert_eq!(lacks(&facts.steps.current), [vec![(NoActivity, Some(5), Store)], vec![], vec![], vec![]]);
        assert_eq!(facts.steps.current[0].as_ref().unwrap().coverage.left_out()[0].of, Some(10));
        assert_eq!(left_out(&facts.series[0]), [(NoActivity, Some(5), Store)]);
    }
    assert_eq!(losses(&source).await, [(NoActivity, 5, 21)]);
}

#[tokio::test]
async fn a_trigger_that_was_dropped_may_be_of_any_step() {
    let mappings = template_with("/properties/triggerType", json!({"type": "keyword", "ignore_above": 9}));
    let documents = base_with(|document| document["triggerType"] = json!("PAGE_VIEW_OF_A_PAGE"));
    let Some(source) = source_of(mappings, documents).await else { return };
    let facts = source.behavior(&question(Counting::Events)).await.unwrap();
    assert_eq!(whole(&facts.steps.current), [5, 6, 3, 2]);
    let dropped = vec![(LeftOutReason::FieldDropped, Some(5), Window)];
    assert_eq!(lacks(&facts.steps.current), [dropped.clone(), dropped.clone(), dropped.clone(), dropped]);
    assert_eq!(losses(&source).await, [(LeftOutReason::FieldDropped, 5, 21)]);
}

/// A field, its mapping, and a change of documents.
type Case = (&'static str, Value, fn(&mut Value));

#[tokio::test]
async fn subjects_that_cannot_be_searched_are_left_out_of_people_alone() {
    let long = |document: &mut Value| {
        (document["userId"], document["sessionId"]) = (Value::Null, json!("a-session-of-many-letters"));
    };
    let quoted = |document: &mut Value| document["userId"] = json!("user-1");
    let long_of_nobody = |document: &mut Value| {
        (document["userId"], document["sessionId"]) = (json!(0), json!("a-session-of-many-letters"));
    };
    let cases: [Case; 3] = [
        ("/properties/sessionId", json!({"type": "keyword", "ignore_above": 8}), long),
        ("/properties/sessionId", json!({"type": "keyword", "ignore_above": 8}), long_of_nobody),
        ("/properties/userId", json!({"type": "long", "ignore_malformed": true}), quoted),
    ];
    for (path, mapping, change) in cases {
        let Some(source) = source_of(template_with(path, mapping), base_with(change)).await else { return };
        let events = source.behavior(&question(Counting::Events)).await.unwrap();
        assert_eq!(whole(&events.steps.current), WHOLE, "{path}");
        assert_eq!(lacks(&events.steps.current), vec![vec![]; 4], "{path}");
        let people = source.behavior(&question(Counting::Subjects)).await.unwrap();
        assert_eq!(whole(&people.steps.current), [5, 6, 3, 2], "{path}");
        assert_eq!(used(&people.steps.current), [5, 6, 3, 2], "{path}");
        assert_eq!(lacks(&people.steps.current), [vec![(NoSubject, Some(5), Window)], vec![], vec![], vec![]]);
        assert_eq!(left_out(&people.active.unwrap()), [(NoSubject, Some(5), Window)]);
        // Events are counted for each activity and each hour.
        assert_eq!(lacks(&people.steps.by_activity[0].1), vec![vec![]; 4]);
        assert_eq!(left_out(&people.series[0]), []);
        assert_eq!(losses(&source).await, [(NoSubject, 5, 21)]);
    }
}

/// Page views of every pair of a user and a session, most of which name nobody.
fn placeholders() -> Vec<Value> {
    let users = [
        "",
        " ",
        "0",
        "00",
        "0.0",
        "-0",
        "-1",
        "-17.5",
        " 0 ",
        "NULL",
        "undefined",
        "None",
        "NaN",
        "Unknown",
        " anonymous ",
        "guest",
        "\u{a0}GUEST\u{3000}",
        "(Not Set)",
        "1",
        "007",
        "0.5",
        "0e1",
        "-",
        "-x",
        "guest7",
        "ann",
        "ANN",
        "손님",
    ];
    let users = users.into_iter().map(Value::from).chain([Value::Null]);
    let sessions = ["", " ", "guest", "NULL\t", "(not set)", "0", "a", "A", "손님"];
    let sessions: Vec<Value> = sessions.into_iter().map(Value::from).chain([Value::Null]).collect();
    let document = |(user, session): (Value, &Value)| {
        json!({
            "triggerType": "PAGE_VIEW", "occurredAt": "2024-11-12T09:01:00Z", "userId": user, "sessionId": session,
            "properties": {"activityId": 77},
        })
    };
    users.flat_map(|user| sessions.iter().map(move |session| (user.clone(), session))).map(document).collect()
}

#[tokio::test]
async fn placeholders_of_users_and_sessions_are_nobody_as_in_files() {
    let keyword = |mapping: Value| {
        let mut mappings = template_with("/properties/userId", mapping.clone());
        mappings["properties"]["sessionId"] = mapping;
        mappings
    };
    let mut at_search_time = mapping::template();
    for field in ["userId", "sessionId"] {
        at_search_time["properties"].as_object_mut().unwrap().remove(field);
        at_search_time["runtime"][field] = json!({"type": "keyword"});
    }
    let layouts = [
        keyword(json!({"type": "keyword"})),
        keyword(json!({"type": "keyword", "index": false})),
        keyword(json!({"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}})),
        at_search_time,
    ];
    let lines: String = placeholders().iter().map(|document| format!("{document}\n")).collect();
    for own in [None, Some(["손님"])] {
        let files = Files::new().catalog_from("catalog", &br#"{"currency":"KRW","campaigns":[]}"#[..]);
        let files = files.events_from("events", Cursor::new(lines.clone()));
        let files = match own {
            None => files,
            Some(texts) => files.anonymous_users(texts),
        };
        let in_files = MemoryStore::load(files).unwrap().behavior(&question(Counting::Subjects)).await.unwrap();
        let expected = whole(&in_files.steps.current);
        for mappings in &layouts {
            let index = Index::of_both("case", mappings.clone(), placeholders());
            let with_texts = |options: EsOptions| match own {
                None => options,
                Some(texts) => options.with_anonymous_users(texts),
            };
            let Some(source) = source_with(vec![index], with_texts).await else { return };
            let people = source.behavior(&question(Counting::Subjects)).await.unwrap();
            assert_eq!(whole(&people.steps.current), expected, "{own:?} {mappings}");
            assert_eq!(people.active.unwrap().unwrap().value, expected[0], "{own:?} {mappings}");
            let events = source.behavior(&question(Counting::Events)).await.unwrap();
            assert_eq!(whole(&events.steps.current), [290, 0, 0, 0], "{own:?} {mappings}");
        }
    }
}

#[tokio::test]
async fn a_field_that_is_dropped_and_not_used_is_no_loss() {
    let mappings = template_with("/properties/pageUrl", json!({"type": "keyword", "ignore_above": 8}));
    let documents = base_with(|document| document["pageUrl"] = json!("http://shop.example/campaign-activities/77"));
    let Some(source) = source_of(mappings, documents).await else { return };
    check_whole(&source.behavior(&question(Counting::Subjects)).await.unwrap());
    assert_eq!(losses(&source).await, []);
}

#[tokio::test]
async fn purchases_outside_the_purchase_indices_are_said() {
    let commerce: Vec<Value> = documents_of("PURCHASE").into_iter().take(1).collect();
    let indices = vec![
        Index::of_events("behavior", mapping::template(), base()),
        Index::of_purchases("commerce", mapping::template(), commerce),
    ];
    let Some(source) = source_over(indices).await else { return };
    for counting in [Counting::Events, Counting::Subjects] {
        let facts = source.behavior(&question(counting)).await.unwrap();
        assert_eq!(whole(&facts.steps.current), [10, 6, 3, 1]);
        let lacks = lacks(&facts.steps.current);
        assert_eq!(lacks, [vec![], vec![], vec![], vec![(NotBelieved, Some(2), Window)]]);
        assert_eq!(facts.steps.current[3].as_ref().unwrap().coverage.left_out()[0].of, Some(3));
    }
    assert_eq!(losses(&source).await, [(NotBelieved, 2, 22)]);
    let of_another = source.behavior(&question_of(78, Counting::Events)).await.unwrap();
    assert_eq!(left_out(&of_another.steps.current[3]), []);
}

#[tokio::test]
async fn records_of_the_future_are_left_out() {
    let documents = base_with(|document| document["occurredAt"] = json!("2024-11-14T09:00:00Z"));
    let Some(source) = source_of(mapping::template(), documents).await else { return };
    let facts = source.behavior(&question(Counting::Events)).await.unwrap();
    assert_eq!(whole(&facts.steps.current), [5, 6, 3, 2]);
    assert_eq!(lacks(&facts.steps.current), [vec![(Future, Some(5), Store)], vec![], vec![], vec![]]);
    assert_eq!(losses(&source).await, [(Future, 5, 21)]);
    let probe = probe(&source).await;
    assert_eq!((probe.newest, probe.problems), (Some(at(-81 * 60)), Vec::new()));
    // Clocks differ by some minutes.
    let soon = base_with(|document| document["occurredAt"] = json!("2024-11-12T10:34:00Z"));
    let Some(source) = source_of(mapping::template(), soon).await else { return };
    let facts = source.behavior(&question(Counting::Events)).await.unwrap();
    assert_eq!((whole(&facts.steps.current), lacks(&facts.steps.current)), (vec![5, 6, 3, 2], vec![vec![]; 4]));
}

/// The documents as a pipeline writes them whose clock shows the time of Seoul, and says no offset.
fn in_seoul() -> Vec<Value> {
    let mut documents = base();
    for document in &mut documents {
        let time = document["occurredAt"].as_str().unwrap().replace("T09:", "T18:").replace('Z', "");
        document["occurredAt"] = json!(time);
    }
    documents
}

#[tokio::test]
async fn local_times_stored_as_utc_are_found_wrong() {
    let Some(source) = source_of(mapping::template(), in_seoul()).await else { return };
    let facts = source.behavior(&question(Counting::Events)).await.unwrap();
    assert_eq!(whole(&facts.steps.current), [0; 4]);
    assert_eq!(lacks(&facts.steps.current), vec![vec![(OffsetWrong, None, Store)]; 4]);
    assert_eq!(left_out(&facts.series[0]), [(OffsetWrong, None, Store)]);
    let probe = probe(&source).await;
    let [problem] = &probe.problems[..] else { panic!("{probe:?}") };
    let parts = ["WRONG", "would lie 8 h in the future", "elasticsearch.occurred_at_zone"];
    assert!(parts.iter().all(|part| problem.contains(part)), "{problem}");
    assert!(probe.findings.iter().any(|(name, text)| name.ends_with(".occurredAt.zone") && text.contains("WRONG")));
}

#[tokio::test]
async fn local_times_are_read_in_the_zone_that_is_set() {
    let float = |documents: Vec<Value>| -> Vec<Value> {
        let seconds = |document: &mut Value| {
            let time: chrono::NaiveDateTime = document["occurredAt"].as_str().unwrap().parse().unwrap();
            document["occurredAt"] = json!(time.and_utc().timestamp());
        };
        let mut documents = documents;
        documents.iter_mut().for_each(seconds);
        documents
    };
    let nanos = template_with("/properties/occurredAt", json!({"type": "date_nanos"}));
    let double = template_with("/properties/occurredAt", json!({"type": "double"}));
    for (mappings, documents) in [(mapping::template(), in_seoul()), (nanos, in_seoul()), (double, float(in_seoul()))] {
        for zone in ["+09:00", "Asia/Seoul"] {
            let index = Index::of_both("case", mappings.clone(), documents.clone());
            let source = source_with(vec![index], |options| options.with_occurred_at_zone(zone)).await;
            let Some(source) = source else { return };
            for counting in [Counting::Events, Counting::Subjects] {
                check_whole(&source.behavior(&question(counting)).await.unwrap());
            }
            let probe = probe(&source).await;
            assert_eq!((probe.newest, probe.problems, probe.losses), (Some(at(-81 * 60)), vec![], vec![]), "{zone}");
        }
    }
}

#[tokio::test]
async fn the_day_on_which_clocks_are_set_is_counted_by_local_hours() {
    // In New York the clock is set back from 02:00 to 01:00 at 06:00 UTC.
    let times = ["00:30", "01:30", "01:30", "02:30"].map(|time| format!("2024-11-03T{time}:00"));
    let mut documents = documents_of("PAGE_VIEW");
    documents.truncate(4);
    documents.iter_mut().zip(times).for_each(|(document, time)| document["occurredAt"] = json!(time));
    let index = Index::of_both("case", mapping::template(), documents);
    let zone = |options: axon_metrics_es::EsOptions| options.with_occurred_at_zone("America/New_York");
    let Some(source) = source_with(vec![index], zone).await else { return };
    let mut question = question(Counting::Events);
    let hour = |hour: u32| format!("2024-11-03T{hour:02}:00:00Z").parse::<axon_metrics::Timestamp>().unwrap();
    let scope = std::sync::Arc::make_mut(&mut question.scope);
    scope.current = axon_metrics::Window { from: hour(4), to: hour(8) };
    let grid = axon_metrics::source::Grid { from: hour(4), step: chrono::TimeDelta::hours(1), cells: 4 };
    question.series[0].cells = axon_metrics::source::Cells::Grid(grid);
    let facts = source.behavior(&question).await.unwrap();
    assert_eq!(whole(&facts.steps.current[..1]), [4]);
    // The hour that comes twice belongs to its first occurrence.
    assert_eq!(facts.series[0].as_ref().unwrap().value, [1, 2, 0, 1]);
}
