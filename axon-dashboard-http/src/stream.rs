//! Live answers as server-sent events. One sampler per question asks for all its viewers and says each event once; a viewer
//! is a body that hands on the latest. Lives here: who may open a stream, and which sampler it joins. Lives elsewhere: asking
//! (`stream/sampler`), what an event is (`stream/event`), handing on (`stream/viewer`).

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
    encoded::{Encoded, KeptAnswers},
    problem::Problem,
};

mod event;
mod sampler;
mod viewer;
use event::Latest;
use viewer::Viewer;

/// What the samplers' events are read from, by question.
type Samplers = HashMap<Arc<DashboardRequest>, Arc<watch::Sender<Latest>>>;

/// The open streams. Clones share everything.
#[derive(Clone)]
pub(crate) struct Streams(Arc<Inner>);

struct Inner {
    answers: KeptAnswers,
    options: HttpOptions,
    places: Arc<Semaphore>,
    samplers: Mutex<Samplers>,
}

impl Streams {
    pub(crate) fn new(answers: KeptAnswers, options: HttpOptions) -> Self {
        let places = Arc::new(Semaphore::new(options.max_streams.min(Semaphore::MAX_PERMITS)));
        Self(Arc::new(Inner { answers, options, places, samplers: Mutex::default() }))
    }

    /// The events of a question, the first of them at hand.
    pub(crate) async fn open(&self, request: Arc<DashboardRequest>) -> Result<Body, Problem> {
        let Inner { answers, options, places, .. } = &*self.0;
        if options.shutdown.is_cancelled() {
            return Err(Problem::stopping());
        }
        let place = Arc::clone(places).try_acquire_owned().map_err(|_| Problem::too_many_streams())?;
        let events = match self.join(&request) {
            Some(events) => events,
            None => {
                let found = answers.find(&request, (options.clock)()).await?;
                self.begin(request, &found.answer)?
            }
        };
        Ok(Viewer::new(events, place, options.stall_limit).into_body())
    }

    /// The events of a sampler that is doing well: a viewer of one that is not is told why by asking himself.
    fn join(&self, request: &Arc<DashboardRequest>) -> Option<watch::Receiver<Latest>> {
        let samplers = self.samplers();
        let latest = samplers.get(request)?;
        let does_well = latest.borrow().does_well();
        does_well.then(|| latest.subscribe())
    }

    /// The events of the question's sampler, begun unless there is one.
    fn begin(&self, request: Arc<DashboardRequest>, answer: &Encoded) -> Result<watch::Receiver<Latest>, Problem> {
        let mut samplers = self.samplers();
        if let Some(latest) = samplers.get(&request) {
            latest.send_if_modified(|latest| latest.take(answer));
            return Ok(latest.subscribe());
        }
        if samplers.len() >= self.0.options.max_stream_keys {
            return Err(Problem::too_many_streams());
        }
        let (latest, events) = watch::channel(Latest::new(answer, self.0.options.stall_limit));
        let latest = Arc::new(latest);
        samplers.insert(Arc::clone(&request), Arc::clone(&latest));
        tokio::spawn(sampler::run(self.clone(), request, latest));
        Ok(events)
    }

    /// Takes a sampler off the list: no viewer joins it from then on.
    fn forget(&self, request: &Arc<DashboardRequest>, latest: &Arc<watch::Sender<Latest>>) {
        let mut samplers = self.samplers();
        if samplers.get(request).is_some_and(|listed| Arc::ptr_eq(listed, latest)) {
            samplers.remove(request);
        }
    }

    /// Takes a sampler without viewers off the list; false if somebody has just come.
    fn forget_if_alone(&self, request: &Arc<DashboardRequest>, latest: &Arc<watch::Sender<Latest>>) -> bool {
        let mut samplers = self.samplers();
        let alone = latest.receiver_count() == 0;
        if alone {
            samplers.remove(request);
        }
        alone
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
