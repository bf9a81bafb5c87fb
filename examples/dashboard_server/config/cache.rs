//! How long what was found is shown again, and where it is kept.

use std::time::Duration;

use anyhow::ensure;
use axon_metrics::Lifetimes;
use serde::{Deserialize, Serialize};

use super::values::{Secret, Url};

/// What is kept between requests.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cache {
    /// Live figures and ranges still open.
    live_ms: u64,
    /// How much longer figures are shown while new ones are loaded.
    refresh_ms: u64,
    /// Ranges that are over.
    over_s: u64,
    /// Ranges that ended longer ago than events come late.
    settled_s: u64,
    /// How late an event may come.
    lateness_s: u64,
    /// How old figures may be while a store is down.
    stale_s: u64,
    /// When the weeks before a promotion are read again.
    history_s: u64,
    /// How old they may be while the ledger is down.
    history_stale_s: u64,
    /// By how much each time is shortened or lengthened at most.
    jitter_percent: u8,
    /// Encoded answers in process.
    pub(crate) answers_bytes: usize,
    /// Where several servers keep widgets together.
    pub(crate) shared: Shared,
    /// Its address; empty for that of the stock.
    pub(crate) url: Url,
    pub(crate) password: Secret,
    pub(super) password_file: String,
    /// What stands before each key there.
    pub(crate) prefix: String,
    /// Whose figures these are: part of each key.
    pub(crate) tenant: String,
}

/// A cache that several servers share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Shared {
    /// None.
    None,
    /// A Redis server.
    Redis,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            live_ms: 1_000,
            refresh_ms: 1_000,
            over_s: 5 * 60,
            settled_s: 24 * 3_600,
            lateness_s: 72 * 3_600,
            stale_s: 15 * 60,
            history_s: 3_600,
            history_stale_s: 24 * 3_600,
            jitter_percent: 10,
            answers_bytes: 64 * 1024 * 1024,
            shared: Shared::None,
            url: Url::default(),
            password: Secret::default(),
            password_file: String::new(),
            prefix: String::new(),
            tenant: String::new(),
        }
    }
}

impl Cache {
    /// # Errors
    /// The shared cache has no address, or a time could be shortened to nothing.
    pub(super) fn check(&self, redis: &Url) -> anyhow::Result<()> {
        let address = !self.url.is_empty() || !redis.is_empty();
        ensure!(self.shared == Shared::None || address, "shared = \"redis\" needs cache.url or redis.url");
        let lost = self.shared == Shared::None && !self.url.is_empty();
        ensure!(!lost, "url is given, and shared is not \"redis\"");
        ensure!(self.jitter_percent <= 50, "jitter_percent is {}; it can be 50 at most", self.jitter_percent);
        Ok(())
    }

    /// How long finished widgets are kept.
    pub(super) fn lifetimes(&self) -> Lifetimes {
        Lifetimes {
            live: Duration::from_millis(self.live_ms),
            refresh: Duration::from_millis(self.refresh_ms),
            over: Duration::from_secs(self.over_s),
            settled: Duration::from_secs(self.settled_s),
            lateness: Duration::from_secs(self.lateness_s),
            stale: Duration::from_secs(self.stale_s),
            history: Duration::from_secs(self.history_s),
            history_stale: Duration::from_secs(self.history_stale_s),
            jitter_percent: self.jitter_percent,
        }
    }
}
