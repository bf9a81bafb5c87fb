//! Asks the sources for the facts that widgets need: each source at most once, all at the same time. Failures are
//! counted and logged where each call ends (`call`).

use std::time::Duration;

use tokio::time::Instant;

use super::{merge::Plan, sources::Sources};
use crate::{
    call::{Budgets, SourceReport},
    source::{Missing, QuestionKind, Reason},
    widget::{Facts, Needs, WidgetInput},
};

/// How long an answer waits for the weeks before a promotion once all sources have replied. Reading them may take
/// seconds; with a fast ledger they are there in this time, and the first answer has its baseline.
const HISTORY_GRACE: Duration = Duration::from_millis(150);

/// The facts that are needed, a report about each source that was asked, and which source was asked for what.
pub(super) async fn gather(
    sources: &Sources,
    budgets: &Budgets,
    deadline: Instant,
    needs: Needs,
    input: &WidgetInput<'_>,
) -> (Facts, Vec<SourceReport>, Plan) {
    let budget = |kind| budgets.of(kind).min(deadline.saturating_duration_since(Instant::now()));
    let plan = Plan::new(needs, &input.series, input);
    let absent = absent(input);
    let calls = sources.facts.ask(&sources.guards, plan.questions(input, budget));
    let baseline = sources.baseline.as_ref().filter(|_| asks_history(needs, input)).map(|baseline| {
        let lookup = input.history.as_ref().map(|question| baseline.get(question, input.as_of));
        (lookup, Instant::now() + budget(QuestionKind::Ledger))
    });

    let mut reports = Vec::new();
    let replies = calls.settle(&absent, &mut reports).await;
    let history = match baseline {
        Some((Some(lookup), deadline)) => lookup.by(deadline.min(Instant::now() + HISTORY_GRACE)).await,
        Some((None, _)) => Err(Missing::NoBaseline),
        None => Err(absent),
    };
    reports.iter_mut().for_each(|report| report.include_history(&history));
    reports.iter().for_each(|report| report.observe_age(input.as_of));
    (plan.merge(input, replies, history), reports, plan)
}

/// The same if no source answers within its budget. Nothing is asked.
pub(super) fn time_out(
    sources: &Sources,
    budgets: &Budgets,
    needs: Needs,
    input: &WidgetInput<'_>,
) -> (Facts, Vec<SourceReport>, Plan) {
    let plan = Plan::new(needs, &input.series, input);
    let questions = plan.questions(input, |kind| budgets.of(kind));
    let mut reports = Vec::new();
    let replies = sources.facts.time_out(&sources.guards, budgets, &questions, &absent(input), &mut reports);
    let history = Err(replies.ledger.as_ref().err().cloned().unwrap_or_else(|| absent(input)));
    (plan.merge(input, replies, history), reports, plan)
}

/// Why a fact is missing whose source is not asked.
fn absent(input: &WidgetInput<'_>) -> Missing {
    Missing::NotMeasured(if input.query.activities.is_empty() { Reason::NoActivities } else { Reason::NoSource })
}

fn asks_history(needs: Needs, input: &WidgetInput<'_>) -> bool {
    needs.sales && !input.query.activities.is_empty()
}
