//! What an event is as text, and the latest of a sampler: each is written once, and read by all viewers.

use std::{collections::VecDeque, time::Duration};

use axon_metrics::Timestamp;
use axum::{body::Bytes, http::HeaderValue};
use chrono::{DateTime, SubsecRound as _, Utc};
use serde::Serialize;
use tokio::time::Instant;

use crate::{encoded::Encoded, observe::Ended, problem::Code};

/// An event as it is sent, and its name.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) name: &'static str,
    pub(super) text: Bytes,
}

/// What a sampler last said.
#[derive(Debug)]
pub(super) struct Latest {
    /// How many events there were.
    pub(super) count: u64,
    /// The `id` of the latest update. Kept apart from heartbeats, so that a slow viewer does not miss it.
    pub(super) update_id: u64,
    pub(super) update: Event,
    pub(super) heartbeat: Event,
    pub(super) end: Option<(Ended, Event)>,
    /// When the latest event was said.
    pub(super) said: Instant,
    /// The events before; only as long as a viewer may have left them waiting.
    history: VecDeque<Said>,
    horizon: Duration,
    etag: HeaderValue,
    timestamp: Timestamp,
    as_of: Option<Timestamp>,
    /// Why the latest load failed.
    failing: Option<Code>,
}

#[derive(Debug)]
struct Said {
    count: u64,
    /// The latest update's then.
    update_id: u64,
    at: Instant,
    /// Of an update: when its sampler had to ask, or when somebody else's answer brought it.
    due: Instant,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Heartbeat {
    timestamp: DateTime<Utc>,
    as_of: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Code>,
}

impl Latest {
    pub(super) fn new(answer: &Encoded, stall_limit: Duration) -> Self {
        let said = Instant::now();
        Self {
            count: 1,
            update_id: 1,
            update: update(1, &answer.body),
            heartbeat: heartbeat(answer.timestamp, answer.as_of, None),
            end: None,
            said,
            history: VecDeque::from([Said { count: 1, update_id: 1, at: said, due: said }]),
            horizon: stall_limit.saturating_mul(2),
            etag: answer.etag.clone(),
            timestamp: answer.timestamp,
            as_of: answer.as_of,
            failing: None,
        }
    }

    pub(super) fn does_well(&self) -> bool {
        self.failing.is_none() && self.end.is_none()
    }

    /// Takes in what the sampler's load brought, which was due then; whether that is an event: it says something else, or it
    /// is the first after a failure.
    pub(super) fn load(&mut self, answer: &Encoded, due: Instant) -> bool {
        let recovered = self.failing.take().is_some();
        let news = self.take(answer);
        if news && let Some(update) = self.history.back_mut() {
            update.due = due;
        }
        if recovered && !news && self.end.is_none() {
            self.beat(answer.timestamp);
            return true;
        }
        news
    }

    /// Takes in an answer, whoever asked for it; whether that is an event: it says something else.
    pub(super) fn take(&mut self, answer: &Encoded) -> bool {
        if answer.is_overtaken(self.timestamp) || self.end.is_some() {
            return false;
        }
        let news = self.etag != answer.etag;
        if news {
            self.etag = answer.etag.clone();
            self.update_id += 1;
            self.say();
        }
        if news || self.timestamp != answer.timestamp {
            // Under the same id if it says the same: for who comes now, and nobody is sent it again.
            self.update = update(self.update_id, &answer.body);
        }
        self.timestamp = answer.timestamp;
        self.as_of = answer.as_of;
        news
    }

    /// Takes in that a load failed; whether that is an event: it failed in another way than the load before.
    pub(super) fn fail(&mut self, code: Code, now: Timestamp) -> bool {
        let news = self.failing.replace(code) != Some(code);
        if news {
            self.beat(now);
        }
        news
    }

    /// Says that there is nothing new.
    pub(super) fn beat(&mut self, now: Timestamp) {
        let as_of = if self.failing.is_some() { None } else { self.as_of };
        self.heartbeat = heartbeat(now.trunc_subsecs(0), as_of, self.failing);
        self.say();
    }

    /// Says the last event.
    pub(super) fn end(&mut self, why: Ended) {
        self.end = Some((why, end(why)));
        self.say();
    }

    /// When the first event after the one of this count was said.
    pub(super) fn waiting_since(&self, seen: u64) -> Option<Instant> {
        self.history.iter().find(|said| said.count > seen).map(|said| said.at)
    }

    /// When the first update after the one of this id was due.
    pub(super) fn due_after(&self, update_id: u64) -> Option<Instant> {
        self.history.iter().find(|said| said.update_id > update_id).map(|said| said.due)
    }

    fn say(&mut self) {
        self.count += 1;
        self.said = Instant::now();
        let (count, update_id, at) = (self.count, self.update_id, self.said);
        self.history.push_back(Said { count, update_id, at, due: at });
        while self.history.front().is_some_and(|said| at - said.at > self.horizon) {
            self.history.pop_front();
        }
    }
}

/// The last event of a stream.
pub(super) fn end(why: Ended) -> Event {
    let text = format!("event: end\ndata: {{\"reason\":\"{}\"}}\n\n", why.reason());
    Event { name: "end", text: text.into() }
}

/// An answer is JSON on one line, which is what `data` takes.
fn update(id: u64, body: &Bytes) -> Event {
    let head = format!("event: update\nid: {id}\ndata: ");
    let mut text = Vec::with_capacity(head.len() + body.len() + 2);
    text.extend_from_slice(head.as_bytes());
    text.extend_from_slice(body);
    text.extend_from_slice(b"\n\n");
    Event { name: "update", text: text.into() }
}

fn heartbeat(timestamp: Timestamp, as_of: Option<Timestamp>, code: Option<Code>) -> Event {
    let data = serde_json::to_string(&Heartbeat { timestamp, as_of, code }).unwrap_or_default();
    Event { name: "heartbeat", text: format!("event: heartbeat\ndata: {data}\n\n").into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + chrono::TimeDelta::seconds(seconds)
    }

    fn latest() -> Latest {
        Latest::new(&Encoded::saying("this", at(100)), Duration::from_secs(15))
    }

    fn text(event: &Event) -> &str {
        std::str::from_utf8(&event.text).expect("UTF-8")
    }

    #[test]
    fn who_comes_later_gets_the_latest_answer_and_nobody_gets_it_again() {
        let mut latest = latest();
        assert!(!latest.load(&Encoded::saying("this", at(1_300)), Instant::now()));
        assert!(text(&latest.update).contains(&at(1_300).to_string()), "{latest:?}");
        assert_eq!((latest.update_id, latest.count), (1, 1));
        assert!(latest.load(&Encoded::saying("that", at(1_301)), Instant::now()));
        assert_eq!((latest.update_id, latest.count), (2, 2));
    }

    #[test]
    fn an_answer_that_was_overtaken_is_left_out_and_one_after_the_clock_was_set_back_is_not() {
        let mut latest = latest();
        assert!(!latest.load(&Encoded::saying("that", at(96)), Instant::now()));
        assert!(text(&latest.update).contains("this"), "{latest:?}");
        assert!(latest.load(&Encoded::saying("that", at(40)), Instant::now()));
        assert!(text(&latest.update).contains("that"), "{latest:?}");
    }

    #[test]
    fn of_updates_that_were_not_taken_the_first_is_the_one_that_is_late() {
        let mut latest = latest();
        let began = Instant::now();
        let due = |seconds| began + Duration::from_secs(seconds);
        assert_eq!(latest.due_after(1), None);
        assert!(latest.load(&Encoded::saying("that", at(101)), due(1)));
        latest.beat(at(102));
        assert!(latest.load(&Encoded::saying("these", at(103)), due(3)));
        assert_eq!([1, 2, 3].map(|id| latest.due_after(id)), [Some(due(1)), Some(due(3)), None]);
    }

    #[test]
    fn a_failure_is_over_when_the_sampler_says_so() {
        let mut latest = latest();
        assert!(latest.fail(Code::Unavailable, at(101)));
        assert!(!latest.take(&Encoded::saying("this", at(100))), "a new viewer brings what was kept");
        assert!(!latest.does_well() && text(&latest.heartbeat).contains("unavailable"));
        assert!(latest.load(&Encoded::saying("this", at(102)), Instant::now()));
        assert!(latest.does_well() && !text(&latest.heartbeat).contains("unavailable"));
    }
}
