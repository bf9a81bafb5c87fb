//! One machine for what is loaded once, cached and refreshed: single flight, stale-while-revalidate, stale-if-error, and a
//! back-off after failures. Lives elsewhere: what is loaded and for how long it is used (whoever owns a cache).

use std::{fmt, future::Future, hash::Hash, sync::Arc, time::Duration};

use quick_cache::{Weighter, sync::Cache};
use tokio::time::Instant;

use super::{
    bounded_cache::bounded_cache,
    expiry::{Clock, Expiry},
    single_flight::{Loads, Pending, SingleFlight},
};

/// Values under keys, each loaded by one task at a time for all who need it. Clones share everything. `E` says why there is no
/// value, `C` is the clock of the values' [`Expiry`]. Values and errors are cloned for each caller: share them in an `Arc`.
///
/// A load runs in a task of its own, so that a caller that goes away cancels nothing. A cached value is used while it is fresh;
/// while it is usable it is used, and loaded again in the background; while loads fail it may be used for longer. Back-offs
/// after failures are timed by the monotonic clock, whatever `C` is, since they spare what is asked. What
/// [`insert`](Self::insert) or [`invalidate`](Self::invalidate) did to a key stands: a load that began before caches nothing.
/// ```
/// # use axon_metrics::keep::{Expiry, Lookup, RefreshCache};
/// # use std::time::Duration;
/// # use tokio::time::Instant;
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let cache: RefreshCache<(), &str, ()> = RefreshCache::single();
/// let (minute, now) = (Duration::from_secs(60), Instant::now());
/// let load = || async move { Ok(("schema", Expiry::new(now, now + minute, now + 2 * minute))) };
/// let Lookup::Pending(pending) = cache.get(&(), now, load) else { panic!("the cache is empty") };
/// assert_eq!(pending.wait(now + minute).await, Some(Ok("schema")));
/// assert!(matches!(cache.get(&(), now, load), Lookup::Ready { value: "schema", is_fresh: true, .. }));
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct RefreshCache<K, V, E, C = Instant>(Arc<Inner<K, V, E, C>>);

struct Inner<K, V, E, C> {
    entries: Cache<K, Entry<V, E, C>, Weight<K, V>>,
    loads: Arc<SingleFlight<K, Result<V, E>>>,
}

/// What a load gives.
pub type LoadResult<V, E, C = Instant> = Result<(V, Expiry<C>), LoadError<E>>;

/// A load that failed, and what follows from it. By default the next caller loads again, and a cached value is used for no
/// longer than it is usable.
#[derive(Debug, Clone)]
pub struct LoadError<E> {
    error: E,
    retry_after: Duration,
    refresh_after: Duration,
    stale_for: Duration,
    drops_value: bool,
}

impl<E> LoadError<E> {
    /// A failure without back-off.
    pub fn new(error: E) -> Self {
        let none = Duration::ZERO;
        Self { error, retry_after: none, refresh_after: none, stale_for: none, drops_value: false }
    }

    /// For this long callers without a value get the error, and nothing is loaded.
    #[must_use]
    pub fn retry_after(mut self, back_off: Duration) -> Self {
        self.retry_after = back_off;
        self.refresh_after = self.refresh_after.max(back_off);
        self
    }

    /// For this long a usable value is not loaded again in the background.
    #[must_use]
    pub fn refresh_after(mut self, back_off: Duration) -> Self {
        self.refresh_after = back_off;
        self
    }

    /// For this long after the failure, a value that is no longer usable is still used, within [`Expiry::stale`].
    #[must_use]
    pub fn stale_for(mut self, time: Duration) -> Self {
        self.stale_for = time;
        self
    }

    /// The cached value is wrong, and is dropped.
    #[must_use]
    pub fn drops_value(mut self) -> Self {
        self.drops_value = true;
        self
    }
}

/// What a cache has under a key.
#[derive(Debug)]
pub enum Lookup<V, E> {
    /// A value to use. If it is not fresh, a load runs in the background, unless the last one failed a moment ago.
    Ready {
        /// The value.
        value: V,
        /// Whether it is as good as a new one.
        is_fresh: bool,
        /// Why the last load failed; `None` if it did not, or if all times of its [`LoadError`] are over.
        error: Option<E>,
    },
    /// No value. A load runs.
    Pending(Pending<Result<V, E>>),
    /// No value, and the last load failed so recently that none is started.
    Failed(E),
}

#[derive(Clone)]
struct Entry<V, E, C> {
    value: Option<(V, Expiry<C>)>,
    failure: Option<Failure<E>>,
}

#[derive(Clone)]
struct Failure<E> {
    error: E,
    retry_at: Instant,
    refresh_at: Instant,
    stale_until: Instant,
}

impl<E> Failure<E> {
    /// Whether it no longer holds anything up, so that it says nothing about the next load.
    fn is_over(&self, clock: Instant) -> bool {
        [self.retry_at, self.refresh_at, self.stale_until].iter().all(|end| *end <= clock)
    }
}

/// What to do about a key.
enum Decision<V, E> {
    Use { value: V, is_fresh: bool, error: Option<E>, refresh: bool },
    Load,
    Failed(E),
}

impl<V: Clone, E: Clone, C: Clock> Entry<V, E, C> {
    fn decide(&self, now: C, accept: &impl Fn(&V) -> bool) -> Decision<V, E> {
        let (now, clock) = (now.latest(), Instant::now());
        let failure = self.failure.as_ref().filter(|failure| !failure.is_over(clock));
        if let Some((value, expiry)) = &self.value {
            let is_fresh = expiry.fresh.contains(&now);
            let outlives_failure = failure.is_some_and(|failure| clock < failure.stale_until);
            let is_usable = expiry.usable.contains(&now) || (outlives_failure && expiry.stale.contains(&now));
            if (is_fresh || is_usable) && accept(value) {
                let refresh = !is_fresh && failure.is_none_or(|failure| failure.refresh_at <= clock);
                let error = failure.map(|failure| failure.error.clone());
                return Decision::Use { value: value.clone(), is_fresh, error, refresh };
            }
        }
        match failure {
            Some(failure) if clock < failure.retry_at => Decision::Failed(failure.error.clone()),
            _ => Decision::Load,
        }
    }
}

/// How much of a cache's bound an entry takes.
struct Weight<K, V>(fn(&K, &V) -> u64);

impl<K, V> Clone for Weight<K, V> {
    fn clone(&self) -> Self {
        Self(self.0)
    }
}

impl<K, V, E, C> Weighter<K, Entry<V, E, C>> for Weight<K, V> {
    fn weight(&self, key: &K, entry: &Entry<V, E, C>) -> u64 {
        entry.value.as_ref().map_or(1, |(value, _)| (self.0)(key, value).max(1))
    }
}

impl<V, E, C> RefreshCache<(), V, E, C>
where
    V: Clone + Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
    C: Clock,
{
    /// A cache of one value.
    pub fn single() -> Self {
        Self::entries(1)
    }
}

impl<K, V, E, C> RefreshCache<K, V, E, C>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
    C: Clock,
{
    /// A cache of at most so many entries.
    pub fn entries(most: usize) -> Self {
        Self::new(bounded_cache(most, most as u64, 1, Weight(|_, _| 1)))
    }

    /// A cache of entries that together weigh at most `weight`; about `usual` of them are expected. An entry that weighs more
    /// than an eighth of `weight` may not be cached.
    pub fn weighted(usual: usize, weight: u64, of: fn(&K, &V) -> u64) -> Self {
        Self::new(bounded_cache(usual, weight, weight / 8, Weight(of)))
    }

    fn new(entries: Cache<K, Entry<V, E, C>, Weight<K, V>>) -> Self {
        Self(Arc::new(Inner { entries, loads: Arc::default() }))
    }

    /// The cached value, or a load to wait for. `load` is called only if a load starts.
    pub fn get<F>(&self, key: &K, now: C, load: impl FnOnce() -> F) -> Lookup<V, E>
    where
        F: Future<Output = LoadResult<V, E, C>> + Send + 'static,
    {
        self.get_if(key, now, |_| true, load)
    }

    /// The same, where only some values will do: a cached one that is not accepted is loaded again and waited for.
    pub fn get_if<F>(&self, key: &K, now: C, accept: impl Fn(&V) -> bool, load: impl FnOnce() -> F) -> Lookup<V, E>
    where
        F: Future<Output = LoadResult<V, E, C>> + Send + 'static,
    {
        match self.decide(key, now, &accept) {
            Decision::Use { value, is_fresh, error, refresh: false } => Lookup::Ready { value, is_fresh, error },
            // Decided once more with the loads locked: a load that ended since has left its value, or its failure.
            _ => self.0.loads.exclusively(|loads| match self.decide(key, now, &accept) {
                Decision::Use { value, is_fresh, error, refresh } => {
                    if refresh {
                        self.join_or_start(loads, key, load);
                    }
                    Lookup::Ready { value, is_fresh, error }
                }
                Decision::Load => Lookup::Pending(self.join_or_start(loads, key, load).0),
                Decision::Failed(error) => loads.join(key).map_or(Lookup::Failed(error), Lookup::Pending),
            }),
        }
    }

    /// The cached value if there is one to use, and whether it is fresh; loaded again in the background as by
    /// [`get`](Self::get).
    pub fn get_cached<F>(&self, key: &K, now: C, load: impl FnOnce() -> F) -> Option<(V, bool)>
    where
        F: Future<Output = LoadResult<V, E, C>> + Send + 'static,
    {
        match self.decide(key, now, &|_| true) {
            Decision::Use { value, is_fresh, refresh: false, .. } => Some((value, is_fresh)),
            Decision::Use { .. } => match self.get(key, now, load) {
                Lookup::Ready { value, is_fresh, .. } => Some((value, is_fresh)),
                Lookup::Pending(_) | Lookup::Failed(_) => None,
            },
            Decision::Load | Decision::Failed(_) => None,
        }
    }

    /// The cached value while it is fresh. Starts nothing.
    pub fn get_if_fresh(&self, key: &K, now: C) -> Option<V> {
        let (value, expiry) = self.0.entries.get(key)?.value?;
        expiry.fresh.contains(&now.latest()).then_some(value)
    }

    /// The cached value as long as it may be used while loads fail. Starts nothing.
    pub fn get_stale(&self, key: &K, now: C) -> Option<V> {
        let (value, Expiry { fresh, usable, stale }) = self.0.entries.get(key)?.value?;
        let now = now.latest();
        [fresh, usable, stale].iter().any(|window| window.contains(&now)).then_some(value)
    }

    /// The load that runs, or a new one, whatever is cached; and whether it is new.
    pub fn reload<F>(&self, key: &K, load: impl FnOnce() -> F) -> (Pending<Result<V, E>>, bool)
    where
        F: Future<Output = LoadResult<V, E, C>> + Send + 'static,
    {
        self.0.loads.exclusively(|loads| self.join_or_start(loads, key, load))
    }

    /// Caches a value that was loaded elsewhere. A load in progress does not replace it.
    pub fn insert(&self, key: &K, value: V, expiry: Expiry<C>) {
        self.0.loads.exclusively(|loads| {
            loads.supersede(key);
            self.0.store(key, Ok((value, expiry)));
        });
    }

    /// Drops a value that has turned out to be wrong: the next caller waits for a new load. Another value is left as it is.
    pub fn invalidate(&self, key: &K, is_wrong: impl Fn(&V) -> bool) {
        self.change(key, is_wrong, |loads, entry| {
            // A load in progress may have read the same wrong value.
            loads.supersede(key);
            entry.value = None;
        });
    }

    /// Puts another form of a value in its place, with the same times, so that it is weighed anew. Another value is left as it
    /// is.
    pub fn replace(&self, key: &K, form: V, is_meant: impl Fn(&V) -> bool) {
        self.change(key, is_meant, |_, entry| {
            if let Some((value, _)) = &mut entry.value {
                *value = form;
            }
        });
    }

    /// Makes a value stale by this instant at the latest. Another value is left as it is.
    pub fn refresh_by(&self, key: &K, by: C, is_meant: impl Fn(&V) -> bool) {
        self.change(key, is_meant, |_, entry| {
            if let Some((_, expiry)) = &mut entry.value {
                expiry.fresh.end = expiry.fresh.end.min(by);
            }
        });
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.entries.is_empty()
    }

    fn decide(&self, key: &K, now: C, accept: &impl Fn(&V) -> bool) -> Decision<V, E> {
        self.0.entries.get(key).map_or(Decision::Load, |entry| entry.decide(now, accept))
    }

    /// Changes the entry of a value that is meant.
    fn change(
        &self,
        key: &K,
        is_meant: impl Fn(&V) -> bool,
        change: impl FnOnce(&mut Loads<'_, K, Result<V, E>>, &mut Entry<V, E, C>),
    ) {
        self.0.loads.exclusively(|loads| {
            let Some(mut entry) = self.0.entries.get(key) else { return };
            if entry.value.as_ref().is_some_and(|(value, _)| is_meant(value)) {
                change(loads, &mut entry);
                self.0.entries.insert(key.clone(), entry);
            }
        });
    }

    fn join_or_start<F>(
        &self,
        loads: &mut Loads<'_, K, Result<V, E>>,
        key: &K,
        load: impl FnOnce() -> F,
    ) -> (Pending<Result<V, E>>, bool)
    where
        F: Future<Output = LoadResult<V, E, C>> + Send + 'static,
    {
        if let Some(pending) = loads.join(key) {
            return (pending, false);
        }
        let (inner, load, own_key) = (Arc::clone(&self.0), load(), key.clone());
        let load_and_store = |number| async move {
            let result = load.await;
            let outcome = result.as_ref().map(|(value, _)| value.clone()).map_err(|failed| failed.error.clone());
            // Stored before the load leaves the list of loads: a caller that finds no load finds its result.
            inner.loads.exclusively(|loads| {
                if loads.is_current(&own_key, number) {
                    inner.store(&own_key, result);
                }
            });
            outcome
        };
        (loads.start(key.clone(), load_and_store), true)
    }
}

impl<K, V, E, C> Inner<K, V, E, C>
where
    K: Clone + Eq + Hash,
    V: Clone,
    E: Clone,
    C: Clock,
{
    /// Stores what a load left. The caller holds the lock of the loads.
    fn store(&self, key: &K, result: LoadResult<V, E, C>) {
        let failed = match result {
            Ok((_, expiry)) if expiry.is_empty() => return,
            Ok(loaded) => {
                self.entries.insert(key.clone(), Entry { value: Some(loaded), failure: None });
                return;
            }
            Err(failed) => failed,
        };
        let LoadError { error, retry_after, refresh_after, stale_for, drops_value } = failed;
        let value = self.entries.get(key).and_then(|entry| entry.value).filter(|_| !drops_value);
        if value.is_none() && retry_after.is_zero() {
            self.entries.remove(key);
            return;
        }
        let now = Instant::now();
        let at = |after: Duration| now.checked_add(after).unwrap_or(now + FAR);
        let (retry_at, refresh_at, stale_until) = (at(retry_after), at(refresh_after), at(stale_for));
        let failure = Some(Failure { error, retry_at, refresh_at, stale_until });
        self.entries.insert(key.clone(), Entry { value, failure });
    }
}

/// Stands for times that the clock cannot hold.
const FAR: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

impl<K, V, E, C> Clone for RefreshCache<K, V, E, C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, V, E, C> fmt::Debug for RefreshCache<K, V, E, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshCache").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
