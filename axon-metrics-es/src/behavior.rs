//! The source: the thin asynchronous part.
//! Lives here: the order of requests and their deadlines. Lives elsewhere: what requests say and what replies mean, all
//! of it pure.

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
    answer::{self, CheckedReplies, Lag, MappingVerdict},
    error::{Fault, NAME, QueryError},
    mapping::Mappings,
    mapping_cache::{MappingCache, PROBE_TIMEOUT},
    options::{EsOptions, OptionsError},
    plan::{self, Plan},
    probe, query,
    reply::{self, FILTER},
    transport::Transport,
};

/// A [`BehaviorSource`] over Elasticsearch: counts of events or distinct subjects, series, active subjects. Clones
/// share all state.
///
/// A question is one request (`_msearch`). What it asks follows from the mapping of the indices, which a probe reads in two
/// requests. Probes run in the background, one per [probe interval](EsOptions::with_probe_interval). A question waits for a
/// probe in three cases:
///
/// - No probe has succeeded yet.
/// - The last probe is older than two intervals and 5 s.
/// - The question found no event, and the last probe is older than 5 s. A changed index would look the same. If this probe
///   fails, the zeros are missing, and what was found is kept.
///
/// - No events: a measured 0. A missing index, or one without records, is not measured.
/// - Freshness: complete up to `as_of` minus the [ingest lag](EsOptions::with_ingest_lag).
/// - Errors: a question fails as a whole only if every search failed. A search that failed costs its own figures.
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
    /// Leaves out the client, which knows addresses and credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EsBehavior").field("options", &self.inner.options).finish_non_exhaustive()
    }
}

impl EsBehavior {
    /// A source over the platform's indices. Sends nothing before the first question.
    pub fn new(client: Elasticsearch) -> Self {
        Self::with(client, EsOptions::default(), Vec::new())
    }

    /// A source with other settings. Sends nothing before the first question.
    /// # Errors
    /// [`OptionsError`] if a setting is invalid.
    pub fn with_options(client: Elasticsearch, options: EsOptions) -> Result<Self, OptionsError> {
        let templates = options.check()?;
        Ok(Self::with(client, options, templates))
    }

    fn with(client: Elasticsearch, options: EsOptions, templates: Vec<PageTemplate>) -> Self {
        let transport = Transport::new(client, options.longest_reply);
        let mapping = MappingCache::new(options.probe_interval);
        Self { inner: Arc::new(Inner { transport, options, templates, mapping }) }
    }

    /// A probe of the indices that borrows nothing, since its task may outlive the question.
    fn probe_task(&self) -> impl Future<Output = Result<Mappings, Fault>> + Send + use<> {
        let inner = Arc::clone(&self.inner);
        async move { inner.probe().await }
    }

    async fn facts(&self, question: &BehaviorQuestion, deadline: Instant) -> Result<BehaviorFacts, QueryError> {
        let probe_error = |fault| QueryError { query: PROBE, fault };
        let cache = &self.inner.mapping;
        let mappings = cache.get(deadline, || self.probe_task()).await.map_err(probe_error)?;
        let plan = plan::plan(question, &mappings);
        let mut replies = self.search(&plan, deadline).await?;
        let lag = Lag { lag: self.inner.options.ingest_lag, assumed: self.inner.options.lag_assumed };
        let (as_of, verdict) = (question.scope.as_of, replies.verdict());
        if verdict != MappingVerdict::Unconfirmed {
            self.apply(verdict, &mappings);
            return replies.facts(as_of, lag);
        }
        let recent = match cache.get_recent(deadline, || self.probe_task()).await {
            Ok(recent) => recent,
            Err(fault) => {
                replies.fail_zeros(&probe_error(fault));
                return replies.facts(as_of, lag);
            }
        };
        let recent_plan = plan::plan(question, &recent);
        if recent_plan == plan {
            return replies.facts(as_of, lag);
        }
        let replies = self.search(&recent_plan, deadline).await?;
        self.apply(replies.verdict(), &recent);
        replies.facts(as_of, lag)
    }

    fn apply(&self, verdict: MappingVerdict, mappings: &Arc<Mappings>) {
        match verdict {
            MappingVerdict::Valid | MappingVerdict::Unconfirmed => {}
            MappingVerdict::Suspect => self.inner.mapping.refresh_soon(mappings),
            MappingVerdict::Invalid => self.inner.mapping.invalidate(mappings),
        }
    }

    /// Sends the one request of a plan.
    async fn search<'a>(&self, plan: &'a Plan, deadline: Instant) -> Result<CheckedReplies<'a>, QueryError> {
        let inner = &*self.inner;
        let outcomes = async {
            if plan.searches.is_empty() {
                return Ok(Vec::new());
            }
            let lines = query::lines(&plan.searches, &inner.templates, inner.options.search_timeout);
            let reply = inner.transport.msearch(lines, FILTER, remaining(deadline)).await?;
            reply::searches(&reply::ok_body(reply)?, plan.searches.len())
        };
        let outcomes = outcomes.await.map_err(|fault| QueryError { query: answer::QUERY, fault })?;
        Ok(CheckedReplies::new(plan, outcomes))
    }

    async fn health(&self, as_of: Timestamp, budget: Duration) -> Result<Probe, QueryError> {
        let deadline = Instant::now() + budget;
        let probe_error = |fault| QueryError { query: PROBE, fault };
        let inner = &*self.inner;
        // Health bypasses the cache, which may be from before an outage.
        let result = tokio::time::timeout_at(deadline, inner.probe()).await;
        let mappings = Arc::new(result.unwrap_or(Err(Fault::TooSlow(budget))).map_err(probe_error)?);
        // Answers must use the mapping that health reports.
        inner.mapping.replace(Arc::clone(&mappings));
        let (lines, encodings) = probe::newest_time_searches(&mappings, as_of);
        let mut newest = None;
        if !encodings.is_empty() {
            let reply = inner.transport.msearch(lines, FILTER, remaining(deadline)).await.map_err(probe_error)?;
            let outcomes =
                reply::ok_body(reply).and_then(|body| reply::searches(&body, encodings.len())).map_err(probe_error)?;
            for (encoding, outcome) in encodings.iter().zip(outcomes) {
                let time = outcome.map_err(probe_error)?.newest.and_then(|stored| encoding.timestamp(stored));
                // A coarse encoding can round an event from before `as_of` to a time after it.
                newest = newest.max(time.map(|time| time.min(as_of - Duration::from_millis(1))));
            }
        }
        Ok(Probe::default().with_newest(newest).with_findings(mappings.findings()))
    }
}

/// The name of the probe in errors.
const PROBE: &str = "index probe";

fn remaining(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

impl Inner {
    /// Probes the indices, in two requests.
    async fn probe(&self) -> Result<Mappings, Fault> {
        let deadline = Instant::now() + PROBE_TIMEOUT;
        let indices = probe::indices(&self.options);
        let reply = self.transport.field_caps(&indices.join(","), &probe::fields(), remaining(deadline)).await?;
        let types = probe::FieldTypes::read(&reply::ok_body(reply)?, &indices)?;
        let lines = probe::count_searches(&indices, &types);
        let reply = self.transport.msearch(lines, FILTER, remaining(deadline)).await?;
        let counts = reply::searches(&reply::ok_body(reply)?, indices.len())?;
        probe::mappings(&self.options, &indices, &types, counts)
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
        Ok(self.health(as_of, budget).await?)
    }
}
