//! Problems: of wrong requests, and of requests that cannot be answered.

use axon_dashboard_http::{HttpOptions, router};
use axum::Router;

use crate::fixture::{ACTIVITY, CAMPAIGN, CAUSE, Failure, Fixture, Reply, Trouble, app, ask, get, golden_json, now};

fn assert_problem(reply: &Reply, status: u16, code: &str) {
    assert_eq!(reply.status, status, "{}", reply.body);
    assert_eq!(reply.header("content-type"), "application/problem+json");
    assert_eq!(reply.header("cache-control"), "no-store");
    let json = reply.json();
    assert_eq!((&json["code"], &json["status"]), (&code.into(), &status.into()));
    assert_eq!(json["requestId"], reply.header("x-request-id"));
    assert!(!reply.body.contains(CAUSE), "the cause must not reach a client");
}

/// One wrong parameter, and the fields that the errors must name.
const WRONG: &[(&str, &[&str])] = &[
    ("widgets=nope", &["widgets"]),
    ("widgets=overview,,funnel", &["widgets"]),
    ("widgets=overview%20", &["widgets"]),
    ("widgets=OVERVIEW", &["widgets"]),
    ("widgets=%FF", &["widgets"]),
    ("widgets=%zz", &["widgets"]),
    ("widgets=funnel&widgets=funnel", &["widgets"]),
    ("period=2d", &["period"]),
    ("period=7D", &["period"]),
    ("period=7d&period=7d", &["period"]),
    ("startDate=2024-02-30", &["startDate"]),
    ("startDate=soon", &["startDate"]),
    ("startDate=2024-01-01T00:00:00+09:00", &["startDate"]),
    ("endDate=2024-13-01", &["endDate"]),
    ("endDate=%00", &["endDate"]),
    ("mode=all", &["mode"]),
    ("mode=unique_intersect", &["mode"]),
    ("mode=unique_ordered", &["mode"]),
    ("compare=next", &["compare"]),
    ("compare=previous&compare=", &["compare"]),
    ("zone=UTC", &["zone"]),
    ("Period=7d", &["Period"]),
    ("%ED%95%9C=1", &["한"]),
    ("=1", &[""]),
    ("userId", &["userId"]),
];

/// Parameters that are wrong only together.
const CONTRADICTIONS: &[(&str, &[&str])] = &[
    ("period=custom", &["startDate", "endDate"]),
    ("period=custom&startDate=2024-01-01", &["endDate"]),
    ("period=custom&endDate=2024-01-01", &["startDate"]),
    ("startDate=2024-01-01", &["endDate"]),
    ("endDate=2024-01-01", &["startDate"]),
    ("startDate=2024-01-02&endDate=2024-01-01", &["endDate"]),
    ("startDate=2024-01-01T09:00:00&endDate=2024-01-01T09:00:00", &["endDate"]),
    ("startDate=2022-01-01&endDate=2024-01-01", &["endDate"]),
    ("period=custom&startDate=2024-01-01&endDate=soon&mode=x", &["endDate", "mode"]),
];

const WRONG_IDS: &[&str] =
    &["0", "-1", "+1", "01x", "1.0", "9223372036854775808", "abc", "%31%20", "%FF", "%EF%BC%91", "1%2F2", "%00"];

async fn assert_named(app: &Router, path: &str, expected: &[&str]) {
    let reply = get(app, path).await;
    assert_problem(&reply, 400, "invalid_request");
    let fields = reply.fields();
    for field in expected {
        assert!(fields.iter().any(|name| name == field), "{path}: {field} is not in {fields:?}");
    }
    for error in reply.json()["errors"].as_array().expect("errors") {
        assert!(error["code"].is_string() && error["message"].is_string(), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_wrong_parameter_is_named() {
    let app = app();
    for (query, fields) in WRONG.iter().chain(CONTRADICTIONS) {
        for base in [CAMPAIGN, ACTIVITY] {
            assert_named(&app, &format!("{base}?{query}"), fields).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_wrong_parameters_both_are_named() {
    let app = app();
    for (one, one_fields) in WRONG {
        for (other, other_fields) in WRONG {
            let fields = [*one_fields, *other_fields].concat();
            assert_named(&app, &format!("{CAMPAIGN}?{one}&{other}"), &fields).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_id_is_named_with_whatever_else_is_wrong() {
    let app = app();
    for id in WRONG_IDS {
        assert_named(&app, &format!("/api/v1/dashboard/campaign/{id}"), &["campaignId"]).await;
        assert_named(&app, &format!("/api/v1/dashboard/activity/{id}?widgets=activities"), &["activityId", "widgets"])
            .await;
        for (query, fields) in WRONG {
            let fields = [&["campaignId"], *fields].concat();
            assert_named(&app, &format!("/api/v1/dashboard/campaign/{id}?{query}"), &fields).await;
        }
    }
    assert_named(&app, &format!("{ACTIVITY}?widgets=activities"), &["widgets"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_path_without_parameters_refuses_all() {
    let app = app();
    for path in ["/livez", "/readyz", "/openapi.json", "/api/v1/dashboard/definitions"] {
        assert_named(&app, &format!("{path}?a=1&b=2&a=3"), &["a", "b"]).await;
        assert_eq!(get(&app, &format!("{path}?")).await.status, 200, "{path}");
    }
    let campaigns = "/api/v1/dashboard/campaigns";
    assert_named(&app, &format!("{campaigns}?phase=RUNNING&x=1"), &["phase", "x"]).await;
    assert_named(&app, &format!("{campaigns}?phase=ended&phase=ended"), &["phase"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_too_long_is_refused() {
    let app = app();
    let long = "x".repeat(8192);
    assert_named(&app, &format!("{CAMPAIGN}?widgets={long}"), &["query"]).await;
    assert_named(&app, &format!("/{long}"), &["query"]).await;
    assert_named(&app, &format!("{CAMPAIGN}?{}", "a&".repeat(101)), &["query"]).await;
}

#[tokio::test(start_paused = true)]
async fn each_fault_has_its_golden_file() {
    let app = app();
    let down = Fixture::new(Trouble { catalog: true, ..Trouble::default() }).router();
    let none = router(Fixture::new(Trouble::default()).dashboard(), HttpOptions::default().with_max_concurrent(0));
    let panics = HttpOptions::default().with_clock(|| panic!("{CAUSE}"));
    let panics = router(Fixture::new(Trouble::default()).dashboard(), panics);
    let wrong = "/api/v1/dashboard/activity/0?widgets=activities,x&period=custom&startDate=soon&mode=unique_ordered&zone=UTC&zone=UTC";
    for (name, app, method, path, status) in [
        ("invalid_request", &app, "GET", wrong, 400),
        ("too_many_activities", &app, "GET", "/api/v1/dashboard/campaign/125", 400),
        ("not_found", &app, "GET", "/api/v1/dashboard/campaign/999", 404),
        ("not_found_path", &app, "GET", "/api/v1/dashboard", 404),
        ("method_not_allowed", &app, "POST", CAMPAIGN, 405),
        ("internal_error", &panics, "GET", CAMPAIGN, 500),
        ("unavailable", &down, "GET", CAMPAIGN, 503),
        ("overloaded", &none, "GET", CAMPAIGN, 503),
    ] {
        let reply = ask(app, method, path).await;
        assert_problem(&reply, status, name.trim_end_matches("_path"));
        golden_json(&format!("{name}.json"), &reply.json());
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_activity_is_not_found() {
    assert_problem(&get(&app(), "/api/v1/dashboard/activity/123").await, 404, "not_found");
}

#[tokio::test(start_paused = true)]
async fn a_wrong_method_is_answered_with_the_allowed_ones() {
    let app = app();
    for path in [CAMPAIGN, ACTIVITY, "/", "/livez", "/readyz", "/openapi.json", "/api/v1/dashboard/campaigns"] {
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"] {
            let reply = ask(&app, method, path).await;
            assert_problem(&reply, 405, "method_not_allowed");
            assert_eq!(reply.header("allow"), "GET,HEAD", "{method} {path}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_unavailable_answer_names_the_state_of_each_source() {
    let trouble = Trouble { behavior: Some(Failure::Down), ledger: true, realtime: true, catalog: false };
    let reply = get(&Fixture::new(trouble).router(), CAMPAIGN).await;
    assert_problem(&reply, 503, "unavailable");
    let sources = reply.json()["sources"].as_array().cloned().expect("sources");
    let states: Vec<_> = sources.iter().map(|source| (&source["seam"], &source["status"])).collect();
    assert_eq!(states.len(), 4);
    assert_eq!(states[1].1, "unavailable");
    assert_eq!(reply.header("retry-after"), "1");
    assert!(reply.header("server-timing").contains("redis;desc=\"realtime\";dur=1"));
}

#[tokio::test(start_paused = true)]
async fn without_a_catalog_there_is_no_list() {
    let app = Fixture::new(Trouble { catalog: true, ..Trouble::default() }).router();
    assert_problem(&get(&app, "/api/v1/dashboard/campaigns").await, 503, "unavailable");
}

#[tokio::test(start_paused = true)]
async fn a_request_above_the_limit_is_refused_and_the_next_is_served() {
    let options = HttpOptions::default().with_max_concurrent(1).with_clock(now);
    let hanging = Fixture::new(Trouble { behavior: Some(Failure::Hang), ..Trouble::default() });
    let app = router(hanging.dashboard(), options);
    let (first, second, alive) = tokio::join!(get(&app, CAMPAIGN), get(&app, CAMPAIGN), get(&app, "/livez"));
    assert_eq!(first.status, 200);
    assert_problem(&second, 503, "overloaded");
    assert_eq!(second.header("retry-after"), "1");
    assert_eq!(alive.status, 200, "the process is up however busy it is");
    assert_eq!(get(&app, CAMPAIGN).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_goes_away_returns_its_permit() {
    let options = HttpOptions::default().with_max_concurrent(1).with_clock(now);
    let hanging = Fixture::new(Trouble { behavior: Some(Failure::Hang), ..Trouble::default() });
    let app = router(hanging.dashboard(), options);
    let cancelled = tokio::time::timeout(std::time::Duration::from_millis(100), get(&app, CAMPAIGN)).await;
    assert!(cancelled.is_err());
    assert_eq!(get(&app, CAMPAIGN).await.status, 200);
}
