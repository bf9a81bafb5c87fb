//! The encoded answer: its bytes, its tag, and how long it may be sent again.

use axon_metrics::{TimedAnswer, Timestamp};
use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderValue},
};
use chrono::TimeDelta;

use super::{answer_headers, etag};
use crate::{headers, problem::Problem, reply};

/// The longest time by which an answer may be later than the request it is sent to: a concurrent caller with a slightly later
/// instant may have started the load that both share.
const MAX_LEAD: TimeDelta = TimeDelta::seconds(2);
/// The longest time between two answers of which the older one finished last. A larger gap means that the clock was set back.
const MAX_OVERTAKE: TimeDelta = TimeDelta::seconds(5);

/// An answer as it is sent.
#[derive(Debug)]
pub(crate) struct EncodedAnswer {
    /// JSON on one line.
    pub(crate) body: Bytes,
    /// Weak: two answers with one tag have the same content, but their clocks differ.
    pub(crate) etag: HeaderValue,
    /// The headers of a cache hit.
    pub(crate) headers: HeaderMap,
    /// How long each source took, as `Server-Timing` has it.
    pub(crate) source_times: Option<HeaderValue>,
    /// The instant it was made for.
    pub(crate) timestamp: Timestamp,
    /// Not sent before this instant. Otherwise an answer would stay usable for longer after the clock was set back.
    usable_from: Timestamp,
    /// How far the widget that is furthest behind is complete.
    pub(crate) as_of: Option<Timestamp>,
    pub(crate) fresh_until: Timestamp,
    pub(crate) usable_until: Timestamp,
}

impl EncodedAnswer {
    pub(super) fn new(timed: TimedAnswer) -> Result<Self, Problem> {
        let TimedAnswer { answer, fresh_until, usable_until, .. } = timed;
        // Without the spare capacity of the buffer it was written to.
        let body = Bytes::from(reply::encode(&answer)?.into_boxed_slice());
        let source_times = headers::source_times(&answer.sources);
        let as_of = answer.widgets.values().filter_map(|state| state.as_of).min();
        let (timestamp, etag) = (answer.timestamp, etag::of(answer)?);
        Ok(Self {
            headers: answer_headers::of(&etag, body.len()),
            body,
            etag,
            source_times,
            timestamp,
            usable_from: timestamp - MAX_LEAD,
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
        self.timestamp < latest && latest - self.timestamp < MAX_OVERTAKE
    }
}

#[cfg(test)]
impl EncodedAnswer {
    /// An answer of this instant with this content.
    pub(crate) fn with_content(what: &str, timestamp: Timestamp) -> Self {
        Self {
            body: format!("{what} at {timestamp}").into(),
            etag: HeaderValue::try_from(what).expect("a tag"),
            headers: HeaderMap::new(),
            source_times: None,
            timestamp,
            usable_from: timestamp - MAX_LEAD,
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
    fn an_answer_of_a_later_instant_is_not_sent() {
        let made = Timestamp::UNIX_EPOCH;
        let (answer, second) = (EncodedAnswer::with_content("this", made), TimeDelta::seconds(1));
        assert!(answer.is_fresh(made - second * 2) && answer.is_usable(made - second * 2));
        assert!(!answer.is_fresh(made - second * 3) && !answer.is_usable(made - second * 3));
        assert!(!answer.is_fresh(made + second) && answer.is_usable(made + second));
    }
}
