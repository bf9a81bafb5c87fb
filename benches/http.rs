//! What HTTP adds to an answer, in process: the router against a bare axum handler that sends the same bytes.

use axon_benches::{dashboard, events, store};
use axon_dashboard_http::{HttpOptions, router};
use axum::{Router, body::Body, body::Bytes, http::Request, http::header::CONTENT_TYPE, routing::get};
use criterion::{Criterion, criterion_group, criterion_main};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

const PATH: &str = "/api/v1/dashboard/campaign/123?widgets=overview,funnel,realtime";

async fn body(app: &Router, path: &str) -> Bytes {
    let request = Request::get(path).body(Body::empty()).expect("a request");
    let response = app.clone().oneshot(request).await.expect("a response");
    assert!(response.status().is_success(), "{}", response.status());
    response.into_body().collect().await.expect("a body").to_bytes()
}

fn http(criterion: &mut Criterion) {
    let (store, now) = store(events(200_000));
    let dashboard = dashboard(&store);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let app = router(dashboard.clone(), HttpOptions::default().with_clock(move || now));
    let bytes = runtime.block_on(body(&app, PATH));
    let bare = {
        let bytes = bytes.clone();
        Router::new().route("/bare", get(move || async move { ([(CONTENT_TYPE, "application/json")], bytes) }))
    };
    let request = axon_metrics::DashboardRequest::campaign(123).widgets([
        axon_metrics::Widget::Overview,
        axon_metrics::Widget::Funnel,
        axon_metrics::Widget::Realtime,
    ]);
    let mut group = criterion.benchmark_group(format!("http, {} bytes", bytes.len()));
    group.bench_function("router, computed each time", |bencher| bencher.iter(|| runtime.block_on(body(&app, PATH))));
    group.bench_function("the answer alone, without HTTP", |bencher| {
        bencher.iter(|| runtime.block_on(dashboard.answer(&request, now)).expect("an answer"));
    });
    group.bench_function("opponent: bare handler with the same bytes", |bencher| {
        bencher.iter(|| runtime.block_on(body(&bare, "/bare")));
    });
    group.finish();
}

criterion_group!(benches, http);
criterion_main!(benches);
