//! The sampler: asks one question again and again for all its viewers, and says what changed. Its range is found anew each
//! time, so that it moves on at midnight.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use axon_metrics::{DashboardRequest, Timestamp};
use tokio::{
    select,
    sync::watch,
    time::{Instant, sleep_until},
};

use super::{Streams, event::Latest};
use crate::{
    observe::{self, Ended},
    problem::Code,
};

/// Asks until the last viewer has left, the question has no answer any more, or the server stops.
pub(super) async fn run(streams: Streams, request: Arc<DashboardRequest>, latest: Arc<watch::Sender<Latest>>) {
    observe::sampler_began();
    let sampler = Sampler { streams, request, latest };
    if let Some(why) = sampler.sample().await {
        // First off the list: who comes from now on gets a sampler that goes on.
        sampler.streams.forget(&sampler.request, &sampler.latest);
        sampler.latest.send_modify(|latest| latest.end(why));
    }
}

struct Sampler {
    streams: Streams,
    request: Arc<DashboardRequest>,
    latest: Arc<watch::Sender<Latest>>,
}

impl Sampler {
    /// Why the stream ends; `None` if nobody is there any more.
    async fn sample(&self) -> Option<Ended> {
        let options = &self.streams.0.options;
        let mut next = Instant::now() + phase(&self.request, options.stream_tick);
        let mut alone_since = None;
        loop {
            if self.meanwhile(sleep_until(next)).await.is_none() {
                return Some(Ended::Shutdown);
            }
            if self.latest.receiver_count() > 0 {
                alone_since = None;
            } else if alone_since.get_or_insert_with(Instant::now).elapsed() >= options.stream_grace
                && self.streams.forget_if_alone(&self.request, &self.latest)
            {
                return None;
            }
            let (due, began, now) = (next, Instant::now(), self.now());
            next = began + options.stream_tick;
            match self.meanwhile(self.streams.0.answers.fresh(&self.request, now)).await {
                None => return Some(Ended::Shutdown),
                Some(Ok(answer)) => {
                    self.latest.send_if_modified(|latest| latest.load(&answer, due));
                    next = began + wait(answer.fresh_until - now, options.stream_tick);
                }
                Some(Err(problem)) if problem.code() == Code::NotFound => return Some(Ended::NotFound),
                Some(Err(problem)) => {
                    self.latest.send_if_modified(|latest| latest.fail(problem.code(), self.now()));
                }
            }
        }
    }

    /// What comes of `work`, with heartbeats while it takes long; `None` if the server stops.
    async fn meanwhile<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let options = &self.streams.0.options;
        let mut work = pin!(work);
        loop {
            let due = self.latest.borrow().said + options.stream_heartbeat;
            select! {
                biased;
                () = options.shutdown.cancelled() => return None,
                done = &mut work => return Some(done),
                () = sleep_until(due) => self.latest.send_modify(|latest| latest.beat(self.now())),
            }
        }
    }

    fn now(&self) -> Timestamp {
        (self.streams.0.options.clock)()
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        // Also if it panicked: its viewers' streams then end, and who comes again gets another one.
        self.streams.forget(&self.request, &self.latest);
        observe::sampler_ended();
    }
}

/// How long after it was begun a sampler asks first: another part of the tick for each question, so that those begun
/// together, after a restart, do not ask together.
fn phase(request: &DashboardRequest, tick: Duration) -> Duration {
    let mut hasher = DefaultHasher::new();
    request.hash(&mut hasher);
    let parts = u32::try_from(hasher.finish() % 1000).unwrap_or_default();
    tick * parts / 1000
}

/// One tick; less where the answer will not be fresh that long, since another's may be old already. With the defaults, and
/// loads of a second, figures are at most this old when those that replace them are sent: 2 s that events lag, 1.1 s that an
/// answer is fresh, 0.5 s that is waited beyond, 1 s for the load: 4.6 s. And where each answer is the sampler's own: 2 s,
/// less than 1 s that its instant is rounded down, and a load after a load: less than 5 s.
fn wait(fresh_for: chrono::Duration, tick: Duration) -> Duration {
    match fresh_for.to_std() {
        Ok(fresh_for) if !fresh_for.is_zero() => fresh_for.clamp(tick / 2, tick),
        // Not kept at all, or already over: not asked more often than that for all that.
        _ => tick,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_replaced_half_a_tick_after_it_is_no_longer_fresh_at_the_latest() {
        let tick = Duration::from_secs(1);
        let waits = |fresh_for: i64| wait(chrono::Duration::milliseconds(fresh_for), tick).as_millis();
        assert_eq!([1, 500, 700, 1_000, 1_100, 300_000].map(waits), [500, 500, 700, 1_000, 1_000, 1_000]);
        assert_eq!([0, -500].map(waits), [1_000; 2]);
    }
}
