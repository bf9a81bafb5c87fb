//! The encoded answer: its bytes, its tag, and from when until when it may be sent.

use axon_metrics::{TimedAnswer, Timestamp, keep::Expiry};
use axum::{body::Bytes, http::HeaderValue};
use chrono::TimeDelta;

use super::{answer_headers, encoded_body::EncodedBody, etag};
use crate::{headers, problem::Problem, reply};

/// By how much an answer may be newer than the request it is sent to, at most. Concurrent requests share one load, and the
/// request that started the load may have a slightly later instant.
const MAX_LEAD: TimeDelta = TimeDelta::seconds(2);
/// By how much an answer may be older than one whose load finished before its own, at most. A larger difference means that the
/// clock was set back.
const MAX_OVERTAKE: TimeDelta = TimeDelta::seconds(5);

/// An answer as it is sent.
#[derive(Debug)]
pub(crate) struct EncodedAnswer {
    /// JSON on one line, with the headers of a cache hit. Two answers with one tag have the same content, but their clocks
    /// differ.
    pub(crate) encoded: EncodedBody,
    /// How long each source took, as `Server-Timing` has it.
    pub(crate) source_times: Option<HeaderValue>,
    /// The instant the answer was computed for.
    pub(crate) timestamp: Timestamp,
    /// The earliest `asOf` of the widgets; `None` if no widget has one.
    pub(crate) as_of: Option<Timestamp>,
    pub(crate) fresh_until: Timestamp,
    pub(crate) usable_until: Timestamp,
}

impl EncodedAnswer {
    /// `compress`: whether callers may get it compressed.
    pub(super) fn new(timed: TimedAnswer, compress: bool) -> Result<Self, Problem> {
        // Boxed, to free the spare capacity of the buffer.
        let body = Bytes::from(timed.to_json().map_err(|error| reply::not_written(&error))?.into_boxed_slice());
        let content = timed.content().map_err(|error| reply::not_written(&error))?;
        let TimedAnswer { answer, fresh_until, usable_until, .. } = timed;
        let source_times = headers::source_times(&answer.sources);
        let as_of = answer.widgets.values().filter_map(|state| state.as_of).min();
        let (timestamp, etag) = (answer.timestamp, etag::of(&answer, &content)?);
        Ok(Self {
            encoded: EncodedBody::new(body, etag, answer_headers::headers(), compress),
            source_times,
            timestamp,
            as_of,
            fresh_until,
            usable_until,
        })
    }

    /// When the cache sends it: never, if it was not usable even when its load began, at `now`.
    pub(crate) fn expiry(&self, now: Timestamp) -> Expiry<Timestamp> {
        if self.usable_until <= now {
            return Expiry::new(now, now, now);
        }
        // Without the first bound, setting the clock back would extend its time to live.
        Expiry::new(self.timestamp - MAX_LEAD, self.fresh_until, self.usable_until)
    }

    /// Whether an answer of the instant `latest` is newer, so that this one must not replace it.
    pub(crate) fn is_overtaken(&self, latest: Timestamp) -> bool {
        self.timestamp < latest && latest - self.timestamp < MAX_OVERTAKE
    }
}

#[cfg(test)]
impl EncodedAnswer {
    /// An answer of this instant with this content.
    pub(crate) fn with_content(what: &str, timestamp: Timestamp) -> Self {
        let (body, etag) = (format!("{what} at {timestamp}"), HeaderValue::try_from(what).expect("a tag"));
        Self {
            encoded: EncodedBody::new(body.into(), etag, answer_headers::headers(), true),
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
    fn an_answer_of_a_later_instant_is_not_sent() {
        let instant = Timestamp::UNIX_EPOCH;
        let (answer, second) = (EncodedAnswer::with_content("this", instant), TimeDelta::seconds(1));
        let Expiry { fresh, usable, .. } = answer.expiry(instant);
        assert!(fresh.contains(&(instant - second * 2)) && usable.contains(&(instant - second * 2)));
        assert!(!fresh.contains(&(instant - second * 3)) && !usable.contains(&(instant - second * 3)));
        assert!(!fresh.contains(&(instant + second)) && usable.contains(&(instant + second)));
        assert!(answer.expiry(instant + second * 2).usable.is_empty(), "not usable when its load began");
    }
}
