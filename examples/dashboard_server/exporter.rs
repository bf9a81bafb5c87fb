//! Metrics for Prometheus: the recorder of the `metrics` facade, and the text form.
//! Lives here: the recorder and the server's own metrics. Lives elsewhere: metrics of the process (`exporter/process`), and the
//! libraries' metrics (in the libraries).

use std::time::Duration;

use anyhow::Context as _;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

pub(crate) mod process;

/// Upper bounds of histogram buckets, in seconds: from a cache hit, which takes less than a millisecond, to the longest deadline.
const SECONDS: [f64; 14] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The interval of the recorder's upkeep. Without it, histograms that are not scraped grow without bound.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// The process's recorder. Clones share it.
#[derive(Clone)]
pub(crate) struct Exporter(PrometheusHandle);

impl Exporter {
    /// Installs the recorder. Call it once, before any metric is recorded, inside a tokio runtime.
    /// # Errors
    /// Another recorder is installed already.
    pub(crate) fn install() -> anyhow::Result<Self> {
        let builder = PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)?;
        let handle = builder.install_recorder().context("cannot install the recorder of metrics")?;
        axon_metrics::observe::describe();
        axon_dashboard_http::describe_metrics();
        describe();
        let recorder = handle.clone();
        tokio::spawn(async move {
            let mut interval = tokio::time::interval(UPKEEP_INTERVAL);
            loop {
                interval.tick().await;
                recorder.run_upkeep();
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

/// Describes the server's own metrics and sets them to 0: an alert on an absent metric never fires.
fn describe() {
    metrics::describe_gauge!("axon_server_connections", "Connections that are open");
    metrics::describe_counter!(
        "axon_server_connections_refused_total",
        "Connections refused at the limit of connections"
    );
    metrics::describe_counter!("axon_server_write_stalls_total", "Connections closed since the peer did not read");
    metrics::describe_counter!("axon_server_accept_errors_total", "Failures to accept a connection");
    metrics::describe_gauge!("axon_server_tasks", "Tasks of the server's runtime that are alive");
    metrics::gauge!("axon_server_connections").set(0.0);
    metrics::counter!("axon_server_connections_refused_total").absolute(0);
    metrics::counter!("axon_server_write_stalls_total").absolute(0);
    metrics::counter!("axon_server_accept_errors_total").absolute(0);
}
