//! The server: the router with a kept answer, and bare handlers that send the same.

use std::io::{Read as _, Write as _};

use axon_benches::{dashboard, events, store};
use axon_dashboard_http::{HttpOptions, router};
use axon_metrics::{DashboardRequest, Widget};
use axum::{
    Router,
    body::{Body, Bytes},
    http::{Request, header::CONTENT_TYPE},
    routing::get,
};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

pub(crate) const PATH: &str = "/api/v1/dashboard/campaign/123?widgets=overview,funnel,realtime";
pub(crate) const BARE: &str = "/bare";
pub(crate) const WRITTEN: &str = "/written";

/// Serves until whoever started it goes away. The first line it writes is its address.
pub(crate) fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let (store, now) = store(events(20_000));
    let dashboard = dashboard(&store);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Its input ends when the other process does, however that ends.
    std::thread::spawn(|| {
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    runtime.block_on(async {
        // A clock that stands still: what is kept stays fresh.
        let app = router(dashboard.clone(), HttpOptions::default().with_clock(move || now));
        let request = Request::get(PATH).body(Body::empty())?;
        let response = app.clone().oneshot(request).await?;
        let bytes = response.into_body().collect().await?.to_bytes();
        let asked = DashboardRequest::campaign(123).widgets([Widget::Overview, Widget::Funnel, Widget::Realtime]);
        let answer = std::sync::Arc::new(dashboard.answer(&asked, now).await?);
        let json = |bytes: Bytes| async { ([(CONTENT_TYPE, "application/json")], bytes) };
        let app = Router::new()
            .route(BARE, get(move || json(bytes)))
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
