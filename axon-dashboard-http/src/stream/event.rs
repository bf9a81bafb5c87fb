//! What an event is as text, and the latest of a sampler: each is written once, and read by all viewers.

use std::{collections::VecDeque, time::Duration};

use axon_metrics::Instant;
use axum::{body::Bytes, http::HeaderValue};
use chrono::{DateTime, SubsecRound as _, Utc};
use serde::Serialize;
use tokio::time::Instant as Monotonic;

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
    pub(super) said: Monotonic,
    /// When the events before were said, by their count; only as long as a viewer may have left them waiting.
    history: VecDeque<(u64, Monotonic)>,
    horizon: Duration,
    etag: HeaderValue,
    timestamp: Instant,
    as_of: Option<Instant>,
    /// Why the latest load failed.
    failing: Option<Code>,
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
        let said = Monotonic::now();
        Self {
            count: 1,
            update_id: 1,
            update: update(1, &answer.body),
            heartbeat: heartbeat(answer.timestamp, answer.as_of, None),
            end: None,
            said,
            history: VecDeque::from([(1, said)]),
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

    /// Takes in an answer; whether that is an event: it says something else, or it is the first after a failure.
    pub(super) fn take(&mut self, answer: &Encoded) -> bool {
        if answer.timestamp < self.timestamp || self.end.is_some() {
            return false;
        }
        let recovered = self.failing.take().is_some();
        self.timestamp = answer.timestamp;
        self.as_of = answer.as_of;
        if self.etag != answer.etag {
            self.etag = answer.etag.clone();
            self.update_id += 1;
            self.update = update(self.update_id, &answer.body);
            self.say();
            return true;
        }
        if recovered {
            self.beat(answer.timestamp);
        }
        recovered
    }

    /// Takes in that a load failed; whether that is an event: it failed in another way than the load before.
    pub(super) fn fail(&mut self, code: Code, now: Instant) -> bool {
        let news = self.failing.replace(code) != Some(code);
        if news {
            self.beat(now);
        }
        news
    }

    /// Says that there is nothing new.
    pub(super) fn beat(&mut self, now: Instant) {
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
    pub(super) fn waiting_since(&self, seen: u64) -> Option<Monotonic> {
        self.history.iter().find(|(count, _)| *count > seen).map(|(_, said)| *said)
    }

    fn say(&mut self) {
        self.count += 1;
        self.said = Monotonic::now();
        self.history.push_back((self.count, self.said));
        while self.history.front().is_some_and(|(_, said)| self.said - *said > self.horizon) {
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

fn heartbeat(timestamp: Instant, as_of: Option<Instant>, code: Option<Code>) -> Event {
    let data = serde_json::to_string(&Heartbeat { timestamp, as_of, code }).unwrap_or_default();
    Event { name: "heartbeat", text: format!("event: heartbeat\ndata: {data}\n\n").into() }
}
