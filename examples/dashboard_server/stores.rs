//! The dashboard over the stores that are configured.

use axon_metrics::Dashboard;

use crate::config::Config;

pub(crate) fn dashboard(_settings: &Config) -> anyhow::Result<Dashboard> {
    anyhow::bail!("no store can be connected yet")
}
