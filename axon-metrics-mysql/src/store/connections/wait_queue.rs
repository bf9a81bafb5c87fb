//! The queue of questions that wait for a connection, and the count of connections being made for them. Pure.
//!
//! To make a connection takes several round trips. Where the server is far away, that is longer than a question waits. So a new
//! connection goes to the question that has waited longest when it is ready, not to the one that it was started for.

use std::collections::VecDeque;

use tokio::sync::oneshot::{Receiver, Sender, channel};

/// Guarded by the lock of the shared connections.
#[derive(Debug)]
pub(super) struct WaitQueue<T> {
    /// The longest wait first.
    waiters: VecDeque<Sender<T>>,
    /// Connections being made.
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

    /// Removes the waiter that has waited longest. It may have given up meanwhile.
    pub(super) fn pop(&mut self) -> Option<Sender<T>> {
        self.waiters.pop_front()
    }

    /// Whether anybody still waits.
    pub(super) fn has_waiters(&mut self) -> bool {
        self.waiters.retain(|waiter| !waiter.is_closed());
        !self.waiters.is_empty()
    }

    /// Whether the caller must make one more connection, which is counted at once: one for each waiter, or one more where the
    /// pool has an idle one (`ready`). Never more at once than the pool has slots.
    pub(super) fn begin_connect(&mut self, slots: u32, ready: bool) -> bool {
        let lacking = self.has_waiters() && (ready || self.connecting < self.waiters.len());
        let begins = lacking && usize::try_from(slots).is_ok_and(|slots| self.connecting < slots);
        self.connecting += usize::from(begins);
        begins
    }

    /// A connect has ended, successful or not.
    pub(super) fn end_connect(&mut self) {
        self.connecting -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_made_for_each_waiter_and_no_more_than_there_are_slots() {
        let mut queue = WaitQueue::<()>::default();
        assert!(!queue.begin_connect(2, true), "nobody waits");
        let waiting: Vec<_> = (0..3).map(|_| (queue.push(), queue.begin_connect(2, false))).collect();
        assert_eq!(waiting.iter().map(|(_, begun)| *begun).collect::<Vec<_>>(), [true, true, false]);
        queue.end_connect();
        assert!(queue.begin_connect(2, false), "the third still waits");
    }

    #[test]
    fn one_made_for_somebody_who_has_gone_is_for_the_next() {
        let mut queue = WaitQueue::<()>::default();
        let gone = queue.push();
        assert!(queue.begin_connect(14, false));
        drop(gone);
        let _next = queue.push();
        assert!(!queue.begin_connect(14, false), "there is one under way");
        assert!(queue.begin_connect(14, true), "but none that lies ready is left lying");
    }
}
