//! An incremental parser of server-sent events, and the age of their data. Pure.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;

/// A complete event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Event {
    /// Its type; without one it is a `message`.
    pub(super) kind: String,
    pub(super) data: String,
}

/// Parses a stream of events.
#[derive(Debug, Default)]
pub(super) struct Events {
    line: Vec<u8>,
    event: Event,
    /// The stream's `retry`: the time to wait before a reconnect, in milliseconds.
    pub(super) retry: Option<u64>,
}

impl Events {
    /// Parses received bytes, and calls back with each complete event.
    pub(super) fn push(&mut self, mut bytes: &[u8], mut each: impl FnMut(Event)) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.line.extend_from_slice(&bytes[..end]);
            bytes = &bytes[end + 1..];
            // The buffer is freed after each line: otherwise each of ten thousand readers would hold one for its longest line.
            let line = std::mem::take(&mut self.line);
            let line = String::from_utf8_lossy(&line);
            if let Some(event) = self.line(line.trim_end_matches('\r')) {
                each(event);
            }
        }
        self.line.extend_from_slice(bytes);
    }

    fn line(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return (!event.data.is_empty()).then(|| Event {
                kind: if event.kind.is_empty() { "message".to_owned() } else { event.kind },
                data: event.data,
            });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.kind),
            "data" => {
                if !self.event.data.is_empty() {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            "retry" => self.retry = value.parse().ok().or(self.retry),
            _ => {}
        }
        None
    }
}

/// The `asOf` of an event: that of a heartbeat, or the earliest of an answer's widgets. `None` if there is none.
pub(super) fn as_of(data: &str) -> Option<DateTime<Utc>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Data {
        as_of: Option<DateTime<Utc>>,
        #[serde(default)]
        widgets: BTreeMap<String, Widget>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Widget {
        as_of: Option<DateTime<Utc>>,
    }
    let data: Data = serde_json::from_str(data).ok()?;
    data.as_of.or_else(|| data.widgets.values().filter_map(|widget| widget.as_of).min())
}

/// The reason that the last event of a stream gives.
pub(super) fn reason(data: &str) -> String {
    #[derive(Deserialize)]
    struct End {
        reason: String,
    }
    serde_json::from_str::<End>(data).map_or_else(|_| "no reason".to_owned(), |end| end.reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_the_same_however_they_arrive() {
        let text =
            b": hello\nretry: 2500\n\nevent: update\nid: 1\ndata: {\"a\":1}\n\r\ndata: x\ndata: y\n\nevent: none\n\n";
        for at_a_time in [1, 3, 1000] {
            let (mut events, mut parsed) = (Events::default(), Vec::new());
            for piece in text.chunks(at_a_time) {
                events.push(piece, |event| parsed.push((event.kind, event.data)));
            }
            let expected =
                [("update", "{\"a\":1}"), ("message", "x\ny")].map(|(kind, data)| (kind.to_owned(), data.to_owned()));
            assert_eq!((parsed, events.retry), (expected.to_vec(), Some(2500)));
        }
    }

    #[test]
    fn as_of_is_that_of_a_heartbeat_or_of_the_oldest_widget() {
        let instant = |text: &str| Some(text.parse().unwrap());
        let answer = r#"{"data":{},"widgets":{"funnel":{"asOf":"2024-11-12T10:29:58Z"},"realtime":{"asOf":"2024-11-12T10:30:00Z"}}}"#;
        assert_eq!(as_of(answer), instant("2024-11-12T10:29:58Z"));
        assert_eq!(
            as_of(r#"{"timestamp":"2024-11-12T10:30:00Z","asOf":"2024-11-12T10:29:57Z"}"#),
            instant("2024-11-12T10:29:57Z")
        );
        assert_eq!((as_of("{}"), as_of("x")), (None, None));
    }

    #[test]
    fn the_end_has_a_reason() {
        assert_eq!((reason(r#"{"reason":"shutdown"}"#).as_str(), reason("").as_str()), ("shutdown", "no reason"));
    }
}
