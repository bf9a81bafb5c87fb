//! The response body of a viewer: it sends the latest event, however many were recorded since the one before, and ends itself if
//! its reader leaves an event waiting for too long.

use std::{
    convert::Infallible,
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

use axum::body::{Body, Bytes};
use futures_util::{StreamExt as _, stream};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::{
    event::{Event, end},
    stream_state::StreamState,
};
use crate::observe::{self, EndReason};

/// The average time that browsers wait before they reconnect, in milliseconds.
const RETRY_MS: u64 = 3000;

pub(super) struct Viewer {
    events: watch::Receiver<StreamState>,
    /// Held as long as the stream is open.
    _permit: OwnedSemaphorePermit,
    stall_limit: Duration,
    retry_sent: bool,
    /// The count of the latest event that was taken from the state: older ones are not sent.
    count: u64,
    /// The id of the latest update that was sent.
    update_id: u64,
    end_reason: Option<EndReason>,
}

impl Viewer {
    pub(super) fn new(
        events: watch::Receiver<StreamState>,
        permit: OwnedSemaphorePermit,
        stall_limit: Duration,
    ) -> Self {
        observe::stream_opened();
        let count = events.borrow().count;
        Self { events, _permit: permit, stall_limit, retry_sent: false, count, update_id: 0, end_reason: None }
    }

    pub(super) fn into_body(self) -> Body {
        let events = stream::unfold(self, |mut viewer| async move {
            let bytes = viewer.next().await?;
            Some((Ok::<_, Infallible>(bytes), viewer))
        });
        Body::from_stream(events.fuse())
    }

    /// What is sent next; `None` after the last event.
    async fn next(&mut self) -> Option<Bytes> {
        if !self.retry_sent {
            self.retry_sent = true;
            return Some(retry());
        }
        while self.end_reason.is_none() {
            if let Some(event) = self.unsent() {
                observe::stream_event(event.name);
                return Some(event.text);
            }
            // An error means that the sampler has ended: there are no more events.
            self.events.changed().await.ok()?;
        }
        None
    }

    /// The latest event that was not sent yet: an update before a heartbeat, and before the end.
    fn unsent(&mut self) -> Option<Event> {
        let state = self.events.borrow_and_update();
        let stalled = state.waiting_since(self.count).is_some_and(|since| since.elapsed() >= self.stall_limit);
        if stalled {
            self.end_reason = Some(EndReason::Evicted);
            return Some(end(EndReason::Evicted));
        }
        if state.update_id > self.update_id {
            // The first update was due before the viewer came: its delay says nothing.
            if self.update_id > 0
                && let Some(due) = state.due_after(self.update_id)
            {
                observe::stream_update(due);
            }
            self.update_id = state.update_id;
            // If the stream has ended, the end counts as not taken: it is sent next.
            self.count = if state.end.is_some() { state.count - 1 } else { state.count };
            return Some(state.update.clone());
        }
        if state.count == self.count {
            return None;
        }
        self.count = state.count;
        match &state.end {
            Some((why, event)) => {
                self.end_reason = Some(*why);
                Some(event.clone())
            }
            None => Some(state.heartbeat.clone()),
        }
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        observe::stream_ended(self.end_reason.unwrap_or(EndReason::Gone));
    }
}

/// The time to wait before a reconnect. It differs by viewer, so that not all reconnect at once after a restart. The first event
/// follows in the same block.
fn retry() -> Bytes {
    let random = RandomState::new().hash_one(0_u8);
    format!("retry: {}\n", RETRY_MS / 2 + random % RETRY_MS).into()
}
