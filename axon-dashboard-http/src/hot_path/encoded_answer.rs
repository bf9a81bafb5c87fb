//! The encoded answer: its bytes, its tag, and how long it may be sent again.

use axon_metrics::{TimedAnswer, Timestamp, keep::Expiry};
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
    /// How far the widget that is furthest behind is complete.
    pub(crate) as_of: Option<Timestamp>,
    pub(crate) fresh_until: Timestamp,
    pub(crate) usable_until: Timestamp,
}

impl EncodedAnswer {
    pub(super) fn new(timed: TimedAnswer) -> Result<Self, Problem> {
        // Without the spare capacity of the buffer it was written to.
        let body = Bytes::from(timed.to_json().map_err(|error| reply::not_written(&error))?.into_boxed_slice());
        let content = timed.content().map_err(|error| reply::not_written(&error))?;
        let TimedAnswer { answer, fresh_until, usable_until, .. } = timed;
        let source_times = headers::source_times(&answer.sources);
        let as_of = answer.widgets.values().filter_map(|state| state.as_of).min();
        let (timestamp, etag) = (answer.timestamp, etag::of(&answer, &content)?);
        Ok(Self {
            headers: answer_headers::of(&etag, body.len()),
            body,
            etag,
            source_times,
            timestamp,
            as_of,
            fresh_until,
            usable_until,
        })
    }

    /// When it is sent from the cache; never, if it is no longer usable when its load ends.
    pub(crate) fn expiry(&self, now: Timestamp) -> Expiry<Timestamp> {
        if self.usable_until <= now {
            return Expiry::new(now, now, now);
        }
        // Not before it was made, but for a little: otherwise it would be usable for longer after the clock was set back.
        Expiry::new(self.timestamp - MAX_LEAD, self.fresh_until, self.usable_until)
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
        let Expiry { fresh, usable, .. } = answer.expiry(made);
        assert!(fresh.contains(&(made - second * 2)) && usable.contains(&(made - second * 2)));
        assert!(!fresh.contains(&(made - second * 3)) && !usable.contains(&(made - second * 3)));
        assert!(!fresh.contains(&(made + second)) && usable.contains(&(made + second)));
        assert!(answer.expiry(made + second * 2).usable.is_empty(), "its load took longer than it lasts");
    }
}
