//! The encoded answer: its bytes, its tag, and how long it may be sent again. Lives here: making one. Lives elsewhere: what
//! the tag is made of (`encoded/etag`), its headers (`encoded/head`), keeping them (`encoded/kept`), URLs asked before
//! (`encoded/texts`).

use axon_metrics::{TimedAnswer, Timestamp};
use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderValue},
};
use chrono::TimeDelta;

use crate::{headers, problem::Problem, reply};

mod etag;
mod head;
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
    /// The headers it is sent again with.
    pub(crate) head: HeaderMap,
    /// How long each source took, as `Server-Timing` has it.
    pub(crate) source_times: Option<HeaderValue>,
    /// The instant it was made for.
    pub(crate) timestamp: Timestamp,
    /// From then on it may be sent: a clock that is set back does not make what is kept last longer by as much.
    usable_from: Timestamp,
    /// How far the widget that is furthest behind is complete.
    pub(crate) as_of: Option<Timestamp>,
    pub(crate) fresh_until: Timestamp,
    pub(crate) usable_until: Timestamp,
}

impl Encoded {
    fn new(timed: TimedAnswer) -> Result<Self, Problem> {
        let TimedAnswer { answer, fresh_until, usable_until, .. } = timed;
        // Without the room that it was written in.
        let body = Bytes::from(reply::encode(&answer)?.into_boxed_slice());
        let source_times = headers::source_times(&answer.sources);
        let as_of = answer.widgets.values().filter_map(|state| state.as_of).min();
        let (timestamp, etag) = (answer.timestamp, etag::of(answer)?);
        Ok(Self {
            head: head::of(&etag, body.len()),
            body,
            etag,
            source_times,
            timestamp,
            usable_from: timestamp - AHEAD,
            as_of,
            fresh_until,
            usable_until,
        })
    }

    /// Whether it is as good as a new one.
    pub(crate) fn is_fresh(&self, now: Timestamp) -> bool {
        (self.usable_from..self.fresh_until).contains(&now)
    }

    /// Whether it may be sent.
    pub(crate) fn is_usable(&self, now: Timestamp) -> bool {
        (self.usable_from..self.usable_until).contains(&now)
    }

    /// Whether an answer of `latest` has overtaken it, so that it must not follow that one.
    pub(crate) fn is_overtaken(&self, latest: Timestamp) -> bool {
        self.timestamp < latest && latest - self.timestamp < SET_BACK
    }
}

#[cfg(test)]
impl Encoded {
    /// One of this instant that says this.
    pub(crate) fn saying(what: &str, timestamp: Timestamp) -> Self {
        Self {
            body: format!("{what} at {timestamp}").into(),
            etag: HeaderValue::try_from(what).expect("a tag"),
            head: HeaderMap::new(),
            source_times: None,
            timestamp,
            usable_from: timestamp - AHEAD,
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
        let made = Timestamp::UNIX_EPOCH;
        let (answer, second) = (Encoded::saying("this", made), TimeDelta::seconds(1));
        assert!(answer.is_fresh(made - second * 2) && answer.is_usable(made - second * 2));
        assert!(!answer.is_fresh(made - second * 3) && !answer.is_usable(made - second * 3));
        assert!(!answer.is_fresh(made + second) && answer.is_usable(made + second));
    }
}
