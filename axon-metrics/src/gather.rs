//! The one concurrent round: needs become facts. The only file that awaits a source other than the catalog.
//! Each source is asked at most once, all at the same time, each in a task of its own, so that one that fails, hangs,
//! panics or lies costs only the facts it owns. Failures are counted and logged here, once, and not each of them.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{
    task::JoinHandle,
    time::{Instant, timeout_at},
};
use tracing::{Instrument, Span, field::Empty, info, info_span, warn};

use crate::{
    Missing, Reason, Timestamp,
    answer::{Said, SourceKind, SourceReport},
    baseline::kept::{Histories, Told},
    definitions::{EventRule, LedgerStep, Record},
    facts::{BehaviorFacts, Fact, LedgerFacts, RealtimeFacts, SalesFacts, Slots, StepCounts},
    guard::{Failed, Guard, Guards},
    observe::{self, SourceOutcome},
    source::{
        BehaviorQuestion, BehaviorSource, InflowQuestion, LedgerQuestion, LedgerSource, RealtimeQuestion,
        RealtimeSource, SourceError,
    },
    widget::{Context, Facts, Needs},
};

mod check;
mod history;
pub(crate) use history::history;

/// The sources of facts. One that is absent costs the facts it would own.
#[derive(Clone)]
pub(crate) struct Sources {
    pub(crate) behavior: Option<Arc<dyn BehaviorSource>>,
    pub(crate) ledger: Option<Arc<dyn LedgerSource>>,
    pub(crate) realtime: Option<Arc<dyn RealtimeSource>>,
    /// The ledger's weeks before promotions.
    pub(crate) histories: Option<Histories>,
    pub(crate) guards: Guards,
}

/// How long each source may take, and all together. More than a day each is taken for a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budgets {
    /// The whole answer. Defaults to 1 s.
    pub answer: Duration,
    /// The catalog, when the kept one is too old. Defaults to 300 ms.
    pub catalog: Duration,
    /// What visitors did. Defaults to 800 ms.
    pub behavior: Duration,
    /// What the business recorded. Defaults to 800 ms.
    pub ledger: Duration,
    /// What is true this second. Defaults to 150 ms.
    pub realtime: Duration,
    /// What the business recorded in the weeks before a promotion, which no answer waits for any longer than for the rest
    /// of the ledger. Defaults to 10 s.
    pub history: Duration,
    /// The shared cache, each time. Defaults to 50 ms.
    pub cache: Duration,
}

impl Default for Budgets {
    fn default() -> Self {
        let ms = Duration::from_millis;
        Self {
            answer: ms(1000),
            catalog: ms(300),
            behavior: ms(800),
            ledger: ms(800),
            realtime: ms(150),
            history: ms(10_000),
            cache: ms(50),
        }
    }
}

impl Budgets {
    /// None longer than can be added to an instant.
    pub(crate) fn bounded(self) -> Self {
        let bounded = |time: Duration| time.min(Duration::from_secs(24 * 3600));
        let Self { answer, catalog, behavior, ledger, realtime, history, cache } = self;
        Self {
            answer: bounded(answer),
            catalog: bounded(catalog),
            behavior: bounded(behavior),
            ledger: bounded(ledger),
            realtime: bounded(realtime),
            history: bounded(history),
            cache: bounded(cache),
        }
    }
}

/// How much longer than for the other sources an answer waits for the weeks before a promotion, which may take seconds:
/// so that already the first answer over a quick ledger has its baseline.
const HISTORY_GRACE: Duration = Duration::from_millis(150);

/// A source whose task ended without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the source panicked")]
struct Panicked;

/// Asks what is needed, and says of each source how it went.
pub(crate) async fn gather(
    sources: &Sources,
    budgets: &Budgets,
    deadline: Instant,
    needs: Needs,
    context: &Context<'_>,
) -> (Facts, Vec<SourceReport>) {
    let within = |budget: Duration| budget.min(deadline.saturating_duration_since(Instant::now()));
    let plan = Plan::new(needs, context);
    let nothing = context.query.activities.is_empty();

    let behavior = sources.behavior.as_ref().filter(|_| plan.asks_behavior() && !nothing).map(|source| {
        let question = plan.behavior(context, within(budgets.behavior));
        let source = Arc::clone(source);
        ask(&sources.guards.behavior, question.budget, move |budget| {
            let (source, question) = (Arc::clone(&source), BehaviorQuestion { budget, ..question.clone() });
            async move {
                let facts = source.behavior(&question).await?;
                check::behavior(facts, &question, source.name())
            }
        })
    });
    let ledger = sources.ledger.as_ref().filter(|_| plan.asks_ledger() && !nothing).map(|source| {
        let question = plan.ledger(context, within(budgets.ledger));
        let source = Arc::clone(source);
        ask(&sources.guards.ledger, question.budget, move |budget| {
            let (source, question) = (Arc::clone(&source), LedgerQuestion { budget, ..question.clone() });
            async move {
                let facts = source.ledger(&question).await?;
                check::ledger(facts, &question, source.name())
            }
        })
    });
    let history = sources.histories.as_ref().filter(|_| needs.sales && !nothing).map(|histories| {
        let look = context.history.as_ref().map(|question| histories.look(question, context.as_of));
        (look, Instant::now() + within(budgets.ledger))
    });
    let realtime = sources.realtime.as_ref().filter(|_| needs.slots && !nothing).map(|source| {
        let question = RealtimeQuestion {
            as_of: context.as_of,
            budget: within(budgets.realtime),
            activities: context.query.activities.clone(),
        };
        let source = Arc::clone(source);
        ask(&sources.guards.realtime, question.budget, move |budget| {
            let (source, question) = (Arc::clone(&source), RealtimeQuestion { budget, ..question.clone() });
            async move {
                let facts = source.realtime(&question).await?;
                check::realtime(facts, &question, source.name())
            }
        })
    });

    let absent = Missing::NotMeasured(if nothing { Reason::NoActivities } else { Reason::NoSource });
    let mut reports = Vec::new();
    let behavior = settled_or(behavior, &absent, &mut reports).await;
    let ledger = settled_or(ledger, &absent, &mut reports).await;
    let realtime = settled_or(realtime, &absent, &mut reports).await;
    let history = match history {
        Some((Some(look), deadline)) => look.by(deadline.min(Instant::now() + HISTORY_GRACE)).await,
        Some((None, _)) => Err(Missing::NoBaseline),
        None => Err(absent),
    };
    reports.iter_mut().for_each(|report| report.look_at_history(&history));
    reports.iter().for_each(|report| report.observe_age(context.as_of));
    (plan.weave(context, behavior, ledger, realtime, history), reports)
}

/// What there is to say when nobody waited for the sources: each that is needed did not answer.
pub(crate) fn unanswered(
    sources: &Sources,
    budgets: &Budgets,
    needs: Needs,
    context: &Context<'_>,
) -> (Facts, Vec<SourceReport>) {
    let plan = Plan::new(needs, context);
    let nothing = context.query.activities.is_empty();
    let absent = Missing::NotMeasured(if nothing { Reason::NoActivities } else { Reason::NoSource });
    let mut reports = Vec::new();
    let mut lost = |asked: bool, guard: &Guard, budget| match asked && !nothing {
        true => {
            reports.push(SourceReport::new(guard.name, guard.seam, budget).failed());
            Missing::Unavailable(Arc::new(guard.too_slow(budget)))
        }
        false => absent.clone(),
    };
    let Sources { behavior, ledger, realtime, guards, histories: _ } = sources;
    let behavior = Err(lost(behavior.is_some() && plan.asks_behavior(), &guards.behavior, budgets.behavior));
    let ledger = lost(ledger.is_some() && plan.asks_ledger(), &guards.ledger, budgets.ledger);
    let realtime = Err(lost(realtime.is_some() && needs.slots, &guards.realtime, budgets.realtime));
    (plan.weave(context, behavior, Err(ledger.clone()), realtime, Err(ledger)), reports)
}

/// A question under way. Dropping it ends it.
pub(crate) struct Asked<T> {
    task: JoinHandle<(Result<T, Failed>, Duration)>,
    guard: Arc<Guard>,
    began: Instant,
    budget: Duration,
    span: Span,
    /// Whether it is a question, and not a probe.
    counts: bool,
}

impl<T> Drop for Asked<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Puts a question within a budget, as the store's guard allows. What makes it is given the time that is left, and may be
/// called twice.
pub(crate) fn ask<T, F>(
    guard: &Arc<Guard>,
    budget: Duration,
    question: impl FnMut(Duration) -> F + Send + 'static,
) -> Asked<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T, SourceError>> + Send + 'static,
{
    let asker = Arc::clone(guard);
    spawn(guard, budget, true, async move { asker.ask(budget, question).await })
}

/// Asks whether a store is there, whatever its guard thinks of it.
pub(crate) fn probe<T: Send + 'static>(
    guard: &Arc<Guard>,
    budget: Duration,
    probe: impl Future<Output = Result<T, SourceError>> + Send + 'static,
) -> Asked<T> {
    let asker = Arc::clone(guard);
    spawn(guard, budget, false, async move { asker.probe(budget, probe).await })
}

fn spawn<T: Send + 'static>(
    guard: &Arc<Guard>,
    budget: Duration,
    counts: bool,
    answer: impl Future<Output = Result<T, Failed>> + Send + 'static,
) -> Asked<T> {
    let began = Instant::now();
    let asked = async move { (answer.await, began.elapsed()) };
    let span = info_span!("source", source = guard.name, seam = guard.seam.name(), outcome = Empty);
    let task = tokio::spawn(asked.instrument(span.clone()));
    Asked { task, guard: Arc::clone(guard), began, budget, span, counts }
}

/// How much longer than its budget a source that does not yield is waited for.
const GRACE: Duration = Duration::from_millis(10);

/// The answer of a source, or why there is none.
pub(crate) type Settled<T> = Result<T, Missing>;

async fn settled_or<T: Said>(asked: Option<Asked<T>>, absent: &Missing, reports: &mut Vec<SourceReport>) -> Settled<T> {
    let Some(asked) = asked else { return Err(absent.clone()) };
    let (result, report) = settled(asked).await;
    reports.push(report);
    result
}

/// Waits for an answer, and counts and logs how it went.
pub(crate) async fn settled<T: Said>(mut asked: Asked<T>) -> (Settled<T>, SourceReport) {
    let guard = Arc::clone(&asked.guard);
    // The task ends at its budget by itself, but for one that blocks its thread: nobody waits for that.
    let (result, took) = match timeout_at(asked.began + asked.budget + GRACE, &mut asked.task).await {
        Ok(Ok(answered)) => answered,
        Ok(Err(_)) => {
            let error = SourceError::Unavailable { source_name: guard.name.into(), source: Panicked.into() };
            (Err(error.into()), asked.began.elapsed())
        }
        Err(_) => (Err(guard.too_slow(asked.budget).into()), asked.began.elapsed()),
    };
    let mut report = SourceReport::new(guard.name, guard.seam, took);
    if let Ok(facts) = &result {
        facts.look(&mut report);
    }
    let outcome = result.as_ref().map_or_else(|failed| failed.outcome, |_| report.outcome());
    asked.span.record("outcome", outcome.name());
    if asked.counts {
        observe::source(guard.name, guard.seam, outcome, took);
    }
    match result {
        Ok(facts) => {
            if let Some(silent) = guard.answered() {
                let seconds = silent.as_secs();
                info!(parent: &asked.span, "{} answers again, after {seconds} s of failures", guard.name);
            }
            (Ok(facts), report)
        }
        Err(Failed { error, outcome }) => {
            if let Some(left_out) = guard.failed(outcome) {
                asked.span.in_scope(|| log(&error, guard.seam, took, left_out));
            }
            let report = report.failed().shed(outcome == SourceOutcome::Shed);
            (Err(Missing::Unavailable(Arc::new(error))), report)
        }
    }
}

/// A failure of a source with its causes, in one line, and how many were not logged since the last one that was.
fn log(error: &SourceError, seam: SourceKind, took: Duration, left_out: u64) {
    let mut causes = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        causes = format!("{causes}: {next}");
        cause = next.source();
    }
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    warn!(source = %error.source_name(), seam = seam.name(), duration_ms, left_out, "{causes}");
}

/// Which steps go to which source, and in which order they come back.
struct Plan {
    needs: Needs,
    events: Vec<EventRule>,
    rows: Vec<LedgerStep>,
    /// For each step of the funnel its place among the events or the rows.
    places: Vec<Place>,
}

#[derive(Clone, Copy)]
enum Place {
    Event(usize),
    Row(usize),
    /// No activity of the scope has a funnel.
    Unsupported,
}

impl Plan {
    fn new(needs: Needs, context: &Context<'_>) -> Self {
        let mut plan = Self { needs, events: Vec::new(), rows: Vec::new(), places: Vec::new() };
        let supported = !context.query.funnel_activities.is_empty() || context.query.activities.is_empty();
        for step in &context.steps {
            plan.places.push(match &step.record {
                _ if !supported => Place::Unsupported,
                Record::Event(rule) => {
                    plan.events.push(rule.clone());
                    Place::Event(plan.events.len() - 1)
                }
                Record::Ledger(row) => {
                    plan.rows.push(*row);
                    Place::Row(plan.rows.len() - 1)
                }
            });
        }
        if !needs.steps && !needs.by_activity {
            plan.events.clear();
            plan.rows.clear();
        }
        plan
    }

    fn asks_behavior(&self) -> bool {
        !self.events.is_empty() || self.needs.inflow || self.needs.active
    }

    fn asks_ledger(&self) -> bool {
        !self.rows.is_empty() || self.needs.sales
    }

    fn behavior(&self, context: &Context<'_>, budget: Duration) -> BehaviorQuestion {
        // An inflow of rows is not asked of anyone: it is not supported.
        let first = match &context.steps[0].record {
            Record::Event(rule) => Some(rule.clone()),
            Record::Ledger(_) => None,
        };
        let hours = || {
            let cut = |hour: &crate::Window| crate::Window { from: hour.from, to: hour.to.min(context.as_of) };
            context.inflow.iter().map(cut).collect()
        };
        BehaviorQuestion {
            scope: Arc::clone(&context.query),
            budget,
            steps: self.events.clone(),
            inflow: first.filter(|_| self.needs.inflow).map(|rule| InflowQuestion { rule, hours: hours() }),
            active: self.needs.active.then_some(context.active),
        }
    }

    fn ledger(&self, context: &Context<'_>, budget: Duration) -> LedgerQuestion {
        LedgerQuestion {
            scope: Arc::clone(&context.query),
            budget,
            steps: self.rows.clone(),
            sales: self.needs.sales.then(|| context.sales.clone()),
            history: None,
        }
    }

    fn weave(
        &self,
        context: &Context<'_>,
        behavior: Settled<BehaviorFacts>,
        ledger: Settled<LedgerFacts>,
        realtime: Settled<RealtimeFacts>,
        history: Told,
    ) -> Facts {
        let query = &context.query;
        let counts = |pick: &dyn Fn(&StepCounts) -> Option<&Vec<Fact<u64>>>| -> Vec<Fact<u64>> {
            self.places.iter().map(|place| count(*place, &behavior, &ledger, pick)).collect()
        };
        let by_activity = |index: usize| counts(&|steps| steps.by_activity.get(index).map(|(_, counts)| counts));
        let steps = StepCounts {
            current: counts(&|steps| Some(&steps.current)),
            previous: if query.previous.is_some() { counts(&|steps| Some(&steps.previous)) } else { Vec::new() },
            by_activity: query
                .funnel_activities
                .iter()
                .enumerate()
                .map(|(index, id)| (*id, by_activity(index)))
                .collect(),
        };
        let not_asked = || Missing::NotMeasured(Reason::NoSource);
        let inflow = behavior.as_ref().map_err(Clone::clone);
        let inflow = inflow.and_then(|facts| facts.inflow.clone().unwrap_or(Err(Missing::NotSupported)));
        let active = behavior.and_then(|facts| facts.active.unwrap_or_else(|| Err(not_asked())));
        let sales = ledger.and_then(|facts| facts.sales.ok_or_else(not_asked)).unwrap_or_else(|why| SalesFacts {
            promotion: Err(why.clone()),
            regular: Err(why.clone()),
            others: Err(why),
        });
        let slots = realtime.map(|facts| facts.slots).unwrap_or_else(|why| {
            let missing = || Slots { stock: Err(why.clone()), members: Err(why.clone()), derived: false };
            query.activities.iter().map(|id| (*id, missing())).collect()
        });
        Facts { steps, inflow, active, sales, history, slots }
    }
}

/// The count of one step from the source it was asked of. What was not asked is not looked at.
fn count(
    place: Place,
    behavior: &Settled<BehaviorFacts>,
    ledger: &Settled<LedgerFacts>,
    pick: &dyn Fn(&StepCounts) -> Option<&Vec<Fact<u64>>>,
) -> Fact<u64> {
    let (steps, index) = match place {
        Place::Event(index) => (behavior.as_ref().map(|facts| &facts.steps), index),
        Place::Row(index) => (ledger.as_ref().map(|facts| &facts.steps), index),
        Place::Unsupported => return Err(Missing::NotSupported),
    };
    let counts = steps.map(pick).map_err(Clone::clone)?;
    counts.and_then(|counts| counts.get(index).cloned()).unwrap_or(Err(Missing::NotMeasured(Reason::NoSource)))
}

/// The sources' instants never pass the answer's: a store whose clock is ahead knows no future.
fn capped<T>(fact: &mut Fact<T>, as_of: Timestamp) {
    if let Ok(measured) = fact {
        measured.complete_to = measured.complete_to.min(as_of);
    }
}
