//! Live answers as server-sent events. One sampler per question asks for all its viewers and writes each event once; a viewer is
//! a response body that sends the latest event. Lives here: who may open a stream, and which sampler it joins. Lives elsewhere:
//! asking (`stream/sampler`), the text of an event (`stream/event`), the latest events (`stream/stream_state`), sending
//! (`stream/viewer`).

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axon_metrics::DashboardRequest;
use axum::body::Body;
use tokio::sync::{Semaphore, watch};

use crate::{
    HttpOptions,
    hot_path::{EncodedAnswer, ResponseCache},
    problem::Problem,
};

mod event;
mod sampler;
mod stream_state;
mod viewer;
use stream_state::StreamState;
use viewer::Viewer;

/// The states of the samplers by question.
type Samplers = HashMap<Arc<DashboardRequest>, Arc<watch::Sender<StreamState>>>;

/// The open streams. Clones share everything.
#[derive(Clone)]
pub(crate) struct Streams(Arc<Inner>);

struct Inner {
    responses: ResponseCache,
    options: HttpOptions,
    permits: Arc<Semaphore>,
    samplers: Mutex<Samplers>,
}

impl Streams {
    pub(crate) fn new(responses: ResponseCache, options: HttpOptions) -> Self {
        let permits = Arc::new(Semaphore::new(options.max_streams.min(Semaphore::MAX_PERMITS)));
        Self(Arc::new(Inner { responses, options, permits, samplers: Mutex::default() }))
    }

    /// The events of a question. The first event is ready at once.
    pub(crate) async fn open(&self, request: Arc<DashboardRequest>) -> Result<Body, Problem> {
        let Inner { responses, options, permits, .. } = &*self.0;
        if options.shutdown.is_cancelled() {
            return Err(Problem::stopping());
        }
        let permit = Arc::clone(permits).try_acquire_owned().map_err(|_| Problem::too_many_streams())?;
        let events = match self.join(&request) {
            Some(events) => events,
            None => {
                let lookup = responses.get_or_load(&request, (options.clock)()).await?;
                self.join_or_start(request, &lookup.answer)?
            }
        };
        Ok(Viewer::new(events, permit, options.stall_limit).into_body())
    }

    /// The events of the question's sampler, if that is healthy. Otherwise the new viewer loads the answer, and gets its problem.
    fn join(&self, request: &Arc<DashboardRequest>) -> Option<watch::Receiver<StreamState>> {
        let samplers = self.samplers();
        let state = samplers.get(request)?;
        let is_healthy = state.borrow().is_healthy();
        is_healthy.then(|| state.subscribe())
    }

    /// The events of the question's sampler, which is started unless there is one.
    fn join_or_start(
        &self,
        request: Arc<DashboardRequest>,
        answer: &EncodedAnswer,
    ) -> Result<watch::Receiver<StreamState>, Problem> {
        let mut samplers = self.samplers();
        if let Some(state) = samplers.get(&request) {
            state.send_if_modified(|state| state.take(answer));
            return Ok(state.subscribe());
        }
        if samplers.len() >= self.0.options.max_stream_keys {
            return Err(Problem::too_many_streams());
        }
        let (state, events) = watch::channel(StreamState::new(answer, self.0.options.stall_limit));
        let state = Arc::new(state);
        samplers.insert(Arc::clone(&request), Arc::clone(&state));
        tokio::spawn(sampler::run(self.clone(), request, state));
        Ok(events)
    }

    /// Removes a sampler from the list: no viewer joins it from then on.
    fn remove(&self, request: &Arc<DashboardRequest>, state: &Arc<watch::Sender<StreamState>>) {
        let mut samplers = self.samplers();
        if samplers.get(request).is_some_and(|listed| Arc::ptr_eq(listed, state)) {
            samplers.remove(request);
        }
    }

    /// Removes a sampler without viewers from the list; false if a viewer has just joined.
    fn remove_if_unwatched(&self, request: &Arc<DashboardRequest>, state: &Arc<watch::Sender<StreamState>>) -> bool {
        let mut samplers = self.samplers();
        let unwatched = state.receiver_count() == 0;
        if unwatched {
            samplers.remove(request);
        }
        unwatched
    }

    fn samplers(&self) -> MutexGuard<'_, Samplers> {
        self.0.samplers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streams").field("samplers", &self.samplers().len()).finish_non_exhaustive()
    }
}
