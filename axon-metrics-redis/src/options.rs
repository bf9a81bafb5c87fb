//! The settings of the source and of the cache.

use std::{sync::Arc, time::Duration};

use crate::keys::RedisKeys;

/// Settings of [`RedisRealtime`](crate::RedisRealtime).
/// ```
/// use axon_metrics_redis::{RedisKeys, RedisOptions, StockKey};
/// let stock = StockKey::Remaining("shop:{{activityId}}:left".parse()?);
/// let keys = RedisKeys::new(stock, "shop:{{activityId}}:buyers".parse()?);
/// let options = RedisOptions::default().with_keys(keys);
/// # Ok::<(), axon_metrics_redis::KeyTemplateError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisOptions {
    pub(crate) keys: RedisKeys,
    pub(crate) connect_timeout: Duration,
}

/// The default connect timeout. Connecting takes three round trips.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(200);

impl Default for RedisOptions {
    fn default() -> Self {
        Self { keys: RedisKeys::platform(), connect_timeout: CONNECT_TIMEOUT }
    }
}

impl RedisOptions {
    /// The options for the platform's keys, which are the default.
    #[must_use]
    pub fn platform() -> Self {
        Self::default()
    }

    /// The options for the plan's keys.
    #[must_use]
    pub fn plan() -> Self {
        Self::default().with_keys(RedisKeys::plan())
    }

    /// The keys of counters and participants. Defaults to [`RedisKeys::platform`].
    #[must_use]
    pub fn with_keys(self, keys: RedisKeys) -> Self {
        Self { keys, ..self }
    }

    /// How long connecting may take: TCP or TLS, credentials, and a first `PING`. Should be longer than three round
    /// trips. Defaults to 200 ms.
    #[must_use]
    pub fn with_connect_timeout(self, connect_timeout: Duration) -> Self {
        Self { connect_timeout, ..self }
    }
}

/// Settings of [`RedisCache`](crate::RedisCache).
/// ```
/// use axon_metrics_redis::RedisCacheOptions;
/// let options = RedisCacheOptions::default().with_prefix("axon:").with_longest_value(256 << 10);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisCacheOptions {
    pub(crate) prefix: Arc<str>,
    pub(crate) longest_value: usize,
    pub(crate) connect_timeout: Duration,
}

impl Default for RedisCacheOptions {
    fn default() -> Self {
        Self { prefix: "".into(), longest_value: 1 << 20, connect_timeout: CONNECT_TIMEOUT }
    }
}

impl RedisCacheOptions {
    /// The prefix of every key. No separator is added to it. Keys without it are never read or written. Defaults to the
    /// empty text, so that keys begin with `dashboard:`.
    #[must_use]
    pub fn with_prefix(self, prefix: impl Into<Arc<str>>) -> Self {
        Self { prefix: prefix.into(), ..self }
    }

    /// The longest value, in bytes. A longer one is not written, and is a miss if it is stored. Defaults to 1 MiB; the
    /// widgets of 1,000 activities have about 300 kB.
    #[must_use]
    pub fn with_longest_value(self, bytes: usize) -> Self {
        Self { longest_value: bytes, ..self }
    }

    /// How long connecting may take, as [`RedisOptions::with_connect_timeout`]. Defaults to 200 ms.
    #[must_use]
    pub fn with_connect_timeout(self, connect_timeout: Duration) -> Self {
        Self { connect_timeout, ..self }
    }
}
