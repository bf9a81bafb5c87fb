//! The encoded answer: its bytes, its tag, and how long it may be sent again. Lives here: making one. Lives elsewhere: what
//! the tag is made of (`encoded/etag`), keeping them (`encoded/kept`), URLs asked before (`encoded/texts`).

use axon_metrics::{Instant, TimedAnswer};
use axum::{body::Bytes, http::HeaderValue};

use crate::{problem::Problem, reply};

mod etag;
mod kept;
mod texts;
pub(crate) use etag::is_known;
pub(crate) use kept::{Found, KeptAnswers, Way};
pub(crate) use texts::Texts;

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
    usable_until: Instant,
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
}
