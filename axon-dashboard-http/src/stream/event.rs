//! An event of a stream as text: written once, and sent to all viewers.

use axon_metrics::Timestamp;
use axum::body::Bytes;
use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::{observe::EndReason, problem::Code};

/// An event as it is sent, and its name.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) name: &'static str,
    pub(super) text: Bytes,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Heartbeat {
    timestamp: DateTime<Utc>,
    as_of: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Code>,
}

/// The last event of a stream.
pub(super) fn end(why: EndReason) -> Event {
    let text = format!("event: end\ndata: {{\"reason\":\"{}\"}}\n\n", why.word());
    Event { name: "end", text: text.into() }
}

/// An update. Its body must be JSON on one line: a line break would end the field `data`.
pub(super) fn update(id: u64, body: &Bytes) -> Event {
    let head = format!("event: update\nid: {id}\ndata: ");
    let mut text = Vec::with_capacity(head.len() + body.len() + 2);
    text.extend_from_slice(head.as_bytes());
    text.extend_from_slice(body);
    text.extend_from_slice(b"\n\n");
    Event { name: "update", text: text.into() }
}

pub(super) fn heartbeat(timestamp: Timestamp, as_of: Option<Timestamp>, code: Option<Code>) -> Event {
    let data = serde_json::to_string(&Heartbeat { timestamp, as_of, code }).unwrap_or_default();
    Event { name: "heartbeat", text: format!("event: heartbeat\ndata: {data}\n\n").into() }
}
