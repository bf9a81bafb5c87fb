//! A viewer's body: hands on the latest event, however many there were since the one before, and ends itself where its
//! reader has left events waiting for too long.

use std::{
    convert::Infallible,
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

use axum::body::{Body, Bytes};
use futures_util::{StreamExt as _, stream};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::event::{Event, Latest, end};
use crate::observe::{self, Ended};

/// How long browsers wait before they come again, about.
const RETRY: u64 = 3000;

pub(super) struct Viewer {
    events: watch::Receiver<Latest>,
    /// Its part of the streams that may be open.
    _place: OwnedSemaphorePermit,
    stall_limit: Duration,
    greeted: bool,
    /// The latest event that was seen, by its count.
    seen: u64,
    /// The latest update that was handed on, by its id.
    update_id: u64,
    ended: Option<Ended>,
}

impl Viewer {
    pub(super) fn new(events: watch::Receiver<Latest>, place: OwnedSemaphorePermit, stall_limit: Duration) -> Self {
        observe::stream_opened();
        let seen = events.borrow().count;
        Self { events, _place: place, stall_limit, greeted: false, seen, update_id: 0, ended: None }
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
        if !self.greeted {
            self.greeted = true;
            return Some(retry());
        }
        while self.ended.is_none() {
            if let Some(event) = self.news() {
                observe::stream_event(event.name);
                return Some(event.text);
            }
            // Without a sampler nothing will come any more.
            self.events.changed().await.ok()?;
        }
        None
    }

    /// The latest event, if it was not handed on yet: an update before a heartbeat, and before the end.
    fn news(&mut self) -> Option<Event> {
        let latest = self.events.borrow_and_update();
        let stalled = latest.waiting_since(self.seen).is_some_and(|since| since.elapsed() >= self.stall_limit);
        if stalled {
            self.ended = Some(Ended::Evicted);
            return Some(end(Ended::Evicted));
        }
        if latest.update_id > self.update_id {
            // The first one was there before he came.
            if self.update_id > 0
                && let Some(due) = latest.due_after(self.update_id)
            {
                observe::stream_update(due);
            }
            self.update_id = latest.update_id;
            // The end is still to be handed on.
            self.seen = if latest.end.is_some() { latest.count - 1 } else { latest.count };
            return Some(latest.update.clone());
        }
        if latest.count == self.seen {
            return None;
        }
        self.seen = latest.count;
        match &latest.end {
            Some((why, event)) => {
                self.ended = Some(*why);
                Some(event.clone())
            }
            None => Some(latest.heartbeat.clone()),
        }
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        observe::stream_ended(self.ended.unwrap_or(Ended::Gone));
    }
}

/// The time to wait before coming again, a different one for each, so that not all come at once after a restart. The first
/// event follows in the same block.
fn retry() -> Bytes {
    let random = RandomState::new().hash_one(0_u8);
    format!("retry: {}\n", RETRY / 2 + random % RETRY).into()
}
