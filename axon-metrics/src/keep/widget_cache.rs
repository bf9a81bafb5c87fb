//! The widget cache of a process: for each key the last whole snapshot, and the snapshot of the last load if that failed.

use std::sync::Arc;

use chrono::Duration;
use quick_cache::{Weighter, sync::Cache};

use super::{bounded_cache::bounded_cache, widget_snapshot::WidgetSnapshot};
use crate::Timestamp;

/// The most bytes of keys and JSON that the cache of whole snapshots holds.
const MAX_WHOLE_BYTES: u64 = 32 << 20;
/// The same for snapshots of loads that failed.
const MAX_FAILED_BYTES: u64 = 4 << 20;
/// The size up to which a snapshot is always cached: the activities of a campaign of a thousand whose source fails, with the
/// reason for each missing figure.
const MAX_WIDGET_BYTES: u64 = 2 << 20;
/// The usual size of a widget. With the bounds it gives the expected number of entries.
const USUAL_BYTES: u64 = 2 << 10;
/// A cached snapshot that is newer by less than this is from a later load that ended first, and stays. One that is newer by more
/// is from before the clock was set back, and is replaced.
const MAX_OVERTAKE: Duration = Duration::seconds(5);

#[derive(Debug)]
pub(crate) struct WidgetCache {
    whole: Cache<String, Entry, ByteWeight>,
    failed: Cache<String, Entry, ByteWeight>,
}

#[derive(Debug, Clone)]
struct Entry {
    snapshot: Arc<WidgetSnapshot>,
    /// The instant of the last load for a request that names this widget. `None` if no request has named it: it was loaded only
    /// because others of its range were.
    requested_at: Option<Timestamp>,
    bytes: u64,
}

impl Entry {
    fn new(snapshot: &Arc<WidgetSnapshot>, requested_at: Option<Timestamp>) -> Self {
        Self { snapshot: Arc::clone(snapshot), requested_at, bytes: snapshot.weight() as u64 }
    }
}

/// Weighs an entry in bytes.
#[derive(Debug, Clone, Copy)]
struct ByteWeight;

impl Weighter<String, Entry> for ByteWeight {
    fn weight(&self, key: &String, entry: &Entry) -> u64 {
        u64::try_from(key.len()).unwrap_or(u64::MAX).saturating_add(entry.bytes)
    }
}

impl Default for WidgetCache {
    fn default() -> Self {
        let cache = |bytes: u64| {
            let items = usize::try_from(bytes / USUAL_BYTES).unwrap_or(usize::MAX);
            bounded_cache(items, bytes, MAX_WIDGET_BYTES, ByteWeight)
        };
        Self { whole: cache(MAX_WHOLE_BYTES), failed: cache(MAX_FAILED_BYTES) }
    }
}

impl WidgetCache {
    /// The last whole snapshot.
    pub(crate) fn whole(&self, key: &str) -> Option<Arc<WidgetSnapshot>> {
        self.whole.get(key).map(|entry| entry.snapshot)
    }

    /// The snapshot of the last load, if that failed.
    pub(crate) fn failed(&self, key: &str) -> Option<Arc<WidgetSnapshot>> {
        self.failed.get(key).map(|entry| entry.snapshot)
    }

    /// The instant of the last load for a request that names the widget.
    pub(crate) fn requested_at(&self, key: &str) -> Option<Timestamp> {
        self.whole.get(key)?.requested_at
    }

    /// Caches a snapshot that this process loaded. `requested_at` is the instant of the request, or `None` if the request does
    /// not name the widget.
    pub(crate) fn insert(&self, key: &str, snapshot: &Arc<WidgetSnapshot>, requested_at: Option<Timestamp>) {
        if snapshot.not_whole_until.is_some() {
            self.failed.insert(key.to_owned(), Entry::new(snapshot, requested_at));
        } else if self.insert_whole(key, snapshot, requested_at) {
            self.failed.remove(key);
        }
    }

    /// Caches a whole snapshot. Returns false, and changes nothing, if the cached one is from a later load. The snapshot of a
    /// failed load stays.
    pub(crate) fn insert_whole(
        &self,
        key: &str,
        snapshot: &Arc<WidgetSnapshot>,
        requested_at: Option<Timestamp>,
    ) -> bool {
        let current = self.whole.get(key);
        let overtook = |current: &Entry| {
            let newer_by = current.snapshot.as_of - snapshot.as_of;
            newer_by > Duration::zero() && newer_by < MAX_OVERTAKE
        };
        if current.as_ref().is_some_and(overtook) {
            return false;
        }
        let requested_at = requested_at.or_else(|| current?.requested_at);
        self.whole.insert(key.to_owned(), Entry::new(snapshot, requested_at));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        call::SourceReport,
        source::SourceKind,
        widget::{Data, Widget},
        wire::{SourceState, WidgetState, WidgetStatus},
    };

    fn snapshot(second: i64, whole: bool) -> Arc<WidgetSnapshot> {
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
    fn cached_second(widgets: &WidgetCache) -> i64 {
        widgets.whole("key").unwrap().as_of.timestamp()
    }

    #[test]
    fn an_overtaken_load_replaces_nothing_but_a_clock_set_back_does() {
        let widgets = WidgetCache::default();
        widgets.insert("key", &snapshot(100, true), None);
        widgets.insert("key", &snapshot(99, true), None);
        assert_eq!(cached_second(&widgets), 100);
        widgets.insert("key", &snapshot(100, true), None);
        widgets.insert("key", &snapshot(101, true), None);
        assert_eq!(cached_second(&widgets), 101);
        widgets.insert("key", &snapshot(96, true), None);
        assert_eq!(cached_second(&widgets), 96);
    }

    #[test]
    fn the_largest_snapshot_is_cached_whole_or_not() {
        let widgets = WidgetCache::default();
        let report = SourceReport::new("mysql", SourceKind::Ledger, std::time::Duration::ZERO);
        let sources = vec![SourceState::from(report); 13_000];
        for (key, is_whole) in ["k1", "k2", "k3", "k4"].into_iter().flat_map(|key| [(key, true), (key, false)]) {
            let mut snapshot = Arc::into_inner(snapshot(100, is_whole)).unwrap();
            snapshot.sources.clone_from(&sources);
            let bytes = snapshot.weight() as u64;
            assert!((MAX_WIDGET_BYTES - 100_000..MAX_WIDGET_BYTES).contains(&bytes), "{bytes}");
            widgets.insert(key, &Arc::new(snapshot), None);
            let cached = if is_whole { widgets.whole(key) } else { widgets.failed(key) };
            assert!(cached.is_some(), "{key}, whole: {is_whole}");
        }
    }

    #[test]
    fn a_snapshot_of_another_process_does_not_hide_a_failed_load() {
        let widgets = WidgetCache::default();
        widgets.insert("key", &snapshot(100, false), None);
        widgets.insert_whole("key", &snapshot(99, true), None);
        assert!(widgets.failed("key").is_some());
        widgets.insert("key", &snapshot(101, true), None);
        assert!(widgets.failed("key").is_none());
    }
}
