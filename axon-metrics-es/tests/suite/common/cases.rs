//! The data of the field cases: 10 page views, 6 clicks, 3 approvals and 2 purchases of activity 77, 90 minutes before
//! [`AS_OF`](super::question::AS_OF).

use std::sync::Arc;

use axon_metrics::{
    ActivityId, EventRule, Fact, Window,
    facts::{BehaviorFacts, LeftOutPlace, LeftOutReason},
    source::{BehaviorQuestion, Cells, Counting, Grid, Series, SeriesActivities},
};
use chrono::TimeDelta;
use elasticsearch::{
    Elasticsearch,
    http::{Method, headers::HeaderMap},
};
use serde_json::{Value, json};

use super::question::{at, clicks_of};

/// The triggers of the four steps, with the number of records of each.
pub(crate) const STEPS: [(&str, u64); 4] = [("PAGE_VIEW", 10), ("CLICK", 6), ("APPROVED", 3), ("PURCHASE", 2)];

/// The right counts.
pub(crate) const WHOLE: [u64; 4] = [10, 6, 3, 2];

/// The documents of a trigger, one per user.
pub(crate) fn documents_of(trigger: &str) -> Vec<Value> {
    let (_, count) = STEPS.into_iter().find(|(name, _)| *name == trigger).unwrap();
    let document = |user: u64| {
        json!({
            "triggerType": trigger, "occurredAt": format!("2024-11-12T09:0{}:00Z", user % 10), "userId": user,
            "sessionId": null, "properties": {"activityId": 77},
        })
    };
    (1..=count).map(document).collect()
}

/// All documents.
pub(crate) fn base() -> Vec<Value> {
    STEPS.iter().flat_map(|(trigger, _)| documents_of(trigger)).collect()
}

/// All documents, the first five page views of which are changed.
pub(crate) fn base_with(change: impl Fn(&mut Value)) -> Vec<Value> {
    let mut documents = base();
    documents.iter_mut().take(5).for_each(change);
    documents
}

/// The platform's template with another mapping of a field.
pub(crate) fn template_with(path: &str, mapping: Value) -> Value {
    let mut mappings = axon_examples::stores::elasticsearch::mapping::template();
    *mappings.pointer_mut(path).unwrap() = mapping;
    mappings
}

/// All steps of an activity in the last seven days, with the page views of its last two hours and its active subjects.
pub(crate) fn question_of(activity: u64, counting: Counting) -> BehaviorQuestion {
    let mut question = clicks_of([ActivityId(activity)], 7 * 86_400, counting)
        .with_steps(STEPS.map(|(trigger, _)| EventRule::trigger(trigger)))
        .with_active(Window { from: at(-7_200), to: at(0) });
    Arc::make_mut(&mut question.scope).by_activity = true;
    let cells = Cells::Grid(Grid { from: at(-7_200), step: TimeDelta::hours(1), cells: 2 });
    question.with_series([Series::new(EventRule::trigger("PAGE_VIEW"), SeriesActivities::All, cells)])
}

/// The same of activity 77.
pub(crate) fn question(counting: Counting) -> BehaviorQuestion {
    question_of(77, counting)
}

/// The values of facts that are neither missing nor partial.
pub(crate) fn whole(facts: &[Fact<u64>]) -> Vec<u64> {
    let value = |fact: &Fact<u64>| {
        let fact = fact.as_ref().unwrap_or_else(|missing| panic!("{missing:?}"));
        assert!(!fact.partial, "{fact:?}");
        fact.value
    };
    facts.iter().map(value).collect()
}

/// What a fact lacks: the reason, the number of records, and where they are.
pub(crate) fn left_out<T>(fact: &Fact<T>) -> Vec<(LeftOutReason, Option<u64>, LeftOutPlace)> {
    let Ok(fact) = fact else { panic!("missing") };
    fact.coverage.left_out().iter().map(|one| (one.reason, one.records, one.place)).collect()
}

/// The number of records that each of these facts was made from.
pub(crate) fn used(facts: &[Fact<u64>]) -> Vec<u64> {
    facts.iter().map(|fact| fact.as_ref().unwrap().coverage.used().unwrap()).collect()
}

/// Checks that every figure is right and lacks nothing.
pub(crate) fn check_whole(facts: &BehaviorFacts) {
    assert_eq!(whole(&facts.steps.current), WHOLE);
    assert_eq!(used(&facts.steps.current), WHOLE);
    assert_eq!(whole(&facts.steps.by_activity[0].1), WHOLE);
    let series = facts.series[0].as_ref().unwrap();
    assert_eq!((&series.value[..], series.coverage.used()), (&[10_u64, 0][..], Some(10)));
    assert_eq!(facts.active.as_ref().unwrap().as_ref().unwrap().value, 10);
    let counts = facts.steps.current.iter().chain(&facts.steps.by_activity[0].1).chain(&facts.active);
    assert!(counts.into_iter().all(|fact| left_out(fact).is_empty()) && left_out(&facts.series[0]).is_empty());
}

/// Sends a request. Returns the status of the reply.
pub(crate) async fn send(client: &Elasticsearch, method: Method, path: &str, body: Value) -> u16 {
    let body = (!body.is_null()).then(|| body.to_string());
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "application/json".parse().unwrap());
    let reply = client.transport().send(method, path, headers, None::<&()>, body, None).await.unwrap();
    reply.status_code().as_u16()
}
