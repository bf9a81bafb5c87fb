//! Settings of the caches: times to live, sizes, and the shared cache.

use std::time::Duration;

use anyhow::ensure;
use axon_metrics::Lifetimes;
use serde::{Deserialize, Serialize};

use super::values::{Secret, Url};

/// The section `cache`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cache {
    /// Time to live of realtime figures and of ranges in progress.
    live_ms: u64,
    /// How much longer a widget is served while it is refreshed (stale-while-revalidate).
    refresh_ms: u64,
    /// Time to live of past ranges.
    over_s: u64,
    /// Time to live of past ranges that ended more than `lateness_s` ago.
    settled_s: u64,
    /// How late an event may arrive.
    lateness_s: u64,
    /// The longest age of a widget that is served while a store is down (stale-if-error).
    stale_s: u64,
    /// Time to live of the history that baselines are computed from.
    history_s: u64,
    /// The longest age of a history that is used while the ledger is down.
    history_stale_s: u64,
    /// The most by which each time to live is shortened or lengthened.
    jitter_percent: u8,
    /// The size of the response cache; 0 disables it.
    pub(crate) answers_bytes: usize,
    /// The cache of widgets that several servers share.
    pub(crate) shared: Shared,
    /// The address of the shared cache; empty for that of `redis`.
    pub(crate) url: Url,
    pub(crate) password: Secret,
    pub(super) password_file: String,
    /// The login for sentinels.
    pub(crate) sentinel_username: String,
    pub(crate) sentinel_password: Secret,
    pub(super) sentinel_password_file: String,
    /// PEM files: the authority of the server's certificate, the client's certificate, and its key.
    pub(crate) ca_file: String,
    pub(crate) client_certificate: String,
    pub(crate) client_key: String,
    /// The prefix of the shared cache's keys.
    pub(crate) prefix: String,
    /// The tenant, which is part of each cache key.
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
            sentinel_username: String::new(),
            sentinel_password: Secret::default(),
            sentinel_password_file: String::new(),
            ca_file: String::new(),
            client_certificate: String::new(),
            client_key: String::new(),
            prefix: String::new(),
            tenant: String::new(),
        }
    }
}

impl Cache {
    /// # Errors
    /// The shared cache has no address, or an address without being used; or the jitter is too large.
    pub(super) fn check(&self, redis: &Url) -> anyhow::Result<()> {
        let address = !self.url.is_empty() || !redis.is_empty();
        ensure!(self.shared == Shared::None || address, "shared = \"redis\" needs cache.url or redis.url");
        let unused = self.shared == Shared::None && !self.url.is_empty();
        ensure!(!unused, "url is given, and shared is not \"redis\"");
        ensure!(self.jitter_percent <= 50, "jitter_percent must be at most 50, not {}", self.jitter_percent);
        Ok(())
    }

    /// The lifetimes of cached widgets.
    pub(super) fn lifetimes(&self) -> Lifetimes {
        Lifetimes::default()
            .with_live(Duration::from_millis(self.live_ms))
            .with_refresh(Duration::from_millis(self.refresh_ms))
            .with_over(Duration::from_secs(self.over_s))
            .with_settled(Duration::from_secs(self.settled_s))
            .with_lateness(Duration::from_secs(self.lateness_s))
            .with_stale(Duration::from_secs(self.stale_s))
            .with_history(Duration::from_secs(self.history_s))
            .with_history_stale(Duration::from_secs(self.history_stale_s))
            .with_jitter_percent(self.jitter_percent)
    }
}
