//! Least privileges, on a server with security: a user who may read the indices and nothing else.
//!
//! `AXON_TEST_ELASTICSEARCH_SECURED_URL` names the server with that user and the password: the role that the readme describes,
//! over `axon-test-*`. `AXON_TEST_ELASTICSEARCH_ADMIN_URL` names it with one who may make and drop indices.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common;

use std::{sync::Arc, time::Duration};

use axon_examples::stores::elasticsearch::{self as store, mapping};
use axon_metrics::{
    ActivityId, EventRule, Fact, SourceError, Timestamp, Window,
    source::{BehaviorQuestion, BehaviorSource as _, Cells, Counting, Grid, QueryScope, Series, SeriesActivities},
    testing::{EventRecord, server_url},
};
use axon_metrics_es::{EsBehavior, EsOptions};
use chrono::TimeDelta;
use common::{Time, document, recorder::Recorder};
use elasticsearch::{
    Elasticsearch,
    http::{Method, headers::HeaderMap},
};
use serde_json::{Value, json};

fn at(second: i64) -> Timestamp {
    Timestamp::from_timestamp(1_731_407_400 + second, 0).unwrap()
}

fn question() -> BehaviorQuestion {
    BehaviorQuestion {
        scope: Arc::new(QueryScope {
            as_of: at(0),
            activities: vec![ActivityId(7)],
            funnel_activities: vec![ActivityId(7)],
            current: Window { from: at(-3_600), to: at(0) },
            previous: None,
            counting: Counting::Subjects,
            by_activity: false,
        }),
        budget: Duration::from_secs(20),
        steps: vec![EventRule::trigger("CLICK")],
        series: Vec::new(),
        active: Some(Window { from: at(-300), to: at(0) }),
    }
}

/// The server as the reader has it, and a client of who makes its indices.
fn server() -> Option<(String, Elasticsearch)> {
    let url = server_url("AXON_TEST_ELASTICSEARCH_SECURED_URL")?;
    let admin = server_url("AXON_TEST_ELASTICSEARCH_ADMIN_URL")?;
    Some((url, store::client(&admin).unwrap()))
}

fn credentials(url: &str) -> &str {
    url.split_once("://").and_then(|(_, rest)| rest.split_once('@')).map(|(credentials, _)| credentials).unwrap()
}

/// The same server for another user.
fn as_user(url: &str, credentials: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap();
    let host = rest.rsplit('@').next().unwrap();
    format!("{scheme}://{credentials}@{host}")
}

fn reading(url: &str, index: &str) -> EsBehavior {
    let options = EsOptions::default().with_event_indices([index]).with_purchase_indices([index]);
    EsBehavior::with_options(store::client(url).unwrap(), options).unwrap()
}

#[tokio::test]
async fn a_user_who_may_only_read_the_indices_is_enough() {
    let Some((url, owner)) = server() else { return };
    let index = common::unique("events");
    let click = EventRecord {
        trigger: "CLICK",
        definition: None,
        at: at(-60),
        activity: Some(ActivityId(7)),
        user: Some(1),
        session: None,
        forged: false,
    };
    store::create_index(&owner, &index, mapping::template()).await.unwrap();
    common::write(&owner, &index, &[document(&click, Time::Date)]).await;

    let source = reading(&url, &index);
    let facts = source.behavior(&question()).await;
    let probe = source.probe(at(0), Duration::from_secs(20)).await;
    let write = store::create_index(&store::client(&url).unwrap(), &common::unique("mine"), mapping::template()).await;
    store::drop_index(&owner, &index).await.unwrap();

    let facts = facts.unwrap();
    assert_eq!(facts.steps.current[0].as_ref().unwrap().value, 1);
    assert_eq!(facts.active.unwrap().unwrap().value, 1);
    assert_eq!(probe.unwrap().newest, Some(at(-60)));
    assert!(write.is_err(), "the reader may write");
}

/// All that is asked at once: both windows, the purchases' step, each activity apart, inflow, who is active.
fn everything(counting: Counting) -> BehaviorQuestion {
    let mut question = question();
    let hour = |back: i64| Window { from: at(-3_600 * back), to: at(-3_600 * (back - 1)) };
    question.scope = Arc::new(QueryScope {
        previous: Some(Window { from: at(-7_200), to: at(-3_600) }),
        counting,
        by_activity: true,
        ..(*question.scope).clone()
    });
    question.steps = ["PAGE_VIEW", "CLICK", "APPROVED", "PURCHASE"].map(EventRule::trigger).into();
    let cells = Cells::Grid(Grid { from: hour(2).from, step: TimeDelta::hours(1), cells: 2 });
    question.series = vec![Series { rule: EventRule::trigger("PAGE_VIEW"), activities: SeriesActivities::All, cells }];
    question
}

/// What the server answers to a request of this user's: its status, and its text.
async fn said(url: &str, method: Method, path: &str, body: &str) -> (u16, String) {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "application/json".parse().unwrap());
    let client = store::client(url).unwrap();
    let reply = client.send(method, path, headers, None::<&()>, Some(body.to_owned()), None).await.unwrap();
    (reply.status_code().as_u16(), reply.text().await.unwrap())
}

/// The server's own account of an index: what was ever written to it, and what it holds.
async fn account(admin: &str, index: &str) -> String {
    let part = "filter_path=indices.*.total.indexing.*_total,indices.*.total.docs";
    said(admin, Method::Get, &format!("/{index}/_stats/indexing,docs?{part}"), "").await.1
}

#[tokio::test]
async fn two_reading_requests_are_all_that_is_asked_and_nothing_is_written() {
    let Some((url, owner)) = server() else { return };
    let admin = server_url("AXON_TEST_ELASTICSEARCH_ADMIN_URL").unwrap();
    let index = common::unique("events");
    let event = |trigger, second, session| EventRecord {
        trigger,
        definition: Some(1),
        at: at(second),
        activity: Some(ActivityId(7)),
        user: (trigger != "PAGE_VIEW").then_some(1),
        session: Some(session),
        forged: false,
    };
    let events = [event("PAGE_VIEW", -5_000, "a"), event("PAGE_VIEW", -60, "a"), event("PURCHASE", -50, "a")];
    store::create_index(&owner, &index, mapping::template()).await.unwrap();
    common::write(&owner, &index, &events.map(|event| document(&event, Time::Date))).await;
    let before = account(&admin, &index).await;

    let server = url.rsplit('@').next().unwrap().trim_end_matches('/').parse().unwrap();
    let recorder = Recorder::before(server).await;
    let source = reading(&format!("http://{}@{}", credentials(&url), recorder.address), &index);
    let mut asked = Vec::new();
    for counting in [Counting::Events, Counting::Subjects] {
        asked.push(source.behavior(&everything(counting)).await);
    }
    let probe = source.probe(at(0), Duration::from_secs(20)).await;
    let after = account(&admin, &index).await;

    let mut writes = Vec::new();
    for (method, path, body) in [
        (Method::Post, "/_bulk".to_owned(), format!("{{\"index\":{{\"_index\":\"{index}\"}}}}\n{{}}\n")),
        (Method::Post, format!("/{index}/_doc"), "{}".to_owned()),
        (Method::Delete, format!("/{index}/_doc/1"), String::new()),
        (Method::Delete, format!("/{index}"), String::new()),
        (Method::Post, format!("/{index}/_refresh"), String::new()),
        (Method::Put, format!("/{}", common::unique("mine")), String::new()),
    ] {
        let (status, text) = said(&url, method, &path, &body).await;
        writes.push((format!("{method:?} {path}"), status, text));
    }
    let untouched = account(&admin, &index).await;
    store::drop_index(&owner, &index).await.unwrap();

    for facts in asked {
        let facts = facts.unwrap();
        let counts =
            |steps: &[Fact<u64>]| -> Vec<u64> { steps.iter().map(|fact| fact.as_ref().unwrap().value).collect() };
        assert_eq!(counts(&facts.steps.current), [1, 0, 0, 1]);
        assert_eq!(counts(&facts.steps.previous), [1, 0, 0, 0]);
        assert_eq!(counts(&facts.steps.by_activity[0].1), [1, 0, 0, 1]);
        assert_eq!(facts.series[0].clone().unwrap().value, [1, 1]);
        assert_eq!(facts.active.unwrap().unwrap().value, 2);
    }
    assert_eq!(probe.unwrap().newest, Some(at(-50)));
    let requests = recorder.requests();
    let allowed = [("GET".to_owned(), format!("/{index}/_field_caps")), ("POST".to_owned(), "/_msearch".to_owned())];
    assert!(requests.iter().all(|request| allowed.contains(request)), "{requests:?}");
    assert!(allowed.iter().all(|request| requests.contains(request)), "{requests:?}");
    for (write, status, text) in writes {
        assert_eq!(status, 403, "{write}: {text}");
    }
    assert!(before.contains("\"index_total\":3"), "{before}");
    assert_eq!((&after, &untouched), (&before, &before));
}

/// The bodies of the page's calls: what stands between `-d '` and the next quotation mark.
fn documented() -> Vec<Value> {
    let page = include_str!("../../../docs/operate/rights.md");
    let bodies = page.split("-d '").skip(1).map(|rest| rest.split('\'').next().unwrap());
    bodies.map(|body| serde_json::from_str(body).unwrap()).collect()
}

#[tokio::test]
async fn the_page_for_operators_gives_the_rights_that_these_tests_run_with() {
    let Some((url, _)) = server() else { return };
    let documented = documented();
    let [role, user, key, question] = &documented[..] else { panic!("{documented:?}") };
    assert_eq!(user["roles"], json!(["axon_metrics_read"]));
    let readme = include_str!("../../README.md");
    assert!(readme.lines().any(|line| serde_json::from_str::<Value>(line).is_ok_and(|line| line == *role)), "{role}");
    let (_, held) = said(&url, Method::Get, "/_security/user/_privileges", "").await;
    let held: Value = serde_json::from_str(&held).unwrap();
    for role in [role, &key["role_descriptors"]["axon_metrics_read"]] {
        assert_eq!(role.as_object().unwrap().keys().collect::<Vec<_>>(), ["indices"], "nothing else is given");
        let given: Vec<_> = role["indices"].as_array().unwrap().iter().map(|of| &of["privileges"]).collect();
        let held: Vec<_> = held["indices"].as_array().unwrap().iter().map(|of| &of["privileges"]).collect();
        assert_eq!(given, held);
    }
    assert_eq!((&held["cluster"], &held["global"]), (&json!([]), &json!([])));
    let (_, told) = said(&url, Method::Post, "/_security/user/_has_privileges", &question.to_string()).await;
    let told: Value = serde_json::from_str(&told).unwrap();
    let told = &told["index"]["axon.event.behavior"];
    assert_eq!(*told, json!({"read": true, "index": false, "delete": false}));
}

#[tokio::test]
async fn a_missing_right_is_named_and_nobody_is() {
    let Some((url, owner)) = server() else { return };
    let hidden = format!("hidden-{}", common::unique("events"));
    store::create_index(&owner, &hidden, mapping::template()).await.unwrap();
    let (user, password) = credentials(&url).split_once(':').unwrap();
    let refused = |url: &str| {
        let source = reading(url, &hidden);
        async move { source.behavior(&question()).await.unwrap_err() }
    };
    let hidden_index = refused(&url).await;
    let wrong_password = refused(&as_user(&url, &format!("{user}:wrong"))).await;
    store::drop_index(&owner, &hidden).await.unwrap();
    for (error, named) in [(hidden_index, "read"), (wrong_password, "credentials")] {
        assert!(matches!(error, SourceError::Denied { .. }), "{error:?}");
        let text = format!("{error} {error:?}");
        assert!(text.contains(named) && !text.contains(user) && !text.contains(password), "{text}");
    }
}
