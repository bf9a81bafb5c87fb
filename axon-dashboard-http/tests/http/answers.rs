//! Answers while all sources work, and while one of them fails.

use axon_metrics::{DashboardAnswer, answer::CampaignList};
use axum::Router;
use serde_json::{Value, json};

use crate::fixture::{
    ACTIVITY, CAMPAIGN, CAUSE, Failure, Fixture, PLAN, Trouble, app, get, golden_at, golden_json, pretty, send,
};

/// Asserts that every member of the plan's answer is in ours, with the plan's value.
fn assert_contains(ours: &Value, plan: &Value, path: &str) {
    match (ours, plan) {
        (Value::Object(ours), Value::Object(plan)) => {
            for (name, value) in plan {
                assert_contains(ours.get(name).unwrap_or(&Value::Null), value, &format!("{path}.{name}"));
            }
        }
        (Value::Array(ours), Value::Array(plan)) => {
            assert_eq!(ours.len(), plan.len(), "{path}");
            for (index, (ours, plan)) in ours.iter().zip(plan).enumerate() {
                assert_contains(ours, plan, &format!("{path}[{index}]"));
            }
        }
        _ => assert_eq!(ours, plan, "{path}"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_plans_own_url_gives_the_plans_own_answer() {
    let reply = get(&app(), PLAN).await;
    assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, "application/json"));
    assert!(reply.body.starts_with(r#"{"campaignId":123,"period":"7d","timestamp":"2024-11-12T10:30:00Z","#));
    let answer = reply.json();
    let plan = json!({"campaignId": 123, "period": "7d", "timestamp": "2024-11-12T10:30:00Z", "data": {
        "overview": {"totalVisits": 1234, "totalParticipants": 567, "approvedCount": 123, "purchaseCount": 45,
                     "conversionRate": 3.65},
        "funnel": {"steps": [{"name": "방문", "value": 1234, "rate": 100}, {"name": "참여", "value": 567, "rate": 45.9},
                             {"name": "승인", "value": 123, "rate": 21.7}, {"name": "구매", "value": 45, "rate": 36.6}]},
        "realtime": {"remainingStock": 55, "activeUsers": 12, "lastUpdated": "2024-11-12T10:30:00Z"}}});
    assert_contains(&answer, &plan, "");
    assert_eq!(answer["warnings"][0]["code"], "dates_ignored");
    assert_eq!(answer["data"]["comparison"], Value::Null, "not asked for");
}

#[tokio::test(start_paused = true)]
async fn the_documents_example_is_the_plans_answer() {
    golden_at("src/openapi/answer.json", &pretty(&get(&app(), PLAN).await.json()));
}

#[tokio::test(start_paused = true)]
async fn all_widgets_compared_with_the_window_before() {
    let path = format!("{CAMPAIGN}?widgets=overview,funnel,comparison,realtime,activities&compare=previous");
    golden_json("campaign.json", &get(&app(), &path).await.json());
}

#[tokio::test(start_paused = true)]
async fn an_activity_is_answered_with_its_campaign() {
    golden_json("activity.json", &get(&app(), ACTIVITY).await.json());
}

#[tokio::test(start_paused = true)]
async fn a_rust_client_reads_the_answer_as_the_core_wrote_it() {
    let all = format!("{CAMPAIGN}?widgets=overview,funnel,comparison,realtime,activities&compare=previous");
    for path in [&all, ACTIVITY] {
        let reply = get(&app(), path).await;
        let answer: DashboardAnswer = serde_json::from_str(&reply.body).expect("an answer");
        assert_eq!(serde_json::to_value(&answer).expect("JSON"), reply.json());
    }
    let reply = get(&app(), "/api/v1/dashboard/campaigns").await;
    let list: CampaignList = serde_json::from_str(&reply.body).expect("a list");
    assert_eq!(serde_json::to_value(&list).expect("JSON"), reply.json());
}

/// Every id of an answer or a list, with the key beside it.
fn ids_with_keys(value: &Value, found: &mut Vec<(Value, Value)>) {
    match value {
        Value::Object(members) => {
            for (name, key) in
                [("campaignId", "campaignKey"), ("activityId", "activityKey"), ("products", "productKeys")]
            {
                if let Some(id) = members.get(name) {
                    found.push((id.clone(), members.get(key).cloned().unwrap_or_default()));
                }
            }
            members.values().for_each(|member| ids_with_keys(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| ids_with_keys(item, found)),
        _ => {}
    }
}

#[tokio::test(start_paused = true)]
async fn beside_every_id_stands_its_key() {
    let all = format!("{CAMPAIGN}?widgets=overview,funnel,comparison,realtime,activities&compare=previous");
    for (path, least) in [(&*all, 4), (ACTIVITY, 3), ("/api/v1/dashboard/campaigns", 1004)] {
        let mut found = Vec::new();
        ids_with_keys(&get(&app(), path).await.json(), &mut found);
        assert!(found.len() >= least, "{path}: {found:?}");
        for (id, key) in found {
            let as_text = match &id {
                Value::Array(ids) => ids.iter().map(|id| json!(id.to_string())).collect(),
                id => json!(id.to_string()),
            };
            assert_eq!(key, as_text, "{path}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn links_lead_to_their_answers_from_wherever_the_router_is_nested() {
    let app = Router::new().nest("/metrics-api", app());
    let list = get(&app, "/metrics-api/api/v1/dashboard/campaigns").await.json();
    let campaign = &list["campaigns"][0];
    let mut all = vec![(campaign["links"].clone(), None), (campaign["activities"][0]["links"].clone(), Some("789"))];
    for (path, activity) in [(CAMPAIGN, None), (ACTIVITY, Some("789"))] {
        all.push((get(&app, &format!("/metrics-api{path}")).await.json()["links"].clone(), activity));
    }
    for (links, activity) in all {
        let answer = async |name: &str| {
            let link = links[name].as_str().expect("a link");
            get(&app, &format!("/metrics-api/{link}")).await.json()
        };
        let own = answer("self").await;
        assert_eq!((&own["campaignKey"], own["activityKey"].as_str()), (&json!("123"), activity));
        let campaign = answer("campaign").await;
        assert_eq!((&campaign["campaignKey"], &campaign["activityKey"]), (&json!("123"), &Value::Null));
        assert_eq!(answer("activities").await["data"]["activities"][0]["activityKey"], "789");
        let stream = format!("/metrics-api/{}", links["stream"].as_str().expect("a link"));
        let head = crate::fixture::ask(&app, "HEAD", &stream).await;
        assert_eq!((head.status.as_u16(), head.header("content-type")), (200, "text/event-stream"));
        assert_eq!(links["stream"], format!("{}/stream", links["self"].as_str().expect("a link")));
    }
}

#[tokio::test(start_paused = true)]
async fn campaigns_are_listed_by_phase() {
    let app = app();
    let mut all = get(&app, "/api/v1/dashboard/campaigns").await.json();
    assert_eq!(all["campaigns"].as_array().map(Vec::len), Some(3));
    all["campaigns"].as_array_mut().expect("a list").truncate(2);
    golden_json("campaigns.json", &all);
    for (phase, id) in [("not_started", 124), ("running", 123), ("ended", 125)] {
        let list = get(&app, &format!("/api/v1/dashboard/campaigns?phase={phase}")).await.json();
        let ids: Vec<_> = list["campaigns"].as_array().expect("a list").iter().map(|one| &one["campaignId"]).collect();
        assert_eq!(ids, [id], "{phase}");
    }
    let empty = get(&app, "/api/v1/dashboard/campaigns?phase=").await.json();
    assert_eq!(empty["campaigns"].as_array().map(Vec::len), Some(3), "an empty value is an absent one");
}

#[tokio::test(start_paused = true)]
async fn a_list_has_the_tag_of_its_content() {
    let app = app();
    let mut tags = std::collections::HashSet::new();
    for query in ["", "?phase=not_started", "?phase=running", "?phase=ended"] {
        let path = format!("/api/v1/dashboard/campaigns{query}");
        let first = get(&app, &path).await;
        let request = axum::http::Request::get(&path).header("If-None-Match", first.header("etag"));
        let same = send(&app, request.body(axum::body::Body::empty()).expect("a request")).await;
        assert_eq!((same.status.as_u16(), same.body.as_str()), (304, ""), "{query}");
        assert_eq!((same.header("etag"), same.header("cache-control")), (first.header("etag"), "no-cache"));
        assert_eq!(get(&app, &path).await.header("etag"), first.header("etag"), "{query}");
        tags.insert(first.header("etag").to_owned());
    }
    assert_eq!(tags.len(), 4, "each list has its own tag");
    let renamed = get(&Fixture::named("other").router(), "/api/v1/dashboard/campaigns").await;
    assert!(!tags.contains(renamed.header("etag")));
}

#[tokio::test(start_paused = true)]
async fn definitions_are_served_as_the_core_has_them() {
    let reply = get(&app(), "/api/v1/dashboard/definitions").await;
    let core = Fixture::new(Trouble::default()).dashboard().definitions();
    assert_eq!(reply.json(), serde_json::to_value(core).expect("JSON"));
}

#[tokio::test(start_paused = true)]
async fn one_source_down_costs_only_its_figures() {
    for failure in [Failure::Down, Failure::Panic, Failure::Hang] {
        let app = Fixture::new(Trouble { behavior: Some(failure), ..Trouble::default() }).router();
        let reply = get(&app, CAMPAIGN).await;
        let answer = reply.json();
        assert_eq!(reply.status, 200, "{failure:?}");
        assert_eq!(answer["data"]["overview"]["totalVisits"], Value::Null);
        assert_eq!(answer["widgets"]["overview"]["status"], "unavailable");
        let missing = &answer["widgets"]["overview"]["missing"][0];
        assert_eq!((&missing["field"], &missing["reason"]), (&json!("totalVisits"), &json!("unavailable")));
        assert_eq!(answer["data"]["comparison"]["promotion"]["orders"], 45);
        assert_eq!(answer["data"]["realtime"]["remainingStock"], 55);
        assert!(!reply.body.contains(CAUSE), "the cause must not reach a client");
    }
}

#[tokio::test(start_paused = true)]
async fn readiness_follows_the_catalog() {
    let ready = get(&app(), "/readyz").await;
    assert_eq!((ready.status.as_u16(), ready.header("cache-control")), (200, "no-store"));
    golden_json("readyz.json", &ready.json());
    let realtime = Fixture::new(Trouble { realtime: true, ..Trouble::default() }).router();
    assert_eq!(get(&realtime, "/readyz").await.status, 200);
    let without = Fixture::new(Trouble { catalog: true, ..Trouble::default() }).router();
    let unready = get(&without, "/readyz").await;
    assert_eq!((unready.status.as_u16(), unready.header("content-type")), (503, "application/json"));
    assert_eq!(unready.json()["ready"], false);
    // Operators read here why a store does not answer. No answer says it.
    assert!(unready.body.contains(CAUSE));
    assert_eq!(get(&without, "/livez").await.json(), json!({"alive": true}));
}
