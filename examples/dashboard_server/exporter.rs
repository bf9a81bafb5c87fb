//! Metrics for Prometheus: the recorder that the libraries' counts and times go to, and their text form.
//! Lives here: the recorder and the server's own metrics. Lives elsewhere: metrics of the process (`exporter/process`), what
//! the libraries count (they say it themselves).

use std::time::Duration;

use anyhow::Context as _;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

pub(crate) mod process;

/// Bounds of histograms, in seconds: from a hit, which takes less than a millisecond, to the longest deadline anyone sets.
const SECONDS: [f64; 14] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// How often what was recorded is taken in. Without it histograms nobody asks for grow without bound.
const UPKEEP: Duration = Duration::from_secs(5);

/// The process's recorder. Clones show the same.
#[derive(Clone)]
pub(crate) struct Exporter(PrometheusHandle);

impl Exporter {
    /// Installs the recorder. Must be called once, before anything is counted, inside a tokio runtime.
    /// # Errors
    /// There is another recorder.
    pub(crate) fn install() -> anyhow::Result<Self> {
        let builder = PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)?;
        let handle = builder.install_recorder().context("metrics cannot be recorded")?;
        axon_metrics::observe::describe();
        axon_dashboard_http::describe_metrics();
        describe();
        let kept = handle.clone();
        tokio::spawn(async move {
            let mut each = tokio::time::interval(UPKEEP);
            loop {
                each.tick().await;
                kept.run_upkeep();
            }
        });
        Ok(Self(handle))
    }

    /// All metrics, in Prometheus' text form.
    pub(crate) fn render(&self) -> String {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let tasks = u32::try_from(runtime.metrics().num_alive_tasks()).unwrap_or(u32::MAX);
            metrics::gauge!("axon_server_tasks").set(tasks);
        }
        let mut text = self.0.render();
        text.push_str(&process::render());
        text
    }
}

/// The server's own metrics. Those that nothing has happened to are 0, not absent: an alert on an absent one never fires.
fn describe() {
    metrics::describe_gauge!("axon_server_connections", "Connections that are open");
    metrics::describe_counter!("axon_server_connections_refused_total", "Connections refused since all were taken");
    metrics::describe_counter!("axon_server_write_stalls_total", "Connections given up since the peer did not read");
    metrics::describe_counter!("axon_server_accept_errors_total", "Times that accepting a connection failed");
    metrics::describe_gauge!("axon_server_tasks", "Tasks of the server's runtime that are alive");
    metrics::gauge!("axon_server_connections").set(0.0);
    metrics::counter!("axon_server_connections_refused_total").absolute(0);
    metrics::counter!("axon_server_write_stalls_total").absolute(0);
    metrics::counter!("axon_server_accept_errors_total").absolute(0);
}
