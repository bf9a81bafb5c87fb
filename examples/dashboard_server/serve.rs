//! Listening, saying where, and stopping in an orderly way.
//! Lives here: a server's life from start to end. Lives elsewhere: connections (`serve/accept` and below), what is told
//! about them (`exporter`).

use std::{io::Write as _, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use axon_dashboard_http::{HttpOptions, router};
use axon_metrics::{Dashboard, answer::SourceStatus, memory::LoadReport};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{cli::Clock, config::Config, exporter::Exporter};

mod accept;
mod body;
mod connection;
mod guarded;
mod listener;
mod probed;
mod sampled;
mod signals;

pub(crate) use connection::PeerTimeouts;

/// How long requests under way may take to end when the server is told to stop.
const DRAIN: Duration = Duration::from_secs(4);

/// File descriptors that are not for viewers: stores, files, the listener, the runtime.
const SPARE_FILES: u64 = 128;

/// Serves until told to stop; `life` runs beside.
pub(crate) async fn serve(
    settings: &Config,
    dashboard: Dashboard,
    clock: Clock,
    exporter: Exporter,
    life: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let limits = &settings.limits;
    let listen = settings.listen;
    let mut signals = signals::Signals::listen().context("cannot listen for signals")?;
    let listener =
        listener::listen(listen, limits.send_buffer_bytes).with_context(|| format!("cannot listen on {listen}"))?;
    let address = listener.local_addr()?;
    // A store that is down now may come back: until then /readyz says so.
    let now = clock();
    let campaigns = dashboard.campaigns(now).await.map(|list| list.campaigns).unwrap_or_else(|error| {
        tracing::warn!("the catalog does not answer yet: {error}");
        Vec::new()
    });
    let stop = CancellationToken::new();
    let options = HttpOptions::default()
        .with_clock(move || clock())
        .with_max_concurrent(settings.max_concurrent)
        .with_kept_answers(settings.cache.answers_bytes)
        .with_max_streams(limits.max_streams)
        .with_max_stream_keys(limits.max_stream_keys)
        .with_stream_tick(limits.stream_tick())
        .with_stall_limit(limits.peer_timeouts().stall)
        .with_shutdown(stop.clone())
        .with_metrics(move || exporter.render());
    let probing = probed::log(dashboard.clone(), now);
    let acceptor = accept::Acceptor {
        router: router(dashboard, options),
        timeouts: limits.peer_timeouts(),
        places: Arc::new(Semaphore::new(places(limits.connections))),
        graceful: GracefulShutdown::new(),
    };

    let mut out = std::io::stdout();
    writeln!(out, "dashboard on http://{address}/")?;
    writeln!(out, "stop it with Ctrl-C, or: kill {}", std::process::id())?;
    if let Some(first) = campaigns.first() {
        let id = first.campaign_id;
        writeln!(out, "try: curl 'http://{address}/api/v1/dashboard/campaign/{id}?widgets=overview,funnel,realtime'")?;
    }
    out.flush()?;

    // Nobody waits for it: a store may hang.
    tokio::spawn(probing);
    tokio::spawn(life);
    tokio::select! {
        () = acceptor.run(&listener) => {}
        () = signals.next() => {}
    }
    drop(listener);
    tracing::info!("stopping: requests under way are finished, streams are ended");
    stop.cancel();
    tokio::select! {
        () = acceptor.graceful.shutdown() => {}
        () = tokio::time::sleep(DRAIN) => tracing::warn!("some requests were cut off"),
        () = signals.next() => tracing::warn!("told to stop again: what is under way is cut off"),
    }
    tracing::info!("stopped");
    Ok(())
}

/// Connections at the same time: as configured, unless the system gives fewer files than that.
fn places(connections: usize) -> usize {
    let files = crate::exporter::process::most_files().and_then(|files| files.checked_sub(SPARE_FILES));
    match files.and_then(|files| usize::try_from(files).ok()) {
        Some(files) if files < connections => {
            tracing::warn!(connections = files, "fewer connections than limits.connections: see `ulimit -n`");
            files
        }
        _ => connections.min(Semaphore::MAX_PERMITS),
    }
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
    let down: Vec<String> = down.map(|source| format!("{} ({})", source.name, source.kind.name())).collect();
    if !health.ready || !down.is_empty() {
        bail!("no answer from {}", down.join(", "));
    }
    Ok(())
}
