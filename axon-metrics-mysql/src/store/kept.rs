//! What was found out about a server is kept, and found out anew from time to time.
//! Lives here: when that happens, and that it happens once for all who ask. Lives elsewhere: how (`shape`).
//!
//! The first question waits for it, and leaves it to the next if it has to go. Later ones use what is kept while a task of its
//! own looks again. After a silence what is kept may be of yesterday, so then a question waits as the first one does.

use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use super::{probe_deadlines::ProbeDeadlines, shape::Shape};
use crate::error::Cause;

/// How long a shape is believed before it is probed again, beside the questions.
const BELIEVED: Duration = Duration::from_secs(60);
/// The same where something was missing: an operator may be adding it.
const DOUBTED: Duration = Duration::from_secs(15);
/// How long a probe beside the questions may take.
const PROBE: Duration = Duration::from_secs(2);
/// How long at least a probe may go on for those who come after the question it was made for.
const GOES_ON: Duration = Duration::from_secs(1);

/// What a task found, once it has.
type Found = Option<Result<Arc<Shape>, Arc<Cause>>>;

/// What is known of a server. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Kept {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    known: Option<Known>,
    /// The task that is looking.
    looking: Option<watch::Receiver<Found>>,
}

struct Known {
    shape: Arc<Shape>,
    /// When somebody is to look again, beside the questions.
    look_again: Instant,
    /// From when on questions wait for that.
    too_old: Instant,
}

impl Kept {
    /// The shape that is kept, or what `look` finds.
    pub(super) async fn shape<F>(
        &self,
        deadline: Instant,
        look: impl Fn(ProbeDeadlines) -> F,
    ) -> Result<Arc<Shape>, Cause>
    where
        F: Future<Output = Result<Shape, Cause>> + Send + 'static,
    {
        let known = {
            let (mut state, now) = (self.state(), Instant::now());
            match state.known.as_ref().filter(|known| now < known.too_old) {
                None => None,
                Some(known) => {
                    let (shape, due) = (Arc::clone(&known.shape), known.look_again <= now);
                    if due && state.looking.is_none() {
                        // One that fails is tried again soon; the questions themselves say what is wrong.
                        self.begin(&mut state, now + PROBE, &look);
                    }
                    Some(shape)
                }
            }
        };
        match known {
            Some(shape) => Ok(shape),
            None => self.look(deadline, look).await,
        }
    }

    /// What `look` finds now; where somebody is looking, what is found there.
    pub(super) async fn look<F>(
        &self,
        deadline: Instant,
        look: impl Fn(ProbeDeadlines) -> F,
    ) -> Result<Arc<Shape>, Cause>
    where
        F: Future<Output = Result<Shape, Cause>> + Send + 'static,
    {
        let (mut looking, own) = self.join_or_begin(deadline, &look);
        let found = wait(&mut looking, deadline).await;
        // One who began earlier may have had less time, or a connection that has died since.
        if found.is_ok() || own || Instant::now() >= deadline {
            return found;
        }
        wait(&mut self.join_or_begin(deadline, &look).0, deadline).await
    }

    /// This shape turned out to be wrong: the next question looks.
    pub(super) fn forget(&self, wrong: &Arc<Shape>) {
        let mut state = self.state();
        if state.known.as_ref().is_some_and(|known| Arc::ptr_eq(&known.shape, wrong)) {
            state.known = None;
        }
    }

    /// The look that is under way, or one of its own.
    fn join_or_begin<F>(&self, deadline: Instant, look: &impl Fn(ProbeDeadlines) -> F) -> (watch::Receiver<Found>, bool)
    where
        F: Future<Output = Result<Shape, Cause>> + Send + 'static,
    {
        let mut state = self.state();
        let under_way = state.looking.clone();
        under_way.map_or_else(|| (self.begin(&mut state, deadline, look), true), |looking| (looking, false))
    }

    /// A task that looks, and goes on if the question that began it is given up.
    fn begin<F>(
        &self,
        state: &mut State,
        connect_by: Instant,
        look: &impl Fn(ProbeDeadlines) -> F,
    ) -> watch::Receiver<Found>
    where
        F: Future<Output = Result<Shape, Cause>> + Send + 'static,
    {
        let (tell, looking) = watch::channel(None);
        state.looking = Some(looking.clone());
        let finish_by = connect_by.max(Instant::now() + GOES_ON);
        let (done, look) = (Done(self.clone()), timeout_at(finish_by, look(ProbeDeadlines { connect_by, finish_by })));
        tokio::spawn(async move {
            let found = look.await.unwrap_or(Err(Cause::TooSlow)).map(Arc::new).map_err(Arc::new);
            done.0.keep(&found);
            // Who comes from now on finds what is kept.
            drop(done);
            tell.send_replace(Some(found));
        });
        looking
    }

    fn keep(&self, found: &Result<Arc<Shape>, Arc<Cause>>) {
        let (mut state, now) = (self.state(), Instant::now());
        match found {
            Ok(shape) => {
                let shape = Arc::clone(shape);
                let interval = if shape.is_whole() { BELIEVED } else { DOUBTED };
                state.known = Some(Known { shape, look_again: now + interval, too_old: now + 2 * interval });
            }
            Err(_) => {
                if let Some(known) = &mut state.known {
                    known.look_again = now + DOUBTED;
                }
            }
        }
    }

    /// As if this much time had passed.
    #[cfg(test)]
    pub(super) fn age(&self, by: Duration) {
        if let Some(known) = &mut self.state().known {
            known.look_again -= by;
            known.too_old -= by;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing is half done while it is locked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn wait(looking: &mut watch::Receiver<Found>, deadline: Instant) -> Result<Arc<Shape>, Cause> {
    let found = timeout_at(deadline, looking.wait_for(Option::is_some)).await.map_err(|_| Cause::TooSlow)?;
    // A task is gone without an answer only with its runtime.
    let found = found.ok().and_then(|found| found.clone()).ok_or(Cause::Wrong("no end of the look"))?;
    found.map_err(Cause::Shared)
}

/// Ends a task's look, however it ends.
struct Done(Kept);

impl Drop for Done {
    fn drop(&mut self) {
        self.0.state().looking = None;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// A server that takes 100 ms to be looked at, and fails as often as it is told.
    #[derive(Default)]
    struct Looks {
        so_far: Arc<AtomicU32>,
        failing: u32,
    }

    impl Looks {
        async fn ask(&self, kept: &Kept, budget: u64) -> Result<Arc<Shape>, Cause> {
            let look = |_| {
                let (so_far, failing) = (Arc::clone(&self.so_far), self.failing);
                async move {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    let before = so_far.fetch_add(1, Ordering::Relaxed);
                    if before < failing { Err(Cause::Wrong("nothing")) } else { Ok(Shape::of_mysql()) }
                }
            };
            kept.shape(Instant::now() + Duration::from_millis(budget), look).await
        }

        fn so_far(&self) -> u32 {
            self.so_far.load(Ordering::Relaxed)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn questions_at_the_same_time_look_once() {
        let (kept, looks) = (Kept::default(), Looks::default());
        let (a, b) = tokio::join!(looks.ask(&kept, 800), looks.ask(&kept, 800));
        assert!(Arc::ptr_eq(&a.unwrap(), &b.unwrap()));
        assert_eq!(looks.so_far(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_failed_for_another_is_tried_once_more() {
        let (kept, looks) = (Kept::default(), Looks { failing: 1, ..Looks::default() });
        let (a, b, c) = tokio::join!(looks.ask(&kept, 800), looks.ask(&kept, 800), looks.ask(&kept, 800));
        assert!(a.is_err() && Arc::ptr_eq(&b.unwrap(), &c.unwrap()));
        let (kept, looks) = (Kept::default(), Looks { failing: 9, ..Looks::default() });
        let (a, b, c) = tokio::join!(looks.ask(&kept, 800), looks.ask(&kept, 800), looks.ask(&kept, 800));
        assert!(a.is_err() && b.is_err() && c.is_err());
        assert_eq!(looks.so_far(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn later_questions_do_not_wait_for_a_new_look() {
        let (kept, looks) = (Kept::default(), Looks::default());
        let first = looks.ask(&kept, 800).await.unwrap();
        tokio::time::sleep(BELIEVED).await;
        assert!(Arc::ptr_eq(&first, &looks.ask(&kept, 0).await.unwrap()));
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(looks.so_far(), 2);
        assert!(!Arc::ptr_eq(&first, &looks.ask(&kept, 0).await.unwrap()));
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_silence_a_question_waits_for_a_new_look() {
        let (kept, looks) = (Kept::default(), Looks::default());
        let first = looks.ask(&kept, 800).await.unwrap();
        tokio::time::sleep(2 * BELIEVED).await;
        assert!(matches!(looks.ask(&kept, 50).await, Err(Cause::TooSlow)), "no answer by what is too old");
        let again = looks.ask(&kept, 800).await.unwrap();
        assert!(!Arc::ptr_eq(&first, &again));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_forgotten_is_looked_at_again() {
        let (kept, looks) = (Kept::default(), Looks::default());
        let wrong = looks.ask(&kept, 800).await.unwrap();
        kept.forget(&wrong);
        looks.ask(&kept, 800).await.unwrap();
        assert_eq!(looks.so_far(), 2);
    }
}
