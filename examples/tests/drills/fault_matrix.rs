//! R1 and R2: each store fails with each fault, while its connections idle, while a request is in flight, and while all permits
//! are taken; then it recovers.
//!
//! In every cell each answer comes by its deadline, the widgets that do not need the store are whole, those that do are flagged
//! and name it, every number is the store's, no failed figure is 0, and a good answer comes within two seconds after the
//! fault. Each cell runs without caches and with the default ones: there the last good figures are shown, flagged as stale.
//! With `AXON_DRILL=1` all 240 cells run, else 58: each store fails once with each fault, and has a test of its own for each of
//! five faults without caches. All cells run concurrently, since they mostly wait; each test asserts its own.
//!
//! Lives here: the matrix. Lives elsewhere: one cell (`cell`), the check of an answer (`check`).

#![allow(clippy::print_stdout, reason = "a drill prints its figures")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "fault_matrix/cell.rs"]
mod cell;
#[path = "fault_matrix/check.rs"]
mod check;
use crate::{figures, platform, proxied_stores};

use std::{sync::Arc, time::Duration};

use axon_examples::{
    fault_proxy::{Fault, Protocol},
    generator::Config,
    stores::Layout,
};
use axon_metrics::{Budgets, QuestionKind, testing::server_url};
use cell::{Cell, Outcome, World};
use futures_util::{StreamExt as _, future::join_all, stream};
use platform::Platform;
use proxied_stores::is_drill;
use tokio::sync::OnceCell;

/// The latency of a slow store.
const SLOW_LATENCY: Duration = Duration::from_secs(3);

/// The store that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    Elasticsearch,
    MySql,
    MariaDb,
    Redis,
}

impl Store {
    /// Its index among the proxies.
    pub(crate) fn index(self) -> usize {
        match self {
            Self::Elasticsearch => 0,
            Self::MySql | Self::MariaDb => 1,
            Self::Redis => 2,
        }
    }

    /// Whether the environment names its server; if not, prints that a test is skipped.
    fn is_configured(self) -> bool {
        let variable = match self {
            Self::Elasticsearch => "AXON_TEST_ELASTICSEARCH_URL",
            Self::MySql => "AXON_TEST_MYSQL_URL",
            Self::MariaDb => "AXON_TEST_MARIADB_URL",
            Self::Redis => "AXON_TEST_REDIS_URL",
        };
        server_url(variable).is_some()
    }

    fn protocol(self) -> Protocol {
        match self {
            Self::Elasticsearch => Protocol::Http,
            Self::MySql | Self::MariaDb => Protocol::Mysql,
            Self::Redis => Protocol::Redis,
        }
    }

    /// The ten faults of the store.
    fn faults(self) -> [Fault; 10] {
        [
            Fault::Latency(SLOW_LATENCY),
            Fault::Blackhole,
            Fault::HalfOpen,
            Fault::Reset,
            Fault::Close,
            // Replies of Redis have a few bytes: a larger limit would let them pass whole.
            Fault::Cut { after_bytes: 3 },
            // The replies of Redis to one question take 14 bytes or more: they must not be whole within its budget.
            Fault::Drip { bytes: std::num::NonZeroUsize::MIN, every: Duration::from_millis(100) },
            Fault::Garbage,
            Fault::Refuse,
            Fault::Unauthorized(self.protocol()),
        ]
    }
}

/// The state of the store when the fault begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Connections are open, and no request is in flight.
    Idle,
    /// A request is in flight.
    InFlight,
    /// There are more concurrent requests than connections of the pool and permits of the bulkhead.
    Full,
}

impl State {
    const ALL: [Self; 3] = [Self::Idle, Self::InFlight, Self::Full];
}

/// The bound on the time from the end of a fault until a whole answer.
const MAX_RECOVERY: Duration = Duration::from_secs(2);

/// The concurrency and bounds of a run. A drill measures: few concurrent cells and little grace. The gate checks answers on a busy
/// machine, where a healthy store may be slow and a timer late: at a load of 8 on two cores, one of 464 cells had an answer 185 ms
/// after its deadline.
struct Profile {
    /// Concurrent cells on one SQL server. Each has up to fourteen connections, and a server accepts 151.
    cells: usize,
    grace: Duration,
    budgets: Budgets,
}

fn profile() -> Profile {
    if is_drill() {
        Profile { cells: 1, grace: Duration::from_millis(50), budgets: Budgets::default() }
    } else {
        let long = Duration::from_millis(700);
        let budgets = Budgets::default().with(QuestionKind::Catalog, long).with(QuestionKind::Realtime, long);
        Profile { cells: 3, grace: Duration::from_millis(250), budgets }
    }
}

/// A platform over one SQL server, and the stores that fail in its cells.
struct Testbed {
    world: Arc<World>,
    stores: Vec<Store>,
}

impl Testbed {
    /// A testbed for each SQL server. The other stores are distributed among them.
    async fn all() -> Vec<Self> {
        let testbed = async |store: Store, url| {
            if !store.is_configured() {
                return None;
            }
            let config = Config { events: 2_000, campaigns: 2, ..Config::default() };
            let platform = Platform::load(Layout::Aug2026, config, url, None).await?;
            Some(Self { world: Arc::new(World::new(platform).await), stores: vec![store] })
        };
        let (on_mysql, on_mariadb) = tokio::join!(
            testbed(Store::MySql, "AXON_TEST_MYSQL_URL"),
            testbed(Store::MariaDb, "AXON_TEST_MARIADB_URL")
        );
        let mut testbeds: Vec<Self> = on_mysql.into_iter().chain(on_mariadb).collect();
        for (index, store) in [Store::Elasticsearch, Store::Redis].into_iter().enumerate() {
            let count = testbeds.len().max(1);
            if let Some(testbed) = testbeds.get_mut(index % count) {
                testbed.stores.push(store);
            }
        }
        testbeds
    }

    /// Runs the cells of its stores.
    async fn outcomes(&self) -> Vec<(Cell, Outcome)> {
        let Profile { cells: concurrency, grace, budgets } = profile();
        let mut cells = Vec::new();
        for store in &self.stores {
            for (failure, fault) in store.faults().into_iter().enumerate() {
                for (turn, state) in State::ALL.into_iter().enumerate() {
                    for cached in [false, true] {
                        let cell = Cell { store: *store, fault, state, cached, grace, budgets };
                        if is_drill()
                            || is_short(failure + store.index(), turn, cached)
                            || TESTED.contains(&cell.failure())
                        {
                            cells.push(cell);
                        }
                    }
                }
            }
        }
        let run = stream::iter(cells).map(|cell| {
            let world = Arc::clone(&self.world);
            async move { (cell, tokio::spawn(async move { cell.run(&world).await }).await.unwrap()) }
        });
        run.buffered(concurrency).collect().await
    }
}

/// Whether a cell is part of the short form: each store fails once with each fault; states and caches alternate.
fn is_short(turn: usize, state: usize, cached: bool) -> bool {
    turn % State::ALL.len() == state && (turn % 2 == 1) == cached
}

/// The failure of a store: the fault, the state of the store, and whether the dashboard caches.
type Failure = (Fault, State, bool);

const REFUSED: Failure = (Fault::Refuse, State::Idle, false);
const HUNG: Failure = (Fault::Blackhole, State::InFlight, false);
const SLOW: Failure = (Fault::Latency(SLOW_LATENCY), State::Idle, false);
const GARBAGE: Failure = (Fault::Garbage, State::Idle, false);
/// Its port closes and its connections break at once, as when a process is killed.
const KILLED: Failure = (Fault::Refuse, State::InFlight, false);

/// The failures with a test of their own.
const TESTED: [Failure; 5] = [REFUSED, HUNG, SLOW, GARBAGE, KILLED];

/// The outcomes of all cells. The first test that calls this runs them.
async fn outcomes() -> &'static [(Cell, Outcome)] {
    static OUTCOMES: OnceCell<Vec<(Cell, Outcome)>> = OnceCell::const_new();
    OUTCOMES
        .get_or_init(|| async {
            let testbeds = Testbed::all().await;
            let outcomes = join_all(testbeds.iter().map(Testbed::outcomes)).await.concat();
            for testbed in testbeds {
                Arc::into_inner(testbed.world).unwrap().platform.remove().await;
            }
            outcomes
        })
        .await
}

/// Asserts that these cells have no wrong answer. Returns their number.
fn assert_cells<'a>(cells: impl Iterator<Item = &'a (Cell, Outcome)>) -> usize {
    let cells: Vec<_> = cells.collect();
    let table: String = cells.iter().map(|(cell, outcome)| format!("{cell} {outcome}\n")).collect();
    println!("{table}{} cells", cells.len());
    let bad: Vec<String> = cells
        .iter()
        .flat_map(|(cell, outcome)| outcome.wrong.iter().map(move |wrong| format!("{cell}: {wrong}")))
        .collect();
    assert!(bad.is_empty(), "{} of {} cells failed:\n{}", bad.len(), cells.len(), bad.join("\n"));
    cells.len()
}

async fn matrix(cached: bool) {
    let _turn = crate::turn();
    let stores = [Store::Elasticsearch, Store::MySql, Store::MariaDb, Store::Redis].map(Store::is_configured);
    let stores = stores.into_iter().filter(|present| *present).count();
    let cells = assert_cells(outcomes().await.iter().filter(|(cell, _)| cell.cached == cached));
    assert!(cells >= stores * if is_drill() { 30 } else { 5 }, "{cells} cells of {stores} stores");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_store_costs_only_its_figures_and_no_deadline() {
    matrix(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_store_is_bridged_by_stale_figures_that_are_flagged() {
    matrix(true).await;
}

/// A test for each of the five failures: other widgets are whole, the failure is named, no failed figure is 0, the answer comes
/// by its deadline, and a whole one within two seconds after the fault.
macro_rules! costs_only_its_figures {
    ($($name:ident: $store:expr;)*) => {
        mod costs_only_its_figures {
            $(mod $name {
                use super::super::{*, Store::*};

                async fn when(failure: Failure) {
                    let _turn = crate::turn();
                    let needed = [$store, Elasticsearch, Redis].map(Store::is_configured);
                    if needed == [true; 3] && ($store != Elasticsearch || MySql.is_configured() || MariaDb.is_configured()) {
                        let own = |cell: &Cell| cell.store == $store && cell.failure() == failure;
                        assert_eq!(assert_cells(outcomes().await.iter().filter(|(cell, _)| own(cell))), 1);
                    }
                }

                #[tokio::test(flavor = "multi_thread")]
                async fn refused() { when(REFUSED).await }
                #[tokio::test(flavor = "multi_thread")]
                async fn hung() { when(HUNG).await }
                #[tokio::test(flavor = "multi_thread")]
                async fn slow() { when(SLOW).await }
                #[tokio::test(flavor = "multi_thread")]
                async fn replying_garbage() { when(GARBAGE).await }
                #[tokio::test(flavor = "multi_thread")]
                async fn killed_mid_request() { when(KILLED).await }
            })*
        }
    };
}

costs_only_its_figures! {
    elasticsearch: Elasticsearch;
    mysql: MySql;
    mariadb: MariaDb;
    redis: Redis;
}
