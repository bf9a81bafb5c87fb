//! Log lines about what may happen a thousand times a second: the first one at once, then one each ten seconds with the count.

use std::time::{Duration, Instant};

const EACH: Duration = Duration::from_secs(10);

/// What happened, of which not all is logged.
#[derive(Debug, Default)]
pub(super) struct Sampled {
    logged: Option<Instant>,
    left_out: u64,
}

impl Sampled {
    /// How often it has happened since it was last logged, if it is to be logged now.
    pub(super) fn happened(&mut self) -> Option<u64> {
        self.left_out += 1;
        if self.logged.is_some_and(|logged| logged.elapsed() < EACH) {
            return None;
        }
        self.logged = Some(Instant::now());
        Some(std::mem::take(&mut self.left_out))
    }
}
