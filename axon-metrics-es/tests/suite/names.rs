//! Configured names that are not those of indices, on a real server: aliases, patterns, rollovers. And exports' names of
//! data streams on a scripted one, since the server of the tests has none.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common;

use std::time::Duration;

use axon_examples::stores::elasticsearch::{self as store, mapping};
use axon_metrics::{
    facts::LeftOutReason,
    source::{BehaviorSource as _, Counting, ErrorChain},
    testing::server_url,
};
use axon_metrics_es::{EsBehavior, EsOptions};
use common::{
    Index, OwnedSource,
    cases::{base, check_whole, documents_of, left_out, question, send, whole},
    question::at,
    scripted::{CannedReply, IndexStub, ScriptedServer, counts, field_caps, shards},
    source_over, write,
};
use elasticsearch::http::Method;
use serde_json::{Value, json};

/// Adds indices to an alias, or removes them.
async fn alias(source: &OwnedSource, action: &str, indices: &[&String], alias: &str) {
    let actions: Vec<Value> = indices.iter().map(|index| json!({action: {"index": index, "alias": alias}})).collect();
    assert_eq!(send(&source.client, Method::Post, "/_aliases", json!({"actions": actions})).await, 200);
}

/// A source over these names.
fn over(source: &OwnedSource, events: &[&str], purchases: &[&str]) -> EsBehavior {
    let options = EsOptions::default().with_event_indices(events.to_vec()).with_purchase_indices(purchases.to_vec());
    EsBehavior::with_options(source.client.clone(), options).unwrap()
}

/// All documents, in two parts: page views and clicks, and the others.
fn parts() -> (Vec<Value>, Vec<Value>) {
    let documents = base();
    (documents[..16].to_vec(), documents[16..].to_vec())
}

#[tokio::test]
async fn an_alias_is_read_like_its_indices() {
    let (first, second) = parts();
    // Times of two kinds: each index is read in its own.
    let mut seconds = first;
    for document in &mut seconds {
        let time: axon_metrics::Timestamp = document["occurredAt"].as_str().unwrap().parse().unwrap();
        document["occurredAt"] = json!(time.timestamp());
    }
    let double = common::cases::template_with("/properties/occurredAt", json!({"type": "double"}));
    let indices = vec![
        Index::of_both("a-000001", double, seconds),
        Index::of_both("a-000002", mapping::template(), second),
        Index::of_both("apart", mapping::template(), base()),
    ];
    let Some(source) = source_over(indices).await else { return };
    let name = common::unique("alias");
    alias(&source, "add", &[&source.indices[0], &source.indices[1]], &name).await;
    let aliased = over(&source, &[&name], &[&name]);
    for counting in [Counting::Events, Counting::Subjects] {
        check_whole(&aliased.behavior(&question(counting)).await.unwrap());
    }
    let probe = aliased.probe(at(0), Duration::from_secs(20)).await.unwrap();
    assert_eq!((probe.newest, &probe.problems[..], &probe.losses[..]), (Some(at(-81 * 60)), &[][..], &[][..]));
    let records: Vec<_> = probe.findings.iter().filter(|(name, _)| name.ends_with(".records")).collect();
    assert_eq!(records.iter().map(|(_, count)| &count[..]).collect::<Vec<_>>(), ["16", "5"]);
}

#[tokio::test]
async fn a_pattern_is_read_like_its_indices() {
    let (first, second) = parts();
    let month = common::unique("monthly").replace('.', "-");
    let names = ["10", "11"].map(|number| format!("{month}-2024.{number}"));
    let indices = vec![
        Index::of_both(&names[0], mapping::template(), first),
        Index::of_both(&names[1], mapping::template(), second),
    ];
    let Some(source) = source_over(indices).await else { return };
    let pattern = format!("axon-test-*.{month}-2024.*");
    check_whole(&over(&source, &[&pattern], &[&pattern]).behavior(&question(Counting::Events)).await.unwrap());
    let nothing = over(&source, &["axon-test-nothing-*"], &[&source.indices[1]]);
    let probe = nothing.probe(at(0), Duration::from_secs(20)).await.unwrap();
    assert!(probe.problems[0].starts_with("no index matches axon-test-nothing-*"), "{:?}", probe.problems);
}

#[tokio::test]
async fn purchases_are_told_apart_by_their_index() {
    // One alias over both indices, and purchases of the second one alone.
    let indices = vec![
        Index::of_both("behavior", mapping::template(), base()),
        Index::of_both("commerce", mapping::template(), documents_of("PURCHASE")),
    ];
    let Some(source) = source_over(indices).await else { return };
    let name = common::unique("alias");
    alias(&source, "add", &[&source.indices[0], &source.indices[1]], &name).await;
    let aliased = over(&source, &[&name], &[&source.indices[1]]);
    let facts = aliased.behavior(&question(Counting::Events)).await.unwrap();
    assert_eq!(whole(&facts.steps.current), [10, 6, 3, 2]);
    let lacks: Vec<_> = left_out(&facts.steps.current[3]).iter().map(|loss| (loss.0, loss.1)).collect();
    assert_eq!(lacks, [(LeftOutReason::NotBelieved, Some(2))]);
}

#[tokio::test]
async fn an_index_that_comes_with_a_rollover_is_said_and_then_read() {
    let (first, second) = parts();
    let indices = vec![
        Index::of_both("rolled-000001", mapping::template(), first),
        Index::of_both("rolled-000002", mapping::template(), second),
        Index::of_both("rolled-000003", mapping::template(), vec![]),
    ];
    let Some(source) = source_over(indices).await else { return };
    let [one, two, three] = &source.indices[..] else { panic!() };
    let name = common::unique("alias");
    alias(&source, "add", &[one], &name).await;
    let aliased = over(&source, &[&name], &[&name]);
    let facts = aliased.behavior(&question(Counting::Events)).await.unwrap();
    assert_eq!(whole(&facts.steps.current), [10, 6, 0, 0]);
    alias(&source, "add", &[two], &name).await;
    // What is behind the name has changed: this answer says that it may lack something, and the next one does not.
    let facts = aliased.behavior(&question(Counting::Events)).await.unwrap();
    assert!(facts.steps.current.iter().all(|fact| fact.as_ref().unwrap().partial));
    check_whole(&aliased.behavior(&question(Counting::Events)).await.unwrap());
    // An empty index lacks nothing.
    alias(&source, "add", &[three], &name).await;
    let _ = aliased.behavior(&question(Counting::Events)).await.unwrap();
    check_whole(&aliased.behavior(&question(Counting::Events)).await.unwrap());
    write(&source.client, three, &documents_of("PURCHASE")).await;
    let facts = aliased.behavior(&question(Counting::Events)).await.unwrap();
    assert_eq!(whole(&facts.steps.current), [10, 6, 3, 4]);
    // An index that leaves takes its records with it.
    alias(&source, "remove", &[one], &name).await;
    let _ = aliased.behavior(&question(Counting::Events)).await.unwrap();
    let facts = aliased.behavior(&question(Counting::Events)).await.unwrap();
    assert_eq!(whole(&facts.steps.current), [0, 0, 3, 4]);
}

#[tokio::test]
async fn an_alias_with_a_closed_index_is_said_to_have_one() {
    let (first, second) = parts();
    let indices = vec![
        Index::of_both("closed-000001", mapping::template(), first),
        Index::of_both("closed-000002", mapping::template(), second),
    ];
    let Some(source) = source_over(indices).await else { return };
    let name = common::unique("alias");
    alias(&source, "add", &[&source.indices[0], &source.indices[1]], &name).await;
    assert_eq!(send(&source.client, Method::Post, &format!("/{}/_close", source.indices[0]), Value::Null).await, 200);
    let error = over(&source, &[&name], &[&name]).behavior(&question(Counting::Events)).await.unwrap_err();
    assert!(ErrorChain(&error).to_string().contains("an index is closed"), "{error:?}");
}

#[tokio::test]
async fn a_right_on_an_alias_is_enough() {
    let Some(url) = server_url("AXON_TEST_ELASTICSEARCH_SECURED_URL") else { return };
    let Some(admin) = server_url("AXON_TEST_ELASTICSEARCH_ADMIN_URL") else { return };
    let owner = store::client(&admin).unwrap();
    // The user may read `axon-test-*`: the alias, and not the indices behind it.
    let indices = ["000001", "000002"].map(|end| format!("hidden-{}", common::unique(end)));
    let name = common::unique("alias");
    let (first, second) = parts();
    for (index, documents) in indices.iter().zip([first, second]) {
        store::create_index(&owner, index, mapping::template()).await.unwrap();
        write(&owner, index, &documents).await;
        let action = json!({"actions": [{"add": {"index": index, "alias": name}}]});
        assert_eq!(send(&owner, Method::Post, "/_aliases", action).await, 200);
    }
    let options = EsOptions::default().with_event_indices([&name]).with_purchase_indices([&name]);
    let source = EsBehavior::with_options(store::client(&url).unwrap(), options).unwrap();
    let facts = source.behavior(&question(Counting::Subjects)).await;
    let probe = source.probe(at(0), Duration::from_secs(20)).await;
    for index in &indices {
        store::drop_index(&owner, index).await.unwrap();
    }
    check_whole(&facts.unwrap());
    assert_eq!(probe.unwrap().newest, Some(at(-81 * 60)));
}

#[tokio::test]
async fn a_data_stream_is_read_by_its_own_name() {
    const BACKING: [&str; 2] = [".ds-events-2024.11.11-000001", ".ds-events-2024.11.12-000002"];
    let search = json!({
        "status": 200, "timed_out": false, "_shards": shards(2), "hits": {"total": {"value": 5, "relation": "eq"}},
    });
    let server = ScriptedServer::start(move |_, path, body| {
        let stubs = BACKING.map(IndexStub::template);
        if path.contains("_field_caps") {
            return CannedReply::json(&field_caps(&stubs));
        }
        if body.contains("\"units\"") {
            let stub = [IndexStub::template(BACKING[0]).with_shards(2)];
            return CannedReply::json(&counts(&stub));
        }
        CannedReply::json(&json!({"responses": vec![search.clone(); body.lines().count() / 2]}))
    })
    .await;
    let options = EsOptions::default().with_event_indices(["events"]).with_purchase_indices(["events"]);
    let source = server.source(options);
    let facts = source.behavior(&common::question::clicks()).await.unwrap();
    assert_eq!(whole(&facts.steps.current), [5]);
    let questions = server.questions();
    let header: Value = serde_json::from_str(questions[0].lines().next().unwrap()).unwrap();
    assert_eq!(header, json!({"index": ["events"]}));
}
