//! The question for the weeks before a promotion. It is separate from the question of an answer, with a budget of its
//! own.

use std::{sync::Arc, time::Duration};

use crate::{
    call::{Guard, ask, settle},
    source::{
        Counting, Fact, History, HistoryQuestion, LedgerQuestion, LedgerSource, Missing, QueryScope, Reason, check,
    },
    vocabulary::{Timestamp, Window},
};

/// Regular purchases over time, from the ledger, within the budget.
pub(crate) async fn history(
    source: Arc<dyn LedgerSource>,
    guard: &Arc<Guard>,
    history: HistoryQuestion,
    as_of: Timestamp,
    budget: Duration,
) -> Fact<History> {
    let scope = QueryScope {
        as_of,
        activities: Vec::new(),
        funnel_activities: Vec::new(),
        current: Window { from: as_of, to: as_of },
        previous: None,
        counting: Counting::Events,
        by_activity: false,
    };
    let question =
        LedgerQuestion { scope: Arc::new(scope), budget, steps: Vec::new(), sales: None, history: Some(history) };
    let call = ask(guard, budget, move |budget| {
        let (source, question) = (Arc::clone(&source), LedgerQuestion { budget, ..question.clone() });
        async move {
            let facts = source.ledger(&question).await?;
            check::ledger(facts, &question, source.name())
        }
    });
    let (facts, _) = settle(call).await;
    facts?.history.unwrap_or(Err(Missing::NotMeasured(Reason::NoSource)))
}
