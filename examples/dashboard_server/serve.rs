//! Listening, saying where, and stopping in an orderly way.

use std::{io::Write as _, time::Duration};

use anyhow::{Context as _, bail};
use axon_dashboard_http::{HttpOptions, router};
use axon_metrics::Dashboard;
use tokio::net::TcpListener;

use crate::{
    cli::{Cli, Clock},
    data::Data,
    trickle,
};

/// How long requests under way may take to end when the server is told to stop.
const DRAIN: Duration = Duration::from_secs(5);

pub(crate) async fn serve(cli: &Cli, data: Data, dashboard: Dashboard, clock: Clock) -> anyhow::Result<()> {
    let listener = TcpListener::bind(cli.listen).await.with_context(|| format!("cannot listen on {}", cli.listen))?;
    let address = listener.local_addr()?;
    let campaigns = dashboard.campaigns(clock()).await.context("the catalog does not answer")?.campaigns;
    let now = std::sync::Arc::clone(&clock);
    let app = router(dashboard, HttpOptions::default().with_clock(move || now()));

    let mut out = std::io::stdout();
    writeln!(out, "dashboard on http://{address}/")?;
    writeln!(out, "stop it with Ctrl-C, or: kill {}", std::process::id())?;
    if let Some(first) = campaigns.first() {
        let id = first.campaign_id;
        writeln!(out, "try: curl 'http://{address}/api/v1/dashboard/campaign/{id}?widgets=overview,funnel,realtime'")?;
    }
    out.flush()?;

    if let Some(generated) = data.generated.filter(|_| !cli.still) {
        tokio::spawn(trickle::run(data.store, generated.catalog, generated.stock, clock));
    }
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let graceful = axum::serve(listener, app).with_graceful_shutdown(async move {
        told_to_stop().await;
        tracing::info!("stopping: requests under way are finished");
        let _ = stop.send(());
    });
    tokio::select! {
        served = graceful.into_future() => served.context("serving failed")?,
        () = async { let _ = stopped.await; tokio::time::sleep(DRAIN).await } => tracing::warn!("some requests were cut off"),
    }
    tracing::info!("stopped");
    Ok(())
}

/// Ctrl-C, or SIGTERM where there is such a thing.
async fn told_to_stop() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

/// Says what was loaded and how each source does; an error if the server could not answer.
pub(crate) async fn check(data: &Data, dashboard: &Dashboard, clock: &Clock) -> anyhow::Result<()> {
    let health = dashboard.health(clock()).await;
    let found = serde_json::json!({ "loaded": data.store.report(clock()), "health": health });
    writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&found)?)?;
    if !health.ready {
        bail!("the catalog does not answer");
    }
    Ok(())
}
