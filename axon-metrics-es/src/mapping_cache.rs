//! What was found out about the indices is kept, and found out anew from time to time.
//! Lives here: when that happens, and that it happens once. Lives elsewhere: how (`behavior`), what it means (`shape`).
//!
//! The first question waits for it. Later ones use what is kept while a task of its own looks again, unless nobody has asked
//! for so long that anything may have happened to the indices since: then a question waits as the first one does. A task goes on
//! if the question that began it is given up.

use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};
use tracing::warn;

use crate::{error::Fault, probe, shape::Shapes};

/// What a task found, once it has.
type Found = Option<Result<Arc<Shapes>, Fault>>;

/// What is known of the indices.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    known: Option<Known>,
    /// The task that is looking.
    looking: Option<watch::Receiver<Found>>,
}

#[derive(Debug, Clone)]
struct Known {
    shapes: Arc<Shapes>,
    found: Instant,
    look_again: Instant,
    /// From then on nothing is believed of it.
    stale: Instant,
}

impl Known {
    fn now(shapes: Arc<Shapes>, interval: Duration) -> Self {
        let wait = if shapes.settled() { interval } else { interval.min(SOON) };
        let found = Instant::now();
        Self { shapes, found, look_again: found + wait, stale: found + 2 * wait + LONGEST_LOOK }
    }
}

/// How soon one looks again at indices that are about to change, or that could not be looked at.
const SOON: Duration = Duration::from_secs(5);

/// How long a look may take, whatever a question that waits for it has left.
pub(crate) const LONGEST_LOOK: Duration = Duration::from_secs(5);

impl Kept {
    /// The shapes of the indices, by `look` if they are not known.
    pub(crate) async fn shapes<F>(
        self: &Arc<Self>,
        interval: Duration,
        deadline: Instant,
        look: impl FnOnce() -> F,
    ) -> Result<Arc<Shapes>, Fault>
    where
        F: Future<Output = Result<Shapes, Fault>> + Send + 'static,
    {
        let began = Instant::now();
        let fresh = |known: &Known| began < known.stale;
        self.found(fresh, interval, deadline, look).await
    }

    /// The shapes as they are now, unless these were found within the last seconds: for an answer that says of everything
    /// that there is none, which it would as well if an index were another one than it was.
    pub(crate) async fn confirmed<F>(
        self: &Arc<Self>,
        interval: Duration,
        deadline: Instant,
        look: impl FnOnce() -> F,
    ) -> Result<Arc<Shapes>, Fault>
    where
        F: Future<Output = Result<Shapes, Fault>> + Send + 'static,
    {
        let began = Instant::now();
        let fresh = |known: &Known| began < known.found + SOON;
        self.found(fresh, interval, deadline, look).await
    }

    /// What is known, if it is fresh enough, else what `look` finds.
    async fn found<F>(
        self: &Arc<Self>,
        fresh: impl Fn(&Known) -> bool,
        interval: Duration,
        deadline: Instant,
        look: impl FnOnce() -> F,
    ) -> Result<Arc<Shapes>, Fault>
    where
        F: Future<Output = Result<Shapes, Fault>> + Send + 'static,
    {
        let began = Instant::now();
        let mut looking = {
            let mut state = self.state();
            let known = state.known.clone().filter(fresh);
            let due = known.as_ref().is_none_or(|known| known.look_again <= began);
            let under_way = state.looking.clone();
            let looking = match under_way {
                Some(looking) => Some(looking),
                None if due => {
                    let (tell, looking) = watch::channel(None);
                    state.looking = Some(looking.clone());
                    drop(tokio::spawn(Arc::clone(self).look(tell, interval, look())));
                    Some(looking)
                }
                None => None,
            };
            match (known, looking) {
                (Some(known), _) => return Ok(known.shapes),
                (None, Some(looking)) => looking,
                (None, None) => return Err(Fault::Broken),
            }
        };
        let found = timeout_at(deadline, looking.wait_for(Option::is_some)).await;
        let found = found.map_err(|_| Fault::TooSlow(began.elapsed()))?;
        // The task is gone without an answer only if it panicked.
        let found = found.map_err(|_| Fault::Broken)?.clone();
        found.unwrap_or(Err(Fault::Broken))
    }

    async fn look(
        self: Arc<Self>,
        tell: watch::Sender<Found>,
        interval: Duration,
        look: impl Future<Output = Result<Shapes, Fault>> + Send,
    ) {
        let _done = Done(Arc::clone(&self));
        let found = look.await.map(Arc::new);
        {
            let mut state = self.state();
            match &found {
                Ok(shapes) => state.known = Some(Known::now(Arc::clone(shapes), interval)),
                Err(fault) => {
                    // A question that waits for it tells of the fault itself.
                    if let Some(known) = &mut state.known {
                        warn!(cause = %fault, "elasticsearch's indices could not be looked at again");
                        known.look_again = Instant::now() + interval.min(SOON);
                        if *fault == probe::IN_PART {
                            known.stale = known.look_again + interval + LONGEST_LOOK;
                        }
                    }
                }
            }
        }
        tell.send_replace(Some(found));
    }

    /// Somebody else looked, too.
    pub(crate) fn learn(&self, shapes: Arc<Shapes>, interval: Duration) {
        self.state().known = Some(Known::now(shapes, interval));
    }

    /// These shapes turned out to be wrong: the next question looks again.
    pub(crate) fn forget(&self, wrong: &Arc<Shapes>) {
        let mut state = self.state();
        if state.known.as_ref().is_some_and(|known| Arc::ptr_eq(&known.shapes, wrong)) {
            state.known = None;
        }
    }

    /// These shapes may be wrong: the next question uses them, and has them looked at again.
    pub(crate) fn doubt(&self, perhaps_wrong: &Arc<Shapes>) {
        let mut state = self.state();
        if let Some(known) = state.known.as_mut().filter(|known| Arc::ptr_eq(&known.shapes, perhaps_wrong)) {
            known.look_again = known.look_again.min(Instant::now() + Duration::from_secs(1));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing is half done while it is locked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a task's look, however it ends.
struct Done(Arc<Kept>);

impl Drop for Done {
    fn drop(&mut self) {
        self.0.state().looking = None;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Counts how often one looked.
    #[derive(Default)]
    struct Looks(Arc<AtomicU32>);

    impl Looks {
        fn look(&self, settled: bool) -> impl Future<Output = Result<Shapes, Fault>> + Send + use<> {
            let looks = Arc::clone(&self.0);
            async move {
                tokio::time::sleep(Duration::from_millis(100)).await;
                looks.fetch_add(1, Ordering::Relaxed);
                let missing = crate::shape::Index {
                    name: "a".to_owned(),
                    events: true,
                    purchases: true,
                    state: crate::shape::State::Missing,
                };
                Ok(Shapes { indices: if settled { Vec::new() } else { vec![missing] } })
            }
        }
        fn so_far(&self) -> u32 {
            self.0.load(Ordering::Relaxed)
        }
    }

    const MINUTE: Duration = Duration::from_secs(60);

    async fn ask(kept: &Arc<Kept>, looks: &Looks, settled: bool, budget: u64) -> Result<Arc<Shapes>, Fault> {
        let deadline = Instant::now() + Duration::from_millis(budget);
        kept.shapes(MINUTE, deadline, || looks.look(settled)).await
    }

    #[tokio::test(start_paused = true)]
    async fn questions_at_the_same_time_look_once() {
        let (kept, looks) = (Arc::new(Kept::default()), Looks::default());
        let (a, b) = tokio::join!(ask(&kept, &looks, true, 800), ask(&kept, &looks, true, 800));
        assert!(Arc::ptr_eq(&a.unwrap(), &b.unwrap()));
        assert_eq!(looks.so_far(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_that_gives_up_does_not_end_the_look() {
        let (kept, looks) = (Arc::new(Kept::default()), Looks::default());
        assert_eq!(ask(&kept, &looks, true, 50).await, Err(Fault::TooSlow(Duration::from_millis(50))));
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert!(ask(&kept, &looks, true, 0).await.is_ok());
        assert_eq!(looks.so_far(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn later_questions_do_not_wait_for_a_new_look() {
        let (kept, looks) = (Arc::new(Kept::default()), Looks::default());
        let first = ask(&kept, &looks, true, 800).await.unwrap();
        tokio::time::sleep(MINUTE).await;
        let began = Instant::now();
        assert!(Arc::ptr_eq(&first, &ask(&kept, &looks, true, 0).await.unwrap()));
        assert_eq!(began.elapsed(), Duration::ZERO);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(looks.so_far(), 2);
        assert!(!Arc::ptr_eq(&first, &ask(&kept, &looks, true, 0).await.unwrap()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_after_a_long_time_waits_for_a_new_look() {
        let (kept, looks) = (Arc::new(Kept::default()), Looks::default());
        let first = ask(&kept, &looks, true, 800).await.unwrap();
        tokio::time::sleep(2 * MINUTE + LONGEST_LOOK).await;
        assert_eq!(ask(&kept, &looks, true, 50).await, Err(Fault::TooSlow(Duration::from_millis(50))));
        assert!(!Arc::ptr_eq(&first, &ask(&kept, &looks, true, 800).await.unwrap()));
        assert_eq!(looks.so_far(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_doubtful_answer_is_confirmed_once_in_a_while() {
        let (kept, looks) = (Arc::new(Kept::default()), Looks::default());
        let confirm = async || kept.confirmed(MINUTE, Instant::now() + SOON, || looks.look(true)).await.unwrap();
        let first = ask(&kept, &looks, true, 800).await.unwrap();
        assert!(Arc::ptr_eq(&first, &confirm().await), "just looked");
        tokio::time::sleep(SOON).await;
        let second = confirm().await;
        assert!(!Arc::ptr_eq(&first, &second));
        assert!(Arc::ptr_eq(&second, &confirm().await));
        assert_eq!(looks.so_far(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn what_another_found_is_used() {
        let (kept, looks) = (Arc::new(Kept::default()), Looks::default());
        ask(&kept, &looks, true, 800).await.unwrap();
        let learnt = Arc::new(Shapes { indices: Vec::new() });
        kept.learn(Arc::clone(&learnt), MINUTE);
        assert!(Arc::ptr_eq(&learnt, &ask(&kept, &looks, true, 0).await.unwrap()));
    }

    #[tokio::test(start_paused = true)]
    async fn an_index_that_is_missing_is_looked_for_soon() {
        let (kept, looks) = (Arc::new(Kept::default()), Looks::default());
        for _ in 0..3 {
            ask(&kept, &looks, false, 800).await.unwrap();
            tokio::time::sleep(SOON + Duration::from_secs(1)).await;
        }
        assert_eq!(looks.so_far(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_forgotten_is_looked_at_again() {
        let (kept, looks) = (Arc::new(Kept::default()), Looks::default());
        let wrong = ask(&kept, &looks, true, 800).await.unwrap();
        kept.forget(&wrong);
        ask(&kept, &looks, true, 800).await.unwrap();
        assert_eq!(looks.so_far(), 2);
    }
}
