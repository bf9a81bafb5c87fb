//! The encoded answer: its bytes, its tag, and how long it may be sent again. Lives here: making one. Lives elsewhere: what
//! the tag is made of (`encoded/etag`), keeping them (`encoded/kept`), URLs asked before (`encoded/texts`).

use axon_metrics::{Instant, TimedAnswer};
use axum::{body::Bytes, http::HeaderValue};
use chrono::TimeDelta;

use crate::{problem::Problem, reply};

mod etag;
mod kept;
mod texts;
pub(crate) use etag::is_known;
pub(crate) use kept::{Found, KeptAnswers, Way};
pub(crate) use texts::Texts;

/// How far an answer may be ahead of who is given it: made for somebody who asked a moment later.
const AHEAD: TimeDelta = TimeDelta::seconds(2);
/// Answers that overtake one another are less than this apart; more apart, the clock was set back in between.
const SET_BACK: TimeDelta = TimeDelta::seconds(5);

/// An answer as it is sent.
#[derive(Debug)]
pub(crate) struct Encoded {
    /// JSON on one line.
    pub(crate) body: Bytes,
    /// Weak: answers of one tag say the same, but their clocks differ.
    pub(crate) etag: HeaderValue,
    /// How long each source took, as `Server-Timing` has it.
    pub(crate) source_times: Option<HeaderValue>,
    /// The instant it was made for.
    pub(crate) timestamp: Instant,
    /// How far the widget that is furthest behind is complete.
    pub(crate) as_of: Option<Instant>,
    pub(crate) fresh_until: Instant,
    pub(crate) usable_until: Instant,
}

impl Encoded {
    fn new(timed: &TimedAnswer) -> Result<Self, Problem> {
        let answer = &timed.answer;
        Ok(Self {
            body: reply::encode(answer)?.into(),
            etag: etag::of(answer)?,
            source_times: reply::source_times(&answer.sources),
            timestamp: answer.timestamp,
            as_of: answer.widgets.values().filter_map(|state| state.as_of).min(),
            fresh_until: timed.fresh_until,
            usable_until: timed.usable_until,
        })
    }

    /// Whether it is as good as a new one.
    pub(crate) fn is_fresh(&self, now: Instant) -> bool {
        now < self.fresh_until && self.has_come(now)
    }

    /// Whether it may be sent.
    pub(crate) fn is_usable(&self, now: Instant) -> bool {
        now < self.usable_until && self.has_come(now)
    }

    /// A clock that is set back does not make what is kept last longer by as much.
    fn has_come(&self, now: Instant) -> bool {
        self.timestamp <= now + AHEAD
    }

    /// Whether an answer of `latest` has overtaken it, so that it must not follow that one.
    pub(crate) fn is_overtaken(&self, latest: Instant) -> bool {
        self.timestamp < latest && latest - self.timestamp < SET_BACK
    }
}

#[cfg(test)]
impl Encoded {
    /// One of this instant that says this.
    pub(crate) fn saying(what: &str, timestamp: Instant) -> Self {
        Self {
            body: format!("{what} at {timestamp}").into(),
            etag: HeaderValue::try_from(what).expect("a tag"),
            source_times: None,
            timestamp,
            as_of: Some(timestamp),
            fresh_until: timestamp + TimeDelta::seconds(1),
            usable_until: timestamp + TimeDelta::seconds(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_a_time_to_come_is_not_sent() {
        let made = Instant::UNIX_EPOCH;
        let (answer, second) = (Encoded::saying("this", made), TimeDelta::seconds(1));
        assert!(answer.is_fresh(made - second * 2) && answer.is_usable(made - second * 2));
        assert!(!answer.is_fresh(made - second * 3) && !answer.is_usable(made - second * 3));
        assert!(!answer.is_fresh(made + second) && answer.is_usable(made + second));
    }
}
