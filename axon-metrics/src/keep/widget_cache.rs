//! Loaded widgets, kept in process: the last whole one under each key, and for a moment what a failed load left.

use std::sync::Arc;

use chrono::Duration;
use quick_cache::{Weighter, sync::Cache};

use super::widget_snapshot::WidgetSnapshot;
use crate::Timestamp;

/// The most that is kept, in bytes of the widgets' JSON.
const WHOLE_BYTES: u64 = 32 << 20;
const FAILED_BYTES: u64 = 4 << 20;
/// A widget's usual size, from which the caches' tables are made.
const USUAL_BYTES: u64 = 2 << 10;
/// By how much a load may be overtaken by one for a later instant. What is newer by more is of a clock that was set back
/// since, and gives way.
const OVERTAKEN: Duration = Duration::seconds(5);

#[derive(Debug)]
pub(crate) struct WidgetCache {
    whole: Cache<String, Entry, Bytes>,
    failed: Cache<String, Entry, Bytes>,
}

#[derive(Debug, Clone)]
struct Entry {
    finished: Arc<WidgetSnapshot>,
    /// When a load was last made because somebody asked for it.
    asked: Option<Timestamp>,
    bytes: u64,
}

#[derive(Debug, Clone, Copy)]
struct Bytes;

impl Weighter<String, Entry> for Bytes {
    fn weight(&self, key: &String, kept: &Entry) -> u64 {
        u64::try_from(key.len()).unwrap_or(u64::MAX).saturating_add(kept.bytes)
    }
}

impl Default for WidgetCache {
    fn default() -> Self {
        let cache = |bytes: u64| {
            let items = usize::try_from(bytes / USUAL_BYTES).unwrap_or(usize::MAX);
            Cache::with_weighter(items, bytes, Bytes)
        };
        Self { whole: cache(WHOLE_BYTES), failed: cache(FAILED_BYTES) }
    }
}

impl WidgetCache {
    /// The last whole widget.
    pub(crate) fn whole(&self, key: &str) -> Option<Arc<WidgetSnapshot>> {
        self.whole.get(key).map(|kept| kept.finished)
    }

    /// What the last load left that failed.
    pub(crate) fn failed(&self, key: &str) -> Option<Arc<WidgetSnapshot>> {
        self.failed.get(key).map(|kept| kept.finished)
    }

    /// When a load was last made because somebody asked for this widget.
    pub(crate) fn asked(&self, key: &str) -> Option<Timestamp> {
        self.whole.get(key)?.asked
    }

    /// Keeps what a load left, and when it was asked for, unless it was only loaded along.
    pub(crate) fn keep(&self, key: &str, finished: &Arc<WidgetSnapshot>, asked: Option<Timestamp>) {
        if finished.not_whole_until.is_some() {
            let kept = Entry { finished: Arc::clone(finished), asked, bytes: finished.weight() as u64 };
            self.failed.insert(key.to_owned(), kept);
        } else if self.remember_whole(key, finished, asked) {
            self.failed.remove(key);
        }
    }

    /// Keeps a whole widget, unless a load that began later was faster. That another load failed remains known.
    pub(crate) fn remember_whole(&self, key: &str, finished: &Arc<WidgetSnapshot>, asked: Option<Timestamp>) -> bool {
        let there = self.whole.get(key);
        let newer = |there: &Entry| {
            let newer_by = there.finished.as_of - finished.as_of;
            newer_by > Duration::zero() && newer_by < OVERTAKEN
        };
        if there.as_ref().is_some_and(newer) {
            return false;
        }
        let asked = asked.or_else(|| there?.asked);
        self.whole
            .insert(key.to_owned(), Entry { finished: Arc::clone(finished), asked, bytes: finished.weight() as u64 });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        widget::{Data, Widget},
        wire::{WidgetState, WidgetStatus},
    };

    fn of(second: i64, whole: bool) -> Arc<WidgetSnapshot> {
        let as_of = Timestamp::UNIX_EPOCH + Duration::seconds(second);
        let state = WidgetState {
            status: WidgetStatus::Fresh,
            as_of: Some(as_of),
            age_ms: None,
            missing: Vec::new(),
            warnings: Vec::new(),
        };
        let mut snapshot = WidgetSnapshot::new(Widget::Funnel, Data::default(), state, as_of, 1);
        snapshot.not_whole_until = (!whole).then_some(as_of);
        Arc::new(snapshot)
    }
    fn kept(kept: &WidgetCache) -> i64 {
        kept.whole("key").unwrap().as_of.timestamp()
    }

    #[test]
    fn a_load_that_was_overtaken_replaces_nothing_and_a_clock_set_back_heals() {
        let widgets = WidgetCache::default();
        widgets.keep("key", &of(100, true), None);
        widgets.keep("key", &of(99, true), None);
        assert_eq!(kept(&widgets), 100);
        widgets.keep("key", &of(100, true), None);
        widgets.keep("key", &of(101, true), None);
        assert_eq!(kept(&widgets), 101);
        widgets.keep("key", &of(96, true), None);
        assert_eq!(kept(&widgets), 96);
    }

    #[test]
    fn what_another_process_loaded_does_not_hide_that_a_load_failed() {
        let widgets = WidgetCache::default();
        widgets.keep("key", &of(100, false), None);
        widgets.remember_whole("key", &of(99, true), None);
        assert!(widgets.failed("key").is_some());
        widgets.keep("key", &of(101, true), None);
        assert!(widgets.failed("key").is_none());
    }
}
