//! The dashboard: a request and an instant in, an answer out. Straight-line use of everything else.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use chrono::SubsecRound;
use chrono_tz::Tz;
use tokio::{sync::Mutex, time::Instant};

use crate::{
    Timestamp,
    answer::{CampaignList, DashboardAnswer, Health, SourceHealth, SourceReport, SourceState},
    cache::{kept::KeptWidgets, shared::SharedCache},
    catalog::{
        Scope,
        kept::{AGAIN, KeptCatalog, Look},
    },
    definitions::{Definitions, Mode, Origin, Record, catalogue},
    flight::Flights,
    gather::{Sources, probe, settled},
    guard::admission::Admission,
    period::Range,
    request::{DashboardRequest, RequestError},
};

mod assemble;
mod builder;
mod find;
mod load;
mod question;
mod show;
use assemble::assemble;
pub use builder::DashboardBuilder;
use builder::Settings;
use find::{Finder, Found};
use load::Loaded;
use question::Question;
use show::show;

/// The most activities one answer is computed over.
pub const MAX_ACTIVITIES: usize = 1000;

/// Answers a marketing dashboard's questions from the sources it was built on. Clones share everything; a dropped
/// `answer` harms nothing. Needs a tokio runtime with time enabled.
#[derive(Clone)]
pub struct Dashboard {
    inner: Arc<Inner>,
}

struct Inner {
    catalog: Arc<KeptCatalog>,
    sources: Sources,
    settings: Settings,
    /// When the sources were last probed, and what they said; held while they are.
    probed: Mutex<Option<(Instant, Health)>>,
    /// The definition's hash for each mode.
    hashes: [String; Mode::ALL.len()],
    /// Made for the first who keeps something.
    kept: LazyLock<KeptWidgets>,
    shared: Option<SharedCache>,
    flights: Arc<Flights<Arc<Loaded>>>,
    admission: Admission,
}

impl std::fmt::Debug for Dashboard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dashboard").field("settings", &self.inner.settings).finish_non_exhaustive()
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// The request is wrong. The caller must change it.
    #[error(transparent)]
    Invalid(#[from] RequestError),
    /// The catalog lists no such campaign or activity.
    #[error("there is no such campaign or activity")]
    NotFound(Scope),
    /// The campaign has more activities than one answer is computed over.
    #[error("the campaign has {found} activities; at most {MAX_ACTIVITIES} are computed at once")]
    TooManyActivities {
        /// How many it has.
        found: usize,
    },
    /// Nothing that was asked could be answered. Asking again may work.
    #[error("nothing that was asked could be answered")]
    Unavailable {
        /// How each source did.
        sources: Vec<SourceState>,
    },
    /// More is asked than can be answered in time. Asking again later may work.
    #[error("more is asked than can be answered in time")]
    Overloaded {
        /// When to ask again.
        retry_after: Duration,
    },
}

/// An answer with how long it may be shown.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TimedAnswer {
    /// The answer.
    pub answer: DashboardAnswer,
    /// Until then it is as good as a new one.
    pub fresh_until: Timestamp,
    /// From `fresh_until` until then it may be shown while a new one is made.
    pub usable_until: Timestamp,
}

/// Whether a caller waits for fresh figures where kept ones may still be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Takes what may be shown; what is no longer fresh is loaded behind.
    AllowStale,
    /// Waits until what is shown is fresh.
    MustBeFresh,
}

impl Dashboard {
    /// A builder without sources.
    pub fn builder() -> DashboardBuilder<()> {
        DashboardBuilder::new()
    }

    /// The business zone.
    pub fn zone(&self) -> Tz {
        self.inner.settings.zone
    }

    /// How the funnel counts where a request does not say.
    pub fn default_mode(&self) -> Mode {
        self.inner.settings.mode
    }

    /// The widgets asked for, as of `now` floored to the second. What is not kept is asked of all sources at the same time,
    /// each within its budget; what one of them does not say is missing with its reason, or an older widget is shown as
    /// stale, and the rest is answered.
    /// # Errors
    /// [`AnswerError`]: the request is wrong, its scope does not exist or is too large, or nothing could be answered.
    pub async fn answer(&self, request: &DashboardRequest, now: Timestamp) -> Result<DashboardAnswer, AnswerError> {
        Ok(self.timed(request, now, Freshness::AllowStale).await?.answer)
    }

    /// [`Self::answer`], with how long the answer may be shown: the shortest time of its widgets, and at the latest until a
    /// phase or the range changes. Where nothing is kept, or a load took longer than its figures last, both times are not
    /// after `now`. Figures lost to a source that failed may be shown for half a second.
    ///
    /// With [`Freshness::AllowStale`] a caller waits only for what is not kept, or no longer usable; what is no longer fresh is
    /// loaded behind. A caller that goes away ends no load that others may need.
    /// # Errors
    /// As [`Self::answer`].
    pub async fn timed(
        &self,
        request: &DashboardRequest,
        now: Timestamp,
        patience: Freshness,
    ) -> Result<TimedAnswer, AnswerError> {
        self.by(self.deadline(), request, now, patience).await
    }

    async fn by(
        &self,
        deadline: Instant,
        request: &DashboardRequest,
        now: Timestamp,
        patience: Freshness,
    ) -> Result<TimedAnswer, AnswerError> {
        let (mut question, look) = self.question(request, now, deadline).await?;
        let units = question.units(&self.inner);
        let finder = Finder { inner: &self.inner, question: &question, patience, deadline };
        let found = finder.find(&units).await;
        // Who shares a load that another started a moment later answers for that moment.
        if let Some(later) = found.iter().filter_map(Found::as_of).max().filter(|later| *later > question.as_of) {
            let range = request.check(question.mode, later, self.zone())?;
            let days = |range: Range| (range.whole, range.in_progress());
            if days(range) != days(question.range) {
                // Midnight came between: what was found is about another range than that moment's.
                return Box::pin(self.by(deadline, request, now.max(later), patience)).await;
            }
            (question.as_of, question.now, question.range) = (later, now.max(later), range);
        }
        let mut shown = Vec::with_capacity(request.widgets.len());
        for (unit, found) in units.iter().zip(found) {
            let unit = show(&self.inner, &question, unit, found);
            shown.extend(unit.map_err(|retry_after| AnswerError::Overloaded { retry_after })?);
        }
        assemble(&self.inner, &question, look, &shown)
    }

    /// The keys under which a request's widgets are kept, for tests of cache keys.
    /// # Errors
    /// As [`Self::answer`].
    #[cfg(any(test, feature = "testing"))]
    #[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
    pub async fn cache_keys(&self, request: &DashboardRequest, now: Timestamp) -> Result<Vec<String>, AnswerError> {
        let (question, _) = self.question(request, now, self.deadline()).await?;
        Ok(question.units(&self.inner).iter().flat_map(question::Unit::keys).collect())
    }

    /// The request at its instant, with what the catalog says of its scope.
    async fn question(
        &self,
        request: &DashboardRequest,
        now: Timestamp,
        deadline: Instant,
    ) -> Result<(Question, Look), AnswerError> {
        let settings = &self.inner.settings;
        let as_of = now.trunc_subsecs(0);
        let range = request.check(settings.mode, as_of, settings.zone)?;

        let look = self.find(request.scope, as_of, deadline).await;
        let Some(catalog) = look.catalog.clone() else { return Err(unavailable(vec![look.report])) };
        match catalog.resolve(request.scope).map(|scope| scope.activities.len()) {
            None if look.failing => return Err(unavailable(vec![look.report])),
            None => return Err(AnswerError::NotFound(request.scope)),
            Some(found) if found > MAX_ACTIVITIES => return Err(AnswerError::TooManyActivities { found }),
            Some(_) => {}
        }
        let mode = request.mode.unwrap_or(settings.mode);
        Ok((Question { request: Arc::new(request.clone()), mode, catalog, range, as_of, now }, look))
    }

    /// All campaigns with their activities, as of `now`.
    /// # Errors
    /// [`AnswerError::Unavailable`] if the catalog does not answer and no copy of it is younger than 15 minutes.
    pub async fn campaigns(&self, now: Timestamp) -> Result<CampaignList, AnswerError> {
        let as_of = now.trunc_subsecs(0);
        let look = self.inner.catalog.look(as_of, self.catalog_deadline()).await;
        let catalog = look.catalog.ok_or_else(|| unavailable(vec![look.report]))?;
        Ok(CampaignList::new(&catalog, self.zone(), as_of))
    }

    /// What every figure means, with the store it comes from.
    pub fn definitions(&self) -> Definitions {
        let Inner { sources, settings, catalog, .. } = &*self.inner;
        let name = |name: Option<&'static str>| name.unwrap_or("none");
        let behavior = name(sources.behavior.as_ref().map(|source| source.name()));
        let ledger = name(sources.ledger.as_ref().map(|source| source.name()));
        let realtime = name(sources.realtime.as_ref().map(|source| source.name()));
        let steps = settings.rules.steps();
        catalogue(|origin| match origin {
            Origin::Steps(indices) => {
                let of = |index: &usize| match steps[*index].record {
                    Record::Event(_) => behavior,
                    Record::Ledger(_) => ledger,
                };
                let mut names: Vec<&str> = indices.iter().map(of).collect();
                names.sort_unstable();
                names.dedup();
                names.join(", ")
            }
            Origin::Behavior => behavior.to_owned(),
            Origin::Ledger => ledger.to_owned(),
            Origin::Realtime => realtime.to_owned(),
            Origin::Catalog => catalog.source.name().to_owned(),
        })
    }

    /// Asks every source whether it answers, all at the same time, each within its budget; at most once a second, whoever
    /// asks.
    pub async fn health(&self, now: Timestamp) -> Health {
        let mut probed = self.inner.probed.lock().await;
        match &*probed {
            Some((at, health)) if at.elapsed() < AGAIN => health.clone(),
            _ => {
                let health = self.probe(now.trunc_subsecs(0)).await;
                *probed = Some((Instant::now(), health.clone()));
                health
            }
        }
    }

    async fn probe(&self, as_of: Timestamp) -> Health {
        let Inner { sources, settings: Settings { budgets, .. }, catalog, .. } = &*self.inner;
        let guards = &sources.guards;
        macro_rules! probed {
            ($source:expr, $guard:expr, $budget:expr) => {{
                let (source, budget) = (Arc::clone($source), $budget);
                ($guard, probe($guard, budget, async move { source.probe(as_of, budget).await }))
            }};
        }
        let asked = [
            Some(probed!(&catalog.source, &guards.catalog, budgets.catalog)),
            sources.behavior.as_ref().map(|source| probed!(source, &guards.behavior, budgets.behavior)),
            sources.ledger.as_ref().map(|source| probed!(source, &guards.ledger, budgets.ledger)),
            sources.realtime.as_ref().map(|source| probed!(source, &guards.realtime, budgets.realtime)),
        ];
        let look = self.inner.catalog.look(as_of, self.catalog_deadline()).await;
        let mut health = Health { ready: look.catalog.is_some(), sources: Vec::new() };
        for (guard, asked) in asked.into_iter().flatten() {
            let (probed, report) = settled(asked).await;
            health.sources.push(SourceHealth::new(report, probed, guard.breaker(), as_of));
        }
        health
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.inner.settings.budgets.answer
    }

    /// The catalog for a scope: a copy that does not list it is read again, unless that was just done.
    async fn find(&self, scope: Scope, as_of: Timestamp, deadline: Instant) -> Look {
        let deadline = deadline.min(self.catalog_deadline());
        let look = self.inner.catalog.look(as_of, deadline).await;
        match &look.catalog {
            Some(catalog) if catalog.resolve(scope).is_none() => {
                self.inner.catalog.look_again(AGAIN, as_of, deadline).await
            }
            _ => look,
        }
    }

    fn catalog_deadline(&self) -> Instant {
        Instant::now() + self.inner.settings.budgets.catalog
    }
}

fn unavailable(reports: Vec<SourceReport>) -> AnswerError {
    AnswerError::Unavailable { sources: reports.into_iter().map(SourceState::from).collect() }
}

#[cfg(test)]
mod tests;
