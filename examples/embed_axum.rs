//! Mounts the dashboard's API in another axum service, behind that service's login.
//!
//! Run: `cargo run -p axon-examples --example embed_axum`
//! You should see: 401 for a stranger, the funnel of team A's campaign for team A, and 404 for team A if it asks for team B's. The
//! dashboard knows no users: the layer in front of it decides who may see what. Here, that layer routes each team to a dashboard
//! of its own, which contains no other campaigns.

#![expect(clippy::print_stdout, reason = "an example prints to its user")]

use std::{collections::HashMap, sync::Arc};

use axon_dashboard_http::{HttpOptions, router};
use axon_metrics::{
    ActivityId, Dashboard, MemoryStore, Timestamp,
    catalog::{Activity, ActivityKind, Campaign, Catalog},
    memory::Event,
};
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{StatusCode, header::AUTHORIZATION},
    response::{IntoResponse, Response},
};
use tower::ServiceExt as _;

/// The routers of the teams by their tokens.
type Teams = Arc<HashMap<&'static str, Router>>;

/// The service's login: a token leads to its team's dashboard only.
async fn login(State(teams): State<Teams>, request: Request) -> Response {
    let token = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(team) = token.and_then(|token| teams.get(token.strip_prefix("Bearer ")?)) else {
        return (StatusCode::UNAUTHORIZED, "who are you?").into_response();
    };
    team.clone().oneshot(request).await.into_response()
}

fn service(teams: Teams) -> Router {
    let metrics = Router::new().fallback(login).with_state(teams);
    Router::new().route("/", axum::routing::get(|| async { "the service itself" })).nest("/metrics-api", metrics)
}

/// A team's API over a store of its own: one campaign with `visitors`, of whom every second one clicks.
fn team(campaign: u64, visitors: u64, now: Timestamp) -> anyhow::Result<Router> {
    let (activity, hour) = (ActivityId(campaign * 10), chrono::Duration::hours(1));
    let name = format!("Campaign {campaign}");
    let listed = Activity::new(activity, name.as_str(), ActivityKind::FirstComeFirstServe);
    let campaign = Campaign::new(campaign, name, [listed.with_start(now - hour).with_limit(100)]);
    let store = MemoryStore::new(Catalog::new("KRW", vec![campaign])?);
    let event = |trigger: &str, user| Event {
        trigger: trigger.into(),
        definition: None,
        at: now - hour / 2,
        activity,
        user: Some(user),
        session: None,
    };
    store.append_events((1..=visitors).map(|user| event("PAGE_VIEW", user)));
    store.append_events((1..=visitors / 2).map(|user| event("CLICK", user)));
    let dashboard = Dashboard::builder().catalog(store.clone()).behavior(store).build();
    Ok(router(dashboard, HttpOptions::default().with_clock(move || now)))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let now: Timestamp = "2024-11-12T10:30:00Z".parse()?;
    let service = service(Arc::new(HashMap::from([("team-a", team(1, 40, now)?), ("team-b", team(2, 7, now)?)])));

    for (who, token, campaign) in
        [("a stranger", "guess", 1), ("team A", "team-a", 1), ("team A about team B's campaign", "team-a", 2)]
    {
        let request = Request::get(format!("/metrics-api/api/v1/dashboard/campaign/{campaign}?widgets=funnel"))
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .body(Body::empty())?;
        let response = service.clone().oneshot(request).await?;
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await?;
        println!("{who}: {status} {}\n", String::from_utf8_lossy(&body));
    }
    Ok(())
}
