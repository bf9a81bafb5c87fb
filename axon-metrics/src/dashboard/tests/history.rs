//! Answers while the weeks before a promotion are being read, cannot be read, or are old.

use super::*;
use crate::{Lifetimes, source::SourceKind};

/// A dashboard that caches only the weeks before promotions.
fn with_history_cache(ledger: impl LedgerSource) -> Dashboard {
    let Lifetimes { history, history_stale, .. } = Lifetimes::default();
    let lifetimes = Lifetimes { history, history_stale, ..Lifetimes::none() };
    healthy().ledger(ledger).lifetimes(lifetimes).build()
}

/// The comparison alone, this many minutes later.
async fn compared(dashboard: &Dashboard, minutes: i64) -> DashboardAnswer {
    let request = DashboardRequest::campaign(123).widgets([Widget::Comparison]);
    dashboard.answer(&request, now() + chrono::Duration::minutes(minutes)).await.unwrap()
}

/// The facts of a ledger without lag.
fn up_to_date(question: &LedgerQuestion) -> LedgerFacts {
    let mut facts = ledger_facts(question);
    let to = question.scope.as_of;
    if let Some(sales) = &mut facts.sales {
        sales.promotion.iter_mut().for_each(|fact| fact.complete_to = to);
        sales.regular.iter_mut().for_each(|fact| fact.complete_to = to);
        sales.others.iter_mut().for_each(|fact| fact.complete_to = to);
    }
    facts.history.iter_mut().flatten().for_each(|fact| fact.complete_to = to);
    facts
}

fn details(answer: &DashboardAnswer) -> Vec<Option<MissingDetail>> {
    let missing = answer.widgets[&Widget::Comparison].missing.iter();
    missing.filter(|gap| gap.field == "baseline.orders").map(|gap| gap.detail.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_history_that_is_still_being_read_costs_only_the_baseline() {
    struct Slow;
    #[async_trait::async_trait]
    impl LedgerSource for Slow {
        fn name(&self) -> &'static str {
            "mysql"
        }
        async fn ledger(&self, question: &LedgerQuestion) -> Result<LedgerFacts, SourceError> {
            if question.history.is_some() {
                tokio::time::sleep(Duration::from_secs(4)).await;
            }
            Ok(up_to_date(question))
        }
        async fn probe(&self, _: Timestamp, _: Duration) -> Result<crate::source::Probe, SourceError> {
            Ok(Default::default())
        }
    }
    let dashboard = with_history_cache(Slow);
    let began = Instant::now();
    let answer = dashboard.answer(&everything(), now()).await.unwrap();
    assert_eq!(began.elapsed(), Duration::from_millis(150), "the sources answer at once, and the history has 150 ms");
    assert_eq!(statuses(&answer), [Fresh, Fresh, Partial, Fresh, Fresh, Fresh]);
    assert_eq!(details(&answer), [Some(MissingDetail::HistoryLoading)]);
    assert_eq!(answer.data.comparison.unwrap().promotion.orders, Some(45));
    let ledger = answer.sources.iter().find(|source| source.kind == SourceKind::Ledger).unwrap();
    assert_eq!(ledger.status, SourceStatus::Ok, "the ledger itself answered");
    tokio::time::sleep(Duration::from_secs(4)).await;
    let answer = compared(&dashboard, 1).await;
    assert_eq!((statuses(&answer), details(&answer)), (vec![Fresh], vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_history_that_cannot_be_read_costs_only_the_baseline() {
    let ledger =
        ledger_source(|question| if question.history.is_some() { Err(refused()) } else { Ok(up_to_date(question)) });
    let answer = compared(&with_history_cache(ledger), 0).await;
    assert_eq!((statuses(&answer), details(&answer)), (vec![Partial], vec![Some(MissingDetail::NoAnswer)]));
    let ledger = answer.sources.iter().find(|source| source.kind == SourceKind::Ledger).unwrap();
    assert_eq!(ledger.status, SourceStatus::Partial);
}

#[tokio::test(start_paused = true)]
async fn an_old_history_is_a_warning_and_makes_no_sale_old() {
    let ledger = ledger_source(|question| match question.history.is_some() && question.scope.as_of > as_of() {
        true => Err(refused()),
        false => Ok(up_to_date(question)),
    });
    let dashboard = with_history_cache(ledger);
    for (minutes, old) in [(0, None), (119, None), (180, Some(3)), (181, Some(3)), (23 * 60, Some(23))] {
        let answer = compared(&dashboard, minutes).await;
        let state = &answer.widgets[&Widget::Comparison];
        assert_eq!((statuses(&answer), state.age_ms), (vec![Fresh], Some(0)), "after {minutes} minutes");
        let warned = state.warnings.iter().find(|warning| warning.code == WarningCode::BaselineOld);
        assert_eq!(warned.and_then(|warning| warning.number("hours")), old, "after {minutes} minutes");
    }
    let answer = compared(&dashboard, 24 * 60).await;
    assert_eq!((statuses(&answer), details(&answer)), (vec![Partial], vec![Some(MissingDetail::NoAnswer)]));
}
