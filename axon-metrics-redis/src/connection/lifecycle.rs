//! The states of a connection: when to connect, when a question waits, when it fails at once. Pure: time is passed in,
//! and the connection is of any type.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::Fault;

/// The back-off between attempts to connect.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    /// The pause after the first failure. It doubles with each further failure.
    pub(crate) first_pause: Duration,
    /// The longest pause.
    pub(crate) max_pause: Duration,
    /// After this time without a question there are no attempts until the next question.
    pub(crate) idle_limit: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first_pause: Duration::from_millis(50),
            // With the connect timeout this is below the two seconds within which a recovered server must be used
            // again.
            max_pause: Duration::from_millis(800),
            idle_limit: Duration::from_secs(30),
        }
    }
}

impl Backoff {
    /// The pause after this many failures in a row. `random` in `0.0..1.0` shortens it by up to half, so that the
    /// processes which lost the same server do not reconnect at the same time.
    fn pause(&self, failures: u32, random: f64) -> Duration {
        let doubled = self.first_pause.saturating_mul(1 << failures.saturating_sub(1).min(16));
        doubled.min(self.max_pause).mul_f64(0.5 + random / 2.0)
    }
}

/// What a question must do to get a connection.
#[derive(Debug, PartialEq)]
pub(crate) enum Action<C> {
    /// Use this connection, of this generation.
    Use(C, u64),
    /// Start a connect in the background, and wait for it.
    Connect,
    /// Wait for the connect in progress.
    Wait,
    /// Fail at once: the last connect failed, and the next one is in its back-off.
    Fail(Fault),
}

/// The state of the connection.
#[derive(Debug)]
pub(crate) struct Lifecycle<C> {
    backoff: Backoff,
    connection: Option<C>,
    /// Counts connections, so that a late failure of an old one does not discard the new one.
    generation: u64,
    /// Whether a connect is in progress or in its back-off.
    connecting: bool,
    /// Failures since the last answer. A connect does not reset them: a connection that breaks with each question must
    /// not be reopened without a back-off.
    failures: u32,
    /// The last failure, if questions fail with it at once instead of waiting.
    last_failure: Option<Fault>,
    last_question: Option<Instant>,
}

impl<C: Clone> Lifecycle<C> {
    pub(crate) fn new(backoff: Backoff) -> Self {
        Self {
            backoff,
            connection: None,
            generation: 0,
            connecting: false,
            failures: 0,
            last_failure: None,
            last_question: None,
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.connection.is_some()
    }

    /// The generation of the last connection.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// What a question must do now.
    pub(crate) fn next_action(&mut self, now: Instant) -> Action<C> {
        self.last_question = Some(now);
        match (&self.connection, &self.last_failure) {
            (Some(connection), _) => Action::Use(connection.clone(), self.generation),
            (None, Some(fault)) if self.connecting => Action::Fail(fault.clone()),
            (None, None) if self.connecting => Action::Wait,
            (None, _) => {
                self.connecting = true;
                self.last_failure = None;
                Action::Connect
            }
        }
    }

    /// Whether a question need not wait: there is a connection, a failure, or no connect in progress.
    pub(crate) fn is_settled(&self) -> bool {
        self.connection.is_some() || self.last_failure.is_some() || !self.connecting
    }

    /// A connection is open. Returns the number of failures before it.
    pub(crate) fn on_connected(&mut self, connection: C) -> u32 {
        self.connection = Some(connection);
        self.generation += 1;
        self.connecting = false;
        self.last_failure = None;
        self.failures
    }

    /// A connect failed. Returns the pause before the next one; `None` if there were no questions for a while.
    pub(crate) fn on_connect_failure(&mut self, fault: Fault, now: Instant, random: f64) -> Option<Duration> {
        self.failures = self.failures.saturating_add(1);
        self.last_failure = Some(fault);
        let is_needed = self.last_question.is_some_and(|last| now.duration_since(last) < self.backoff.idle_limit);
        if !is_needed {
            self.on_abandoned();
        }
        is_needed.then(|| self.backoff.pause(self.failures, random))
    }

    /// A connect ended without a result. The next question starts a new one and waits.
    pub(crate) fn on_abandoned(&mut self) {
        self.connecting = false;
        if self.connection.is_none() {
            self.last_failure = None;
        }
    }

    /// The connection of a generation gave an answer.
    pub(crate) fn on_answer(&mut self, generation: u64) {
        if generation == self.generation {
            self.failures = 0;
        }
    }

    /// The connection of a generation failed. Returns the pause before the connect; `None` if one is in progress or
    /// done. If `is_usable` the connection is used until the new one is open.
    pub(crate) fn on_failure(
        &mut self,
        generation: u64,
        fault: Fault,
        is_usable: bool,
        random: f64,
    ) -> Option<Duration> {
        if generation != self.generation || (self.connection.is_none() && self.connecting) {
            return None;
        }
        if !is_usable {
            self.connection = None;
        }
        if self.connecting {
            self.last_failure = Some(fault);
            return None;
        }
        self.failures = self.failures.saturating_add(1);
        self.connecting = true;
        // After a first failure the server is probably up, so questions wait for the new connection.
        if self.failures == 1 {
            return Some(Duration::ZERO);
        }
        self.last_failure = Some(fault);
        Some(self.backoff.pause(self.failures, random))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn lifecycle() -> Lifecycle<&'static str> {
        Lifecycle::new(Backoff::default())
    }

    fn open_lifecycle() -> (Lifecycle<&'static str>, Instant) {
        let (mut lifecycle, now) = (lifecycle(), Instant::now());
        assert_eq!(lifecycle.next_action(now), Action::Connect);
        lifecycle.on_connected("first");
        (lifecycle, now)
    }

    #[test]
    fn the_first_question_connects_and_all_wait_for_it() {
        let (mut lifecycle, now) = (lifecycle(), Instant::now());
        assert_eq!(lifecycle.next_action(now), Action::Connect);
        assert_eq!(lifecycle.next_action(now), Action::Wait);
        assert!(!lifecycle.is_settled());
        lifecycle.on_connected("first");
        assert!(lifecycle.is_settled());
        assert_eq!(lifecycle.next_action(now), Action::Use("first", 1));
    }

    #[test]
    fn questions_fail_at_once_after_a_failed_connect() {
        let (mut lifecycle, now) = (lifecycle(), Instant::now());
        lifecycle.next_action(now);
        assert!(lifecycle.on_connect_failure(Fault::Credentials, now, 0.0).is_some());
        assert_eq!(lifecycle.next_action(now), Action::Fail(Fault::Credentials));
        lifecycle.on_connected("first");
        assert_eq!(lifecycle.next_action(now), Action::Use("first", 1));
    }

    #[test]
    fn pauses_double_with_each_failure_up_to_a_limit_and_vary() {
        let (mut lifecycle, now) = (lifecycle(), Instant::now());
        lifecycle.next_action(now);
        let pauses: Vec<_> = (0..7).map(|_| lifecycle.on_connect_failure(Fault::Closed, now, 1.0).unwrap()).collect();
        assert_eq!(pauses, [50, 100, 200, 400, 800, 800, 800].map(MS));
        assert_eq!(lifecycle.on_connect_failure(Fault::Closed, now, 0.0), Some(MS(400)));
        let many_failures =
            Lifecycle::<()> { failures: u32::MAX, last_question: Some(now), ..Lifecycle::new(Backoff::default()) };
        assert_eq!({ many_failures }.on_connect_failure(Fault::Closed, now, 1.0), Some(MS(800)));
    }

    #[test]
    fn a_broken_connection_is_replaced_at_once_and_questions_wait() {
        let (mut lifecycle, now) = open_lifecycle();
        lifecycle.on_answer(1);
        assert_eq!(lifecycle.on_failure(1, Fault::Closed, false, 1.0), Some(Duration::ZERO));
        assert_eq!(lifecycle.next_action(now), Action::Wait);
        lifecycle.on_connected("second");
        assert_eq!(lifecycle.next_action(now), Action::Use("second", 2));
    }

    #[test]
    fn a_connection_that_breaks_before_an_answer_gets_a_back_off() {
        let (mut lifecycle, now) = open_lifecycle();
        lifecycle.on_failure(1, Fault::TooSlow, false, 1.0);
        lifecycle.on_connected("second");
        assert_eq!(lifecycle.on_failure(2, Fault::TooSlow, false, 1.0), Some(MS(100)));
        assert_eq!(lifecycle.next_action(now), Action::Fail(Fault::TooSlow));
        lifecycle.on_connected("third");
        lifecycle.on_answer(3);
        assert_eq!(lifecycle.on_failure(3, Fault::TooSlow, false, 1.0), Some(Duration::ZERO));
    }

    #[test]
    fn a_late_failure_of_an_old_connection_leaves_the_new_one() {
        let (mut lifecycle, now) = open_lifecycle();
        lifecycle.on_failure(1, Fault::TooSlow, false, 1.0);
        lifecycle.on_connected("second");
        assert_eq!(lifecycle.on_failure(1, Fault::TooSlow, false, 1.0), None);
        assert_eq!(lifecycle.next_action(now), Action::Use("second", 2));
    }

    #[test]
    fn many_failures_of_one_connection_start_one_connect() {
        let (mut lifecycle, _) = open_lifecycle();
        assert!(lifecycle.on_failure(1, Fault::TooSlow, false, 1.0).is_some());
        assert_eq!(lifecycle.on_failure(1, Fault::TooSlow, false, 1.0), None);
        assert_eq!(lifecycle.failures, 1);
    }

    #[test]
    fn a_usable_connection_is_used_until_the_new_one_is_open() {
        let (mut lifecycle, now) = open_lifecycle();
        assert_eq!(lifecycle.on_failure(1, Fault::TooSlow, true, 1.0), Some(Duration::ZERO));
        assert_eq!(lifecycle.next_action(now), Action::Use("first", 1));
        assert!(lifecycle.on_connect_failure(Fault::TooSlow, now, 1.0).is_some());
        assert_eq!(lifecycle.next_action(now), Action::Use("first", 1));
        assert_eq!(lifecycle.on_failure(1, Fault::TooSlow, false, 1.0), None);
        assert_eq!(lifecycle.next_action(now), Action::Fail(Fault::TooSlow));
    }

    #[test]
    fn without_questions_there_is_no_connect_until_the_next_one() {
        let (mut lifecycle, now) = (lifecycle(), Instant::now());
        lifecycle.next_action(now);
        let later = now + Backoff::default().idle_limit;
        assert_eq!(lifecycle.on_connect_failure(Fault::Closed, later, 1.0), None);
        assert_eq!(lifecycle.next_action(later), Action::Connect);
        assert_eq!(lifecycle.next_action(later), Action::Wait);
    }

    #[test]
    fn an_abandoned_connect_is_started_again() {
        let (mut lifecycle, now) = (lifecycle(), Instant::now());
        lifecycle.next_action(now);
        lifecycle.on_abandoned();
        assert!(lifecycle.is_settled());
        assert_eq!(lifecycle.next_action(now), Action::Connect);
    }
}
