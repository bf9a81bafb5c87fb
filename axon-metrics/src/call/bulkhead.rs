//! A bulkhead: a bounded number of permits, and a queue that nobody enters who would not be served by the deadline.
//! Lives elsewhere: what a permit is for (`admission`, `guard`), how many there are (`concurrency`).

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

/// How much one more observation moves the average.
const WEIGHT: f64 = 0.2;

/// Permits, and how long they are usually held. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Bulkhead {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    free: Arc<Semaphore>,
    permits: usize,
    waiting: AtomicUsize,
    /// Moving average of how long a permit is held; `None` before the first was given back.
    held: Mutex<Option<Duration>>,
}

/// No permit by the deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full {
    /// How long it would have taken.
    pub(super) wait: Duration,
}

impl Bulkhead {
    /// A bulkhead of so many permits, at least one.
    pub(super) fn new(permits: usize) -> Self {
        let permits = permits.clamp(1, Semaphore::MAX_PERMITS);
        let free = Arc::new(Semaphore::new(permits));
        Self { inner: Arc::new(Inner { free, permits, waiting: AtomicUsize::new(0), held: Mutex::new(None) }) }
    }

    /// A permit by the deadline.
    /// # Errors
    /// [`Full`], at once, if by the queue and by how long permits are usually held the caller would not be done by then; and
    /// at the deadline, if that estimate was wrong.
    pub(super) async fn enter(&self, deadline: Instant) -> Result<Permit, Full> {
        let inner = &self.inner;
        if let Ok(permit) = Arc::clone(&inner.free).try_acquire_owned() {
            return Ok(self.permit(permit));
        }
        let queue = Queued::behind(inner);
        let (wait, held) = self.expected(queue.place);
        // Not every one is held as long as the others: a quarter more is allowed for.
        let stay = held + held / 4;
        if Instant::now() + wait + stay > deadline {
            return Err(Full { wait });
        }
        match timeout_at(deadline, Arc::clone(&inner.free).acquire_owned()).await {
            // Held for less than it takes, a permit is lost for those who could use it.
            Ok(Ok(_)) if Instant::now() + held > deadline => Err(Full { wait: wait.max(held) }),
            Ok(Ok(permit)) => Ok(self.permit(permit)),
            // Nobody closes the semaphore; and a queue that was slower than expected is not said to be fast.
            Ok(Err(_)) | Err(_) => Err(Full { wait: wait.max(held) }),
        }
    }

    /// How many permits are taken.
    #[cfg(test)]
    pub(super) fn taken(&self) -> usize {
        self.inner.permits - self.inner.free.available_permits()
    }

    fn permit(&self, permit: OwnedSemaphorePermit) -> Permit {
        Permit { since: Instant::now(), inner: Arc::clone(&self.inner), _permit: permit }
    }

    /// How long the `place`-th in the queue waits, and how long it then stays, as a rule.
    fn expected(&self, place: usize) -> (Duration, Duration) {
        let held = self.inner.held().unwrap_or_default();
        let turns = u32::try_from(place).unwrap_or(u32::MAX);
        let permits = u32::try_from(self.inner.permits).unwrap_or(u32::MAX);
        (held.saturating_mul(turns) / permits, held)
    }
}

impl Inner {
    fn held(&self) -> Option<Duration> {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who waits for a permit, until they have one or are gone.
struct Queued<'a> {
    inner: &'a Inner,
    /// Which in the queue, from 1.
    place: usize,
}

impl<'a> Queued<'a> {
    fn behind(inner: &'a Inner) -> Self {
        Self { inner, place: inner.waiting.fetch_add(1, Ordering::Relaxed) + 1 }
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.inner.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The right to go on. Dropping it gives it back.
#[derive(Debug)]
pub(super) struct Permit {
    since: Instant,
    inner: Arc<Inner>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let now = self.since.elapsed();
        let mut held = self.inner.held.lock().unwrap_or_else(PoisonError::into_inner);
        *held = Some(held.map_or(now, |before| before.mul_f64(1.0 - WEIGHT) + now.mul_f64(WEIGHT)));
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

    /// Permits of which each is known to be held for so long.
    async fn held_for(bulkhead: usize, held: Duration) -> Bulkhead {
        let bulkhead = Bulkhead::new(bulkhead);
        let place = bulkhead.enter(within(0)).await;
        sleep(held).await;
        drop(place);
        bulkhead
    }

    #[tokio::test(start_paused = true)]
    async fn a_free_place_is_had_at_once_even_after_the_deadline() {
        let bulkhead = Bulkhead::new(1);
        assert!(bulkhead.enter(Instant::now()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_that_is_given_back_goes_to_who_waits() {
        let bulkhead = Bulkhead::new(1);
        let place = bulkhead.enter(within(0)).await;
        let waits = tokio::spawn({
            let bulkhead = bulkhead.clone();
            async move { bulkhead.enter(within(100)).await.is_ok() }
        });
        sleep(MS(50)).await;
        drop(place);
        assert!(waits.await.is_ok_and(|entered| entered));
        assert_eq!(bulkhead.taken(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_refused_at_the_deadline() {
        let bulkhead = Bulkhead::new(1);
        let _place = bulkhead.enter(within(0)).await;
        let began = Instant::now();
        assert!(bulkhead.enter(within(100)).await.is_err());
        assert!((MS(100)..MS(102)).contains(&began.elapsed()), "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn who_would_wait_in_vain_is_refused_at_once() {
        let bulkhead = held_for(2, MS(80)).await;
        let _both = (bulkhead.enter(within(0)).await, bulkhead.enter(within(0)).await);
        let began = Instant::now();
        // The first in the queue waits 40 ms, and stays 80.
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
    async fn who_comes_to_a_place_too_late_leaves_it_to_the_next() {
        let bulkhead = held_for(1, MS(40)).await;
        let place = bulkhead.enter(within(0)).await;
        let late = tokio::spawn({
            let bulkhead = bulkhead.clone();
            async move { bulkhead.enter(within(100)).await.err() }
        });
        sleep(MS(80)).await;
        drop(place);
        assert_eq!(late.await.unwrap(), Some(Full { wait: MS(40) }));
        assert_eq!(bulkhead.taken(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_gone_is_no_longer_in_the_queue() {
        let bulkhead = held_for(1, MS(40)).await;
        let place = bulkhead.enter(within(0)).await;
        for _ in 0..10 {
            let waits = tokio::time::timeout(MS(1), bulkhead.enter(within(1_000))).await;
            assert!(waits.is_err());
        }
        drop(place);
        assert_eq!(bulkhead.inner.waiting.load(Ordering::Relaxed), 0);
        assert!(bulkhead.enter(within(0)).await.is_ok());
    }
}
