//! Single flight: concurrent loads of one key share one task. The task goes on when the caller that started it is gone.
//! Lives here: joining and starting loads. Lives elsewhere: what is loaded, and what is cached of it.

use std::{
    collections::HashMap,
    future::Future,
    hash::Hash,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};
use tracing::{Instrument, instrument::WithSubscriber};

/// How long past its deadline a caller waits for a load from the sources. They time out at the deadline, and the result of the
/// load comes just after.
pub(crate) const LOAD_GRACE: Duration = Duration::from_millis(25);

/// Loads in progress, shared by all who ask. A load is for one key or several, and has a mark, such as the instant that it is
/// for.
#[derive(Debug)]
pub(crate) struct SingleFlight<K, T, M = ()> {
    table: Mutex<Table<K, T, M>>,
}

/// The loads in progress, each under every key it is for.
#[derive(Debug)]
struct Table<K, T, M> {
    entries: HashMap<K, Vec<Entry<K, T, M>>>,
    last_number: u64,
}

/// A load in progress.
#[derive(Debug)]
struct Entry<K, T, M> {
    number: u64,
    keys: Arc<[K]>,
    mark: M,
    result: watch::Receiver<Option<T>>,
}

/// The loads in progress under the lock: nobody else starts or ends one meanwhile.
pub(crate) struct Loads<'a, K: Eq + Hash, T, M = ()> {
    single_flight: &'a Arc<SingleFlight<K, T, M>>,
    table: MutexGuard<'a, Table<K, T, M>>,
    started: Vec<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

/// A load to wait for. Dropping it ends nothing.
#[derive(Debug, Clone)]
pub struct Pending<T> {
    result: watch::Receiver<Option<T>>,
}

impl<K, T, M> Default for SingleFlight<K, T, M> {
    fn default() -> Self {
        Self { table: Mutex::new(Table { entries: HashMap::new(), last_number: 0 }) }
    }
}

impl<K, T, M> SingleFlight<K, T, M> {
    fn lock(&self) -> MutexGuard<'_, Table<K, T, M>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, T, M> SingleFlight<K, T, M>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
    M: Copy + Ord + Send + Sync + 'static,
{
    /// Looks at the loads in progress and starts more, as one step: a caller that finds no load here finds what the last one
    /// left.
    pub(crate) fn exclusively<R>(self: &Arc<Self>, step: impl FnOnce(&mut Loads<'_, K, T, M>) -> R) -> R {
        let mut loads = Loads { single_flight: self, table: self.lock(), started: Vec::new() };
        let result = step(&mut loads);
        let Loads { table, started, .. } = loads;
        // Unlock before spawning: a runtime that shuts down drops the load at once, and dropping it locks the table.
        drop(table);
        for load in started {
            // Its log lines go where those of the caller go.
            tokio::spawn(load.in_current_span().with_current_subscriber());
        }
        result
    }

    fn remove(&self, number: u64, keys: &[K]) {
        let mut table = self.lock();
        for key in keys {
            if let Some(entries) = table.entries.get_mut(key) {
                entries.retain(|entry| entry.number != number);
                if entries.is_empty() {
                    table.entries.remove(key);
                }
            }
        }
    }

    /// How many loads are in progress.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        let table = self.lock();
        let numbers = table.entries.values().flatten().map(|entry| entry.number);
        numbers.collect::<std::collections::HashSet<_>>().len()
    }
}

impl<K, T, M> Loads<'_, K, T, M>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
    M: Copy + Ord + Send + Sync + 'static,
{
    /// The load in progress that is for all these keys and whose mark will do; the one with the highest mark of several.
    pub(crate) fn join_for(&self, keys: &[K], will_do: impl Fn(M) -> bool) -> Option<Pending<T>> {
        let entries = self.table.entries.get(keys.first()?)?;
        let covers = |entry: &&Entry<K, T, M>| will_do(entry.mark) && keys.iter().all(|key| entry.keys.contains(key));
        let entry = entries.iter().filter(covers).max_by_key(|entry| entry.mark)?;
        Some(Pending { result: entry.result.clone() })
    }

    /// Starts a load for these keys. It leaves the table as soon as it ends, however it ends; what it caches must be cached by
    /// then.
    pub(crate) fn start_for(
        &mut self,
        keys: Vec<K>,
        mark: M,
        load: impl Future<Output = T> + Send + 'static,
    ) -> Pending<T> {
        let number = self.next_number();
        self.insert(number, keys, mark, load)
    }

    fn next_number(&mut self) -> u64 {
        self.table.last_number += 1;
        self.table.last_number
    }

    fn insert(
        &mut self,
        number: u64,
        keys: Vec<K>,
        mark: M,
        load: impl Future<Output = T> + Send + 'static,
    ) -> Pending<T> {
        let keys: Arc<[K]> = keys.into();
        let (sender, result) = watch::channel(None);
        for key in keys.iter() {
            let entry = Entry { number, keys: Arc::clone(&keys), mark, result: result.clone() };
            self.table.entries.entry(key.clone()).or_default().push(entry);
        }
        let removal = RemoveOnDrop { single_flight: Arc::clone(self.single_flight), number, keys };
        self.started.push(Box::pin(async move {
            // The entry is removed before the result is sent, also when the load panics: a caller that learns that the load is
            // over can start another.
            let (sender, removal) = (sender, removal);
            let value = load.await;
            drop(removal);
            sender.send_replace(Some(value));
        }));
        Pending { result }
    }
}

impl<K, T> Loads<'_, K, T>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// The load in progress for a key.
    pub(crate) fn join(&self, key: &K) -> Option<Pending<T>> {
        self.join_for(std::slice::from_ref(key), |()| true)
    }

    /// Starts a load for a key. It gets its own number, for [`is_current`](Self::is_current).
    pub(crate) fn start<F>(&mut self, key: K, load: impl FnOnce(u64) -> F) -> Pending<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let number = self.next_number();
        self.insert(number, vec![key], (), load(number))
    }

    /// Supersedes the load in progress for a key: nobody joins it any more, and it must cache nothing. Those who wait for it
    /// still get its result.
    pub(crate) fn supersede(&mut self, key: &K) {
        self.table.entries.remove(key);
    }

    /// Whether the load of this number is still the one for its key, so that it may cache its result.
    pub(crate) fn is_current(&self, key: &K, number: u64) -> bool {
        self.table.entries.get(key).is_some_and(|entries| entries.iter().any(|entry| entry.number == number))
    }
}

/// Removes a load's entries, also when it panics.
struct RemoveOnDrop<K, T, M>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
    M: Copy + Ord + Send + Sync + 'static,
{
    single_flight: Arc<SingleFlight<K, T, M>>,
    number: u64,
    keys: Arc<[K]>,
}

impl<K, T, M> Drop for RemoveOnDrop<K, T, M>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
    M: Copy + Ord + Send + Sync + 'static,
{
    fn drop(&mut self) {
        self.single_flight.remove(self.number, &self.keys);
    }
}

impl<T: Clone> Pending<T> {
    /// What was loaded; `None` if the load panicked, or did not end by the deadline.
    pub async fn wait(mut self, deadline: Instant) -> Option<T> {
        let result = timeout_at(deadline, self.result.wait_for(Option::is_some)).await;
        result.ok()?.ok()?.clone()
    }

    /// What was loaded, however long it takes; `None` if the load panicked.
    pub async fn result(mut self) -> Option<T> {
        self.result.wait_for(Option::is_some).await.ok()?.clone()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(1)
    }
    async fn load(value: u32) -> u32 {
        sleep(Duration::from_millis(100)).await;
        value
    }

    #[tokio::test(start_paused = true)]
    async fn a_load_is_joined_for_any_of_its_keys_and_no_others() {
        let single_flight: Arc<SingleFlight<&str, u32, i32>> = Arc::default();
        let first = single_flight.exclusively(|loads| loads.start_for(vec!["a", "b"], 0, load(7)));
        let join = |wanted: &[&'static str]| single_flight.exclusively(|loads| loads.join_for(wanted, |_| true));
        let part = join(&["b"]);
        assert!(join(&["a", "c"]).is_none() && join(&[]).is_none());
        assert!(single_flight.exclusively(|loads| loads.join_for(&["a"], |mark| mark > 0)).is_none(), "another mark");
        assert_eq!(single_flight.count(), 1);
        assert_eq!((first.wait(soon()).await, part.unwrap().wait(soon()).await), (Some(7), Some(7)));
        assert_eq!(single_flight.count(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_load_that_panics_ends_for_all_callers_and_can_be_started_again() {
        let single_flight: Arc<SingleFlight<&str, u32, i32>> = Arc::default();
        let panics = async {
            sleep(Duration::from_millis(10)).await;
            panic!("this load panics")
        };
        let first = single_flight.exclusively(|loads| loads.start_for(vec!["a"], 0, panics));
        let second = single_flight.exclusively(|loads| loads.join_for(&["a"], |_| true)).unwrap();
        let began = Instant::now();
        assert_eq!((first.wait(soon()).await, second.wait(soon()).await), (None, None));
        assert_eq!((began.elapsed(), single_flight.count()), (Duration::from_millis(10), 0));
        let again = single_flight.exclusively(|loads| loads.start_for(vec!["a"], 0, load(8)));
        assert_eq!(again.wait(soon()).await, Some(8));
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_leaves_at_its_deadline_and_the_load_goes_on() {
        let single_flight: Arc<SingleFlight<&str, u32, i32>> = Arc::default();
        let first = single_flight.exclusively(|loads| loads.start_for(vec!["a"], 0, load(7)));
        assert_eq!(first.wait(Instant::now() + Duration::from_millis(50)).await, None);
        let later = single_flight.exclusively(|loads| loads.join_for(&["a"], |_| true)).unwrap();
        assert_eq!(later.wait(soon()).await, Some(7));
    }

    #[tokio::test(start_paused = true)]
    async fn a_superseded_load_is_not_joined_and_its_callers_get_their_result() {
        let single_flight: Arc<SingleFlight<&str, u32>> = Arc::default();
        let is_current = |number| single_flight.exclusively(|loads| loads.is_current(&"a", number));
        let first = single_flight.exclusively(|loads| loads.start("a", |_| load(1)));
        assert!(is_current(1));
        single_flight.exclusively(|loads| loads.supersede(&"a"));
        assert!(!is_current(1) && single_flight.exclusively(|loads| loads.join(&"a")).is_none());
        sleep(Duration::from_millis(50)).await;
        let second = single_flight.exclusively(|loads| loads.start("a", |_| load(2)));
        assert_eq!(first.wait(soon()).await, Some(1));
        assert!(is_current(2), "the end of the first load ends no other");
        assert_eq!(second.wait(soon()).await, Some(2));
        assert!(!is_current(2));
    }

    #[tokio::test(start_paused = true)]
    async fn of_several_loads_the_one_with_the_highest_mark_is_joined() {
        let single_flight: Arc<SingleFlight<&str, u32, i32>> = Arc::default();
        single_flight.exclusively(|loads| drop(loads.start_for(vec!["a"], 1, load(2))));
        single_flight.exclusively(|loads| drop(loads.start_for(vec!["a"], 0, load(1))));
        let joined = single_flight.exclusively(|loads| loads.join_for(&["a"], |_| true)).unwrap();
        assert_eq!(joined.wait(soon()).await, Some(2));
    }
}
