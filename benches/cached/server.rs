//! The server: the router with a cached answer, and bare handlers that send the same bytes.

use std::io::{Read as _, Write as _};

use axon_benches::{caching_dashboard, events, store};
use axon_dashboard_http::{HttpOptions, router};
use axon_metrics::{DashboardRequest, Widget};
use axum::{
    Router,
    body::{Body, Bytes},
    http::{
        Request, StatusCode,
        header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE},
    },
    routing::get,
};
use http_body_util::BodyExt as _;
use metrics_exporter_prometheus::PrometheusBuilder;
use tower::ServiceExt as _;

pub(crate) const PATH: &str = "/api/v1/dashboard/campaign/123?widgets=overview,funnel,realtime";
pub(crate) const BARE: &str = "/bare";
pub(crate) const BARE_GZIP: &str = "/bare-gzip";
pub(crate) const WRITTEN: &str = "/written";
/// Served only with a Redis.
pub(crate) const FROM_REDIS: &str = "/from-redis";
/// The environment variable with the address of Redis.
pub(crate) const REDIS: &str = "AXON_TEST_REDIS_URL";

/// The key of the bytes in Redis, by the server's process id.
pub(crate) fn key(process: u32) -> String {
    format!("bench-cached:{process}")
}

/// Serves until the parent process ends, and records metrics for Prometheus if `records`. Its first line of output is its address.
pub(crate) fn serve(records: bool) -> Result<(), Box<dyn std::error::Error>> {
    if records {
        // The buckets of the example server.
        let buckets = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
        PrometheusBuilder::new().set_buckets(&buckets)?.install_recorder()?;
    }
    let (store, now) = store(events(20_000));
    let dashboard = caching_dashboard(&store);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Standard input ends when the parent process ends, however that ends.
    std::thread::spawn(|| {
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    runtime.block_on(async {
        // A clock that costs as much as a real one but does not advance, so that cached answers stay fresh.
        let clock = move || {
            std::hint::black_box(std::time::SystemTime::now());
            now
        };
        let app = router(dashboard.clone(), HttpOptions::default().with_clock(clock));
        let ask = |codings: &'static str| {
            let app = app.clone();
            async move {
                let request = Request::get(PATH).header(ACCEPT_ENCODING, codings).body(Body::empty())?;
                Ok::<_, Box<dyn std::error::Error>>(app.oneshot(request).await?)
            }
        };
        let bytes = ask("identity").await?.into_body().collect().await?.to_bytes();
        let gzip = ask("gzip").await?;
        if gzip.headers().get(CONTENT_ENCODING).is_none_or(|coding| coding != "gzip") {
            return Err("the answer is not compressed".into());
        }
        let gzip = gzip.into_body().collect().await?.to_bytes();
        // From now on each request must be a cache hit: otherwise the bench would measure loads.
        let status = ask("gzip").await?.headers().get("cache-status").cloned();
        if status.as_ref().is_none_or(|status| status != "axon-metrics; hit") {
            return Err(format!("the answer is not cached, its cache-status is {status:?}").into());
        }
        let request = DashboardRequest::campaign(123).widgets([Widget::Overview, Widget::Funnel, Widget::Realtime]);
        let answer = std::sync::Arc::new(dashboard.answer(&request, now).await?);
        let json = |bytes: Bytes| async { ([(CONTENT_TYPE, "application/json")], bytes) };
        let from_redis = match std::env::var(REDIS).ok().filter(|url| !url.is_empty()) {
            Some(url) => from_redis(&url, &bytes).await?,
            None => Router::new(),
        };
        let app = from_redis
            .route(BARE, get(move || json(bytes)))
            .route(
                BARE_GZIP,
                get(async move || ([(CONTENT_TYPE, "application/json"), (CONTENT_ENCODING, "gzip")], gzip.clone())),
            )
            .route(WRITTEN, get(move || json(serde_json::to_vec(&*answer).unwrap_or_default().into())))
            .merge(app);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let mut out = std::io::stdout();
        writeln!(out, "{}", listener.local_addr()?)?;
        out.flush()?;
        axum::serve(listener, app).await?;
        Ok(())
    })
}

/// A handler that reads the encoded answer from Redis, over one connection that all requests share.
async fn from_redis(url: &str, bytes: &Bytes) -> redis::RedisResult<Router> {
    let key = key(std::process::id());
    let connection = redis::Client::open(url)?.get_multiplexed_async_connection().await?;
    redis::cmd("SET").arg(&key).arg(&bytes[..]).arg("EX").arg(3600).exec_async(&mut connection.clone()).await?;
    Ok(Router::new().route(
        FROM_REDIS,
        get(async move || {
            let bytes: redis::RedisResult<Vec<u8>> =
                redis::cmd("GET").arg(&key).query_async(&mut connection.clone()).await;
            let bytes = bytes.map_err(|_| StatusCode::BAD_GATEWAY)?;
            Ok::<_, StatusCode>(([(CONTENT_TYPE, "application/json")], bytes))
        }),
    ))
}
