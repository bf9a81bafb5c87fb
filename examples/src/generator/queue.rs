//! The queue of planned steps: one bucket per minute, in a ring of one day.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::calendar::MINUTE;

/// The length of the ring: no step may be planned further ahead.
const MINUTES: u16 = 24 * 60;

#[derive(Debug)]
struct QueueItem<T> {
    at: i64,
    /// Order of planning, which decides between equal instants.
    turn: u64,
    what: T,
}

impl<T> QueueItem<T> {
    fn key(&self) -> (i64, u64) {
        (self.at, self.turn)
    }
}

impl<T> PartialEq for QueueItem<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}
impl<T> Eq for QueueItem<T> {}
impl<T> PartialOrd for QueueItem<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for QueueItem<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

/// Planned steps, earliest first.
#[derive(Debug)]
pub(super) struct Queue<T> {
    buckets: Vec<Vec<QueueItem<T>>>,
    /// The steps of the current minute, latest first.
    current: Vec<QueueItem<T>>,
    /// Steps that were added to the current minute after it began.
    soon: BinaryHeap<Reverse<QueueItem<T>>>,
    /// End of the current minute.
    until: i64,
    turns: u64,
}

impl<T> Queue<T> {
    /// Starts before the minute that begins at `start`.
    pub(super) fn new(start: i64) -> Self {
        Self {
            buckets: (0..MINUTES).map(|_| Vec::new()).collect(),
            current: Vec::new(),
            soon: BinaryHeap::new(),
            until: start,
            turns: 0,
        }
    }

    /// Adds a step at an instant; a past one is popped next.
    pub(super) fn push(&mut self, at: i64, what: T) {
        self.turns += 1;
        let planned = QueueItem { at, turn: self.turns, what };
        if at < self.until {
            self.soon.push(Reverse(planned));
        } else {
            debug_assert!(at - self.until < (i64::from(MINUTES) - 1) * MINUTE);
            let bucket = self.bucket(at);
            self.buckets[bucket].push(planned);
        }
    }

    /// Starts the next minute. The one before must be empty.
    pub(super) fn advance(&mut self) {
        debug_assert!(self.current.is_empty() && self.soon.is_empty());
        let bucket = self.bucket(self.until);
        // Taken and not swapped: the memory of a busy minute would never be freed.
        self.current = std::mem::take(&mut self.buckets[bucket]);
        self.current.sort_unstable_by_key(|planned| Reverse(planned.key()));
        self.until += MINUTE;
    }

    /// The earliest step of the current minute.
    pub(super) fn pop(&mut self) -> Option<(i64, T)> {
        let soon_first = match (self.current.last(), self.soon.peek()) {
            (Some(planned), Some(Reverse(soon))) => soon < planned,
            (None, Some(_)) => true,
            _ => false,
        };
        let planned = if soon_first { self.soon.pop().map(|Reverse(planned)| planned) } else { self.current.pop() };
        planned.map(|planned| (planned.at, planned.what))
    }

    fn bucket(&self, at: i64) -> usize {
        usize::try_from(at.div_euclid(MINUTE).rem_euclid(i64::from(MINUTES))).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_popped_by_instant_and_then_by_order_of_insertion() {
        let mut queue = Queue::new(0);
        queue.push(500, 'b');
        queue.push(100, 'a');
        queue.push(500, 'c');
        queue.push(MINUTE + 1, 'e');
        queue.advance();
        assert_eq!(queue.pop(), Some((100, 'a')));
        queue.push(600, 'd');
        let rest: Vec<_> = std::iter::from_fn(|| queue.pop()).map(|(_, what)| what).collect();
        assert_eq!(rest, ['b', 'c', 'd']);
        queue.advance();
        assert_eq!(queue.pop(), Some((MINUTE + 1, 'e')));
    }
}
