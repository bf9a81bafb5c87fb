//! The agenda of a run: planned steps by time, and the number of lines that they may give.

use std::num::NonZeroU32;

use super::event::Event;
use super::queue::Queue;

/// An upper bound of the lines of one visit, with repeated lines and the last three lines of a run.
const LINES_OF_LONG_VISIT: u64 = 20;

/// A planned step.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// An event arrives.
    Line(Event),
    /// The same document arrives again.
    Again(Event),
    /// A user asks for a slot.
    Attempt { activity: u16, user: NonZeroU32 },
    /// A user pays for the slot.
    Pay { activity: u16, user: NonZeroU32 },
}

impl Step {
    fn lines(&self) -> u64 {
        u64::from(matches!(self, Self::Line(_) | Self::Again(_)))
    }

    /// Lines that may follow: an approval and a purchase.
    fn promises(&self) -> u64 {
        match self {
            Self::Line(_) | Self::Again(_) => 0,
            Self::Attempt { .. } => 2,
            Self::Pay { .. } => 1,
        }
    }
}

/// The planned steps, by time. No step is at `now` or later.
#[derive(Debug)]
pub(super) struct Agenda {
    queue: Queue<Step>,
    now: i64,
    /// Lines planned so far.
    lines: u64,
    /// Lines that may follow from planned steps.
    promised: u64,
    /// The configured lines.
    room: u64,
}

impl Agenda {
    /// An agenda that begins at a minute and ends at `now`; `room` is the configured number of lines.
    pub(super) fn new(first_minute: i64, now: i64, room: u64) -> Self {
        Self { queue: Queue::new(first_minute), now, lines: 0, promised: 0, room }
    }

    pub(super) fn now(&self) -> i64 {
        self.now
    }

    /// Lines planned so far.
    pub(super) fn lines(&self) -> u64 {
        self.lines
    }

    pub(super) fn push(&mut self, at: i64, step: Step) {
        if at < self.now {
            self.lines += step.lines();
            self.promised += step.promises();
            self.queue.push(at, step);
        }
    }

    /// Whether one more visit could exceed the configured lines.
    pub(super) fn is_full(&self) -> bool {
        self.lines + self.promised + LINES_OF_LONG_VISIT >= self.room
    }

    /// The next step of the current minute, with its time.
    pub(super) fn pop(&mut self) -> Option<(i64, Step)> {
        let (at, step) = self.queue.pop()?;
        self.promised -= step.promises();
        Some((at, step))
    }

    /// Starts the next minute. The one before must be empty.
    pub(super) fn advance(&mut self) {
        self.queue.advance();
    }
}
