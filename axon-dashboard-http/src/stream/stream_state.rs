//! The state of a stream: the latest events of its sampler, which all its viewers watch.

use std::{collections::VecDeque, time::Duration};

use axon_metrics::Timestamp;
use axum::http::HeaderValue;
use chrono::SubsecRound as _;
use tokio::time::Instant;

use super::event::{self, Event};
use crate::{hot_path::EncodedAnswer, observe::EndReason, problem::Code};

/// The latest events of a sampler.
#[derive(Debug)]
pub(super) struct StreamState {
    /// The number of events so far.
    pub(super) count: u64,
    /// The `id` of the latest update. Separate from heartbeats, so that a slow viewer does not miss an update.
    pub(super) update_id: u64,
    pub(super) update: Event,
    pub(super) heartbeat: Event,
    pub(super) end: Option<(EndReason, Event)>,
    /// When the latest event was recorded.
    pub(super) latest_at: Instant,
    /// The events of the last `horizon`, which is twice as long as a viewer may leave an event unread.
    history: VecDeque<EventRecord>,
    horizon: Duration,
    etag: HeaderValue,
    timestamp: Timestamp,
    as_of: Option<Timestamp>,
    /// Why the latest load failed.
    failing: Option<Code>,
}

#[derive(Debug)]
struct EventRecord {
    count: u64,
    /// The `id` of the latest update at that time.
    update_id: u64,
    at: Instant,
    /// Of an update: when the sampler's load was due, or when the answer of another caller brought it.
    due: Instant,
}

impl StreamState {
    pub(super) fn new(answer: &EncodedAnswer, stall_limit: Duration) -> Self {
        let now = Instant::now();
        Self {
            count: 1,
            update_id: 1,
            update: event::update(1, &answer.encoded.plain().body),
            heartbeat: event::heartbeat(answer.timestamp, answer.as_of, None),
            end: None,
            latest_at: now,
            history: VecDeque::from([EventRecord { count: 1, update_id: 1, at: now, due: now }]),
            horizon: stall_limit.saturating_mul(2),
            etag: answer.encoded.etag.clone(),
            timestamp: answer.timestamp,
            as_of: answer.as_of,
            failing: None,
        }
    }

    pub(super) fn is_healthy(&self) -> bool {
        self.failing.is_none() && self.end.is_none()
    }

    /// Applies the answer of the sampler's load, which was due at `due`. Returns whether that is an event: its tag is new, or it is
    /// the first answer after a failure.
    pub(super) fn load(&mut self, answer: &EncodedAnswer, due: Instant) -> bool {
        let recovered = self.failing.take().is_some();
        let is_event = self.take(answer);
        if is_event && let Some(update) = self.history.back_mut() {
            update.due = due;
        }
        if recovered && !is_event && self.end.is_none() {
            self.beat(answer.timestamp);
            return true;
        }
        is_event
    }

    /// Applies an answer of the sampler or of any other request. Returns whether it is an event: its tag is new.
    pub(super) fn take(&mut self, answer: &EncodedAnswer) -> bool {
        if answer.is_overtaken(self.timestamp) || self.end.is_some() {
            return false;
        }
        let is_event = self.etag != answer.encoded.etag;
        if is_event {
            self.etag = answer.encoded.etag.clone();
            self.update_id += 1;
            self.record();
        }
        if is_event || self.timestamp != answer.timestamp {
            // An answer with the same tag keeps the id: new viewers get it, and no viewer gets it twice.
            self.update = event::update(self.update_id, &answer.encoded.plain().body);
        }
        self.timestamp = answer.timestamp;
        self.as_of = answer.as_of;
        is_event
    }

    /// Applies a failed load. Returns whether that is an event: the load before did not fail, or with another code.
    pub(super) fn fail(&mut self, code: Code, now: Timestamp) -> bool {
        let is_event = self.failing.replace(code) != Some(code);
        if is_event {
            self.beat(now);
        }
        is_event
    }

    /// Records a heartbeat.
    pub(super) fn beat(&mut self, now: Timestamp) {
        let as_of = if self.failing.is_some() { None } else { self.as_of };
        self.heartbeat = event::heartbeat(now.trunc_subsecs(0), as_of, self.failing);
        self.record();
    }

    /// Records the last event.
    pub(super) fn end(&mut self, why: EndReason) {
        self.end = Some((why, event::end(why)));
        self.record();
    }

    /// When the first event after the one with this count was recorded.
    pub(super) fn waiting_since(&self, count: u64) -> Option<Instant> {
        self.history.iter().find(|record| record.count > count).map(|record| record.at)
    }

    /// When the first update after the one with this id was due.
    pub(super) fn due_after(&self, update_id: u64) -> Option<Instant> {
        self.history.iter().find(|record| record.update_id > update_id).map(|record| record.due)
    }

    fn record(&mut self) {
        self.count += 1;
        self.latest_at = Instant::now();
        let (count, update_id, at) = (self.count, self.update_id, self.latest_at);
        self.history.push_back(EventRecord { count, update_id, at, due: at });
        while self.history.front().is_some_and(|record| at - record.at > self.horizon) {
            self.history.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + chrono::TimeDelta::seconds(seconds)
    }

    fn state() -> StreamState {
        StreamState::new(&EncodedAnswer::with_content("this", at(100)), Duration::from_secs(15))
    }

    fn text(event: &Event) -> &str {
        std::str::from_utf8(&event.text).expect("UTF-8")
    }

    #[test]
    fn a_new_viewer_gets_the_latest_answer_and_nobody_gets_it_twice() {
        let mut state = state();
        assert!(!state.load(&EncodedAnswer::with_content("this", at(1_300)), Instant::now()));
        assert!(text(&state.update).contains(&at(1_300).to_string()), "{state:?}");
        assert_eq!((state.update_id, state.count), (1, 1));
        assert!(state.load(&EncodedAnswer::with_content("that", at(1_301)), Instant::now()));
        assert_eq!((state.update_id, state.count), (2, 2));
    }

    #[test]
    fn an_overtaken_answer_is_dropped_unless_the_clock_was_set_back() {
        let mut state = state();
        assert!(!state.load(&EncodedAnswer::with_content("that", at(96)), Instant::now()));
        assert!(text(&state.update).contains("this"), "{state:?}");
        assert!(state.load(&EncodedAnswer::with_content("that", at(40)), Instant::now()));
        assert!(text(&state.update).contains("that"), "{state:?}");
    }

    #[test]
    fn an_update_is_due_since_the_first_one_that_was_not_sent() {
        let mut state = state();
        let began = Instant::now();
        let due = |seconds| began + Duration::from_secs(seconds);
        assert_eq!(state.due_after(1), None);
        assert!(state.load(&EncodedAnswer::with_content("that", at(101)), due(1)));
        state.beat(at(102));
        assert!(state.load(&EncodedAnswer::with_content("these", at(103)), due(3)));
        assert_eq!([1, 2, 3].map(|id| state.due_after(id)), [Some(due(1)), Some(due(3)), None]);
    }

    #[test]
    fn only_a_load_of_the_sampler_ends_a_failure() {
        let mut state = state();
        assert!(state.fail(Code::Unavailable, at(101)));
        assert!(!state.take(&EncodedAnswer::with_content("this", at(100))), "a new viewer brings a cached answer");
        assert!(!state.is_healthy() && text(&state.heartbeat).contains("unavailable"));
        assert!(state.load(&EncodedAnswer::with_content("this", at(102)), Instant::now()));
        assert!(state.is_healthy() && !text(&state.heartbeat).contains("unavailable"));
    }
}
