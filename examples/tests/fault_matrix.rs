//! R1 and R2: each store breaks in each way, while its connections idle, while a request is in flight, and while all places
//! for requests are taken; then it is well again.
//!
//! In every cell each answer comes by its deadline, the widgets that do not need the store are whole, those that do are flagged
//! and name it, no number is another one than the store's, nothing is 0 because it failed, and a good answer comes
//! within two seconds after the fault. Once without anything kept, and once with what a dashboard keeps by default: there the
//! last good figures are shown, flagged as stale. With `AXON_DRILL=1` all 240 cells, else 40: each store breaks once in each way.
//!
//! Lives here: the matrix. Lives elsewhere: one cell (`cell`), what an answer may say (`check`).

#![allow(clippy::print_stdout, reason = "a drill prints its figures")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "fault_matrix/cell.rs"]
mod cell;
#[path = "fault_matrix/check.rs"]
mod check;
#[path = "common/far.rs"]
mod far;
#[path = "common/figures.rs"]
mod figures;
#[path = "common/platform.rs"]
mod platform;
#[path = "common/server.rs"]
mod server;

use std::{fmt::Write as _, sync::Arc, time::Duration};

use axon_examples::{
    fault_proxy::{Fault, Protocol},
    generator::Config,
    stores::Layout,
};
use axon_metrics::Budgets;
use cell::{Cell, Outcome, World};
use far::is_drill;
use futures_util::{StreamExt as _, future::join_all, stream};
use platform::Platform;

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
            Fault::Latency(Duration::from_secs(3)),
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

/// A drill measures: few cells at once, and little grace. The gate looks for wrong answers on a busy machine, where a store
/// that is well may take longer than it otherwise may.
struct Manner {
    /// On one SQL server: each has up to fourteen connections to one that may have no more than 151.
    at_once: usize,
    grace: Duration,
    budgets: Budgets,
    healed: Duration,
}

fn manner() -> Manner {
    if is_drill() {
        Manner {
            at_once: 1,
            grace: Duration::from_millis(50),
            budgets: Budgets::default(),
            healed: Duration::from_secs(2),
        }
    } else {
        let long = Duration::from_millis(700);
        let budgets = Budgets { catalog: long, realtime: long, ..Budgets::default() };
        Manner { at_once: 3, grace: Duration::from_millis(150), budgets, healed: Duration::from_secs(5) }
    }
}

/// What stores say over one SQL server, and the stores that break beside it.
struct Ground {
    world: Arc<World>,
    stores: Vec<Store>,
}

impl Ground {
    /// One for each SQL server there is. The other stores break beside any of them.
    async fn all() -> Vec<Self> {
        let ground = async |store, url| {
            let config = Config { events: 2_000, campaigns: 2, ..Config::default() };
            let platform = Platform::load(Layout::Aug2026, config, url, None).await?;
            Some(Self { world: Arc::new(World::new(platform).await), stores: vec![store] })
        };
        let (on_mysql, on_mariadb) =
            tokio::join!(ground(Store::MySql, "AXON_TEST_MYSQL_URL"), ground(Store::MariaDb, "AXON_TEST_MARIADB_URL"));
        let mut grounds: Vec<Self> = on_mysql.into_iter().chain(on_mariadb).collect();
        for (place, store) in [Store::Elasticsearch, Store::Redis].into_iter().enumerate() {
            let count = grounds.len().max(1);
            if let Some(ground) = grounds.get_mut(place % count) {
                ground.stores.push(store);
            }
        }
        grounds
    }

    /// What comes of the cells of its stores.
    async fn outcomes(&self, manner: &Manner, kept: bool) -> Vec<(Cell, Outcome)> {
        let Manner { at_once, grace, budgets, healed } = *manner;
        let cells = self.stores.iter().flat_map(|store| {
            let ways = store.faults().into_iter().enumerate();
            let all = ways.flat_map(|(way, fault)| State::ALL.into_iter().enumerate().map(move |at| (way, fault, at)));
            let chosen = all.filter(move |&(way, _, (at, _))| is_drill() || is_short(way + store.place(), at, kept));
            chosen.map(move |(_, fault, (_, state))| Cell { store: *store, fault, state, kept, grace, budgets, healed })
        });
        let run = stream::iter(cells.collect::<Vec<_>>()).map(|cell| {
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

/// One matrix at a time, for the servers' sake.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

async fn matrix(kept: bool) {
    let _turn = TURN.lock().await;
    let grounds = Ground::all().await;
    let manner = manner();
    let outcomes = join_all(grounds.iter().map(|ground| ground.outcomes(&manner, kept))).await.concat();
    let stores: usize = grounds.iter().map(|ground| ground.stores.len()).sum();
    for ground in grounds {
        Arc::into_inner(ground.world).unwrap().platform.remove().await;
    }
    let mut table = String::new();
    for (cell, outcome) in &outcomes {
        writeln!(table, "{cell} {outcome}").unwrap();
    }
    println!("{table}{} cells{}", outcomes.len(), if kept { ", with what is kept" } else { ", nothing kept" });
    let bad: Vec<String> = outcomes
        .iter()
        .flat_map(|(cell, outcome)| outcome.wrong.iter().map(move |wrong| format!("{cell}: {wrong}")))
        .collect();
    assert!(bad.is_empty(), "{} of {} cells do not hold:\n{}", bad.len(), outcomes.len(), bad.join("\n"));
    let each = if is_drill() { 30 } else { 5 };
    assert_eq!(outcomes.len(), stores * each);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_store_costs_its_figures_alone_and_no_more_time_than_there_is() {
    matrix(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_store_is_bridged_by_its_last_good_figures_which_are_flagged() {
    matrix(true).await;
}
