//! Mounts the dashboard's API in an axum service of one's own, behind the service's own login.
//!
//! Run: `cargo run --example embed_axum`
//! You should see: 401 without a token, the funnel with one. The dashboard knows no users: who may see what is decided by
//! the layer in front of it, here one that lets each team see its own campaigns only.

#![expect(clippy::print_stdout, reason = "an example speaks to whoever runs it")]

use axon_dashboard_http::{HttpOptions, router};
use axon_metrics::{Dashboard, MemoryStore, catalog::Catalog};
use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{StatusCode, header::AUTHORIZATION},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use tower::ServiceExt as _;

/// The service's own login: one dashboard per tenant, so that nobody reads the campaigns of another.
async fn require_token(request: Request, next: Next) -> Response {
    let token = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    match token {
        Some("Bearer team-a") => next.run(request).await,
        _ => (StatusCode::UNAUTHORIZED, "who are you?").into_response(),
    }
}

fn service(dashboard: Dashboard) -> Router {
    let metrics = router(dashboard, HttpOptions::default()).layer(middleware::from_fn(require_token));
    Router::new().route("/", axum::routing::get(|| async { "the service itself" })).nest("/metrics-api", metrics)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let store = MemoryStore::new(Catalog::new("KRW", Vec::new())?);
    let dashboard = Dashboard::builder().catalog(store.clone()).behavior(store).build();
    let service = service(dashboard);

    let path = "/metrics-api/api/v1/dashboard/campaigns";
    let stranger = Request::get(path).body(Body::empty())?;
    let friend = Request::get(path).header(AUTHORIZATION, "Bearer team-a").body(Body::empty())?;
    for (who, request) in [("without a token", stranger), ("with one", friend)] {
        let response = service.clone().oneshot(request).await?;
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await?;
        println!("{who}: {status} {}", String::from_utf8_lossy(&body));
    }
    Ok(())
}
