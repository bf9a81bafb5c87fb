//! Listening, saying where, and stopping in an orderly way.

use std::{io::Write as _, time::Duration};

use anyhow::{Context as _, bail};
use axon_dashboard_http::{HttpOptions, router};
use axon_metrics::{Dashboard, answer::SourceStatus, memory::LoadReport};
use tokio::net::TcpListener;

use crate::{cli::Clock, config::Config};

/// How long requests under way may take to end when the server is told to stop.
const DRAIN: Duration = Duration::from_secs(5);

/// Serves until told to stop; `life` runs beside.
pub(crate) async fn serve(
    settings: &Config,
    dashboard: Dashboard,
    clock: Clock,
    life: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let listen = settings.listen;
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let address = listener.local_addr()?;
    // A store that is down now may come back: until then /readyz says so.
    let campaigns = dashboard.campaigns(clock()).await.map(|list| list.campaigns).unwrap_or_else(|error| {
        tracing::warn!("the catalog does not answer yet: {error}");
        Vec::new()
    });
    let options = HttpOptions::default().with_clock(move || clock()).with_max_concurrent(settings.max_concurrent);
    let app = router(dashboard, options);

    let mut out = std::io::stdout();
    writeln!(out, "dashboard on http://{address}/")?;
    writeln!(out, "stop it with Ctrl-C, or: kill {}", std::process::id())?;
    if let Some(first) = campaigns.first() {
        let id = first.campaign_id;
        writeln!(out, "try: curl 'http://{address}/api/v1/dashboard/campaign/{id}?widgets=overview,funnel,realtime'")?;
    }
    out.flush()?;

    tokio::spawn(life);
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

/// Says what was loaded and how each source does; an error if one does not answer.
pub(crate) async fn check(loaded: Option<LoadReport>, dashboard: &Dashboard, clock: &Clock) -> anyhow::Result<()> {
    let health = dashboard.health(clock()).await;
    let mut found = serde_json::json!({ "health": health });
    if let Some(loaded) = loaded {
        found["loaded"] = serde_json::to_value(loaded)?;
    }
    writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&found)?)?;
    let down = health.sources.iter().filter(|source| source.status != SourceStatus::Ok);
    let down: Vec<String> = down.map(|source| format!("{} ({})", source.name, source.seam.name())).collect();
    if !health.ready || !down.is_empty() {
        bail!("no answer from {}", down.join(", "));
    }
    Ok(())
}
