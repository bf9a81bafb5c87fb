//! How far a run is.

/// How far a run is. Reported about every 20,000 lines, and at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Lines of events so far.
    pub lines: u64,
    /// Lines of events asked for.
    pub of: u64,
}
