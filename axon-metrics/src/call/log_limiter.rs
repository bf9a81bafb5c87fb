//! Which failures of a store are logged: the first of each kind at once, further ones at most every ten seconds, and once that
//! it answers again.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::source::SourceOutcome;

/// How often a kind of failure is logged at most.
const LOG_EVERY: Duration = Duration::from_secs(10);
/// How long there must have been no failure before it is over.
const QUIET: Duration = Duration::from_secs(1);

/// What was logged of one kind of question to a store.
#[derive(Debug)]
pub(crate) struct LogLimiter {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    kinds: [Option<Instant>; SourceOutcome::ALL.len()],
    left_out: u64,
    /// The first and the last failure of those that are going on.
    failing: Option<(Instant, Instant)>,
}

impl LogLimiter {
    pub(crate) fn new() -> Self {
        Self { inner: Mutex::default() }
    }

    /// A failure. `Some` if it is to be logged, with how many were left out since the last that was.
    pub(crate) fn failure(&self, outcome: SourceOutcome) -> Option<u64> {
        let now = Instant::now();
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let since = inner.failing.map_or(now, |(since, _)| since);
        inner.failing = Some((since, now));
        let kind = &mut inner.kinds[outcome as usize];
        if kind.is_some_and(|logged| now.duration_since(logged) < LOG_EVERY) {
            inner.left_out += 1;
            return None;
        }
        *kind = Some(now);
        Some(std::mem::take(&mut inner.left_out))
    }

    /// An answer. `Some` if it is to be logged that the store answers again, with how long it did not.
    pub(crate) fn answer(&self) -> Option<Duration> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, last) = inner.failing.filter(|(_, last)| last.elapsed() >= QUIET)?;
        inner.failing = None;
        Some(last.duration_since(since))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[tokio::test(start_paused = true)]
    async fn a_kind_of_failure_is_told_each_ten_seconds_with_how_many_were_left_out() {
        let log_limiter = LogLimiter::new();
        let mut lines = Vec::new();
        for _ in 0..250 {
            lines.extend(log_limiter.failure(SourceOutcome::Unavailable));
            advance(MS(100)).await;
        }
        assert_eq!(lines, [0, 99, 99]);
    }

    #[tokio::test(start_paused = true)]
    async fn another_kind_of_failure_is_told_at_once() {
        let log_limiter = LogLimiter::new();
        assert_eq!(log_limiter.failure(SourceOutcome::Lost), Some(0));
        assert_eq!(log_limiter.failure(SourceOutcome::Lost), None);
        assert_eq!(log_limiter.failure(SourceOutcome::Open), Some(1));
        assert_eq!(log_limiter.failure(SourceOutcome::Lost), None);
    }

    #[tokio::test(start_paused = true)]
    async fn recovery_is_told_once_and_not_while_answers_and_failures_take_turns() {
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
