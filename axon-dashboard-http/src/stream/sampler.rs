//! The sampler: loads the answer to one question each tick for all its viewers, and records the changes. The range is computed
//! for each load, so that it moves on at midnight.

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

use super::{Streams, stream_state::StreamState};
use crate::{
    observe::{self, EndReason},
    problem::Code,
};

/// Runs until the last viewer has left, the campaign or activity is no longer listed, or the server stops.
pub(super) async fn run(streams: Streams, request: Arc<DashboardRequest>, state: Arc<watch::Sender<StreamState>>) {
    observe::sampler_began();
    let sampler = Sampler { streams, request, state };
    if let Some(why) = sampler.sample().await {
        // Removed from the list before the end is recorded: a new viewer gets a new sampler.
        sampler.streams.remove(&sampler.request, &sampler.state);
        sampler.state.send_modify(|state| state.end(why));
    }
}

struct Sampler {
    streams: Streams,
    request: Arc<DashboardRequest>,
    state: Arc<watch::Sender<StreamState>>,
}

impl Sampler {
    /// Why the stream ends; `None` if no viewer is left.
    async fn sample(&self) -> Option<EndReason> {
        let options = &self.streams.0.options;
        let mut next = Instant::now() + phase(&self.request, options.stream_tick);
        let mut unwatched_since = None;
        loop {
            if self.with_heartbeats(sleep_until(next)).await.is_none() {
                return Some(EndReason::Shutdown);
            }
            if self.state.receiver_count() > 0 {
                unwatched_since = None;
            } else if unwatched_since.get_or_insert_with(Instant::now).elapsed() >= options.stream_grace
                && self.streams.remove_if_unwatched(&self.request, &self.state)
            {
                return None;
            }
            let (due, began, now) = (next, Instant::now(), self.now());
            next = began + options.stream_tick;
            match self.with_heartbeats(self.streams.0.responses.get_fresh(&self.request, now)).await {
                None => return Some(EndReason::Shutdown),
                Some(Ok(answer)) => {
                    self.state.send_if_modified(|state| state.load(&answer, due));
                    next = began + wait(answer.fresh_until - now, options.stream_tick);
                }
                Some(Err(problem)) if problem.code() == Code::NotFound => return Some(EndReason::NotFound),
                Some(Err(problem)) => {
                    self.state.send_if_modified(|state| state.fail(problem.code(), self.now()));
                }
            }
        }
    }

    /// The result of `work`, with heartbeats while it runs; `None` if the server stops.
    async fn with_heartbeats<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let options = &self.streams.0.options;
        let mut work = pin!(work);
        loop {
            let due = self.state.borrow().latest_at + options.stream_heartbeat;
            select! {
                biased;
                () = options.shutdown.cancelled() => return None,
                done = &mut work => return Some(done),
                () = sleep_until(due) => self.state.send_modify(|state| state.beat(self.now())),
            }
        }
    }

    fn now(&self) -> Timestamp {
        (self.streams.0.options.clock)()
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        // Also after a panic: the streams of its viewers then end, and a viewer who reconnects gets a new sampler.
        self.streams.remove(&self.request, &self.state);
        observe::sampler_ended();
    }
}

/// The delay of a sampler's first load: a part of the tick that depends on the question, so that samplers started together, after
/// a restart for example, do not ask together.
fn phase(request: &DashboardRequest, tick: Duration) -> Duration {
    let mut hasher = DefaultHasher::new();
    request.hash(&mut hasher);
    let parts = u32::try_from(hasher.finish() % 1000).unwrap_or_default();
    tick * parts / 1000
}

/// The time until the next load. It is one tick, or less if the answer is fresh for less: a cached answer may be old already, but
/// the sampler waits for half a tick at least.
///
/// With the defaults and loads of 1 s, figures are at most 4.6 s old when they are replaced: events lag by 2 s, an answer is
/// fresh for 1.1 s, the sampler waits up to 0.5 s longer, and the load takes 1 s. If only the sampler loads the answer, figures
/// are less than 5 s old: 2 s of lag, less than 1 s by which the instant is rounded down, and two loads of 1 s.
fn wait(fresh_for: chrono::Duration, tick: Duration) -> Duration {
    match fresh_for.to_std() {
        Ok(fresh_for) if !fresh_for.is_zero() => fresh_for.clamp(tick / 2, tick),
        // The answer is not cacheable, or is stale already. Even so, the sampler loads at most once per tick.
        _ => tick,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_replaced_at_most_half_a_tick_after_it_became_stale() {
        let tick = Duration::from_secs(1);
        let waits = |fresh_for: i64| wait(chrono::Duration::milliseconds(fresh_for), tick).as_millis();
        assert_eq!([1, 500, 700, 1_000, 1_100, 300_000].map(waits), [500, 500, 700, 1_000, 1_000, 1_000]);
        assert_eq!([0, -500].map(waits), [1_000; 2]);
    }
}
