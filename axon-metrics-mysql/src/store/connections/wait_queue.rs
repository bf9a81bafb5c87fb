//! The queue of statements that wait for a connection, and the number of connects in progress. Pure.
//!
//! A connect takes several round trips. On a distant server that is longer than a question waits. So a new connection
//! goes to the waiter that has waited longest, not to the one that the connect was started for.

use std::collections::VecDeque;

use tokio::sync::oneshot::{Receiver, Sender, channel};

/// The waiters, first in, first out.
#[derive(Debug)]
pub(super) struct WaitQueue<T> {
    /// The one that has waited longest comes first.
    waiters: VecDeque<Sender<T>>,
    /// Connects in progress.
    connecting: usize,
}

impl<T> Default for WaitQueue<T> {
    fn default() -> Self {
        Self { waiters: VecDeque::new(), connecting: 0 }
    }
}

impl<T> WaitQueue<T> {
    /// Adds a waiter.
    pub(super) fn push(&mut self) -> Receiver<T> {
        let (sender, receiver) = channel();
        self.waiters.push_back(sender);
        receiver
    }

    /// Removes the waiter that has waited longest. It may have given up.
    pub(super) fn pop(&mut self) -> Option<Sender<T>> {
        self.waiters.pop_front()
    }

    /// Whether a waiter has not given up. Removes those that have.
    pub(super) fn has_waiters(&mut self) -> bool {
        self.waiters.retain(|waiter| !waiter.is_closed());
        !self.waiters.is_empty()
    }

    /// Whether the caller must start a connect, which then counts as in progress. There is one connect per waiter, and
    /// one more if the pool has an idle connection (`ready`). There are never more than the pool has slots.
    pub(super) fn begin_connect(&mut self, slots: u32, ready: bool) -> bool {
        let is_needed = self.has_waiters() && (ready || self.connecting < self.waiters.len());
        let must_begin = is_needed && usize::try_from(slots).is_ok_and(|slots| self.connecting < slots);
        self.connecting += usize::from(must_begin);
        must_begin
    }

    /// A connect has ended, with or without success.
    pub(super) fn end_connect(&mut self) {
        self.connecting -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_connect_is_started_per_waiter_up_to_the_number_of_slots() {
        let mut queue = WaitQueue::<()>::default();
        assert!(!queue.begin_connect(2, true), "no waiter");
        let waiters: Vec<_> = (0..3).map(|_| (queue.push(), queue.begin_connect(2, false))).collect();
        assert_eq!(waiters.iter().map(|(_, began)| *began).collect::<Vec<_>>(), [true, true, false]);
        queue.end_connect();
        assert!(queue.begin_connect(2, false), "the third waiter has no connect yet");
    }

    #[test]
    fn a_connect_of_a_waiter_that_gave_up_serves_the_next_one() {
        let mut queue = WaitQueue::<()>::default();
        let first = queue.push();
        assert!(queue.begin_connect(14, false));
        drop(first);
        let _next = queue.push();
        assert!(!queue.begin_connect(14, false), "one connect is in progress");
        assert!(queue.begin_connect(14, true), "an idle connection must be used");
    }
}
