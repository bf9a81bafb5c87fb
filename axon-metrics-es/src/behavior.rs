//! The source: the thin part that waits. Lives here: the order of requests and the time for them. Lives elsewhere: what is
//! asked and what an answer means, all of it pure.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use axon_metrics::{
    SourceError, Timestamp,
    definitions::PageTemplate,
    facts::BehaviorFacts,
    source::{BehaviorQuestion, BehaviorSource, Probe},
};
use elasticsearch::Elasticsearch;
use tokio::time::Instant;

use crate::{
    answer::{self, Known, Lag},
    error::{Asking, Fault, NAME},
    kept::{Kept, LONGEST_LOOK},
    options::{EsOptions, OptionsError},
    plan::{self, Plan},
    probe, query,
    reply::{self, FILTER},
    shape::Shapes,
    transport::Transport,
};

/// What visitors did, from Elasticsearch. Clones share everything.
///
/// One question is one request, once the indices are known: the first question asks for their mapping first, and from time to
/// time a task of its own does so again. A question that nobody asked for some minutes, and an answer that nothing happened at
/// all, wait for that.
#[derive(Clone)]
pub struct EsBehavior {
    inner: Arc<Inner>,
}

struct Inner {
    transport: Transport,
    options: EsOptions,
    templates: Vec<PageTemplate>,
    kept: Arc<Kept>,
}

impl fmt::Debug for EsBehavior {
    /// Without the client: it knows addresses and credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EsBehavior").field("options", &self.inner.options).finish_non_exhaustive()
    }
}

impl EsBehavior {
    /// The platform's indices, through this client. Nothing is asked yet.
    pub fn new(client: Elasticsearch) -> Self {
        Self::with(client, EsOptions::default(), Vec::new())
    }

    /// The same with other settings.
    /// # Errors
    /// [`OptionsError`] if a setting cannot be used.
    pub fn with_options(client: Elasticsearch, options: EsOptions) -> Result<Self, OptionsError> {
        let templates = options.check()?;
        Ok(Self::with(client, options, templates))
    }

    fn with(client: Elasticsearch, options: EsOptions, templates: Vec<PageTemplate>) -> Self {
        let transport = Transport::new(client, options.longest_reply);
        Self { inner: Arc::new(Inner { transport, options, templates, kept: Arc::default() }) }
    }

    /// What looks at the indices, in a task that may outlive a question.
    fn look(&self) -> impl Future<Output = Result<Shapes, Fault>> + Send + use<> {
        let inner = Arc::clone(&self.inner);
        async move { inner.look().await }
    }

    async fn facts(&self, question: &BehaviorQuestion, deadline: Instant) -> Result<BehaviorFacts, Asking> {
        let probing = |fault| Asking { query: PROBING, fault };
        let (kept, interval) = (&self.inner.kept, self.inner.options.probe_interval);
        let shapes = kept.shapes(interval, deadline, || self.look()).await.map_err(probing)?;
        let plan = plan::plan(question, &shapes);
        let (facts, known) = self.asked(&plan, question, deadline).await?;
        if known != Known::Nothing {
            self.heed(known, &shapes);
            return facts;
        }
        let shapes = kept.confirmed(interval, deadline, || self.look()).await.map_err(probing)?;
        let confirmed = plan::plan(question, &shapes);
        if confirmed == plan {
            return facts;
        }
        let (facts, known) = self.asked(&confirmed, question, deadline).await?;
        self.heed(known, &shapes);
        facts
    }

    fn heed(&self, known: Known, shapes: &Arc<Shapes>) {
        match known {
            Known::Right | Known::Nothing => {}
            Known::Doubtful => self.inner.kept.doubt(shapes),
            Known::Wrong => self.inner.kept.forget(shapes),
        }
    }

    /// The one request of a plan, and what its answer says of it.
    async fn asked(
        &self,
        plan: &Plan,
        question: &BehaviorQuestion,
        deadline: Instant,
    ) -> Result<(Result<BehaviorFacts, Asking>, Known), Asking> {
        let inner = &*self.inner;
        let asked = async {
            if plan.items.is_empty() {
                return Ok(Vec::new());
            }
            let lines = query::lines(&plan.items, &inner.templates, inner.options.search_timeout);
            let reply = inner.transport.msearch(lines, FILTER, left(deadline)).await?;
            reply::searches(&reply::good(reply)?, plan.items.len())
        };
        let asking = |fault| Asking { query: answer::QUERY, fault };
        let outcomes = asked.await.map_err(asking)?;
        let lag = Lag { lag: inner.options.ingest_lag, assumed: inner.options.lag_assumed };
        let (facts, known) = answer::facts(plan, outcomes, question.scope.as_of, lag);
        Ok((facts.map_err(asking), known))
    }

    async fn newest(&self, as_of: Timestamp, budget: Duration) -> Result<Probe, Asking> {
        let deadline = Instant::now() + budget;
        let asking = |fault| Asking { query: PROBING, fault };
        let inner = &*self.inner;
        // Health looks for itself: what is kept may be from before an outage.
        let looked = tokio::time::timeout_at(deadline, inner.look()).await;
        let shapes = Arc::new(looked.unwrap_or(Err(Fault::TooSlow(budget))).map_err(asking)?);
        // Answers must not rest on something else than health tells of.
        inner.kept.learn(Arc::clone(&shapes), inner.options.probe_interval);
        let (lines, clocks) = probe::newest(&shapes, as_of);
        let mut newest = None;
        if !clocks.is_empty() {
            let reply = inner.transport.msearch(lines, FILTER, left(deadline)).await.map_err(asking)?;
            let found = reply::good(reply).and_then(|body| reply::searches(&body, clocks.len())).map_err(asking)?;
            for (clock, found) in clocks.iter().zip(found) {
                let found = found.map_err(asking)?.newest.and_then(|stored| clock.instant(stored));
                // A coarse clock can date it after the instant that it is before.
                newest = newest.max(found.map(|found| found.min(as_of - Duration::from_millis(1))));
            }
        }
        Ok(Probe { newest, findings: shapes.findings() })
    }
}

/// What looking at the indices is called in errors.
const PROBING: &str = "probing the indices";

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

impl Inner {
    /// Finds out what the indices can tell, in two requests.
    async fn look(&self) -> Result<Shapes, Fault> {
        let deadline = Instant::now() + LONGEST_LOOK;
        let indices = probe::indices(&self.options);
        let types = self.transport.field_caps(&indices.join(","), &probe::fields(), left(deadline)).await?;
        let types = probe::Types::read(&reply::good(types)?, &indices)?;
        let lines = probe::counting(&indices, &types);
        let counted = self.transport.msearch(lines, FILTER, left(deadline)).await?;
        let counted = reply::searches(&reply::good(counted)?, indices.len())?;
        probe::shapes(&self.options, &indices, &types, counted)
    }
}

#[async_trait]
impl BehaviorSource for EsBehavior {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn behavior(&self, question: &BehaviorQuestion) -> Result<BehaviorFacts, SourceError> {
        let deadline = Instant::now() + question.budget;
        Ok(self.facts(question, deadline).await?)
    }

    async fn probe(&self, as_of: Timestamp, budget: Duration) -> Result<Probe, SourceError> {
        Ok(self.newest(as_of, budget).await?)
    }
}
