//! The progress of a run.

/// The progress of a run. Reported about every 20,000 lines, and at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Lines of events so far.
    pub lines: u64,
    /// The configured lines of events.
    pub of: u64,
}
