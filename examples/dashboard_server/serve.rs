//! Listening, and graceful shutdown.
//! Lives here: the server from start to end. Lives elsewhere: connections (`serve/accept` and below), metrics (`exporter`).

use std::{io::Write as _, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use axon_dashboard_http::{HttpOptions, router};
use axon_metrics::{Dashboard, answer::SourceStatus, memory::LoadReport};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{
    cli::{Clock, OnProblem},
    config::Config,
    exporter::Exporter,
};

mod accept;
mod body;
mod connection;
mod listener;
mod log_limiter;
mod signals;
mod startup_probe;
mod timed_stream;

pub(crate) use connection::PeerTimeouts;

/// The longest time that running requests may take to end after a signal to stop.
const MAX_DRAIN: Duration = Duration::from_secs(4);

/// File descriptors that are reserved for stores, files, the listener and the runtime.
const RESERVED_FILES: u64 = 128;

/// Serves until a signal to stop; `background` runs concurrently.
pub(crate) async fn serve(
    settings: &Config,
    dashboard: Dashboard,
    clock: Clock,
    exporter: Exporter,
    background: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let limits = &settings.limits;
    let listen = settings.listen;
    let mut signals = signals::Signals::listen().context("cannot listen for signals")?;
    let listener =
        listener::listen(listen, limits.send_buffer_bytes).with_context(|| format!("cannot listen on {listen}"))?;
    let address = listener.local_addr()?;
    // A store that is down may recover, so the server starts; until then, /readyz answers 503.
    let now = clock();
    let campaigns = dashboard.campaigns(now).await.map(|list| list.campaigns).unwrap_or_else(|error| {
        tracing::warn!("the catalog does not answer at the start: {error}; the server starts, and /readyz answers 503");
        Vec::new()
    });
    let stop = CancellationToken::new();
    let options = HttpOptions::default()
        .with_clock(move || clock())
        .with_max_concurrent(settings.max_concurrent)
        .with_compress(settings.server.compress)
        .with_cache_bytes(settings.cache.answers_bytes)
        .with_max_streams(limits.max_streams)
        .with_max_stream_keys(limits.max_stream_keys)
        .with_stream_tick(limits.stream_tick())
        .with_stall_limit(limits.peer_timeouts().stall)
        .with_shutdown(stop.clone())
        .with_metrics(move || exporter.render());
    let probing = startup_probe::log(dashboard.clone(), now);
    let acceptor = accept::Acceptor {
        router: router(dashboard, options),
        timeouts: limits.peer_timeouts(),
        permits: Arc::new(Semaphore::new(max_connections(limits.connections))),
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

    // Not awaited: a store may hang.
    tokio::spawn(probing);
    tokio::spawn(background);
    tokio::select! {
        () = acceptor.run(&listener) => {}
        () = signals.next() => {}
    }
    drop(listener);
    tracing::info!("server stopping: running requests are finished, streams are ended");
    stop.cancel();
    tokio::select! {
        () = acceptor.graceful.shutdown() => {}
        () = tokio::time::sleep(MAX_DRAIN) => {
            tracing::warn!("server stopping: running requests aborted after {} s", MAX_DRAIN.as_secs());
        }
        () = signals.next() => tracing::warn!("server stopping: running requests aborted by a second signal"),
    }
    tracing::info!("server stopped");
    Ok(())
}

/// The limit of connections: as configured, unless the limit of open files is lower.
fn max_connections(connections: usize) -> usize {
    let files = crate::exporter::process::max_files().and_then(|files| files.checked_sub(RESERVED_FILES));
    match files.and_then(|files| usize::try_from(files).ok()) {
        Some(files) if files < connections => {
            tracing::warn!(
                connections = files,
                "limits.connections is {connections}, but open files allow only {files} connections: raise `ulimit -n`"
            );
            files
        }
        _ => connections.min(Semaphore::MAX_PERMITS),
    }
}

/// Prints the load report and the health of each source.
/// # Errors
/// A source does not answer.
pub(crate) async fn check(
    loaded: Option<LoadReport>,
    dashboard: &Dashboard,
    clock: &Clock,
    on_problem: OnProblem,
) -> anyhow::Result<()> {
    let health = dashboard.health(clock()).await;
    let mut report = serde_json::json!({ "health": health });
    if let Some(loaded) = loaded {
        report["loaded"] = serde_json::to_value(loaded)?;
    }
    writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&report)?)?;
    let down = health.sources.iter().filter(|source| source.status != SourceStatus::Ok);
    let down = down.map(|source| {
        let why = source.error.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
        format!("{} ({}){why}", source.name, source.kind.name())
    });
    let down: Vec<String> = down.collect();
    if !health.ready || !down.is_empty() {
        bail!("no answer from {}", down.join("; "));
    }
    let problems = health.sources.iter().flat_map(|source| {
        source.problems.iter().map(move |problem| format!("{} ({}): {problem}", source.name, source.kind.name()))
    });
    let problems: Vec<String> = problems.collect();
    if !problems.is_empty() && on_problem == OnProblem::Fail {
        bail!("figures would be missing or wrong: {}", problems.join("; "));
    }
    for problem in problems {
        tracing::warn!("{problem}");
    }
    Ok(())
}
