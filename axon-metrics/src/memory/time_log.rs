//! A log: rows sorted by time, in columns, which can grow while it is read.
//! Lives here: segments, their merging, time spans. Lives elsewhere: what a row means (`events`, `ledger`).
//!
//! A log consists of a few immutable sorted segments. Adding creates a new segment and merges it with its neighbours
//! while they are not much larger. So a row is copied O(log n) times, and a log of n rows has O(log n) segments. A
//! clone of the log does not change.

use std::{ops::Range, sync::Arc};

use crate::{Timestamp, vocabulary::Window};

/// The time of a record in microseconds since 1970, rounded down.
pub(super) fn record_micros(at: Timestamp) -> i64 {
    at.timestamp_micros()
}

/// A bound in microseconds since 1970, rounded up to the next microsecond: `[from, to)` holds the same
/// record times as `[bound_micros(from), bound_micros(to))`.
pub(super) fn bound_micros(instant: Timestamp) -> i64 {
    let is_between = !instant.timestamp_subsec_nanos().is_multiple_of(1000);
    instant.timestamp_micros() + i64::from(is_between)
}

/// The instant of a number of microseconds since 1970, clamped to the range of the calendar library.
pub(super) fn instant(micros: i64) -> Timestamp {
    Timestamp::from_timestamp_micros(micros).unwrap_or(if micros < 0 { Timestamp::MIN_UTC } else { Timestamp::MAX_UTC })
}

/// `[from, to)` in microseconds since 1970. Without rows if `to` is not after `from`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: i64,
    pub(super) to: i64,
}

impl Span {
    pub(super) const ALL: Self = Self { from: i64::MIN, to: i64::MAX };

    /// The window, clamped to `as_of`.
    pub(super) fn of(window: Window, as_of: Timestamp) -> Self {
        Self { from: bound_micros(window.from), to: bound_micros(window.to.min(as_of)) }
    }

    /// Everything before `as_of`.
    pub(super) fn before(as_of: Timestamp) -> Self {
        Self { from: i64::MIN, to: bound_micros(as_of) }
    }
}

/// Rows sorted by time, in two columns of the same length.
#[derive(Debug)]
struct Segment<T> {
    times: Vec<i64>,
    rows: Vec<T>,
}

impl<T: Copy> Segment<T> {
    fn range(&self, span: Span) -> Range<usize> {
        let from = self.times.partition_point(|&time| time < span.from);
        let to = from + self.times[from..].partition_point(|&time| time < span.to);
        from..to
    }

    fn merge(older: &Self, newer: &Self) -> Self {
        let mut result = Self {
            times: Vec::with_capacity(older.times.len() + newer.times.len()),
            rows: Vec::with_capacity(older.times.len() + newer.times.len()),
        };
        let (mut left, mut right) = (0, 0);
        // Runs from one side are copied as a whole: records arrive nearly in order.
        while left < older.times.len() && right < newer.times.len() {
            let end = left + older.times[left..].partition_point(|&time| time <= newer.times[right]);
            result.extend(older, left..end);
            left = end;
            let Some(&next) = older.times.get(left) else { break };
            let end = right + newer.times[right..].partition_point(|&time| time < next);
            result.extend(newer, right..end);
            right = end;
        }
        result.extend(older, left..older.times.len());
        result.extend(newer, right..newer.times.len());
        result
    }

    fn extend(&mut self, other: &Self, range: Range<usize>) {
        self.times.extend_from_slice(&other.times[range.clone()]);
        self.rows.extend_from_slice(&other.rows[range]);
    }
}

/// Rows of one batch, in any order, before they are added to a log.
#[derive(Debug)]
pub(super) struct Pending<T> {
    times: Vec<i64>,
    rows: Vec<T>,
    sorted: bool,
}

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Self { times: Vec::new(), rows: Vec::new(), sorted: true }
    }
}

impl<T: Copy> Pending<T> {
    pub(super) fn push(&mut self, time: i64, row: T) {
        self.sorted &= self.times.last().is_none_or(|&last| last <= time);
        self.times.push(time);
        self.rows.push(row);
    }

    fn into_segment(mut self) -> Segment<T> {
        if self.sorted {
            self.times.shrink_to_fit();
            self.rows.shrink_to_fit();
            return Segment { times: self.times, rows: self.rows };
        }
        let mut pairs: Vec<(i64, T)> = self.times.into_iter().zip(self.rows).collect();
        pairs.sort_by_key(|&(time, _)| time);
        let (times, rows) = (pairs.iter().map(|pair| pair.0).collect(), pairs.iter().map(|pair| pair.1).collect());
        Segment { times, rows }
    }
}

/// Rows by time. Cloning is cheap, and a clone does not change.
#[derive(Debug)]
pub(super) struct TimeLog<T> {
    /// The largest first.
    segments: Vec<Arc<Segment<T>>>,
}

impl<T> Clone for TimeLog<T> {
    fn clone(&self) -> Self {
        Self { segments: self.segments.clone() }
    }
}

impl<T> Default for TimeLog<T> {
    fn default() -> Self {
        Self { segments: Vec::new() }
    }
}

impl<T: Copy> TimeLog<T> {
    pub(super) fn append(&mut self, pending: Pending<T>) {
        let mut added = pending.into_segment();
        if added.times.is_empty() {
            return;
        }
        while let Some(last) = self.segments.pop_if(|last| last.times.len() / 2 <= added.times.len()) {
            added = Segment::merge(&last, &added);
        }
        self.segments.push(Arc::new(added));
    }

    /// Number of rows in a span.
    pub(super) fn count(&self, span: Span) -> usize {
        self.segments.iter().map(|segment| segment.range(span).len()).sum()
    }

    /// The rows of a span, one slice per segment; not sorted by time.
    pub(super) fn slices(&self, span: Span) -> impl Iterator<Item = &[T]> {
        self.segments.iter().map(move |segment| &segment.rows[segment.range(span)])
    }

    /// The rows of a span with their times; not sorted by time.
    pub(super) fn timed(&self, span: Span) -> impl Iterator<Item = (i64, &T)> {
        self.segments.iter().flat_map(move |segment| {
            let range = segment.range(span);
            segment.times[range.clone()].iter().copied().zip(&segment.rows[range])
        })
    }

    pub(super) fn oldest(&self) -> Option<i64> {
        self.segments.iter().filter_map(|segment| segment.times.first()).min().copied()
    }

    /// The newest time in a span.
    pub(super) fn newest(&self, span: Span) -> Option<i64> {
        let newest = |segment: &Arc<Segment<T>>| segment.times[segment.range(span)].last().copied();
        self.segments.iter().filter_map(newest).max()
    }

    /// Removes the rows for which `is_removed` is true. `times` must have the times of all of them. Only segments with
    /// such a row are copied.
    pub(super) fn remove(&mut self, times: &[i64], is_removed: impl Fn(&T) -> bool) {
        let is_affected = |segment: &Segment<T>| {
            times
                .iter()
                .any(|&time| segment.rows[segment.range(Span { from: time, to: time + 1 })].iter().any(&is_removed))
        };
        for segment in &mut self.segments {
            if is_affected(segment) {
                let stay = || segment.rows.iter().map(|row| !is_removed(row));
                let times = segment.times.iter().zip(stay()).filter(|(_, stays)| *stays).map(|(time, _)| *time);
                let rows = segment.rows.iter().zip(stay()).filter(|(_, stays)| *stays).map(|(row, _)| *row);
                *segment = Arc::new(Segment { times: times.collect(), rows: rows.collect() });
            }
        }
        self.segments.retain(|segment| !segment.times.is_empty());
    }

    /// The approximate memory of the columns and their containers, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let bytes = |segment: &Arc<Segment<T>>| {
            let columns = segment.times.capacity() * size_of::<i64>() + segment.rows.capacity() * size_of::<T>();
            arc_bytes::<Segment<T>>() + columns
        };
        self.segments.capacity() * size_of::<Arc<Segment<T>>>() + self.segments.iter().map(bytes).sum::<usize>()
    }
}

/// The memory of a value in an `Arc`, in bytes: the value and two reference counts.
pub(super) fn arc_bytes<T>() -> usize {
    2 * size_of::<usize>() + size_of::<T>()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn log(batches: &[Vec<(i64, u32)>]) -> TimeLog<u32> {
        let mut log = TimeLog::default();
        for batch in batches {
            let mut pending = Pending::default();
            batch.iter().for_each(|&(time, row)| pending.push(time, row));
            log.append(pending);
        }
        log
    }

    proptest! {
        #[test]
        fn a_log_has_all_rows_whatever_the_batches(
            batches in prop::collection::vec(prop::collection::vec((-20_i64..20, 0_u32..9), 0..8), 0..12),
            from in -25_i64..25,
            to in -25_i64..25,
        ) {
            let log = log(&batches);
            let mut expected: Vec<_> =
                batches.concat().into_iter().filter(|(time, _)| (from..to).contains(time)).collect();
            let mut actual: Vec<_> = log.timed(Span { from, to }).map(|(time, row)| (time, *row)).collect();
            expected.sort_unstable();
            actual.sort_unstable();
            prop_assert_eq!(log.count(Span { from, to }), expected.len());
            prop_assert_eq!(actual, expected);
            let times = || batches.iter().flatten().map(|(time, _)| *time);
            let inside = times().filter(|time| (from..to).contains(time)).max();
            prop_assert_eq!((log.oldest(), log.newest(Span { from, to })), (times().min(), inside));
        }

        #[test]
        fn exactly_the_matching_rows_are_removed(
            batches in prop::collection::vec(prop::collection::vec((0_i64..9, 0_u32..9), 0..8), 0..8),
            row in 0_u32..9,
        ) {
            let mut log = log(&batches);
            let all = batches.concat();
            let times: Vec<i64> = all.iter().filter(|entry| entry.1 == row).map(|entry| entry.0).collect();
            log.remove(&times, |other| *other == row);
            prop_assert_eq!(log.count(Span { from: 0, to: 9 }), all.len() - times.len());
        }
    }

    #[test]
    fn a_log_grown_row_by_row_has_few_segments_and_clones_stay_as_they_are() {
        let mut log = TimeLog::default();
        let mut early = None;
        for row in 0..10_000_u32 {
            let mut pending = Pending::default();
            pending.push(i64::from(row), row);
            log.append(pending);
            if row == 99 {
                early = Some(log.clone());
            }
        }
        let all = Span { from: 0, to: i64::MAX };
        assert_eq!((log.count(all), early.map(|early| early.count(all))), (10_000, Some(100)));
        assert!(log.segments.len() < 20, "{}", log.segments.len());
    }

    #[test]
    fn a_bound_between_two_microseconds_is_the_later_one() {
        let at = |text: &str| bound_micros(text.parse().expect("an instant"));
        assert_eq!(at("1970-01-01T00:00:00.000001001Z"), 2);
        assert_eq!(at("1970-01-01T00:00:00.000001Z"), 1);
        assert_eq!(at("1969-12-31T23:59:59.999999999Z"), 0);
    }
}
