//! Bounded concurrency: bulkhead that are held for a while, and a queue that is never longer than its deadline.
//! Lives here: waiting, and not waiting in vain. Lives elsewhere: what a place is for (`admission`, `bulkhead`).

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

/// Bulkhead, and how long they are held as a rule. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Bulkhead {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    free: Arc<Semaphore>,
    bulkhead: usize,
    waiting: AtomicUsize,
    /// Moving average of how long a place is held; `None` before the first was given back.
    held: Mutex<Option<Duration>>,
}

/// No place by the deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full {
    /// How long it would have taken.
    pub(super) wait: Duration,
}

impl Bulkhead {
    /// So many bulkhead, at least one.
    pub(super) fn new(bulkhead: usize) -> Self {
        let bulkhead = bulkhead.clamp(1, Semaphore::MAX_PERMITS);
        let free = Arc::new(Semaphore::new(bulkhead));
        Self { inner: Arc::new(Inner { free, bulkhead, waiting: AtomicUsize::new(0), held: Mutex::new(None) }) }
    }

    /// A place by the deadline. Who would not be done by then, by how long bulkhead are held as a rule, is log_limiter so at once.
    pub(super) async fn enter(&self, deadline: Instant) -> Result<Permit, Full> {
        let inner = &self.inner;
        if let Ok(permit) = Arc::clone(&inner.free).try_acquire_owned() {
            return Ok(self.place(permit));
        }
        let queue = Queued::behind(inner);
        let (wait, held) = self.expected(queue.place);
        // Not every one is held as long as the others: a quarter more is allowed for.
        let stay = held + held / 4;
        if Instant::now() + wait + stay > deadline {
            return Err(Full { wait });
        }
        match timeout_at(deadline, Arc::clone(&inner.free).acquire_owned()).await {
            // Held for less than it takes, a place is lost for those who could use it.
            Ok(Ok(_)) if Instant::now() + held > deadline => Err(Full { wait: wait.max(held) }),
            Ok(Ok(permit)) => Ok(self.place(permit)),
            // Nobody closes the semaphore; and a queue that was slower than expected is not said to be fast.
            Ok(Err(_)) | Err(_) => Err(Full { wait: wait.max(held) }),
        }
    }

    /// How many bulkhead are taken.
    #[cfg(test)]
    pub(super) fn taken(&self) -> usize {
        self.inner.bulkhead - self.inner.free.available_permits()
    }

    fn place(&self, permit: OwnedSemaphorePermit) -> Permit {
        Permit { since: Instant::now(), inner: Arc::clone(&self.inner), _permit: permit }
    }

    /// How long the `place`-th in the queue waits, and how long it then stays, as a rule.
    fn expected(&self, place: usize) -> (Duration, Duration) {
        let held = self.inner.held().unwrap_or_default();
        let turns = u32::try_from(place).unwrap_or(u32::MAX);
        let bulkhead = u32::try_from(self.inner.bulkhead).unwrap_or(u32::MAX);
        (held.saturating_mul(turns) / bulkhead, held)
    }
}

impl Inner {
    fn held(&self) -> Option<Duration> {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who waits for a place, until they have one or are gone.
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

/// A place that is held. Dropping it gives it back.
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

    /// Bulkhead of which each is known to be held for so long.
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
