//! R1 and R2: each store breaks in each way, while its connections idle, while a request is in flight, and while all places
//! for requests are taken; then it is well again.
//!
//! In every cell each answer comes by its deadline, the widgets that do not need the store are whole, those that do are flagged
//! and name it, no number is another one than the store's, nothing is 0 because it failed, and a good answer comes
//! within two seconds after the fault. Once without anything kept, and once with what a dashboard keeps by default: there the
//! last good figures are shown, flagged as stale. With `AXON_DRILL=1` all 240 cells, else 58: each store breaks once in each way,
//! and in five ways without anything kept, each of which has a test of its own. All cells are run together, since they mostly
//! wait; each test looks at its own.
//!
//! Lives here: the matrix. Lives elsewhere: one cell (`cell`), what an answer may say (`check`).

#![allow(clippy::print_stdout, reason = "a drill prints its figures")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "fault_matrix/cell.rs"]
mod cell;
#[path = "fault_matrix/check.rs"]
mod check;
use crate::{far, figures, platform};

use std::{sync::Arc, time::Duration};

use axon_examples::{
    fault_proxy::{Fault, Protocol},
    generator::Config,
    stores::Layout,
};
use axon_metrics::{Budgets, QuestionKind, testing::server_url};
use cell::{Cell, Outcome, World};
use far::is_drill;
use futures_util::{StreamExt as _, future::join_all, stream};
use platform::Platform;
use tokio::sync::OnceCell;

/// How far away a slow store is.
const FAR: Duration = Duration::from_secs(3);

/// A store, and what the others are beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    Elasticsearch,
    MySql,
    MariaDb,
    Redis,
}

impl Store {
    /// Its place among the proxies.
    pub(crate) fn place(self) -> usize {
        match self {
            Self::Elasticsearch => 0,
            Self::MySql | Self::MariaDb => 1,
            Self::Redis => 2,
        }
    }

    /// Whether its server is named; else says that a test is skipped.
    fn is_there(self) -> bool {
        let variable = match self {
            Self::Elasticsearch => "AXON_TEST_ELASTICSEARCH_URL",
            Self::MySql => "AXON_TEST_MYSQL_URL",
            Self::MariaDb => "AXON_TEST_MARIADB_URL",
            Self::Redis => "AXON_TEST_REDIS_URL",
        };
        server_url(variable).is_some()
    }

    fn speaks(self) -> Protocol {
        match self {
            Self::Elasticsearch => Protocol::Http,
            Self::MySql | Self::MariaDb => Protocol::Mysql,
            Self::Redis => Protocol::Redis,
        }
    }

    /// The ten ways in which it breaks.
    fn faults(self) -> [Fault; 10] {
        [
            Fault::Latency(FAR),
            Fault::Blackhole,
            Fault::HalfOpen,
            Fault::Reset,
            Fault::Close,
            // Redis answers with a few bytes: any more would let its replies pass.
            Fault::Cut { after_bytes: 3 },
            Fault::Drip { bytes: std::num::NonZeroUsize::MIN, every: Duration::from_millis(20) },
            Fault::Garbage,
            Fault::Refuse,
            Fault::Unauthorized(self.speaks()),
        ]
    }
}

/// What the store is doing when it breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It is connected, and nothing is asked.
    Idle,
    /// A request is on its way.
    InFlight,
    /// More is asked at once than there are places: of the pool, and of the guard before it.
    Full,
}

impl State {
    const ALL: [Self; 3] = [Self::Idle, Self::InFlight, Self::Full];
}

/// By when all must be well again.
const HEALED: Duration = Duration::from_secs(2);

/// A drill measures: few cells at once, and little grace. The gate looks for wrong answers on a busy machine, where a store
/// that is well may take longer than it otherwise may, and a timer is late: at a load of 8 on two cores, one of 464 cells had an
/// answer 185 ms after its deadline.
struct Manner {
    /// On one SQL server: each has up to fourteen connections to one that may have no more than 151.
    at_once: usize,
    grace: Duration,
    budgets: Budgets,
}

fn manner() -> Manner {
    if is_drill() {
        Manner { at_once: 1, grace: Duration::from_millis(50), budgets: Budgets::default() }
    } else {
        let long = Duration::from_millis(700);
        let budgets = Budgets::default().with(QuestionKind::Catalog, long).with(QuestionKind::Realtime, long);
        Manner { at_once: 3, grace: Duration::from_millis(250), budgets }
    }
}

/// What stores say over one SQL server, and the stores that break beside it.
struct Testbed {
    world: Arc<World>,
    stores: Vec<Store>,
}

impl Testbed {
    /// One for each SQL server there is. The other stores break beside any of them.
    async fn all() -> Vec<Self> {
        let testbed = async |store: Store, url| {
            if !store.is_there() {
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
        for (place, store) in [Store::Elasticsearch, Store::Redis].into_iter().enumerate() {
            let count = testbeds.len().max(1);
            if let Some(testbed) = testbeds.get_mut(place % count) {
                testbed.stores.push(store);
            }
        }
        testbeds
    }

    /// What comes of the cells of its stores.
    async fn outcomes(&self) -> Vec<(Cell, Outcome)> {
        let Manner { at_once, grace, budgets } = manner();
        let mut cells = Vec::new();
        for store in &self.stores {
            for (way, fault) in store.faults().into_iter().enumerate() {
                for (turn, state) in State::ALL.into_iter().enumerate() {
                    for kept in [false, true] {
                        let cell = Cell { store: *store, fault, state, kept, grace, budgets };
                        if is_drill() || is_short(way + store.place(), turn, kept) || NAMED.contains(&cell.way()) {
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
        run.buffered(at_once).collect().await
    }
}

/// Whether a cell is of the short form: each store breaks once in each way, the state and whether anything is kept taking
/// turns.
fn is_short(turn: usize, state: usize, kept: bool) -> bool {
    turn % State::ALL.len() == state && (turn % 2 == 1) == kept
}

/// What happens to a store: the fault, what it was doing, and whether anything is kept.
type Way = (Fault, State, bool);

const REFUSED: Way = (Fault::Refuse, State::Idle, false);
const HUNG: Way = (Fault::Blackhole, State::InFlight, false);
const SLOW: Way = (Fault::Latency(FAR), State::Idle, false);
const GARBAGE: Way = (Fault::Garbage, State::Idle, false);
/// Its port and its connections are gone at once, as when a process is killed.
const KILLED: Way = (Fault::Refuse, State::InFlight, false);

/// Those that have a test of their own.
const NAMED: [Way; 5] = [REFUSED, HUNG, SLOW, GARBAGE, KILLED];

/// What came of all cells. Run once, by the first test that asks.
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

/// These cells hold; there are some.
fn hold<'a>(cells: impl Iterator<Item = &'a (Cell, Outcome)>) -> usize {
    let cells: Vec<_> = cells.collect();
    let table: String = cells.iter().map(|(cell, outcome)| format!("{cell} {outcome}\n")).collect();
    println!("{table}{} cells", cells.len());
    let bad: Vec<String> = cells
        .iter()
        .flat_map(|(cell, outcome)| outcome.wrong.iter().map(move |wrong| format!("{cell}: {wrong}")))
        .collect();
    assert!(bad.is_empty(), "{} of {} cells do not hold:\n{}", bad.len(), cells.len(), bad.join("\n"));
    cells.len()
}

async fn matrix(kept: bool) {
    let _turn = crate::turn();
    let stores = [Store::Elasticsearch, Store::MySql, Store::MariaDb, Store::Redis].map(Store::is_there);
    let stores = stores.into_iter().filter(|there| *there).count();
    let held = hold(outcomes().await.iter().filter(|(cell, _)| cell.kept == kept));
    assert!(held >= stores * if is_drill() { 30 } else { 5 }, "{held} cells of {stores} stores");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_store_costs_its_figures_alone_and_no_more_time_than_there_is() {
    matrix(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_store_is_bridged_by_its_last_good_figures_which_are_flagged() {
    matrix(true).await;
}

/// One test for each of the five ways: other widgets stay, the failure is named, nothing is zero, the answer comes by its
/// deadline, and all is well within two seconds after.
macro_rules! costs_its_figures_alone {
    ($($name:ident: $store:expr;)*) => {
        mod costs_its_figures_alone {
            $(mod $name {
                use super::super::{*, Store::*};

                async fn when(way: Way) {
                    let _turn = crate::turn();
                    let needed = [$store, Elasticsearch, Redis].map(Store::is_there);
                    if needed == [true; 3] && ($store != Elasticsearch || MySql.is_there() || MariaDb.is_there()) {
                        let own = |cell: &Cell| cell.store == $store && cell.way() == way;
                        assert_eq!(hold(outcomes().await.iter().filter(|(cell, _)| own(cell))), 1);
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

costs_its_figures_alone! {
    elasticsearch: Elasticsearch;
    mysql: MySql;
    mariadb: MariaDb;
    redis: Redis;
}
