//! How Redis is read.

use std::time::Duration;

use crate::keys::RedisKeys;

/// How Redis is read.
/// ```
/// use axon_metrics_redis::{RedisKeys, RedisOptions, StockKey};
/// let keys = RedisKeys {
///     stock: StockKey::Remaining("shop:{{activityId}}:left".parse()?),
///     members: "shop:{{activityId}}:buyers".parse()?,
/// };
/// let options = RedisOptions::default().with_keys(keys);
/// # Ok::<(), axon_metrics_redis::KeyTemplateError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisOptions {
    pub(crate) keys: RedisKeys,
    pub(crate) connect_timeout: Duration,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self { keys: RedisKeys::platform(), connect_timeout: Duration::from_millis(200) }
    }
}

impl RedisOptions {
    /// The options for the platform's keys: the default ones.
    #[must_use]
    pub fn platform() -> Self {
        Self::default()
    }

    /// The options for the plan's keys.
    #[must_use]
    pub fn plan() -> Self {
        Self::default().with_keys(RedisKeys::plan())
    }

    /// Which keys hold what. Defaults to [`RedisKeys::platform`].
    #[must_use]
    pub fn with_keys(self, keys: RedisKeys) -> Self {
        Self { keys, ..self }
    }

    /// How long it may take until a new connection answers: reaching the server, the password, a first `PING`. Should be
    /// longer than three times the way there and back. Defaults to 200 ms.
    #[must_use]
    pub fn with_connect_timeout(self, connect_timeout: Duration) -> Self {
        Self { connect_timeout, ..self }
    }
}
