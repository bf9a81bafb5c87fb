//! Finished widgets kept in process: the last whole one under each key, and for a moment what a failed load left.

use std::sync::Arc;

use quick_cache::{Weighter, sync::Cache};

use super::entry::Finished;

/// The most that is kept, in bytes of the widgets' JSON.
const WHOLE_BYTES: u64 = 32 << 20;
const FAILED_BYTES: u64 = 4 << 20;
/// A widget's usual size, from which the caches' tables are made.
const USUAL_BYTES: u64 = 2 << 10;

#[derive(Debug)]
pub(crate) struct KeptWidgets {
    whole: Cache<String, Kept, Bytes>,
    failed: Cache<String, Kept, Bytes>,
}

#[derive(Debug, Clone)]
struct Kept {
    finished: Arc<Finished>,
    bytes: u64,
}

#[derive(Debug, Clone, Copy)]
struct Bytes;

impl Weighter<String, Kept> for Bytes {
    fn weight(&self, key: &String, kept: &Kept) -> u64 {
        u64::try_from(key.len()).unwrap_or(u64::MAX).saturating_add(kept.bytes)
    }
}

impl Default for KeptWidgets {
    fn default() -> Self {
        let cache = |bytes: u64| {
            let items = usize::try_from(bytes / USUAL_BYTES).unwrap_or(usize::MAX);
            Cache::with_weighter(items, bytes, Bytes)
        };
        Self { whole: cache(WHOLE_BYTES), failed: cache(FAILED_BYTES) }
    }
}

impl KeptWidgets {
    /// The last whole widget.
    pub(crate) fn whole(&self, key: &str) -> Option<Arc<Finished>> {
        self.whole.get(key).map(|kept| kept.finished)
    }

    /// What the last load left that failed.
    pub(crate) fn failed(&self, key: &str) -> Option<Arc<Finished>> {
        self.failed.get(key).map(|kept| kept.finished)
    }

    pub(crate) fn keep(&self, key: &str, finished: &Arc<Finished>) {
        let kept = Kept { finished: Arc::clone(finished), bytes: bytes(finished) };
        if finished.not_whole_until.is_some() {
            self.failed.insert(key.to_owned(), kept);
        } else {
            self.failed.remove(key);
            self.whole.insert(key.to_owned(), kept);
        }
    }
}

/// How long its JSON is.
fn bytes(finished: &Finished) -> u64 {
    struct Count(u64);
    impl std::io::Write for Count {
        fn write(&mut self, part: &[u8]) -> std::io::Result<usize> {
            self.0 = self.0.saturating_add(u64::try_from(part.len()).unwrap_or(u64::MAX));
            Ok(part.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    let written = serde_json::to_writer(&mut count, &(&finished.data, &finished.state, &finished.sources));
    written.map_or(USUAL_BYTES, |()| count.0)
}
