//! A bulkhead: a bounded number of permits, and a queue. A caller that could not finish by its deadline is refused at
//! once. Lives elsewhere: what a permit is for (`admission`, `guard`), how many permits there are (`concurrency`).

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};

/// The share of the newest observation in the moving average of hold times.
const NEWEST_SHARE: f64 = 0.2;

/// Permits, and how long they are held on average. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Bulkhead {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    free: Arc<Semaphore>,
    permits: usize,
    waiting: AtomicUsize,
    /// Moving average of how long a permit is held; `None` before the first one is returned.
    hold_time: Mutex<Option<Duration>>,
}

/// Refused: no permit by the deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full {
    /// The estimated wait for a permit.
    pub(super) wait: Duration,
}

impl Bulkhead {
    /// A bulkhead with this number of permits, at least one.
    pub(super) fn new(permits: usize) -> Self {
        let permits = permits.clamp(1, Semaphore::MAX_PERMITS);
        let free = Arc::new(Semaphore::new(permits));
        Self { inner: Arc::new(Inner { free, permits, waiting: AtomicUsize::new(0), hold_time: Mutex::new(None) }) }
    }

    /// A permit, by the deadline.
    /// # Errors
    /// [`Full`], at once, if the length of the queue and the average hold time show that the caller would not finish by
    /// the deadline; at the deadline, if that estimate was too low.
    pub(super) async fn enter(&self, deadline: Instant) -> Result<Permit, Full> {
        let inner = &self.inner;
        if let Ok(permit) = Arc::clone(&inner.free).try_acquire_owned() {
            return Ok(self.permit(permit));
        }
        let entry = QueueEntry::new(inner);
        let (wait, hold_time) = self.estimate(entry.position);
        // Hold times vary: allow for a quarter more than the average.
        let needed = hold_time + hold_time / 4;
        if Instant::now() + wait + needed > deadline {
            return Err(Full { wait });
        }
        match timeout_at(deadline, Arc::clone(&inner.free).acquire_owned()).await {
            // Too late for a whole call: leave the permit to a caller that has the time.
            Ok(Ok(_)) if Instant::now() + hold_time > deadline => Err(Full { wait: wait.max(hold_time) }),
            Ok(Ok(permit)) => Ok(self.permit(permit)),
            // The semaphore is never closed, so this is the deadline: the estimate was too low, and is raised.
            Ok(Err(_)) | Err(_) => Err(Full { wait: wait.max(hold_time) }),
        }
    }

    /// How many permits are in use.
    #[cfg(test)]
    pub(super) fn in_use(&self) -> usize {
        self.inner.permits - self.inner.free.available_permits()
    }

    fn permit(&self, permit: OwnedSemaphorePermit) -> Permit {
        Permit { since: Instant::now(), inner: Arc::clone(&self.inner), _permit: permit }
    }

    /// How long the caller at this position of the queue waits for a permit, and how long it then holds it, on average.
    fn estimate(&self, position: usize) -> (Duration, Duration) {
        let hold_time = self.inner.hold_time().unwrap_or_default();
        let position = u32::try_from(position).unwrap_or(u32::MAX);
        let permits = u32::try_from(self.inner.permits).unwrap_or(u32::MAX);
        (hold_time.saturating_mul(position) / permits, hold_time)
    }
}

impl Inner {
    fn hold_time(&self) -> Option<Duration> {
        *self.hold_time.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A caller in the queue, until it has a permit or leaves.
struct QueueEntry<'a> {
    inner: &'a Inner,
    /// The position in the queue, from 1.
    position: usize,
}

impl<'a> QueueEntry<'a> {
    fn new(inner: &'a Inner) -> Self {
        Self { inner, position: inner.waiting.fetch_add(1, Ordering::Relaxed) + 1 }
    }
}

impl Drop for QueueEntry<'_> {
    fn drop(&mut self) {
        self.inner.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A permit. Dropping it returns it.
#[derive(Debug)]
pub(super) struct Permit {
    since: Instant,
    inner: Arc<Inner>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let newest = self.since.elapsed();
        let mut average = self.inner.hold_time.lock().unwrap_or_else(PoisonError::into_inner);
        let mean = |old: Duration| old.mul_f64(1.0 - NEWEST_SHARE) + newest.mul_f64(NEWEST_SHARE);
        *average = Some(average.map_or(newest, mean));
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn within(ms: u64) -> Instant {
        Instant::now() + MS(ms)
    }

    /// A bulkhead whose average hold time is known.
    async fn bulkhead(permits: usize, hold_time: Duration) -> Bulkhead {
        let bulkhead = Bulkhead::new(permits);
        let permit = bulkhead.enter(within(0)).await;
        sleep(hold_time).await;
        drop(permit);
        bulkhead
    }

    #[tokio::test(start_paused = true)]
    async fn a_free_permit_is_given_at_once_even_after_the_deadline() {
        let bulkhead = Bulkhead::new(1);
        assert!(bulkhead.enter(Instant::now()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_returned_permit_goes_to_the_queue() {
        let bulkhead = Bulkhead::new(1);
        let permit = bulkhead.enter(within(0)).await;
        let waiter = tokio::spawn({
            let bulkhead = bulkhead.clone();
            async move { bulkhead.enter(within(100)).await.is_ok() }
        });
        sleep(MS(50)).await;
        drop(permit);
        assert!(waiter.await.is_ok_and(|entered| entered));
        assert_eq!(bulkhead.in_use(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiting_caller_is_refused_at_its_deadline() {
        let bulkhead = Bulkhead::new(1);
        let _permit = bulkhead.enter(within(0)).await;
        let began = Instant::now();
        assert!(bulkhead.enter(within(100)).await.is_err());
        assert!((MS(100)..MS(102)).contains(&began.elapsed()), "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_could_not_finish_in_time_is_refused_at_once() {
        let bulkhead = bulkhead(2, MS(80)).await;
        let _both = (bulkhead.enter(within(0)).await, bulkhead.enter(within(0)).await);
        let began = Instant::now();
        // The first in the queue waits 40 ms, and needs 80 ms.
        assert_eq!(bulkhead.enter(within(119)).await.err(), Some(Full { wait: MS(40) }));
        assert_eq!(began.elapsed(), Duration::ZERO);
        let first = tokio::spawn({
            let bulkhead = bulkhead.clone();
            async move { bulkhead.enter(within(500)).await.map(drop) }
        });
        tokio::task::yield_now().await;
        assert_eq!(bulkhead.enter(within(159)).await.err(), Some(Full { wait: MS(80) }));
        first.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_permit_that_comes_too_late_is_left_to_the_next_caller() {
        let bulkhead = bulkhead(1, MS(40)).await;
        let permit = bulkhead.enter(within(0)).await;
        let late = tokio::spawn({
            let bulkhead = bulkhead.clone();
            async move { bulkhead.enter(within(100)).await.err() }
        });
        sleep(MS(80)).await;
        drop(permit);
        assert_eq!(late.await.unwrap(), Some(Full { wait: MS(40) }));
        assert_eq!(bulkhead.in_use(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_leaves_is_removed_from_the_queue() {
        let bulkhead = bulkhead(1, MS(40)).await;
        let permit = bulkhead.enter(within(0)).await;
        for _ in 0..10 {
            let waiter = tokio::time::timeout(MS(1), bulkhead.enter(within(1_000))).await;
            assert!(waiter.is_err());
        }
        drop(permit);
        assert_eq!(bulkhead.inner.waiting.load(Ordering::Relaxed), 0);
        assert!(bulkhead.enter(within(0)).await.is_ok());
    }
}
