//! How much time a schema probe has. A leaf: both the cache that starts a probe and the probe itself take it.

use std::time::Duration;

use tokio::time::Instant;

/// How long a probe may take at least. The question that starts it may have less time left than those that join it.
const MIN_PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// The two limits of one probe. They differ because a probe is shared: the question that starts it may give up early, and
/// those that come later still want the result.
#[derive(Debug, Clone, Copy)]
pub(super) struct ProbeDeadlines {
    /// By when there must be a connection, or the reason why there is none. It is the deadline of the question that waits.
    pub(super) connect_by: Instant,
    /// By when the probe must have ended. Never before `connect_by`.
    pub(super) finish_by: Instant,
}

impl ProbeDeadlines {
    /// Those of a probe that starts now.
    pub(super) fn connecting_by(connect_by: Instant) -> Self {
        Self { connect_by, finish_by: connect_by.max(Instant::now() + MIN_PROBE_TIMEOUT) }
    }
}
