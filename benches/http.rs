//! The cost that HTTP adds to an answer, in process: the router against a bare axum handler that sends the same bytes.

use axon_benches::{events, store};
use axon_dashboard_http::{HttpOptions, router};
use axum::{
    Router,
    body::Body,
    body::Bytes,
    http::Request,
    http::header::{CONTENT_TYPE, IF_NONE_MATCH},
    routing::get,
};
use criterion::{Criterion, criterion_group, criterion_main};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

const PATH: &str = "/api/v1/dashboard/campaign/123?widgets=overview,funnel,realtime";

async fn body(app: &Router, path: &str) -> Bytes {
    body_if_none_match(app, path, "\"nothing\"").await
}

/// The body for a request with this `If-None-Match`.
async fn body_if_none_match(app: &Router, path: &str, tag: &str) -> Bytes {
    let request = Request::get(path).header(IF_NONE_MATCH, tag).body(Body::empty()).expect("a request");
    let response = app.clone().oneshot(request).await.expect("a response");
    assert!([200, 304].contains(&response.status().as_u16()), "{}", response.status());
    response.into_body().collect().await.expect("a body").to_bytes()
}

fn http(criterion: &mut Criterion) {
    let (store, now) = store(events(200_000));
    // Each answer is computed: neither widgets nor answers are cached.
    let dashboard = axon_benches::dashboard(&store);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let options = HttpOptions::default().with_clock(move || now);
    let app = router(dashboard.clone(), options.clone().with_cache_bytes(0));
    // The clock does not advance, so that cached answers stay fresh.
    let caching = router(axon_benches::caching_dashboard(&store), options);
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
    group.bench_function("router, uncached answer", |bencher| bencher.iter(|| runtime.block_on(body(&app, PATH))));
    group.bench_function("router, cached answer", |bencher| bencher.iter(|| runtime.block_on(body(&caching, PATH))));
    group.bench_function("router, cached answer, 304", |bencher| {
        bencher.iter(|| runtime.block_on(body_if_none_match(&caching, PATH, "*")));
    });
    group.bench_function("answer without HTTP", |bencher| {
        bencher.iter(|| runtime.block_on(dashboard.answer(&request, now)).expect("an answer"));
    });
    group.bench_function("opponent: bare handler, the same bytes", |bencher| {
        bencher.iter(|| runtime.block_on(body(&bare, "/bare")));
    });
    group.finish();
}

criterion_group!(benches, http);
criterion_main!(benches);
