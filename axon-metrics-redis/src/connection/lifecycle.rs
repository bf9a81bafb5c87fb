//! The states of a connection: when to connect, when to wait for it and when to fail at once. Pure: time is passed in, and a
//! connection can be of any type.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::Trouble;

/// The back-off between attempts to connect.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    /// The longest pause after the first failure; doubled with each that follows.
    pub(crate) first_pause: Duration,
    /// The longest pause there is.
    pub(crate) longest_pause: Duration,
    /// After this long without a question no more attempts are made until the next one.
    pub(crate) interest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first_pause: Duration::from_millis(50),
            // With the time to connect this is under the two seconds in which all is to be well again.
            longest_pause: Duration::from_millis(800),
            interest: Duration::from_secs(30),
        }
    }
}

impl Backoff {
    /// The pause after so many failures in a row, between half of the longest it may be and all of it, by a random number in
    /// `0.0..1.0`: services that lost the same server do not all come back at once.
    fn pause(&self, failures: u32, random: f64) -> Duration {
        let doubled = self.first_pause.saturating_mul(1 << failures.saturating_sub(1).min(16));
        doubled.min(self.longest_pause).mul_f64(0.5 + random / 2.0)
    }
}

/// What a question has to do to get a connection.
#[derive(Debug, PartialEq)]
pub(crate) enum Action<C> {
    /// Use this connection, and say of which generation it was.
    Use(C, u64),
    /// Make a connection in the background, and wait for it.
    Connect,
    /// Wait for the connection that is being made.
    Wait,
    /// Fail at once: the last attempt failed, and the next one is in its back-off.
    Fail(Trouble),
}

/// The state of the connection.
#[derive(Debug)]
pub(crate) struct Lifecycle<C> {
    backoff: Backoff,
    connection: Option<C>,
    /// Counts connections, so that a late failure of an old one does not discard the new one.
    generation: u64,
    /// Whether a connection is being made.
    connecting: bool,
    /// Failures since the last good answer. To connect is no success: a connection that breaks with each question must not be
    /// reopened without a pause.
    failures: u32,
    /// The last failure, if questions fail with it at once instead of waiting.
    last_failure: Option<Trouble>,
    last_asked: Option<Instant>,
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
            last_asked: None,
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.connection.is_some()
    }

    /// What a question that comes now has to do.
    pub(crate) fn next_action(&mut self, now: Instant) -> Action<C> {
        self.last_asked = Some(now);
        match (&self.connection, &self.last_failure) {
            (Some(connection), _) => Action::Use(connection.clone(), self.generation),
            (None, Some(trouble)) if self.connecting => Action::Fail(trouble.clone()),
            (None, None) if self.connecting => Action::Wait,
            (None, _) => {
                self.connecting = true;
                self.last_failure = None;
                Action::Connect
            }
        }
    }

    /// Whether a question that waits can go on, with a connection or with a failure.
    pub(crate) fn is_settled(&self) -> bool {
        self.connection.is_some() || self.last_failure.is_some() || !self.connecting
    }

    /// A connection was made. Says after how many failures.
    pub(crate) fn on_connected(&mut self, connection: C) -> u32 {
        self.connection = Some(connection);
        self.generation += 1;
        self.connecting = false;
        self.last_failure = None;
        self.failures
    }

    /// No connection could be made. Says how long to pause before the next try; `None` if nobody is interested.
    pub(crate) fn on_connect_failure(&mut self, trouble: Trouble, now: Instant, random: f64) -> Option<Duration> {
        self.failures = self.failures.saturating_add(1);
        self.last_failure = Some(trouble);
        let interested = self.last_asked.is_some_and(|asked| now.duration_since(asked) < self.backoff.interest);
        if !interested {
            self.on_abandoned();
        }
        interested.then(|| self.backoff.pause(self.failures, random))
    }

    /// The attempt to connect has ended without a result. The next question starts a new one, and waits.
    pub(crate) fn on_abandoned(&mut self) {
        self.connecting = false;
        if self.connection.is_none() {
            self.last_failure = None;
        }
    }

    /// The connection of a generation gave a good answer.
    pub(crate) fn on_answer(&mut self, generation: u64) {
        if generation == self.generation {
            self.failures = 0;
        }
    }

    /// The connection of a generation is in doubt. Says after which pause a new one is to be made; `None` if that is under way
    /// or done. While some of it is of use it is kept until there is a new one.
    pub(crate) fn on_failure(
        &mut self,
        generation: u64,
        trouble: Trouble,
        of_use: bool,
        random: f64,
    ) -> Option<Duration> {
        if generation != self.generation || (self.connection.is_none() && self.connecting) {
            return None;
        }
        if !of_use {
            self.connection = None;
        }
        if self.connecting {
            self.last_failure = Some(trouble);
            return None;
        }
        self.failures = self.failures.saturating_add(1);
        self.connecting = true;
        // The first time the server may be well: who asks waits for the new connection.
        if self.failures == 1 {
            return Some(Duration::ZERO);
        }
        self.last_failure = Some(trouble);
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

    fn connected() -> (Lifecycle<&'static str>, Instant) {
        let (mut lifecycle, now) = (lifecycle(), Instant::now());
        assert_eq!(lifecycle.next_action(now), Action::Connect);
        lifecycle.on_connected("first");
        (lifecycle, now)
    }

    #[test]
    fn the_first_to_ask_makes_the_connection_and_all_wait_for_it() {
        let (mut lifecycle, now) = (lifecycle(), Instant::now());
        assert_eq!(lifecycle.next_action(now), Action::Connect);
        assert_eq!(lifecycle.next_action(now), Action::Wait);
        assert!(!lifecycle.is_settled());
        lifecycle.on_connected("first");
        assert!(lifecycle.is_settled());
        assert_eq!(lifecycle.next_action(now), Action::Use("first", 1));
    }

    #[test]
    fn once_no_connection_could_be_made_questions_fail_at_once() {
        let (mut lifecycle, now) = (lifecycle(), Instant::now());
        lifecycle.next_action(now);
        assert!(lifecycle.on_connect_failure(Trouble::Credentials, now, 0.0).is_some());
        assert_eq!(lifecycle.next_action(now), Action::Fail(Trouble::Credentials));
        lifecycle.on_connected("first");
        assert_eq!(lifecycle.next_action(now), Action::Use("first", 1));
    }

    #[test]
    fn pauses_grow_with_each_failure_up_to_a_limit_and_vary() {
        let (mut lifecycle, now) = (lifecycle(), Instant::now());
        lifecycle.next_action(now);
        let pauses: Vec<_> = (0..7).map(|_| lifecycle.on_connect_failure(Trouble::Closed, now, 1.0).unwrap()).collect();
        assert_eq!(pauses, [50, 100, 200, 400, 800, 800, 800].map(MS));
        assert_eq!(lifecycle.on_connect_failure(Trouble::Closed, now, 0.0), Some(MS(400)));
        let after_long =
            Lifecycle::<()> { failures: u32::MAX, last_asked: Some(now), ..Lifecycle::new(Backoff::default()) };
        assert_eq!({ after_long }.on_connect_failure(Trouble::Closed, now, 1.0), Some(MS(800)));
    }

    #[test]
    fn a_connection_that_breaks_is_replaced_at_once_and_the_next_question_waits_for_it() {
        let (mut lifecycle, now) = connected();
        lifecycle.on_answer(1);
        assert_eq!(lifecycle.on_failure(1, Trouble::Closed, false, 1.0), Some(Duration::ZERO));
        assert_eq!(lifecycle.next_action(now), Action::Wait);
        lifecycle.on_connected("second");
        assert_eq!(lifecycle.next_action(now), Action::Use("second", 2));
    }

    #[test]
    fn a_connection_that_breaks_again_without_a_good_answer_is_replaced_after_a_pause() {
        let (mut lifecycle, now) = connected();
        lifecycle.on_failure(1, Trouble::Slow, false, 1.0);
        lifecycle.on_connected("second");
        assert_eq!(lifecycle.on_failure(2, Trouble::Slow, false, 1.0), Some(MS(100)));
        assert_eq!(lifecycle.next_action(now), Action::Fail(Trouble::Slow));
        lifecycle.on_connected("third");
        lifecycle.on_answer(3);
        assert_eq!(lifecycle.on_failure(3, Trouble::Slow, false, 1.0), Some(Duration::ZERO));
    }

    #[test]
    fn word_of_an_old_connection_does_not_harm_the_new_one() {
        let (mut lifecycle, now) = connected();
        lifecycle.on_failure(1, Trouble::Slow, false, 1.0);
        lifecycle.on_connected("second");
        assert_eq!(lifecycle.on_failure(1, Trouble::Slow, false, 1.0), None);
        assert_eq!(lifecycle.next_action(now), Action::Use("second", 2));
    }

    #[test]
    fn many_questions_on_one_broken_connection_make_one_new_one() {
        let (mut lifecycle, _) = connected();
        assert!(lifecycle.on_failure(1, Trouble::Slow, false, 1.0).is_some());
        assert_eq!(lifecycle.on_failure(1, Trouble::Slow, false, 1.0), None);
        assert_eq!(lifecycle.failures, 1);
    }

    #[test]
    fn a_connection_that_is_of_some_use_is_kept_until_there_is_a_new_one() {
        let (mut lifecycle, now) = connected();
        assert_eq!(lifecycle.on_failure(1, Trouble::Slow, true, 1.0), Some(Duration::ZERO));
        assert_eq!(lifecycle.next_action(now), Action::Use("first", 1));
        assert!(lifecycle.on_connect_failure(Trouble::Slow, now, 1.0).is_some());
        assert_eq!(lifecycle.next_action(now), Action::Use("first", 1));
        assert_eq!(lifecycle.on_failure(1, Trouble::Slow, false, 1.0), None);
        assert_eq!(lifecycle.next_action(now), Action::Fail(Trouble::Slow));
    }

    #[test]
    fn nobody_connects_for_nobody_and_who_comes_back_begins_anew() {
        let (mut lifecycle, now) = (lifecycle(), Instant::now());
        lifecycle.next_action(now);
        let later = now + Backoff::default().interest;
        assert_eq!(lifecycle.on_connect_failure(Trouble::Closed, later, 1.0), None);
        assert_eq!(lifecycle.next_action(later), Action::Connect);
        assert_eq!(lifecycle.next_action(later), Action::Wait);
    }

    #[test]
    fn a_try_that_was_abandoned_is_begun_anew() {
        let (mut lifecycle, now) = (lifecycle(), Instant::now());
        lifecycle.next_action(now);
        lifecycle.on_abandoned();
        assert!(lifecycle.is_settled());
        assert_eq!(lifecycle.next_action(now), Action::Connect);
    }
}
