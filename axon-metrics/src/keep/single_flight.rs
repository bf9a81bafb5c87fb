//! Single flight: concurrent loads of one key share one task. The task goes on when whoever started it is gone.
//! Lives here: joining and starting loads. Lives elsewhere: what is loaded, and what is kept of it.

use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};
use tracing::{Instrument, instrument::WithSubscriber};

use crate::vocabulary::Timestamp;

/// Loads in progress, shared by all who ask.
#[derive(Debug)]
pub(crate) struct SingleFlight<T> {
    table: Mutex<Table<T>>,
}

/// The loads in progress, each under every key it is for.
#[derive(Debug)]
struct Table<T> {
    entries: HashMap<String, Vec<Entry<T>>>,
    last_number: u64,
}

/// A load in progress.
#[derive(Debug)]
struct Entry<T> {
    number: u64,
    keys: Arc<[String]>,
    as_of: Timestamp,
    result: watch::Receiver<Option<T>>,
}

/// The loads in progress under the lock: nobody else starts or ends one meanwhile.
pub(crate) struct Loads<'a, T> {
    single_flight: &'a Arc<SingleFlight<T>>,
    table: MutexGuard<'a, Table<T>>,
    started: Vec<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

/// A load to wait for. Dropping it ends nothing.
#[derive(Debug, Clone)]
pub(crate) struct Pending<T> {
    result: watch::Receiver<Option<T>>,
}

impl<T> Default for SingleFlight<T> {
    fn default() -> Self {
        Self { table: Mutex::new(Table { entries: HashMap::new(), last_number: 0 }) }
    }
}

impl<T: Clone + Send + Sync + 'static> SingleFlight<T> {
    /// Looks at the loads in progress and starts more, as one step: whoever finds no load here finds what it kept.
    pub(crate) fn exclusively<R>(self: &Arc<Self>, step: impl FnOnce(&mut Loads<'_, T>) -> R) -> R {
        let mut loads = Loads { single_flight: self, table: self.lock(), started: Vec::new() };
        let result = step(&mut loads);
        let Loads { table, started, .. } = loads;
        // Unlock before spawning: a runtime that shuts down drops the load at once, and dropping it locks the table.
        drop(table);
        for load in started {
            // Its log lines go where those of whoever started it go.
            tokio::spawn(load.in_current_span().with_current_subscriber());
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, Table<T>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remove(&self, number: u64, keys: &[String]) {
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

impl<T: Clone + Send + Sync + 'static> Loads<'_, T> {
    /// The load in progress that is for all these keys and, by its instant, of use; the latest of several.
    pub(crate) fn join(&self, keys: &[String], of_use: impl Fn(Timestamp) -> bool) -> Option<Pending<T>> {
        let entries = self.table.entries.get(keys.first()?)?;
        let covers = |entry: &&Entry<T>| of_use(entry.as_of) && keys.iter().all(|key| entry.keys.contains(key));
        let entry = entries.iter().filter(covers).max_by_key(|entry| entry.as_of)?;
        Some(Pending { result: entry.result.clone() })
    }

    /// Starts a load for these keys. It leaves the table as soon as it ends, however it ends; what it keeps it must have
    /// kept by then.
    pub(crate) fn start(
        &mut self,
        keys: Vec<String>,
        as_of: Timestamp,
        load: impl Future<Output = T> + Send + 'static,
    ) -> Pending<T> {
        let table = &mut *self.table;
        table.last_number += 1;
        let (number, keys): (u64, Arc<[String]>) = (table.last_number, keys.into());
        let (sender, result) = watch::channel(None);
        for key in keys.iter() {
            let entry = Entry { number, keys: Arc::clone(&keys), as_of, result: result.clone() };
            table.entries.entry(key.clone()).or_default().push(entry);
        }
        let removal = RemoveOnDrop { single_flight: Arc::clone(self.single_flight), number, keys };
        self.started.push(Box::pin(async move {
            // The entry is removed before the result is sent, also when the load panics: who learns that the load is over
            // can start another.
            let (sender, removal) = (sender, removal);
            let value = load.await;
            drop(removal);
            sender.send_replace(Some(value));
        }));
        Pending { result }
    }
}

/// Removes a load's entries, also when it panics.
struct RemoveOnDrop<T: Clone + Send + Sync + 'static> {
    single_flight: Arc<SingleFlight<T>>,
    number: u64,
    keys: Arc<[String]>,
}

impl<T: Clone + Send + Sync + 'static> Drop for RemoveOnDrop<T> {
    fn drop(&mut self) {
        self.single_flight.remove(self.number, &self.keys);
    }
}

impl<T: Clone> Pending<T> {
    /// What was loaded; `None` if the load panicked, or did not end by the deadline.
    pub(crate) async fn wait(mut self, deadline: Instant) -> Option<T> {
        let result = timeout_at(deadline, self.result.wait_for(Option::is_some)).await;
        result.ok()?.ok()?.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::sleep;

    use super::*;

    const AS_OF: Timestamp = Timestamp::UNIX_EPOCH;

    fn keys(keys: &[&str]) -> Vec<String> {
        keys.iter().map(|key| (*key).to_owned()).collect()
    }
    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(1)
    }
    async fn load(value: u32) -> u32 {
        sleep(Duration::from_millis(100)).await;
        value
    }

    #[tokio::test(start_paused = true)]
    async fn a_load_is_joined_by_who_asks_for_no_more_than_it_is_for() {
        let single_flight: Arc<SingleFlight<u32>> = Arc::default();
        let first = single_flight.exclusively(|loads| loads.start(keys(&["a", "b"]), AS_OF, load(7)));
        let join = |wanted: &[&str]| single_flight.exclusively(|loads| loads.join(&keys(wanted), |_| true));
        let part = join(&["b"]);
        assert!(join(&["a", "c"]).is_none() && join(&[]).is_none());
        assert!(
            single_flight.exclusively(|loads| loads.join(&keys(&["a"]), |as_of| as_of > AS_OF)).is_none(),
            "of no use"
        );
        assert_eq!(single_flight.count(), 1);
        assert_eq!((first.wait(soon()).await, part.unwrap().wait(soon()).await), (Some(7), Some(7)));
        assert_eq!(single_flight.count(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_load_that_panics_is_over_for_all_who_wait_and_can_be_started_again() {
        let single_flight: Arc<SingleFlight<u32>> = Arc::default();
        let panics = async {
            sleep(Duration::from_millis(10)).await;
            panic!("a load that is told to")
        };
        let first = single_flight.exclusively(|loads| loads.start(keys(&["a"]), AS_OF, panics));
        let second = single_flight.exclusively(|loads| loads.join(&keys(&["a"]), |_| true)).unwrap();
        let began = Instant::now();
        assert_eq!((first.wait(soon()).await, second.wait(soon()).await), (None, None));
        assert_eq!((began.elapsed(), single_flight.count()), (Duration::from_millis(10), 0));
        let again = single_flight.exclusively(|loads| loads.start(keys(&["a"]), AS_OF, load(8)));
        assert_eq!(again.wait(soon()).await, Some(8));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_goes_at_the_deadline_and_the_load_goes_on() {
        let single_flight: Arc<SingleFlight<u32>> = Arc::default();
        let first = single_flight.exclusively(|loads| loads.start(keys(&["a"]), AS_OF, load(7)));
        assert_eq!(first.wait(Instant::now() + Duration::from_millis(50)).await, None);
        let later = single_flight.exclusively(|loads| loads.join(&keys(&["a"]), |_| true)).unwrap();
        assert_eq!(later.wait(soon()).await, Some(7));
    }

    #[tokio::test(start_paused = true)]
    async fn of_several_loads_the_latest_is_joined() {
        let single_flight: Arc<SingleFlight<u32>> = Arc::default();
        let later = AS_OF + Duration::from_secs(1);
        single_flight.exclusively(|loads| drop(loads.start(keys(&["a"]), later, load(2))));
        single_flight.exclusively(|loads| drop(loads.start(keys(&["a"]), AS_OF, load(1))));
        let joined = single_flight.exclusively(|loads| loads.join(&keys(&["a"]), |_| true)).unwrap();
        assert_eq!(joined.wait(soon()).await, Some(2));
    }
}
