//! One question to one source, in a task of its own: asked, waited for, counted and logged.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{
    task::JoinHandle,
    time::{Instant, timeout_at},
};
use tracing::{Instrument, Span, field::Empty, info, info_span, warn};

use super::{
    guard::{CallFailure, Guard},
    report::{Describe, SourceReport},
};
use crate::{
    observe,
    source::{ErrorChain, Missing, QuestionKind, SourceError, SourceOutcome},
};

/// A source whose task ended without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the source panicked")]
struct Panicked;

/// A question under way. Dropping it ends it.
pub(crate) struct Call<T> {
    task: JoinHandle<(Result<T, CallFailure>, Duration)>,
    guard: Arc<Guard>,
    began: Instant,
    budget: Duration,
    span: Span,
    /// Whether it is a question, and not a probe.
    counts: bool,
}

impl<T> Drop for Call<T> {
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
) -> Call<T>
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
) -> Call<T> {
    let asker = Arc::clone(guard);
    spawn(guard, budget, false, async move { asker.probe(budget, probe).await })
}

fn spawn<T: Send + 'static>(
    guard: &Arc<Guard>,
    budget: Duration,
    counts: bool,
    answer: impl Future<Output = Result<T, CallFailure>> + Send + 'static,
) -> Call<T> {
    let began = Instant::now();
    let asked = async move { (answer.await, began.elapsed()) };
    let span = info_span!("source", source = guard.name, seam = guard.kind.name(), outcome = Empty);
    let task = tokio::spawn(asked.instrument(span.clone()));
    Call { task, guard: Arc::clone(guard), began, budget, span, counts }
}

/// How much longer than its budget a source that does not yield is waited for.
const GRACE: Duration = Duration::from_millis(10);

/// The answer of a source, or why there is none.
pub(crate) type CallResult<T> = Result<T, Missing>;

/// Waits for an answer, and counts and logs how it went.
pub(crate) async fn settle<T: Describe>(mut call: Call<T>) -> (CallResult<T>, SourceReport) {
    let guard = Arc::clone(&call.guard);
    // The task ends at its budget by itself, but for one that blocks its thread: nobody waits for that.
    let (result, took) = match timeout_at(call.began + call.budget + GRACE, &mut call.task).await {
        Ok(Ok(answered)) => answered,
        Ok(Err(_)) => {
            let error = SourceError::Unavailable { source_name: guard.name.into(), source: Panicked.into() };
            (Err(error.into()), call.began.elapsed())
        }
        Err(_) => (Err(guard.too_slow(call.budget).into()), call.began.elapsed()),
    };
    let mut report = SourceReport::new(guard.name, guard.kind.source(), took);
    if let Ok(facts) = &result {
        facts.describe(&mut report);
    }
    let outcome = result.as_ref().map_or_else(|failed| failed.outcome, |_| report.outcome());
    call.span.record("outcome", outcome.name());
    if call.counts {
        observe::source(guard.name, guard.kind, outcome, took);
    }
    match result {
        Ok(facts) => {
            if let Some(silent) = guard.answered() {
                let seconds = silent.as_secs();
                info!(parent: &call.span, "{} answers again, after {seconds} s of failures", guard.name);
            }
            (Ok(facts), report)
        }
        Err(CallFailure { error, outcome }) => {
            if let Some(left_out) = guard.failed(outcome) {
                call.span.in_scope(|| log(&error, guard.kind, took, left_out));
            }
            let report = report.failed().shed(outcome == SourceOutcome::Shed);
            (Err(Missing::Unavailable(Arc::new(error))), report)
        }
    }
}

/// A failure of a source with its causes, in one line, and how many were not logged since the last one that was.
fn log(error: &SourceError, kind: QuestionKind, took: Duration, left_out: u64) {
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    warn!(source = %error.source_name(), seam = kind.name(), duration_ms, left_out, "{}", ErrorChain(error));
}
