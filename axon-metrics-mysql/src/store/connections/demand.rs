//! Who waits for a connection, and how many are being made for them. Pure.
//!
//! Making one takes several replies of the server, each as long as an answer: where it is far away, longer than a question
//! waits. So it is made for whoever has waited longest when it is there, and not for the one whom it was begun for.

use std::collections::VecDeque;

use tokio::sync::oneshot::{Receiver, Sender, channel};

/// Lives behind the lock of those who share the connections.
#[derive(Debug)]
pub(super) struct Demand<T> {
    /// The longest first.
    waiting: VecDeque<Sender<T>>,
    making: usize,
}

impl<T> Default for Demand<T> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), making: 0 }
    }
}

impl<T> Demand<T> {
    /// One more waits.
    pub(super) fn join(&mut self) -> Receiver<T> {
        let (tell, told) = channel();
        self.waiting.push_back(tell);
        told
    }

    /// Who has waited longest, and waits no more. May have gone meanwhile.
    pub(super) fn next(&mut self) -> Option<Sender<T>> {
        self.waiting.pop_front()
    }

    /// Whether anybody still waits.
    pub(super) fn is_there(&mut self) -> bool {
        self.waiting.retain(|waiter| !waiter.is_closed());
        !self.waiting.is_empty()
    }

    /// Whether one more is to be made, which is then taken as begun: one for each who waits, or where one lies ready; no more at
    /// once than there are places.
    pub(super) fn begins(&mut self, places: u32, ready: bool) -> bool {
        let lacking = self.is_there() && (ready || self.making < self.waiting.len());
        let begins = lacking && usize::try_from(places).is_ok_and(|places| self.making < places);
        self.making += usize::from(begins);
        begins
    }

    /// One that was begun is over, whatever came of it.
    pub(super) fn ended(&mut self) {
        self.making -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_made_for_each_who_waits_and_no_more_than_there_are_places() {
        let mut demand = Demand::<()>::default();
        assert!(!demand.begins(2, true), "nobody waits");
        let waiting: Vec<_> = (0..3).map(|_| (demand.join(), demand.begins(2, false))).collect();
        assert_eq!(waiting.iter().map(|(_, begun)| *begun).collect::<Vec<_>>(), [true, true, false]);
        demand.ended();
        assert!(demand.begins(2, false), "the third still waits");
    }

    #[test]
    fn one_made_for_somebody_who_has_gone_is_for_the_next() {
        let mut demand = Demand::<()>::default();
        let gone = demand.join();
        assert!(demand.begins(14, false));
        drop(gone);
        let _next = demand.join();
        assert!(!demand.begins(14, false), "there is one under way");
        assert!(demand.begins(14, true), "but none that lies ready is left lying");
    }
}
