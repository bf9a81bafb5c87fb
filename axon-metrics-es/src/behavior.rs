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
    answer::{self, Lag, MappingVerdict},
    error::{Fault, NAME, QueryError},
    mapping::Mappings,
    mapping_cache::{MappingCache, PROBE_TIMEOUT},
    options::{EsOptions, OptionsError},
    plan::{self, Plan},
    probe, query,
    reply::{self, FILTER},
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
    mapping: MappingCache,
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
        let mapping = MappingCache::new(options.probe_interval);
        Self { inner: Arc::new(Inner { transport, options, templates, mapping }) }
    }

    /// The probe of the indices, for a task that may outlive the question.
    fn probe_task(&self) -> impl Future<Output = Result<Mappings, Fault>> + Send + use<> {
        let inner = Arc::clone(&self.inner);
        async move { inner.probe().await }
    }

    async fn facts(&self, question: &BehaviorQuestion, deadline: Instant) -> Result<BehaviorFacts, QueryError> {
        let probing = |fault| QueryError { query: PROBING, fault };
        let cache = &self.inner.mapping;
        let mappings = cache.get(deadline, || self.probe_task()).await.map_err(probing)?;
        let plan = plan::plan(question, &mappings);
        let (facts, verdict) = self.asked(&plan, question, deadline).await?;
        if verdict != MappingVerdict::Unconfirmed {
            self.apply(verdict, &mappings);
            return facts;
        }
        let mappings = cache.get_recent(deadline, || self.probe_task()).await.map_err(probing)?;
        let confirmed = plan::plan(question, &mappings);
        if confirmed == plan {
            return facts;
        }
        let (facts, verdict) = self.asked(&confirmed, question, deadline).await?;
        self.apply(verdict, &mappings);
        facts
    }

    fn apply(&self, verdict: MappingVerdict, mappings: &Arc<Mappings>) {
        match verdict {
            MappingVerdict::Valid | MappingVerdict::Unconfirmed => {}
            MappingVerdict::Suspect => self.inner.mapping.refresh_soon(mappings),
            MappingVerdict::Invalid => self.inner.mapping.invalidate(mappings),
        }
    }

    /// The one request of a plan, and what its answer says of it.
    async fn asked(
        &self,
        plan: &Plan,
        question: &BehaviorQuestion,
        deadline: Instant,
    ) -> Result<(Result<BehaviorFacts, QueryError>, MappingVerdict), QueryError> {
        let inner = &*self.inner;
        let asked = async {
            if plan.searches.is_empty() {
                return Ok(Vec::new());
            }
            let lines = query::lines(&plan.searches, &inner.templates, inner.options.search_timeout);
            let reply = inner.transport.msearch(lines, FILTER, left(deadline)).await?;
            reply::searches(&reply::good(reply)?, plan.searches.len())
        };
        let asking = |fault| QueryError { query: answer::QUERY, fault };
        let outcomes = asked.await.map_err(asking)?;
        let lag = Lag { lag: inner.options.ingest_lag, assumed: inner.options.lag_assumed };
        let (facts, verdict) = answer::facts(plan, outcomes, question.scope.as_of, lag);
        Ok((facts.map_err(asking), verdict))
    }

    async fn newest(&self, as_of: Timestamp, budget: Duration) -> Result<Probe, QueryError> {
        let deadline = Instant::now() + budget;
        let asking = |fault| QueryError { query: PROBING, fault };
        let inner = &*self.inner;
        // Health does not read the cache, which may be from before an outage.
        let probed = tokio::time::timeout_at(deadline, inner.probe()).await;
        let mappings = Arc::new(probed.unwrap_or(Err(Fault::TooSlow(budget))).map_err(asking)?);
        // Answers must rest on the mapping that health reports.
        inner.mapping.replace(Arc::clone(&mappings));
        let (lines, encodings) = probe::newest(&mappings, as_of);
        let mut newest = None;
        if !encodings.is_empty() {
            let reply = inner.transport.msearch(lines, FILTER, left(deadline)).await.map_err(asking)?;
            let found = reply::good(reply).and_then(|body| reply::searches(&body, encodings.len())).map_err(asking)?;
            for (encoding, found) in encodings.iter().zip(found) {
                let found = found.map_err(asking)?.newest.and_then(|stored| encoding.timestamp(stored));
                // A coarse encoding can date it after the instant that it is before.
                newest = newest.max(found.map(|found| found.min(as_of - Duration::from_millis(1))));
            }
        }
        Ok(Probe { newest, findings: mappings.findings() })
    }
}

/// What the probe is called in errors.
const PROBING: &str = "probing the indices";

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

impl Inner {
    /// Probes the indices, in two requests.
    async fn probe(&self) -> Result<Mappings, Fault> {
        let deadline = Instant::now() + PROBE_TIMEOUT;
        let indices = probe::indices(&self.options);
        let types = self.transport.field_caps(&indices.join(","), &probe::fields(), left(deadline)).await?;
        let types = probe::FieldTypes::read(&reply::good(types)?, &indices)?;
        let lines = probe::counting(&indices, &types);
        let counted = self.transport.msearch(lines, FILTER, left(deadline)).await?;
        let counted = reply::searches(&reply::good(counted)?, indices.len())?;
        probe::mappings(&self.options, &indices, &types, counted)
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
