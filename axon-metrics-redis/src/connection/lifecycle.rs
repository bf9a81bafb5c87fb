//! When to connect, when to wait for a connection and when to fail at once. Pure: time is passed in, connections are of any
//! kind.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::Trouble;

/// How fast a connection is tried again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// The longest pause after the first failure; doubled with each that follows.
    pub(crate) first_pause: Duration,
    /// The longest pause there is.
    pub(crate) longest_pause: Duration,
    /// When nobody has asked for so long, no more connections are tried until somebody does.
    pub(crate) interest: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first_pause: Duration::from_millis(50),
            // With the time to connect this is under the two seconds in which all is to be well again.
            longest_pause: Duration::from_millis(800),
            interest: Duration::from_secs(30),
        }
    }
}

impl Pace {
    /// The pause after so many failures in a row, between half of the longest it may be and all of it, by a random number in
    /// `0.0..1.0`: services that lost the same server do not all come back at once.
    fn pause(&self, failures: u32, random: f64) -> Duration {
        let doubled = self.first_pause.saturating_mul(1 << failures.saturating_sub(1).min(16));
        doubled.min(self.longest_pause).mul_f64(0.5 + random / 2.0)
    }
}

/// What somebody who asks is to do.
#[derive(Debug, PartialEq)]
pub(crate) enum Next<C> {
    /// Use this connection, and say of which generation it was.
    Use(C, u64),
    /// Make a connection in the background, and wait for it.
    Connect,
    /// Wait for the connection that is being made.
    Wait,
    /// It is known to be out of order.
    Fail(Trouble),
}

/// How it stands with the connection.
#[derive(Debug)]
pub(crate) struct Standing<C> {
    pace: Pace,
    connection: Option<C>,
    /// Counts connections, so that word of an old one does not harm a new one.
    generation: u64,
    /// Whether a connection is being made.
    connecting: bool,
    /// Failures since the last good answer. A connection alone is no success: one that breaks with each question must not be
    /// made anew without a pause.
    failures: u32,
    /// Why it last failed, once there is no sense in waiting.
    hopeless: Option<Trouble>,
    last_asked: Option<Instant>,
}

impl<C: Clone> Standing<C> {
    pub(crate) fn new(pace: Pace) -> Self {
        Self { pace, connection: None, generation: 0, connecting: false, failures: 0, hopeless: None, last_asked: None }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.connection.is_some()
    }

    /// What somebody who asks now is to do.
    pub(crate) fn next(&mut self, now: Instant) -> Next<C> {
        self.last_asked = Some(now);
        match (&self.connection, &self.hopeless) {
            (Some(connection), _) => Next::Use(connection.clone(), self.generation),
            (None, Some(trouble)) if self.connecting => Next::Fail(trouble.clone()),
            (None, None) if self.connecting => Next::Wait,
            (None, _) => {
                self.connecting = true;
                self.hopeless = None;
                Next::Connect
            }
        }
    }

    /// Whether somebody who waits can stop doing so.
    pub(crate) fn is_settled(&self) -> bool {
        self.connection.is_some() || self.hopeless.is_some() || !self.connecting
    }

    /// A connection was made. Says after how many failures.
    pub(crate) fn connected(&mut self, connection: C) -> u32 {
        self.connection = Some(connection);
        self.generation += 1;
        self.connecting = false;
        self.hopeless = None;
        self.failures
    }

    /// No connection could be made. Says how long to pause before the next try; `None` if nobody is interested.
    pub(crate) fn refused(&mut self, trouble: Trouble, now: Instant, random: f64) -> Option<Duration> {
        self.failures = self.failures.saturating_add(1);
        self.hopeless = Some(trouble);
        let interested = self.last_asked.is_some_and(|asked| now.duration_since(asked) < self.pace.interest);
        if !interested {
            self.given_up();
        }
        interested.then(|| self.pace.pause(self.failures, random))
    }

    /// Nobody tries to connect any more; who asks next begins anew, and waits.
    pub(crate) fn given_up(&mut self) {
        self.connecting = false;
        if self.connection.is_none() {
            self.hopeless = None;
        }
    }

    /// The connection of a generation gave a good answer.
    pub(crate) fn answered(&mut self, generation: u64) {
        if generation == self.generation {
            self.failures = 0;
        }
    }

    /// The connection of a generation is in doubt. Says after which pause a new one is to be made; `None` if that is under way
    /// or done. While some of it is of use it is kept until there is a new one.
    pub(crate) fn doubted(&mut self, generation: u64, trouble: Trouble, of_use: bool, random: f64) -> Option<Duration> {
        if generation != self.generation || (self.connection.is_none() && self.connecting) {
            return None;
        }
        if !of_use {
            self.connection = None;
        }
        if self.connecting {
            self.hopeless = Some(trouble);
            return None;
        }
        self.failures = self.failures.saturating_add(1);
        self.connecting = true;
        // The first time the server may be well: who asks waits for the new connection.
        if self.failures == 1 {
            return Some(Duration::ZERO);
        }
        self.hopeless = Some(trouble);
        Some(self.pace.pause(self.failures, random))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn standing() -> Standing<&'static str> {
        Standing::new(Pace::default())
    }

    fn connected() -> (Standing<&'static str>, Instant) {
        let (mut standing, now) = (standing(), Instant::now());
        assert_eq!(standing.next(now), Next::Connect);
        standing.connected("first");
        (standing, now)
    }

    #[test]
    fn the_first_to_ask_makes_the_connection_and_all_wait_for_it() {
        let (mut standing, now) = (standing(), Instant::now());
        assert_eq!(standing.next(now), Next::Connect);
        assert_eq!(standing.next(now), Next::Wait);
        assert!(!standing.is_settled());
        standing.connected("first");
        assert!(standing.is_settled());
        assert_eq!(standing.next(now), Next::Use("first", 1));
    }

    #[test]
    fn once_no_connection_could_be_made_questions_fail_at_once() {
        let (mut standing, now) = (standing(), Instant::now());
        standing.next(now);
        assert!(standing.refused(Trouble::Credentials, now, 0.0).is_some());
        assert_eq!(standing.next(now), Next::Fail(Trouble::Credentials));
        standing.connected("first");
        assert_eq!(standing.next(now), Next::Use("first", 1));
    }

    #[test]
    fn pauses_grow_with_each_failure_up_to_a_limit_and_vary() {
        let (mut standing, now) = (standing(), Instant::now());
        standing.next(now);
        let pauses: Vec<_> = (0..7).map(|_| standing.refused(Trouble::Closed, now, 1.0).unwrap()).collect();
        assert_eq!(pauses, [50, 100, 200, 400, 800, 800, 800].map(MS));
        assert_eq!(standing.refused(Trouble::Closed, now, 0.0), Some(MS(400)));
        let after_long = Standing::<()> { failures: u32::MAX, last_asked: Some(now), ..Standing::new(Pace::default()) };
        assert_eq!({ after_long }.refused(Trouble::Closed, now, 1.0), Some(MS(800)));
    }

    #[test]
    fn a_connection_that_breaks_is_replaced_at_once_and_the_next_question_waits_for_it() {
        let (mut standing, now) = connected();
        standing.answered(1);
        assert_eq!(standing.doubted(1, Trouble::Closed, false, 1.0), Some(Duration::ZERO));
        assert_eq!(standing.next(now), Next::Wait);
        standing.connected("second");
        assert_eq!(standing.next(now), Next::Use("second", 2));
    }

    #[test]
    fn a_connection_that_breaks_again_without_a_good_answer_is_replaced_after_a_pause() {
        let (mut standing, now) = connected();
        standing.doubted(1, Trouble::Slow, false, 1.0);
        standing.connected("second");
        assert_eq!(standing.doubted(2, Trouble::Slow, false, 1.0), Some(MS(100)));
        assert_eq!(standing.next(now), Next::Fail(Trouble::Slow));
        standing.connected("third");
        standing.answered(3);
        assert_eq!(standing.doubted(3, Trouble::Slow, false, 1.0), Some(Duration::ZERO));
    }

    #[test]
    fn word_of_an_old_connection_does_not_harm_the_new_one() {
        let (mut standing, now) = connected();
        standing.doubted(1, Trouble::Slow, false, 1.0);
        standing.connected("second");
        assert_eq!(standing.doubted(1, Trouble::Slow, false, 1.0), None);
        assert_eq!(standing.next(now), Next::Use("second", 2));
    }

    #[test]
    fn many_questions_on_one_broken_connection_make_one_new_one() {
        let (mut standing, _) = connected();
        assert!(standing.doubted(1, Trouble::Slow, false, 1.0).is_some());
        assert_eq!(standing.doubted(1, Trouble::Slow, false, 1.0), None);
        assert_eq!(standing.failures, 1);
    }

    #[test]
    fn a_connection_that_is_of_some_use_is_kept_until_there_is_a_new_one() {
        let (mut standing, now) = connected();
        assert_eq!(standing.doubted(1, Trouble::Slow, true, 1.0), Some(Duration::ZERO));
        assert_eq!(standing.next(now), Next::Use("first", 1));
        assert!(standing.refused(Trouble::Slow, now, 1.0).is_some());
        assert_eq!(standing.next(now), Next::Use("first", 1));
        assert_eq!(standing.doubted(1, Trouble::Slow, false, 1.0), None);
        assert_eq!(standing.next(now), Next::Fail(Trouble::Slow));
    }

    #[test]
    fn nobody_connects_for_nobody_and_who_comes_back_begins_anew() {
        let (mut standing, now) = (standing(), Instant::now());
        standing.next(now);
        let later = now + Pace::default().interest;
        assert_eq!(standing.refused(Trouble::Closed, later, 1.0), None);
        assert_eq!(standing.next(later), Next::Connect);
        assert_eq!(standing.next(later), Next::Wait);
    }

    #[test]
    fn a_try_that_was_abandoned_is_begun_anew() {
        let (mut standing, now) = (standing(), Instant::now());
        standing.next(now);
        standing.given_up();
        assert!(standing.is_settled());
        assert_eq!(standing.next(now), Next::Connect);
    }
}
