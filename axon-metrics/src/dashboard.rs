//! The dashboard: a request and an instant in, an answer out. Each step is a file of this room: request, resolve,
//! lookup, load, gather, merge, staleness, response.

use std::sync::Arc;

use chrono::SubsecRound;
use chrono_tz::Tz;
use tokio::time::Instant;

use crate::{
    call::{SourceReport, probe, settle},
    keep::{CatalogLookup, RETRY_AFTER},
    observe,
    source::{QuestionKind, SourceKind},
    vocabulary::{CatalogScope, Definitions, Mode, Origin, Record, Scope, Step, Timestamp},
    wire::{CampaignList, DashboardAnswer, Health, SourceHealth, SourceState},
};

mod builder;
mod gather;
mod inner;
mod load;
mod load_group;
mod load_result;
mod lookup;
mod merge;
mod outcome;
pub(crate) mod request;
pub(crate) mod request_text;
mod resolve;
mod response;
mod settings;
mod sources;
mod staleness;
pub use builder::DashboardBuilder;
pub use inner::Dashboard;
use inner::Inner;
use lookup::{Finder, Lookup};
pub use outcome::{AnswerError, Freshness, MAX_ACTIVITIES, TimedAnswer};
use request::{DashboardRequest, RequestRules};
use resolve::ResolvedRequest;
use response::respond;
use settings::Settings;
use staleness::views;

impl Dashboard {
    /// The business zone.
    pub fn zone(&self) -> Tz {
        self.inner.settings.zone
    }

    /// The mode of a request that names none.
    pub fn default_mode(&self) -> Mode {
        self.inner.settings.mode
    }

    /// The defaults and funnels that request texts are parsed with.
    pub fn request_rules(&self) -> &RequestRules {
        &self.inner.request_rules
    }

    /// The widgets of a request, as of `now` floored to the second. Widgets that are not cached are loaded: all sources
    /// are asked at the same time, each within its budget. A figure that its source does not answer is missing with its
    /// reason, or an older widget takes its place with the status `stale`; the other figures are answered.
    /// # Errors
    /// [`AnswerError`]: the request is invalid, its scope does not exist or is too large, the dashboard is overloaded,
    /// or no widget could be answered.
    pub async fn answer(&self, request: &DashboardRequest, now: Timestamp) -> Result<DashboardAnswer, AnswerError> {
        Ok(self.timed(request, now, Freshness::AllowStale).await?.answer)
    }

    /// [`Self::answer`], with how long the answer may be used: as long as the first of its widgets expires, and no
    /// longer than until a phase or the range changes. Without caching, or if a load took longer than the time to live
    /// of its figures, neither time is after `now`. An answer that lost figures to a failed source may be used for half
    /// a second.
    ///
    /// With [`Freshness::AllowStale`] a caller waits only for widgets that are not cached, or no longer usable; stale
    /// ones are loaded in the background. A caller that leaves cancels no load that others may join.
    /// # Errors
    /// As [`Self::answer`].
    pub async fn timed(
        &self,
        request: &DashboardRequest,
        now: Timestamp,
        freshness: Freshness,
    ) -> Result<TimedAnswer, AnswerError> {
        self.by(self.deadline(), request, now, freshness).await
    }

    async fn by(
        &self,
        deadline: Instant,
        request: &DashboardRequest,
        now: Timestamp,
        freshness: Freshness,
    ) -> Result<TimedAnswer, AnswerError> {
        let (mut resolved, catalog) = self.resolve(request, now, deadline).await?;
        let groups = resolved.groups(&self.inner);
        let lookups = Finder { inner: &self.inner, resolved: &resolved, freshness, deadline }.find(&groups).await;
        // A request that joins a load which another request started a moment later is answered as of that moment.
        if let Some(later) = lookups.iter().filter_map(Lookup::as_of).max().filter(|later| *later > resolved.as_of)
            && !resolved.move_to(later, self.request_rules())?
        {
            // Midnight passed between the two instants, so the widgets are of another range. Start over at the later
            // one.
            return Box::pin(self.by(deadline, request, now.max(later), freshness)).await;
        }
        let mut all = Vec::with_capacity(request.widgets.len());
        for (group, lookup) in groups.iter().zip(lookups) {
            let views = views(&self.inner, &resolved, group, lookup);
            all.extend(views.map_err(|retry_after| AnswerError::Overloaded { retry_after })?);
        }
        respond(&self.inner, &resolved, catalog, &all)
    }

    /// The keys under which a request's widgets are cached, for tests of cache keys.
    /// # Errors
    /// As [`Self::answer`].
    #[cfg(any(test, feature = "testing"))]
    #[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
    pub async fn cache_keys(&self, request: &DashboardRequest, now: Timestamp) -> Result<Vec<String>, AnswerError> {
        let (resolved, _) = self.resolve(request, now, self.deadline()).await?;
        Ok(resolved.groups(&self.inner).iter().flat_map(load_group::LoadGroup::keys).collect())
    }

    /// Checks the request at its instant, and looks its scope up in the catalog.
    async fn resolve(
        &self,
        request: &DashboardRequest,
        now: Timestamp,
        deadline: Instant,
    ) -> Result<(ResolvedRequest, CatalogLookup), AnswerError> {
        let settings = &self.inner.settings;
        let as_of = now.trunc_subsecs(0);
        let range = request.check(self.request_rules(), as_of)?;
        let (lookup, scope) = self.find_scope(request.scope, as_of, deadline).await;
        let scope = match scope {
            Some(scope) => scope,
            None if lookup.failing || lookup.catalog.is_none() => return Err(unavailable(vec![lookup.report])),
            None => return Err(AnswerError::NotFound(request.scope)),
        };
        let found = scope.get().activities.len();
        if found > MAX_ACTIVITIES {
            return Err(AnswerError::TooManyActivities { found });
        }
        let mode = request.mode.unwrap_or(settings.mode);
        let funnel = request.funnel.as_deref();
        let funnel = settings.funnels.iter().position(|one| Some(one.key()) == funnel).unwrap_or_default();
        Ok((ResolvedRequest { request: Arc::new(request.clone()), mode, funnel, scope, range, as_of, now }, lookup))
    }

    /// All campaigns with their activities, as of `now`. A catalog without campaigns gives an empty list.
    /// # Errors
    /// [`AnswerError::Unavailable`] if the catalog does not answer and no copy of it is younger than 15 minutes.
    pub async fn campaigns(&self, now: Timestamp) -> Result<CampaignList, AnswerError> {
        let as_of = now.trunc_subsecs(0);
        let lookup = self.inner.catalog.get(as_of, self.catalog_deadline()).await;
        let catalog = lookup.catalog.ok_or_else(|| unavailable(vec![lookup.report]))?;
        Ok(CampaignList::new(&catalog, self.zone(), as_of))
    }

    /// The definition of each figure: its names, its formula and the store it comes from; `none` without a source.
    pub fn definitions(&self) -> Definitions {
        let Inner { sources, settings, .. } = &*self.inner;
        let name = |kind: SourceKind| sources.connected[kind].as_ref().map_or("none", |source| source.name());
        let store = |step: &Step| match step.record {
            Record::Event(_) => name(SourceKind::Behavior),
            Record::Ledger(_) => name(SourceKind::Ledger),
        };
        let stores = |counts: &dyn Fn(&Step) -> bool| {
            let steps = settings.rules().steps().iter();
            let mut names: Vec<&str> = steps.filter(|step| counts(step)).map(store).collect();
            names.sort_unstable();
            names.dedup();
            // Empty for the total of a step that the funnel does not have.
            if names.is_empty() { "none".to_owned() } else { names.join(", ") }
        };
        let source = |origin| match origin {
            Origin::Steps(keys) => stores(&|step| keys.contains(&&*step.key)),
            Origin::AllSteps => stores(&|_| true),
            Origin::Source(kind) => name(kind).to_owned(),
        };
        Definitions::new(source, &settings.funnels, store)
    }

    /// Probes all sources at the same time, each within its budget. Callers within one second share the result.
    pub async fn health(&self, now: Timestamp) -> Health {
        let mut last_health = self.inner.last_health.lock().await;
        match &*last_health {
            Some((at, health)) if at.elapsed() < RETRY_AFTER => health.clone(),
            _ => {
                let health = self.probe(now.trunc_subsecs(0)).await;
                *last_health = Some((Instant::now(), health.clone()));
                health
            }
        }
    }

    async fn probe(&self, as_of: Timestamp) -> Health {
        let Inner { sources, settings: Settings { budgets, .. }, .. } = &*self.inner;
        let probes: Vec<_> = sources
            .connected
            .iter()
            .filter_map(|(kind, source)| {
                let (source, kind) = (Arc::clone(source.as_ref()?), QuestionKind::from(kind));
                let (guard, budget) = (&sources.guards[kind], budgets.of(kind));
                Some((guard, probe(guard, budget, async move { source.probe(as_of, budget).await })))
            })
            .collect();
        let lookup = self.inner.catalog.get(as_of, self.catalog_deadline()).await;
        let mut health = Health { ready: lookup.catalog.is_some(), sources: Vec::new() };
        for (guard, probe) in probes {
            let (result, report) = settle(probe).await;
            if let Ok(probe) = &result {
                observe::records_left_out(report.name, report.kind, &probe.losses);
            }
            health.sources.push(SourceHealth::new(report, result, guard.breaker(), as_of));
        }
        health
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.inner.settings.budgets.answer()
    }

    /// Looks a scope up in the catalog. A copy that does not list it is read again, if it is older than
    /// [`RETRY_AFTER`].
    async fn find_scope(
        &self,
        scope: Scope,
        as_of: Timestamp,
        deadline: Instant,
    ) -> (CatalogLookup, Option<CatalogScope>) {
        let deadline = deadline.min(self.catalog_deadline());
        let find = |lookup: &CatalogLookup| lookup.catalog.as_ref().and_then(|catalog| catalog.find(scope));
        let lookup = self.inner.catalog.get(as_of, deadline).await;
        match find(&lookup) {
            None if lookup.catalog.is_some() => {
                let lookup = self.inner.catalog.get_younger(RETRY_AFTER, as_of, deadline).await;
                let scope = find(&lookup);
                (lookup, scope)
            }
            scope => (lookup, scope),
        }
    }

    fn catalog_deadline(&self) -> Instant {
        Instant::now() + self.inner.settings.budgets.of(QuestionKind::Catalog)
    }
}

fn unavailable(reports: Vec<SourceReport>) -> AnswerError {
    AnswerError::Unavailable { sources: reports.into_iter().map(SourceState::from).collect() }
}

#[cfg(test)]
mod tests;
