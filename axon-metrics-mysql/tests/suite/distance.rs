//! A distant database, whose every reply takes 100 ms: connecting takes longer than a question waits. A connection that
//! comes too late serves the next question.

#![allow(clippy::print_stdout, reason = "the decision record quotes the figures")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axon_examples::{
    fault_proxy::{Fault, FaultProxy},
    stores::Layout,
};
use axon_metrics::{
    Budgets, QuestionKind,
    source::{CatalogSource, LedgerQuestion, LedgerSource},
    testing::server,
};
use axon_metrics_mysql::{MySqlCatalog, MySqlLedger, pool_options};
use common::{
    Database, MariaDb, Server, on_each_server, pool_at,
    questions::{fill, sales, steps},
};
use futures_util::future::join_all;
use sqlx::mysql::{MySqlConnectOptions, MySqlPool};
use tokio::time::{sleep, timeout};

const DISTANCE: Fault = Fault::Latency(Duration::from_millis(100));
/// The most connections of the recommended pool.
const MAX_CONNECTIONS: u64 = 14;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A database behind a proxy, and the recommended pool without a connection.
struct DistantDatabase {
    database: Database,
    proxy: FaultProxy,
    pool: MySqlPool,
}

impl DistantDatabase {
    async fn create<S: Server>() -> Option<Self> {
        let database = Database::create::<S>(Layout::Aug2026).await?;
        fill(&database).await;
        let options = database.store.connect_options();
        let server = format!("{}:{}", options.get_host(), options.get_port()).parse().unwrap();
        let proxy = FaultProxy::start(server).await.unwrap();
        proxy.set(DISTANCE);
        let pool = pool_options().connect_lazy_with(options.host("127.0.0.1").port(proxy.address().port()));
        Some(Self { database, proxy, pool })
    }

    /// The connections since the start, or since the counts were reset.
    fn connections(&self) -> u64 {
        self.proxy.counts().connections
    }

    /// Waits until no connection is open. Fails after `within`.
    async fn wait_until_closed(&self, within: Duration) {
        let began = Instant::now();
        while self.proxy.counts().open > 0 {
            assert!(began.elapsed() < within, "{} connections are open", self.proxy.counts().open);
            sleep(ms(10)).await;
        }
    }
}

/// Asks until there is an answer, 100 ms after each failure. Returns the number of questions and the time.
async fn ask_until_answered<T, E>(mut ask: impl AsyncFnMut() -> Result<T, E>) -> (u32, Duration) {
    let began = Instant::now();
    for asks in 1..=20 {
        if ask().await.is_ok() {
            return (asks, began.elapsed());
        }
        sleep(ms(100)).await;
    }
    panic!("no answer after {:?}", began.elapsed());
}

/// A question about sales whose facts must all be there.
async fn ask_sales(ledger: &MySqlLedger, question: &LedgerQuestion) -> Result<(), String> {
    let facts = ledger.ledger(question).await.map_err(|error| error.to_string())?;
    let sales = facts.sales.ok_or("no sales")?;
    sales.promotion.and(sales.regular.map(|_| ())).map_err(|missing| format!("{missing:?}"))
}

async fn a_distant_server_answers_after_few_questions<S: Server>() {
    let Some(distant) = DistantDatabase::create::<S>().await else { return };
    let budgets = Budgets::default();
    let (catalog, ledger) = (MySqlCatalog::new(distant.pool.clone()), MySqlLedger::new(distant.pool.clone()));
    let (questions, took) = ask_until_answered(async || catalog.catalog(budgets.of(QuestionKind::Catalog)).await).await;
    println!("{}: catalog after {questions} questions, {took:?}", S::NAME);
    assert!(questions <= 8 && took < ms(5_000), "{questions} questions, {took:?}");
    let question = sales(1, budgets.of(QuestionKind::Ledger));
    let (questions, took) = ask_until_answered(async || ask_sales(&ledger, &question).await).await;
    println!("{}: ledger after {questions} questions, {took:?}", S::NAME);
    assert!(questions <= 8 && took < ms(5_000), "{questions} questions, {took:?}");

    // There are connections now, so no further one is needed.
    sleep(ms(500)).await;
    let connections = distant.connections();
    let patient = sales(1, ms(3_000));
    for _ in 0..10 {
        catalog.catalog(ms(3_000)).await.unwrap();
        ask_sales(&ledger, &patient).await.unwrap();
    }
    assert_eq!(distant.connections(), connections);
}

/// The first question gives up while its connection is in progress.
async fn a_question_that_gives_up_leaves_its_connection_to_the_next<S: Server>() {
    let Some(distant) = DistantDatabase::create::<S>().await else { return };
    let ledger = MySqlLedger::new(distant.pool.clone());
    let question = steps(1, Duration::from_secs(20));
    timeout(ms(150), ledger.ledger(&question)).await.expect_err("given up");
    sleep(ms(1_500)).await;
    assert_eq!((distant.connections(), distant.pool.size()), (1, 1));
    println!("{}: {} replies for a connection and a schema probe", S::NAME, distant.proxy.counts().round_trips);
    let began = Instant::now();
    ledger.ledger(&question).await.unwrap();
    println!("{}: the next question is answered after {:?}", S::NAME, began.elapsed());
    assert_eq!(distant.connections(), 1);
}

/// The driver's default options: a ping before each use, 30 s to acquire a connection, ten connections.
#[tokio::test(flavor = "multi_thread")]
async fn a_pool_with_default_options_answers_too() {
    let Some(distant) = DistantDatabase::create::<MariaDb>().await else { return };
    let options = MySqlConnectOptions::clone(&distant.pool.connect_options());
    let ledger = MySqlLedger::new(MySqlPool::connect_lazy_with(options));
    let question = sales(1, Budgets::default().of(QuestionKind::Ledger));
    let (questions, took) = ask_until_answered(async || ask_sales(&ledger, &question).await).await;
    assert!(questions <= 8 && took < ms(5_000), "{questions} questions, {took:?}");
}

/// A source passes connections on between its own waiters, but other users of the pool must get one, too.
#[tokio::test(flavor = "multi_thread")]
async fn other_users_of_the_pool_get_a_connection() {
    let Some(distant) = DistantDatabase::create::<MariaDb>().await else { return };
    let options = MySqlConnectOptions::clone(&distant.pool.connect_options());
    let pool = pool_options().max_connections(2).acquire_timeout(Duration::from_secs(20)).connect_lazy_with(options);
    let ledger = MySqlLedger::new(pool.clone());
    let question = steps(1, Budgets::default().of(QuestionKind::Ledger));
    ask_until_answered(async || ledger.ledger(&question).await).await;
    let crowd = join_all((0..10).map(async |_| {
        loop {
            let _ = ledger.ledger(&question).await;
        }
    }));
    let other = async {
        sleep(ms(1_500)).await;
        let began = Instant::now();
        for _ in 0..3 {
            drop(pool.acquire().await.unwrap());
        }
        began.elapsed()
    };
    let took = tokio::select! {
        _ = crowd => unreachable!("the crowd asks forever"),
        took = other => took,
    };
    println!("three connections took {took:?}");
    assert!(took < ms(8_000), "{took:?}");
}

/// All connections break at once, as at a restart, and fifty questions are asked.
async fn a_crowd_opens_no_more_connections_than_the_pool_allows<S: Server>() {
    let Some(distant) = DistantDatabase::create::<S>().await else { return };
    let ledger = MySqlLedger::new(distant.pool.clone());
    let question = steps(1, Budgets::default().of(QuestionKind::Ledger));
    ask_until_answered(async || ledger.ledger(&question).await).await;
    // The check of the store that the question started ends beside it.
    sleep(ms(1_500)).await;
    distant.proxy.drop_connections();
    distant.wait_until_closed(ms(2_000)).await;
    distant.proxy.reset_counts();
    let crowd = async || {
        let all = join_all((0..50).map(|_| ledger.ledger(&question))).await;
        all.iter().filter(|answer| answer.is_ok()).count()
    };
    let first = crowd().await;
    assert!(distant.connections() <= MAX_CONNECTIONS, "{} connections", distant.connections());
    sleep(ms(1_000)).await;
    let mut second = crowd().await;
    if second < 40 {
        // A busy machine may need longer for fifty questions.
        second = crowd().await;
    }
    println!("{}: {first} of 50 answered, then {second}, {} connections", S::NAME, distant.connections());
    assert!(second >= 40, "{second} of 50 answered");
    assert!(distant.connections() <= MAX_CONNECTIONS, "{} connections", distant.connections());
}

/// The port is closed for 3 s, while questions are asked continuously.
async fn a_server_answers_within_two_seconds_of_its_outage<S: Server>() {
    let Some(distant) = DistantDatabase::create::<S>().await else { return };
    let ledger = MySqlLedger::new(distant.pool.clone());
    let question = steps(1, Budgets::default().of(QuestionKind::Ledger));
    ask_until_answered(async || ledger.ledger(&question).await).await;
    distant.proxy.set(Fault::Refuse);
    let began = Instant::now();
    while began.elapsed() < ms(3_000) {
        let began = Instant::now();
        ledger.ledger(&question).await.expect_err("an outage");
        assert!(began.elapsed() < question.budget + ms(500), "{:?}", began.elapsed());
    }
    distant.proxy.set(DISTANCE);
    let (questions, took) = ask_until_answered(async || ledger.ledger(&question).await).await;
    println!("{}: recovered after {questions} questions, {took:?}", S::NAME);
    assert!(took < ms(2_000), "{took:?}");
}

/// Closing the pool waits for connections in use, but not for a connect in progress.
#[tokio::test(flavor = "multi_thread")]
async fn a_pool_closed_during_a_connect_leaves_no_connection() {
    let Some(distant) = DistantDatabase::create::<MariaDb>().await else { return };
    let ledger = MySqlLedger::new(distant.pool.clone());
    let question = steps(1, Budgets::default().of(QuestionKind::Ledger));
    timeout(ms(150), ledger.ledger(&question)).await.expect_err("given up");
    timeout(ms(100), distant.pool.close()).await.expect("closed");
    distant.wait_until_closed(ms(500)).await;
    let error = ledger.ledger(&question).await.expect_err("closed");
    assert!(matches!(error, axon_metrics::SourceError::Unavailable { .. }), "{error:?}");
    assert_eq!(distant.connections(), 1);
    drop(distant.database);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_dropped_during_a_connect_leaves_it_to_the_pool() {
    let Some(DistantDatabase { database, proxy, pool }) = DistantDatabase::create::<MariaDb>().await else { return };
    let ledger = MySqlLedger::new(pool.clone());
    timeout(ms(150), ledger.ledger(&steps(1, Budgets::default().of(QuestionKind::Ledger))))
        .await
        .expect_err("given up");
    drop(ledger);
    sleep(ms(2_500)).await;
    assert_eq!((pool.size(), pool.num_idle(), proxy.counts().open), (1, 1, 1));
    drop(pool);
    sleep(ms(500)).await;
    assert_eq!(proxy.counts().open, 0);
    drop(database);
}

#[test]
fn a_runtime_that_ends_during_a_connect_leaves_no_connection() {
    let outer = tokio::runtime::Runtime::new().unwrap();
    let Some(distant) = outer.block_on(DistantDatabase::create::<MariaDb>()) else { return };
    let inner = tokio::runtime::Runtime::new().unwrap();
    let ledger = inner.block_on(async {
        let ledger = MySqlLedger::new(distant.pool.clone());
        timeout(ms(150), ledger.ledger(&steps(1, Budgets::default().of(QuestionKind::Ledger))))
            .await
            .expect_err("given up");
        ledger
    });
    drop(inner);
    outer.block_on(async {
        distant.wait_until_closed(ms(500)).await;
        // A new connect replaces the one that was dropped.
        let question = steps(1, Budgets::default().of(QuestionKind::Ledger));
        ask_until_answered(async || ledger.ledger(&question).await).await;
    });
    let _runtime = outer.enter();
    drop((ledger, distant));
}

/// Each question starts a connect. Without questions there are none.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_server_gets_no_connects_without_questions() {
    let accepted = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&accepted);
    let address = server::start(move |stream| {
        counter.fetch_add(1, Ordering::Relaxed);
        async move {
            let _open = stream;
            std::future::pending::<()>().await;
        }
    });
    let connections = || accepted.load(Ordering::Relaxed);
    let pool = pool_at(address.await);
    let ledger = MySqlLedger::new(pool.clone());
    for _ in 0..5 {
        ledger.ledger(&steps(1, Budgets::default().of(QuestionKind::Ledger))).await.expect_err("silent");
    }
    sleep(ms(2_000)).await;
    let before = connections();
    sleep(ms(3_000)).await;
    assert_eq!((connections(), pool.size()), (before, 0));
    assert!(before <= 12, "{before} connections for five questions");
}

on_each_server! {
    #[tokio::test(flavor = "multi_thread")]
    a_distant_server_answers_after_few_questions;
    a_question_that_gives_up_leaves_its_connection_to_the_next;
    a_crowd_opens_no_more_connections_than_the_pool_allows;
    a_server_answers_within_two_seconds_of_its_outage;
}
