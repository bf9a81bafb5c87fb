//! Loads under way: what is asked for again while it is loaded is not loaded again. Each load is a task of its own, so that
//! who asked for it first may go away. Lives here: joining and starting. Lives elsewhere: what is loaded.

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

use crate::Timestamp;

/// Loads under way.
#[derive(Debug)]
pub(crate) struct Flights<T> {
    board: Mutex<Board<T>>,
}

/// Found by each of the keys they are for.
#[derive(Debug)]
struct Board<T> {
    under_way: HashMap<String, Vec<Flight<T>>>,
    last: u64,
}

/// The loads under way, while nobody else can start or end one.
pub(crate) struct Boarding<'a, T> {
    flights: &'a Arc<Flights<T>>,
    board: MutexGuard<'a, Board<T>>,
    started: Vec<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

#[derive(Debug)]
struct Flight<T> {
    number: u64,
    keys: Arc<[String]>,
    as_of: Timestamp,
    landed: watch::Receiver<Option<T>>,
}

/// A load to wait for. Dropping it ends nothing.
#[derive(Debug, Clone)]
pub(crate) struct Waiting<T> {
    landed: watch::Receiver<Option<T>>,
}

impl<T> Default for Flights<T> {
    fn default() -> Self {
        Self { board: Mutex::new(Board { under_way: HashMap::new(), last: 0 }) }
    }
}

impl<T: Clone + Send + Sync + 'static> Flights<T> {
    /// Looks at the loads under way and starts more, as one step. Whoever finds no load here finds what it kept.
    pub(crate) fn board<R>(self: &Arc<Self>, step: impl FnOnce(&mut Boarding<'_, T>) -> R) -> R {
        let mut boarding = Boarding { flights: self, board: self.lock(), started: Vec::new() };
        let result = step(&mut boarding);
        let Boarding { board, started, .. } = boarding;
        // A runtime that shuts down drops what is given to it, and a load that is dropped takes itself off the board.
        drop(board);
        for load in started {
            // Its log lines go where those of whoever started it go.
            tokio::spawn(load.in_current_span().with_current_subscriber());
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, Board<T>> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, number: u64, keys: &[String]) {
        let mut board = self.lock();
        for key in keys {
            if let Some(flights) = board.under_way.get_mut(key) {
                flights.retain(|flight| flight.number != number);
                if flights.is_empty() {
                    board.under_way.remove(key);
                }
            }
        }
    }

    /// How many loads are under way.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        let board = self.lock();
        let numbers = board.under_way.values().flatten().map(|flight| flight.number);
        numbers.collect::<std::collections::HashSet<_>>().len()
    }
}

impl<T: Clone + Send + Sync + 'static> Boarding<'_, T> {
    /// The load under way that is for all these keys and, by its instant, of use; the latest of several.
    pub(crate) fn join(&self, keys: &[String], of_use: impl Fn(Timestamp) -> bool) -> Option<Waiting<T>> {
        let flights = self.board.under_way.get(keys.first()?)?;
        let covers = |flight: &&Flight<T>| of_use(flight.as_of) && keys.iter().all(|key| flight.keys.contains(key));
        let flight = flights.iter().filter(covers).max_by_key(|flight| flight.as_of)?;
        Some(Waiting { landed: flight.landed.clone() })
    }

    /// Starts a load for these keys. It is over as soon as it ends, however it ends; what it keeps it must have kept by then.
    pub(crate) fn start(
        &mut self,
        keys: Vec<String>,
        as_of: Timestamp,
        load: impl Future<Output = T> + Send + 'static,
    ) -> Waiting<T> {
        let board = &mut *self.board;
        board.last += 1;
        let (number, keys): (u64, Arc<[String]>) = (board.last, keys.into());
        let (land, landed) = watch::channel(None);
        for key in keys.iter() {
            let flight = Flight { number, keys: Arc::clone(&keys), as_of, landed: landed.clone() };
            board.under_way.entry(key.clone()).or_default().push(flight);
        }
        let under_way = UnderWay { flights: Arc::clone(self.flights), number, keys };
        self.started.push(Box::pin(async move {
            // Off the board first, also when the load panics: who learns that it is over can start another.
            let (land, under_way) = (land, under_way);
            let value = load.await;
            drop(under_way);
            land.send_replace(Some(value));
        }));
        Waiting { landed }
    }
}

/// Takes the load off the board, also when it panics.
struct UnderWay<T: Clone + Send + Sync + 'static> {
    flights: Arc<Flights<T>>,
    number: u64,
    keys: Arc<[String]>,
}

impl<T: Clone + Send + Sync + 'static> Drop for UnderWay<T> {
    fn drop(&mut self) {
        self.flights.end(self.number, &self.keys);
    }
}

impl<T: Clone> Waiting<T> {
    /// What was loaded; `None` if the load panicked, or did not end by the deadline.
    pub(crate) async fn landed(mut self, deadline: Instant) -> Option<T> {
        let landed = timeout_at(deadline, self.landed.wait_for(Option::is_some)).await;
        landed.ok()?.ok()?.clone()
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
        let flights: Arc<Flights<u32>> = Arc::default();
        let first = flights.board(|board| board.start(keys(&["a", "b"]), AS_OF, load(7)));
        let join = |wanted: &[&str]| flights.board(|board| board.join(&keys(wanted), |_| true));
        let part = join(&["b"]);
        assert!(join(&["a", "c"]).is_none() && join(&[]).is_none());
        assert!(flights.board(|board| board.join(&keys(&["a"]), |as_of| as_of > AS_OF)).is_none(), "of no use");
        assert_eq!(flights.count(), 1);
        assert_eq!((first.landed(soon()).await, part.unwrap().landed(soon()).await), (Some(7), Some(7)));
        assert_eq!(flights.count(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_load_that_panics_is_over_for_all_who_wait_and_can_be_started_again() {
        let flights: Arc<Flights<u32>> = Arc::default();
        let panics = async {
            sleep(Duration::from_millis(10)).await;
            panic!("a load that is told to")
        };
        let first = flights.board(|board| board.start(keys(&["a"]), AS_OF, panics));
        let second = flights.board(|board| board.join(&keys(&["a"]), |_| true)).unwrap();
        let began = Instant::now();
        assert_eq!((first.landed(soon()).await, second.landed(soon()).await), (None, None));
        assert_eq!((began.elapsed(), flights.count()), (Duration::from_millis(10), 0));
        let again = flights.board(|board| board.start(keys(&["a"]), AS_OF, load(8)));
        assert_eq!(again.landed(soon()).await, Some(8));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_goes_at_the_deadline_and_the_load_goes_on() {
        let flights: Arc<Flights<u32>> = Arc::default();
        let first = flights.board(|board| board.start(keys(&["a"]), AS_OF, load(7)));
        assert_eq!(first.landed(Instant::now() + Duration::from_millis(50)).await, None);
        let later = flights.board(|board| board.join(&keys(&["a"]), |_| true)).unwrap();
        assert_eq!(later.landed(soon()).await, Some(7));
    }

    #[tokio::test(start_paused = true)]
    async fn of_several_loads_the_latest_is_joined() {
        let flights: Arc<Flights<u32>> = Arc::default();
        let later = AS_OF + Duration::from_secs(1);
        flights.board(|board| drop(board.start(keys(&["a"]), later, load(2))));
        flights.board(|board| drop(board.start(keys(&["a"]), AS_OF, load(1))));
        let joined = flights.board(|board| board.join(&keys(&["a"]), |_| true)).unwrap();
        assert_eq!(joined.landed(soon()).await, Some(2));
    }
}
