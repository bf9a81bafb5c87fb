//! Limits the log lines about failures: the first about each subject is logged at once, further ones at most every ten
//! seconds, and the recovery once.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// The least time between two log lines about one subject.
const LOG_EVERY: Duration = Duration::from_secs(10);
/// The time without a failure after which an answer is logged as the recovery.
const QUIET: Duration = Duration::from_secs(1);

/// Decides which failures are logged. `S` is what a line is about: a kind of failure, a query, a table. Subjects are few: each
/// that failed once is remembered.
/// ```
/// # use axon_metrics::observe::LogLimiter;
/// let limiter = LogLimiter::default();
/// assert_eq!(limiter.failure("purchases"), Some(0), "logged");
/// assert_eq!(limiter.failure("purchases"), None, "left out");
/// assert_eq!(limiter.failure("entries"), Some(1), "logged, after one that was left out");
/// ```
#[derive(Debug)]
pub struct LogLimiter<S> {
    inner: Mutex<Inner<S>>,
}

#[derive(Debug)]
struct Inner<S> {
    /// When each subject was last logged.
    logged_at: BTreeMap<S, Instant>,
    left_out: u64,
    /// The first and the last failure since the last recovery.
    outage: Option<(Instant, Instant)>,
}

impl<S> Default for LogLimiter<S> {
    fn default() -> Self {
        Self { inner: Mutex::new(Inner { logged_at: BTreeMap::new(), left_out: 0, outage: None }) }
    }
}

impl<S: Ord> LogLimiter<S> {
    /// Records a failure. `Some` if it should be logged, with the number of failures, of any subject, left out since the last line.
    pub fn failure(&self, subject: S) -> Option<u64> {
        let now = Instant::now();
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let since = inner.outage.map_or(now, |(since, _)| since);
        inner.outage = Some((since, now));
        if inner.logged_at.get(&subject).is_some_and(|logged| now.duration_since(*logged) < LOG_EVERY) {
            inner.left_out += 1;
            return None;
        }
        inner.logged_at.insert(subject, now);
        Some(std::mem::take(&mut inner.left_out))
    }

    /// Records an answer. `Some` if it should be logged as the recovery, with the length of the outage.
    pub fn answer(&self) -> Option<Duration> {
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
    async fn a_subject_is_logged_every_ten_seconds_with_a_count() {
        let log_limiter = LogLimiter::default();
        let mut lines = Vec::new();
        for _ in 0..250 {
            lines.extend(log_limiter.failure("unavailable"));
            advance(MS(100)).await;
        }
        assert_eq!(lines, [0, 99, 99]);
    }

    #[tokio::test(start_paused = true)]
    async fn another_subject_is_logged_at_once() {
        let log_limiter = LogLimiter::default();
        assert_eq!(log_limiter.failure("lost"), Some(0));
        assert_eq!(log_limiter.failure("lost"), None);
        assert_eq!(log_limiter.failure("open"), Some(1));
        assert_eq!(log_limiter.failure("lost"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn recovery_is_logged_once_and_not_between_failures() {
        let log_limiter = LogLimiter::default();
        assert_eq!(log_limiter.answer(), None);
        for _ in 0..100 {
            log_limiter.failure("unavailable");
            advance(MS(50)).await;
            assert_eq!(log_limiter.answer(), None);
            advance(MS(50)).await;
        }
        advance(MS(950)).await;
        assert_eq!(log_limiter.answer(), Some(MS(9_900)));
        assert_eq!(log_limiter.answer(), None);
    }
}
