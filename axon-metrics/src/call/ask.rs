//! One call to one source, in a task of its own: started, waited for, counted and logged.

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

/// The task of a call panicked.
#[derive(Debug, thiserror::Error)]
#[error("the source panicked")]
struct Panicked;

/// A call in progress: a question or a probe. Dropping it cancels it.
pub(crate) struct Call<T> {
    task: JoinHandle<(Result<T, CallFailure>, Duration)>,
    guard: Arc<Guard>,
    began: Instant,
    budget: Duration,
    span: Span,
    /// Questions are counted, probes are not.
    is_question: bool,
}

impl<T> Drop for Call<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts a question to a source through its guard. `question` gets the rest of the budget. It is called at most twice:
/// the second time as the retry.
pub(crate) fn ask<T, F>(
    guard: &Arc<Guard>,
    budget: Duration,
    question: impl FnMut(Duration) -> F + Send + 'static,
) -> Call<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T, SourceError>> + Send + 'static,
{
    let own_guard = Arc::clone(guard);
    spawn(guard, budget, true, async move { own_guard.ask(budget, question).await })
}

/// Starts a probe of a source. Neither the circuit breaker nor the bulkhead refuses it.
pub(crate) fn probe<T: Send + 'static>(
    guard: &Arc<Guard>,
    budget: Duration,
    probe: impl Future<Output = Result<T, SourceError>> + Send + 'static,
) -> Call<T> {
    let own_guard = Arc::clone(guard);
    spawn(guard, budget, false, async move { own_guard.probe(budget, probe).await })
}

fn spawn<T: Send + 'static>(
    guard: &Arc<Guard>,
    budget: Duration,
    is_question: bool,
    answer: impl Future<Output = Result<T, CallFailure>> + Send + 'static,
) -> Call<T> {
    let began = Instant::now();
    let timed = async move { (answer.await, began.elapsed()) };
    let span = info_span!("source", source = guard.name, seam = guard.kind.name(), outcome = Empty);
    let task = tokio::spawn(timed.instrument(span.clone()));
    Call { task, guard: Arc::clone(guard), began, budget, span, is_question }
}

/// How long past its budget a call is waited for. Only a source that blocks its thread takes that long.
const GRACE: Duration = Duration::from_millis(10);

/// The answer of a source, or why there is none.
pub(crate) type CallResult<T> = Result<T, Missing>;

/// Waits for an answer, and counts and logs the outcome.
pub(crate) async fn settle<T: Describe>(mut call: Call<T>) -> (CallResult<T>, SourceReport) {
    let guard = Arc::clone(&call.guard);
    // The task ends at its budget by itself, unless the source blocks its thread.
    let (result, took) = match timeout_at(call.began + call.budget + GRACE, &mut call.task).await {
        Ok(Ok(timed)) => timed,
        Ok(Err(_)) => {
            let error = SourceError::Unavailable { source_name: guard.name.into(), source: Panicked.into() };
            (Err(error.into()), call.began.elapsed())
        }
        Err(_) => (Err(guard.timed_out(call.budget).into()), call.began.elapsed()),
    };
    let mut report = SourceReport::new(guard.name, guard.kind.source(), took);
    if let Ok(facts) = &result {
        facts.describe(&mut report);
    }
    let outcome = result.as_ref().map_or_else(|failed| failed.outcome, |_| report.outcome());
    call.span.record("outcome", outcome.name());
    if call.is_question {
        observe::source(guard.name, guard.kind, outcome, took);
    }
    match result {
        Ok(facts) => {
            if let Some(outage) = guard.log_answer() {
                let (source, kind, seconds) = (guard.name, guard.kind.name(), outage.as_secs());
                info!(parent: &call.span, "{source} {kind} answers again after {seconds} s of failures");
            }
            (Ok(facts), report)
        }
        Err(CallFailure { error, outcome }) => {
            if let Some(left_out) = guard.log_failure(outcome) {
                call.span.in_scope(|| log_failure(&error, guard.kind, took, left_out));
            }
            let report = report.failed().shed(outcome == SourceOutcome::Shed);
            (Err(Missing::Unavailable(Arc::new(error))), report)
        }
    }
}

/// Logs a failed call with all its causes, in one line. `left_out` is the number of failures since the last line.
fn log_failure(error: &SourceError, kind: QuestionKind, took: Duration, left_out: u64) {
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let (source, seam, causes) = (error.source_name(), kind.name(), ErrorChain(error));
    warn!(source = %source, seam, duration_ms, left_out, "call to {source} {seam} failed: {causes}");
}
