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
use tracing::debug;

use crate::{
    anonymous::AnonymousQueries,
    answer::{self, CheckedReplies, Lag, MappingVerdict},
    error::{Fault, NAME, QueryError},
    field_types::FieldTypes,
    loss_cache::LossCache,
    mapping::Mappings,
    mapping_cache::{MappingCache, PROBE_TIMEOUT},
    names::{self, Meaning, Resolved},
    options::{EsOptions, OptionsError},
    plan::{self, Plan},
    probe::{self, ProbeSettings},
    query::{self, QuerySettings},
    reply::{self, CREDENTIALS, FILTER, Outcome, SearchReply},
    transport::Transport,
    wall_clock::WallClock,
};

/// A [`BehaviorSource`] over Elasticsearch: counts of events or distinct subjects, series, active subjects. Clones
/// share all state.
///
/// A question is one request (`_msearch`). What it asks follows from the mapping of the indices, which a probe reads in two
/// requests, or in a few more where a name is not that of an index or records cannot be used. Probes run in the background, one per [probe interval](EsOptions::with_probe_interval). A question waits for a
/// probe in three cases:
///
/// - No probe has succeeded yet.
/// - The last probe is older than two intervals and 5 s.
/// - The question found no event, and the last probe is older than 5 s. A changed index would look the same. If this probe
///   fails, the zeros are missing, and what was found is kept.
///
/// - No events: a measured 0. A missing index, or one without records, is not measured.
/// - Freshness: complete up to `as_of` minus the [ingest lag](EsOptions::with_ingest_lag).
/// - Coverage: each fact has the number of its records. Where the last probe found records that cannot be used, the same
///   request counts those of the scope.
/// - Errors: a question fails as a whole only if every search failed. A search that failed costs its own figures. So does an
///   index that is closed, blocked or forbidden; of several indices, the others are counted, and the figures are partial.
#[derive(Clone)]
pub struct EsBehavior {
    inner: Arc<Inner>,
}

struct Inner {
    transport: Transport,
    options: EsOptions,
    templates: Vec<PageTemplate>,
    anonymous: AnonymousQueries,
    /// The wall clock of stored times.
    clock: WallClock,
    mapping: MappingCache,
    losses: LossCache,
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
        Self::with(client, EsOptions::default(), Vec::new(), WallClock::default())
    }

    /// A source with other settings. Sends nothing before the first question.
    /// # Errors
    /// [`OptionsError`] if a setting is invalid.
    pub fn with_options(client: Elasticsearch, options: EsOptions) -> Result<Self, OptionsError> {
        let (templates, clock) = options.check()?;
        Ok(Self::with(client, options, templates, clock))
    }

    fn with(client: Elasticsearch, options: EsOptions, templates: Vec<PageTemplate>, clock: WallClock) -> Self {
        let transport = Transport::new(client, options.longest_reply);
        let mapping = MappingCache::new(options.probe_interval);
        let (anonymous, losses) = (AnonymousQueries::new(&options.anonymous_users), LossCache::default());
        Self { inner: Arc::new(Inner { transport, options, templates, anonymous, clock, mapping, losses }) }
    }

    /// A probe of the indices that borrows nothing, since its task may outlive the question.
    fn probe_task(&self, as_of: Timestamp) -> impl Future<Output = Result<Mappings, Fault>> + Send + use<> {
        let inner = Arc::clone(&self.inner);
        async move { inner.probe(as_of, LOSS_TIMEOUT).await }
    }

    async fn facts(&self, question: &BehaviorQuestion, deadline: Instant) -> Result<BehaviorFacts, QueryError> {
        let probe_error = |fault| QueryError { query: PROBE, fault };
        let (cache, clock) = (&self.inner.mapping, self.inner.clock);
        let as_of = question.scope.as_of;
        let mappings = cache.get(deadline, || self.probe_task(as_of)).await.map_err(probe_error)?;
        let plan = plan::plan(question, &mappings, clock);
        let mut replies = self.search(&plan, deadline).await?;
        let lag = Lag { lag: self.inner.options.ingest_lag, assumed: self.inner.options.lag_assumed };
        let verdict = replies.verdict();
        if verdict != MappingVerdict::Unconfirmed {
            self.apply(verdict, &mappings);
            return replies.facts(as_of, lag);
        }
        let recent = match cache.get_recent(deadline, || self.probe_task(as_of)).await {
            Ok(recent) => recent,
            Err(fault) => {
                replies.fail_zeros(&probe_error(fault));
                return replies.facts(as_of, lag);
            }
        };
        let recent_plan = plan::plan(question, &recent, clock);
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
            let settings = QuerySettings { templates: &inner.templates, anonymous: &inner.anonymous };
            let lines = query::lines(&plan.searches, settings, inner.options.search_timeout);
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
        let result = tokio::time::timeout_at(deadline, inner.probe(as_of, budget.min(LOSS_TIMEOUT) / 3)).await;
        let mappings = Arc::new(result.unwrap_or(Err(Fault::TooSlow(budget))).map_err(probe_error)?);
        // Answers must use the mapping that health reports.
        inner.mapping.replace(Arc::clone(&mappings));
        if let Some(fault) = mappings.fault() {
            return Err(probe_error(fault));
        }
        let (lines, encodings) = probe::newest_time_searches(&mappings, as_of, inner.clock);
        let mut newest = mappings.newest_before(as_of);
        if !encodings.is_empty() {
            let reply = inner.transport.msearch(lines, FILTER, remaining(deadline)).await.map_err(probe_error)?;
            let outcomes =
                reply::ok_body(reply).and_then(|body| reply::searches(&body, encodings.len())).map_err(probe_error)?;
            for (encoding, outcome) in encodings.iter().zip(outcomes) {
                let stored = outcome.map_err(probe_error)?.newest.and_then(|stored| encoding.timestamp(stored));
                let time = stored.and_then(|stored| inner.clock.real(stored));
                // A coarse encoding can round an event from before `as_of` to a time after it.
                newest = newest.max(time.map(|time| time.min(as_of - Duration::from_millis(1))));
            }
        }
        Ok(Probe::default()
            .with_newest(newest)
            .with_findings(mappings.findings())
            .with_problems(mappings.problems())
            .with_losses(mappings.losses()))
    }
}

/// How long a probe counts the records that cannot be used. All others of its counts read no document.
const LOSS_TIMEOUT: Duration = Duration::from_secs(2);

/// The name of the probe in errors.
const PROBE: &str = "index probe";

fn remaining(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

impl Inner {
    /// Probes the indices, in two requests, or in a few more. Records that cannot be used are counted within `loss_timeout`; if
    /// that is too short, the mapping says that they are not counted.
    async fn probe(&self, as_of: Timestamp, loss_timeout: Duration) -> Result<Mappings, Fault> {
        let deadline = Instant::now() + PROBE_TIMEOUT;
        let settings = ProbeSettings { pages: !self.options.page_templates.is_empty(), as_of, clock: self.clock };
        let (resolved, types) = self.resolve(deadline).await?;
        let targets = names::targets(&self.options, &resolved, &types);
        let (lines, count) = probe::count_searches(&targets);
        let counts = self.probe_searches(lines, count, deadline).await?;
        let mut mappings = probe::mappings(&resolved, targets, counts, settings)?;
        self.losses.fill(&mut mappings);
        let (lines, searches) = probe::loss_searches(&mappings, settings, loss_timeout);
        let deadline = deadline.min(Instant::now() + loss_timeout);
        match self.probe_searches(lines, searches.len(), deadline).await {
            Ok(counts) => probe::add_losses(&mut mappings, &searches, counts),
            // Questions count what they lack, and need to know only that there may be some.
            Err(fault) => debug!(cause = %fault, "elasticsearch records that cannot be used are not counted"),
        }
        self.losses.keep(&mappings);
        Ok(mappings)
    }

    /// The indices behind the configured names, and their types.
    async fn resolve(&self, deadline: Instant) -> Result<(Vec<Resolved>, FieldTypes), Fault> {
        let names = names::configured(&self.options);
        if !names.iter().any(|name| names::is_pattern(name)) {
            // Usually each name is that of an index, and one request tells all.
            match self.types(&names.join(","), deadline).await {
                Ok(types) => {
                    if let Some(resolved) = names::as_indices(&names, &types)? {
                        return Ok((resolved, types));
                    }
                }
                Err(fault) if is_refusal(&fault) => {}
                Err(fault) => return Err(fault),
            }
        }
        let (mut resolved, mut all) = (Vec::new(), FieldTypes::default());
        for name in names {
            let meaning = match self.types(name, deadline).await {
                Ok(types) => {
                    let meaning = names::meaning(&types);
                    all.merge(types);
                    meaning
                }
                Err(fault) if is_refusal(&fault) => Meaning::Refused(fault),
                Err(fault) => return Err(fault),
            };
            resolved.push(Resolved { name: name.to_owned(), meaning });
        }
        Ok((resolved, all))
    }

    async fn types(&self, names: &str, deadline: Instant) -> Result<FieldTypes, Fault> {
        let reply = self.transport.field_caps(names, &probe::fields(), remaining(deadline)).await?;
        FieldTypes::read(&reply::ok_body(reply)?)
    }

    /// Sends the searches of a probe; nothing where there is none.
    async fn probe_searches(
        &self,
        lines: String,
        count: usize,
        deadline: Instant,
    ) -> Result<Vec<Outcome<SearchReply>>, Fault> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let reply = self.transport.msearch(lines, FILTER, remaining(deadline)).await?;
        reply::searches(&reply::ok_body(reply)?, count)
    }
}

/// Whether the server refuses one of the names, and may answer about the others.
fn is_refusal(fault: &Fault) -> bool {
    match fault {
        Fault::Blocked(_) => true,
        Fault::Denied(missing) => missing != CREDENTIALS,
        _ => false,
    }
}

#[async_trait]
impl BehaviorSource for EsBehavior {
    fn name(&self) -> &'static str {
        NAME
    }

    fn definition(&self) -> String {
        self.inner.options.definition()
    }

    async fn behavior(&self, question: &BehaviorQuestion) -> Result<BehaviorFacts, SourceError> {
        let deadline = Instant::now() + question.budget;
        Ok(self.facts(question, deadline).await?)
    }

    async fn probe(&self, as_of: Timestamp, budget: Duration) -> Result<Probe, SourceError> {
        Ok(self.health(as_of, budget).await?)
    }
}
