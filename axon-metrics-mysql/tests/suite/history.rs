//! The history, which takes longer to read than an answer may take: no answer waits for it, it is read once, and it has
//! a budget of its own.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common;

use std::time::{Duration, Instant};

use axon_examples::stores::Layout;
use axon_metrics::{
    Budgets, Dashboard, DashboardAnswer, DashboardRequest, Lifetimes, QuestionKind, SourceError, Widget,
    answer::WidgetStatus,
    source::LedgerSource,
    widget::{BaselineMethod, MissingDetail},
};
use axon_metrics_mysql::{MySqlCatalog, MySqlLedger, pool_options_with};
use common::{
    Database, Server, on_each_server, pool_to,
    proxy::{Proxy, through},
    questions::{DAY, at, fill, history, purchase, steps},
    unique,
};
use sqlx::Connection as _;

/// A text that only the history statement contains.
const HISTORY_MARK: &str = "TIMESTAMPDIFF(MICROSECOND";

/// The status of the comparison, its orders of promotion and shop, and why its baseline is missing.
fn comparison(answer: &DashboardAnswer) -> (WidgetStatus, [Option<u64>; 2], Vec<&MissingDetail>) {
    let state = &answer.widgets[&Widget::Comparison];
    let figures = answer.data.comparison.as_ref().unwrap();
    let missing = state.missing.iter().filter(|missing| missing.field.starts_with("baseline."));
    let mut details: Vec<&MissingDetail> = missing.filter_map(|missing| missing.detail.as_ref()).collect();
    details.dedup();
    (state.status, [figures.promotion.orders, figures.regular.orders], details)
}

/// The first answer has no baseline and says that the history is loading. Later answers have it. Each answer sends two
/// statements. The history is one statement in all.
async fn no_answer_waits_for_the_history<S: Server>(layout: Layout) {
    let Some(database) = Database::create::<S>(layout).await else { return };
    fill(&database).await;
    database.store.insert_purchases(vec![purchase(50, -40 * DAY, None)]).await.unwrap();
    let options = database.store.connect_options();
    let proxy = Proxy::before(&options).await;
    let delay = Duration::from_secs(5);
    proxy.delay(HISTORY_MARK, delay);
    let pool = pool_to(through(&proxy, &options));
    let ms = Duration::from_millis;
    let budgets = Budgets::default()
        .with_answer(ms(2_500))
        .with(QuestionKind::Catalog, ms(1_000))
        .with(QuestionKind::Ledger, ms(2_000));
    let lifetimes = Lifetimes::none().with_history(Lifetimes::default().history);
    let dashboard = Dashboard::builder()
        .catalog(MySqlCatalog::new(pool.clone()))
        .ledger(MySqlLedger::new(pool))
        .budgets(budgets)
        .lifetimes(lifetimes)
        .build();
    let request = DashboardRequest::campaign(1).widgets([Widget::Comparison]);
    let answer = async || dashboard.answer(&request, at(0)).await.unwrap();

    let began = Instant::now();
    let first = answer().await;
    let took = began.elapsed();
    assert!(took < budgets.answer() + ms(250), "{took:?}");
    assert_eq!(comparison(&first), (WidgetStatus::Partial, [Some(3), Some(1)], vec![&MissingDetail::HistoryLoading]));
    // A connect that is not needed any more is still in progress.
    tokio::time::sleep(ms(200)).await;
    let before = proxy.commands();
    let second = answer().await;
    assert_eq!(comparison(&second).2, [&MissingDetail::HistoryLoading]);
    assert_eq!(proxy.commands() - before, 2, "the history was requested twice");

    tokio::time::sleep((delay + ms(1_000)).saturating_sub(began.elapsed())).await;
    for _ in 0..3 {
        let before = proxy.commands();
        let later = answer().await;
        assert_eq!(proxy.commands() - before, 2);
        assert_eq!(comparison(&later), (WidgetStatus::Fresh, [Some(3), Some(1)], vec![]));
        let baseline = later.data.comparison.unwrap().baseline;
        assert_eq!((baseline.method, baseline.weeks), (Some(BaselineMethod::HourOfWeek), Some(4)));
        assert_eq!(later.widgets[&Widget::Comparison].as_of, Some(at(0)));
    }
    assert_eq!(proxy.delayed_commands(), 1);
}

/// The session's limit is that of answers. The history statement sets its own, for which no right is needed. Other
/// statements on the same connections end at the session's limit.
async fn the_history_may_outlast_the_sessions_limit<S: Server>() {
    let Some(database) = Database::create::<S>(Layout::Aug2026).await else { return };
    fill(&database).await;
    let name: String = unique("ro").chars().take(30).collect();
    let reader = database.store.create_reader(&name, "a_password").await.unwrap();
    let limit = Duration::from_millis(700);
    let pool = pool_options_with(limit).acquire_timeout(Duration::from_secs(5)).connect_lazy_with(reader);
    let ledger = MySqlLedger::new(pool.clone());
    let budget = Duration::from_secs(10);
    ledger.ledger(&history(budget)).await.unwrap();

    // A statement over purchases waits for the lock, as for a slow disk.
    let mut locker = sqlx::MySqlConnection::connect_with(&database.store.connect_options()).await.unwrap();
    sqlx::raw_sql("LOCK TABLES purchases WRITE").execute(&mut locker).await.unwrap();
    let unlock = async {
        tokio::time::sleep(limit * 3).await;
        sqlx::raw_sql("UNLOCK TABLES").execute(&mut locker).await.unwrap();
    };
    let (history, steps) = (history(budget), steps(1, budget));
    let (history, steps, ()) = tokio::join!(ledger.ledger(&history), ledger.ledger(&steps), unlock);
    assert!(matches!(steps, Err(SourceError::Unavailable { .. })), "{steps:?}");
    assert_eq!(history.unwrap().history.unwrap().unwrap().value.buckets.len(), 1);

    // The history ends at its own budget.
    sqlx::raw_sql("LOCK TABLES purchases WRITE").execute(&mut locker).await.unwrap();
    let short = common::questions::history(Duration::from_secs(1));
    let result = ledger.ledger(&short).await;
    assert!(matches!(result, Err(SourceError::Unavailable { .. })), "{result:?}");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!database.is_executing("TIMESTAMPDIFF").await, "the statement is still running");
    sqlx::raw_sql("UNLOCK TABLES").execute(&mut locker).await.unwrap();
    pool.close().await;
    database.run(&format!("DROP USER '{name}'@'%'")).await;
}

on_each_server! {
    no_answer_waits_for_the_history(Layout::Aug2026, Layout::Dec2025);
    the_history_may_outlast_the_sessions_limit;
}
