//! Least privileges, on a server with security: a user who may read the indices and nothing else.
//!
//! `AXON_TEST_ELASTICSEARCH_SECURED_URL` names the server with that user and the password: the role that the readme describes,
//! over `axon-test-*`. `AXON_TEST_ELASTICSEARCH_ADMIN_URL` names it with one who may make and drop indices.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::{sync::Arc, time::Duration};

use axon_examples::stores::elasticsearch::{self as store, mapping};
use axon_metrics::{
    ActivityId, EventRule, Instant, SourceError, Window,
    source::{BehaviorQuestion, BehaviorSource as _, Counting, Frame},
    testing::{Event, server_url},
};
use axon_metrics_es::{EsBehavior, EsOptions};
use common::{Time, document};
use elasticsearch::Elasticsearch;

fn at(second: i64) -> Instant {
    Instant::from_timestamp(1_731_407_400 + second, 0).unwrap()
}

fn question() -> BehaviorQuestion {
    BehaviorQuestion {
        frame: Arc::new(Frame {
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
        inflow: None,
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
    let click = Event {
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
