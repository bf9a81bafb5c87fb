//! Limits the log lines about failures: the first of each kind is logged at once, further ones at most every ten
//! seconds, and the recovery once.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::source::SourceOutcome;

/// The least time between two log lines of one kind of failure.
const LOG_EVERY: Duration = Duration::from_secs(10);
/// The time without a failure after which an answer is logged as the recovery.
const QUIET: Duration = Duration::from_secs(1);

/// Decides which outcomes of one kind of question to a store are logged.
#[derive(Debug)]
pub(crate) struct LogLimiter {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// When each kind of failure was last logged.
    logged_at: [Option<Instant>; SourceOutcome::ALL.len()],
    left_out: u64,
    /// The first and the last failure since the last recovery.
    outage: Option<(Instant, Instant)>,
}

impl LogLimiter {
    pub(crate) fn new() -> Self {
        Self { inner: Mutex::default() }
    }

    /// Records a failure. `Some` if it should be logged, with the number of failures left out since the last line.
    pub(crate) fn failure(&self, outcome: SourceOutcome) -> Option<u64> {
        let now = Instant::now();
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let since = inner.outage.map_or(now, |(since, _)| since);
        inner.outage = Some((since, now));
        let logged_at = &mut inner.logged_at[outcome as usize];
        if logged_at.is_some_and(|logged| now.duration_since(logged) < LOG_EVERY) {
            inner.left_out += 1;
            return None;
        }
        *logged_at = Some(now);
        Some(std::mem::take(&mut inner.left_out))
    }

    /// Records an answer. `Some` if it should be logged as the recovery, with the length of the outage.
    pub(crate) fn answer(&self) -> Option<Duration> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, last) = inner.outage.filter(|(_, last)| last.elapsed() >= QUIET)?;
        inner.outage = None;
        Some(last.duration_since(since))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[tokio::test(start_paused = true)]
    async fn a_kind_of_failure_is_logged_every_ten_seconds_with_a_count() {
        let log_limiter = LogLimiter::new();
        let mut lines = Vec::new();
        for _ in 0..250 {
            lines.extend(log_limiter.failure(SourceOutcome::Unavailable));
            advance(MS(100)).await;
        }
        assert_eq!(lines, [0, 99, 99]);
    }

    #[tokio::test(start_paused = true)]
    async fn another_kind_of_failure_is_logged_at_once() {
        let log_limiter = LogLimiter::new();
        assert_eq!(log_limiter.failure(SourceOutcome::Lost), Some(0));
        assert_eq!(log_limiter.failure(SourceOutcome::Lost), None);
        assert_eq!(log_limiter.failure(SourceOutcome::Open), Some(1));
        assert_eq!(log_limiter.failure(SourceOutcome::Lost), None);
    }

    #[tokio::test(start_paused = true)]
    async fn recovery_is_logged_once_and_not_between_failures() {
        let log_limiter = LogLimiter::new();
        assert_eq!(log_limiter.answer(), None);
        for _ in 0..100 {
            log_limiter.failure(SourceOutcome::Unavailable);
            advance(MS(50)).await;
            assert_eq!(log_limiter.answer(), None);
            advance(MS(50)).await;
        }
        advance(MS(950)).await;
        assert_eq!(log_limiter.answer(), Some(MS(9_900)));
        assert_eq!(log_limiter.answer(), None);
    }
}
