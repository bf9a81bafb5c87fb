//! Indices that cannot be read, on a real server: a closed or blocked one, a missing right, a missing index and a missing
//! field are different sentences, each with something to do. The other index is counted, and the figures are partial.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common;

use std::time::Duration;

use axon_examples::stores::elasticsearch::{self as store, mapping};
use axon_metrics::{
    Fact, Missing, Reason, SourceError,
    source::{BehaviorSource as _, Counting, ErrorChain},
    testing::server_url,
};
use axon_metrics_es::{EsBehavior, EsOptions};
use common::{
    Index, OwnedSource,
    cases::{WHOLE, base, question, send, template_with},
    question::at,
    source_over,
};
use elasticsearch::http::Method;
use serde_json::{Value, json};

/// The problems of a probe.
async fn problems(source: &EsBehavior) -> Vec<String> {
    source.probe(at(0), Duration::from_secs(20)).await.unwrap().problems
}

/// Checks that figures are those of the first index alone, and partial.
fn check_partial(facts: &[Fact<u64>]) {
    let values = facts.iter().map(|fact| {
        let fact = fact.as_ref().unwrap();
        assert!(fact.partial, "{fact:?}");
        fact.value
    });
    assert_eq!(values.collect::<Vec<_>>(), WHOLE);
}

/// The only problem of a source whose second index cannot be read. Checks the figures of the first one.
async fn problem_of_second(source: &EsBehavior) -> String {
    for counting in [Counting::Events, Counting::Subjects] {
        check_partial(&source.behavior(&question(counting)).await.unwrap().steps.current);
    }
    let mut problems = problems(source).await;
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems.remove(0)
}

/// The error of a source that can read none of its indices, and that of its probe: both have the same causes.
async fn error_of(source: &EsBehavior) -> (SourceError, String) {
    let error = source.behavior(&question(Counting::Events)).await.unwrap_err();
    let probe = source.probe(at(0), Duration::from_secs(20)).await.unwrap_err();
    let text = ErrorChain(&probe).to_string();
    (error, text)
}

async fn two_indices() -> Option<OwnedSource> {
    source_over(vec![
        Index::of_both("first", mapping::template(), base()),
        Index::of_both("second", mapping::template(), base()),
    ])
    .await
}

#[tokio::test]
async fn a_closed_index_is_said_to_be_closed() {
    let Some(source) = two_indices().await else { return };
    let [first, second] = &source.indices[..] else { panic!() };
    // Also after a question that has read it.
    source.behavior(&question(Counting::Events)).await.unwrap();
    assert_eq!(send(&source.client, Method::Post, &format!("/{second}/_close"), Value::Null).await, 200);
    let _ = source.behavior(&question(Counting::Events)).await;
    let problem = problem_of_second(&source).await;
    assert!(problem.contains("is closed") && problem.contains(&format!("POST /{second}/_open")), "{problem}");
    assert_eq!(send(&source.client, Method::Post, &format!("/{first}/_close"), Value::Null).await, 200);
    let (error, probe) = error_of(&source).await;
    let text = ErrorChain(&error).to_string();
    assert!(matches!(error, SourceError::Unavailable { .. }), "{error:?}");
    assert!(text.contains("is closed") && probe.contains("is closed"), "{text}; {probe}");
    assert!(!text.contains("privilege"), "{text}");
}

#[tokio::test]
async fn a_closed_index_costs_its_own_steps_alone() {
    let indices = vec![
        Index::of_events("behavior", mapping::template(), base()),
        Index::of_purchases("commerce", mapping::template(), base()),
    ];
    let Some(source) = source_over(indices).await else { return };
    let behavior = &source.indices[0];
    assert_eq!(send(&source.client, Method::Post, &format!("/{behavior}/_close"), Value::Null).await, 200);
    let facts = source.behavior(&question(Counting::Events)).await.unwrap();
    let [steps @ .., purchases] = &facts.steps.current[..] else { panic!() };
    assert_eq!(purchases.as_ref().unwrap().value, 2);
    for step in steps {
        let Err(Missing::Unavailable(error)) = step else { panic!("{step:?}") };
        assert!(ErrorChain(&**error).to_string().contains("is closed"), "{error:?}");
    }
}

#[tokio::test]
async fn a_blocked_index_is_said_to_be_blocked() {
    let Some(source) = two_indices().await else { return };
    let second = &source.indices[1];
    let block = json!({"index.blocks.read": true});
    assert_eq!(send(&source.client, Method::Put, &format!("/{second}/_settings"), block).await, 200);
    let problem = problem_of_second(&source).await;
    assert!(problem.contains("blocked for reading") && problem.contains("index.blocks.read"), "{problem}");
    let block = json!({"index.blocks.read": null});
    assert_eq!(send(&source.client, Method::Put, &format!("/{second}/_settings"), block).await, 200);
}

#[tokio::test]
async fn a_missing_index_is_said_to_be_missing() {
    let indices =
        vec![Index::of_both("first", mapping::template(), base()), Index::of_both("second", Value::Null, vec![])];
    let Some(source) = source_over(indices).await else { return };
    let problem = problem_of_second(&source).await;
    assert!(problem.starts_with("there is no index") && problem.contains(&source.indices[1]), "{problem}");
}

#[tokio::test]
async fn a_missing_field_is_named() {
    let mappings = template_with("/properties/triggerType", json!({"type": "text"}));
    let Some(source) = source_over(vec![Index::of_both("first", mappings, base())]).await else { return };
    let facts = source.behavior(&question(Counting::Events)).await.unwrap();
    assert!(matches!(facts.steps.current[0], Err(Missing::NotMeasured(Reason::BadValue))));
    let [problem] = &problems(&source).await[..] else { panic!() };
    assert!(problem.contains("triggerType") && problem.contains("correct the mapping"), "{problem}");
}

#[tokio::test]
async fn a_missing_right_is_said_to_be_missing() {
    let Some(url) = server_url("AXON_TEST_ELASTICSEARCH_SECURED_URL") else { return };
    let Some(admin) = server_url("AXON_TEST_ELASTICSEARCH_ADMIN_URL") else { return };
    let owner = store::client(&admin).unwrap();
    let (first, second) = (common::unique("first"), format!("hidden-{}", common::unique("second")));
    for index in [&first, &second] {
        store::create_index(&owner, index, mapping::template()).await.unwrap();
        common::write(&owner, index, &base()).await;
    }
    let options = EsOptions::default().with_event_indices([&first, &second]).with_purchase_indices([&first, &second]);
    let source = EsBehavior::with_options(store::client(&url).unwrap(), options).unwrap();
    let problem = problem_of_second(&source).await;
    for index in [&first, &second] {
        store::drop_index(&owner, index).await.unwrap();
    }
    assert!(problem.contains(&second) && problem.contains("grant the index privilege read"), "{problem}");
}
