//! Least privileges, on a server with security: a user who may read the indices and nothing else.
//!
//! `AXON_TEST_ELASTICSEARCH_SECURED_URL` is the server's address with that user and password: the role of the readme,
//! over `axon-test-*`. `AXON_TEST_ELASTICSEARCH_ADMIN_URL` is its address with a user who may create and drop indices.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common;

use std::{sync::Arc, time::Duration};

use axon_examples::{
    recording_proxy::{Protocol, RecordingProxy, StoreRequest},
    stores::elasticsearch::{self as store, mapping},
};
use axon_metrics::{
    ActivityId, EventRule, Fact, SourceError, Window,
    source::{BehaviorQuestion, BehaviorSource as _, Cells, Counting, Grid, Series, SeriesActivities},
    testing::{EventRecord, server_url},
};
use axon_metrics_es::{EsBehavior, EsOptions};
use chrono::TimeDelta;
use common::{
    Time, document,
    question::{at, click, clicks_of},
};
use elasticsearch::{
    Elasticsearch,
    http::{Method, headers::HeaderMap},
};
use serde_json::{Value, json};

/// Clicks of an hour, and active subjects.
fn question() -> BehaviorQuestion {
    clicks_of([ActivityId(7)], 3_600, Counting::Subjects).with_active(Window { from: at(-300), to: at(0) })
}

/// The server's address for the reader, and a client of the user who creates the indices.
fn server() -> Option<(String, Elasticsearch)> {
    let url = server_url("AXON_TEST_ELASTICSEARCH_SECURED_URL")?;
    let admin = server_url("AXON_TEST_ELASTICSEARCH_ADMIN_URL")?;
    Some((url, store::client(&admin).unwrap()))
}

fn credentials(url: &str) -> &str {
    url.split_once("://").and_then(|(_, rest)| rest.split_once('@')).map(|(credentials, _)| credentials).unwrap()
}

/// The server's address for another user.
fn as_user(url: &str, credentials: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap();
    let host = rest.rsplit('@').next().unwrap();
    format!("{scheme}://{credentials}@{host}")
}

fn source_of(url: &str, index: &str) -> EsBehavior {
    let options = EsOptions::default().with_event_indices([index]).with_purchase_indices([index]);
    EsBehavior::with_options(store::client(url).unwrap(), options).unwrap()
}

#[tokio::test]
async fn the_read_privilege_on_the_indices_is_enough() {
    let Some((url, owner)) = server() else { return };
    let index = common::unique("events");
    store::create_index(&owner, &index, mapping::template()).await.unwrap();
    common::write(&owner, &index, &[document(&click(-60, 1), Time::Date)]).await;

    let source = source_of(&url, &index);
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

/// A question about all figures: both windows, purchases, each activity, a series, active subjects.
fn everything(counting: Counting) -> BehaviorQuestion {
    let mut question = question();
    let scope = (*question.scope).clone();
    let scope = scope.with_previous(Window { from: at(-7_200), to: at(-3_600) }).with_by_activity(true);
    question.scope = Arc::new(scope.with_counting(counting));
    let cells = Cells::Grid(Grid { from: at(-7_200), step: TimeDelta::hours(1), cells: 2 });
    question
        .with_steps(["PAGE_VIEW", "CLICK", "APPROVED", "PURCHASE"].map(EventRule::trigger))
        .with_series([Series::new(EventRule::trigger("PAGE_VIEW"), SeriesActivities::All, cells)])
}

/// Sends a request as this user. Returns the status and the text of the reply.
async fn send(url: &str, method: Method, path: &str, body: &str) -> (u16, String) {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "application/json".parse().unwrap());
    let client = store::client(url).unwrap();
    let reply = client.send(method, path, headers, None::<&()>, Some(body.to_owned()), None).await.unwrap();
    (reply.status_code().as_u16(), reply.text().await.unwrap())
}

/// The server's statistics of an index: all writes since its creation, and its documents.
async fn statistics(admin: &str, index: &str) -> String {
    let filter = "filter_path=indices.*.total.indexing.*_total,indices.*.total.docs";
    send(admin, Method::Get, &format!("/{index}/_stats/indexing,docs?{filter}"), "").await.1
}

#[tokio::test]
async fn only_two_kinds_of_requests_are_sent_and_nothing_is_written() {
    let Some((url, owner)) = server() else { return };
    let admin = server_url("AXON_TEST_ELASTICSEARCH_ADMIN_URL").unwrap();
    let index = common::unique("events");
    let event = |trigger, second, session| EventRecord {
        trigger,
        user: (trigger != "PAGE_VIEW").then_some(1),
        session: Some(session),
        ..click(second, 1)
    };
    let events = [event("PAGE_VIEW", -5_000, "a"), event("PAGE_VIEW", -60, "a"), event("PURCHASE", -50, "a")];
    store::create_index(&owner, &index, mapping::template()).await.unwrap();
    common::write(&owner, &index, &events.map(|event| document(&event, Time::Date))).await;
    let before = statistics(&admin, &index).await;

    let server = url.rsplit('@').next().unwrap().trim_end_matches('/').parse().unwrap();
    let proxy = RecordingProxy::before(server, Protocol::Http).await.unwrap();
    let source = source_of(&format!("http://{}@{}", credentials(&url), proxy.address), &index);
    let mut answers = Vec::new();
    for counting in [Counting::Events, Counting::Subjects] {
        answers.push(source.behavior(&everything(counting)).await);
    }
    let probe = source.probe(at(0), Duration::from_secs(20)).await;
    let after = statistics(&admin, &index).await;

    let mut writes = Vec::new();
    for (method, path, body) in [
        (Method::Post, "/_bulk".to_owned(), format!("{{\"index\":{{\"_index\":\"{index}\"}}}}\n{{}}\n")),
        (Method::Post, format!("/{index}/_doc"), "{}".to_owned()),
        (Method::Delete, format!("/{index}/_doc/1"), String::new()),
        (Method::Delete, format!("/{index}"), String::new()),
        (Method::Post, format!("/{index}/_refresh"), String::new()),
        (Method::Put, format!("/{}", common::unique("mine")), String::new()),
    ] {
        let (status, text) = send(&url, method, &path, &body).await;
        writes.push((format!("{method:?} {path}"), status, text));
    }
    let after_writes = statistics(&admin, &index).await;
    store::drop_index(&owner, &index).await.unwrap();

    for facts in answers {
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
    let path = |request| match request {
        StoreRequest::Http(line, _) => line.split('?').next().unwrap().to_owned(),
        other => panic!("{other:?}"),
    };
    let requests: Vec<String> = proxy.take().into_iter().map(path).collect();
    let allowed = [format!("GET /{index}/_field_caps"), "POST /_msearch".to_owned()];
    assert!(requests.iter().all(|request| allowed.contains(request)), "{requests:?}");
    assert!(allowed.iter().all(|request| requests.contains(request)), "{requests:?}");
    for (write, status, text) in writes {
        assert_eq!(status, 403, "{write}: {text}");
    }
    assert!(before.contains("\"index_total\":3"), "{before}");
    assert_eq!((&after, &after_writes), (&before, &before));
}

/// The JSON bodies of the calls on the page: each text between `-d '` and the next quotation mark.
fn documented_bodies() -> Vec<Value> {
    let page = include_str!("../../../docs/operate/rights.md");
    let bodies = page.split("-d '").skip(1).map(|rest| rest.split('\'').next().unwrap());
    bodies.map(|body| serde_json::from_str(body).unwrap()).collect()
}

#[tokio::test]
async fn the_documented_rights_are_those_of_these_tests() {
    let Some((url, _)) = server() else { return };
    let bodies = documented_bodies();
    let [role, user, key, question] = &bodies[..] else { panic!("{bodies:?}") };
    assert_eq!(user["roles"], json!(["axon_metrics_read"]));
    let readme = include_str!("../../README.md");
    assert!(readme.lines().any(|line| serde_json::from_str::<Value>(line).is_ok_and(|line| line == *role)), "{role}");
    let (_, reply) = send(&url, Method::Get, "/_security/user/_privileges", "").await;
    let actual: Value = serde_json::from_str(&reply).unwrap();
    for role in [role, &key["role_descriptors"]["axon_metrics_read"]] {
        assert_eq!(role.as_object().unwrap().keys().collect::<Vec<_>>(), ["indices"], "no other rights");
        let documented: Vec<_> = role["indices"].as_array().unwrap().iter().map(|of| &of["privileges"]).collect();
        let actual: Vec<_> = actual["indices"].as_array().unwrap().iter().map(|of| &of["privileges"]).collect();
        assert_eq!(documented, actual);
    }
    assert_eq!((&actual["cluster"], &actual["global"]), (&json!([]), &json!([])));
    let (_, reply) = send(&url, Method::Post, "/_security/user/_has_privileges", &question.to_string()).await;
    let reply: Value = serde_json::from_str(&reply).unwrap();
    let privileges = &reply["index"]["axon.event.behavior"];
    assert_eq!(*privileges, json!({"read": true, "index": false, "delete": false}));
}

#[tokio::test]
async fn a_missing_right_is_named_without_the_user() {
    let Some((url, owner)) = server() else { return };
    let hidden = format!("hidden-{}", common::unique("events"));
    store::create_index(&owner, &hidden, mapping::template()).await.unwrap();
    let (user, password) = credentials(&url).split_once(':').unwrap();
    let error_of = |url: &str| {
        let source = source_of(url, &hidden);
        async move { source.behavior(&question()).await.unwrap_err() }
    };
    let hidden_index = error_of(&url).await;
    let wrong_password = error_of(&as_user(&url, &format!("{user}:wrong"))).await;
    store::drop_index(&owner, &hidden).await.unwrap();
    for (error, name) in [(hidden_index, "read"), (wrong_password, "credentials")] {
        assert!(matches!(error, SourceError::Denied { .. }), "{error:?}");
        let text = format!("{error} {error:?}");
        assert!(text.contains(name) && !text.contains(user) && !text.contains(password), "{text}");
    }
}
