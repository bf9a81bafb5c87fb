//! The deadlines of a schema probe. A module of its own, since both the cache and the probe use it.

use std::time::Duration;

use tokio::time::Instant;

/// How long a probe may take at least. The question that starts it may have less time left than those that join it.
const MIN_PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// The deadlines of one probe. There are two because a probe is shared: it may outlast the question that starts it.
#[derive(Debug, Clone, Copy)]
pub(super) struct ProbeDeadlines {
    /// The deadline for a connection, or for the reason why there is none. It is the deadline of the question that
    /// starts the probe.
    pub(super) connect_by: Instant,
    /// The deadline of the whole probe. Never before `connect_by`.
    pub(super) finish_by: Instant,
}

impl ProbeDeadlines {
    /// Those of a probe that starts now.
    pub(super) fn connecting_by(connect_by: Instant) -> Self {
        Self { connect_by, finish_by: connect_by.max(Instant::now() + MIN_PROBE_TIMEOUT) }
    }
}
