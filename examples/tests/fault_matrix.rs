//! R1 and R2: each store breaks in each way, while its connections idle, while a request is in flight, and while all places
//! for requests are taken; then it is well again.
//!
//! In every cell each answer comes by its deadline, the widgets that do not need the store are whole, those that do are flagged
//! and name it, no number is another one than the store's, nothing is 0 because it failed, and a good answer comes
//! within two seconds after the fault. Once without anything kept, and once with what a dashboard keeps by default: there the
//! last good figures are shown, flagged as stale.
//!
//! Lives here: the matrix. Lives elsewhere: one cell (`cell`), what an answer may say (`check`).

#![allow(clippy::print_stdout, reason = "a drill prints its figures")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "fault_matrix/cell.rs"]
mod cell;
#[path = "fault_matrix/check.rs"]
mod check;
#[path = "common/figures.rs"]
mod figures;
#[path = "common/platform.rs"]
mod platform;

use std::{fmt::Write as _, sync::Arc, time::Duration};

use axon_examples::{
    fault_proxy::{Fault, Protocol},
    generator::Config,
    stores::Layout,
};
use axon_metrics::Budgets;
use cell::{Cell, Outcome, World};
use futures_util::{StreamExt as _, stream};
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
    const ALL: [Self; 4] = [Self::Elasticsearch, Self::MySql, Self::MariaDb, Self::Redis];

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

/// A drill measures: few cells at once, and little grace. (Each has up to eight connections to a server that takes some 150.) The gate looks for wrong answers on a busy machine, where a store
/// that is well may take longer than it otherwise may.
struct Manner {
    at_once: usize,
    grace: Duration,
    budgets: Budgets,
    healed: Duration,
}

fn manner() -> Manner {
    if std::env::var_os("AXON_DRILL").is_some() {
        Manner {
            at_once: 2,
            grace: Duration::from_millis(50),
            budgets: Budgets::default(),
            healed: Duration::from_secs(2),
        }
    } else {
        let long = Duration::from_millis(700);
        let budgets = Budgets { catalog: long, realtime: long, ..Budgets::default() };
        Manner { at_once: 7, grace: Duration::from_millis(150), budgets, healed: Duration::from_secs(5) }
    }
}

/// The data of one SQL server, and the two other stores beside it.
async fn world(sql: &str) -> Option<Arc<World>> {
    let config = Config { events: 2_000, campaigns: 2, ..Config::default() };
    let platform = Platform::load(Layout::Aug2026, config, sql, None).await?;
    Some(Arc::new(World::new(platform).await))
}

async fn matrix(kept: bool) {
    let (Some(on_mysql), Some(on_mariadb)) = (world("AXON_TEST_MYSQL_URL").await, world("AXON_TEST_MARIADB_URL").await)
    else {
        return;
    };
    let Manner { at_once, grace, budgets, healed } = manner();
    let cells = Store::ALL.into_iter().flat_map(|store| {
        let cells = store.faults().into_iter().flat_map(move |fault| {
            State::ALL.into_iter().map(move |state| Cell { store, fault, state, kept, grace, budgets, healed })
        });
        cells.collect::<Vec<_>>()
    });
    let outcomes: Vec<(Cell, Outcome)> = stream::iter(cells)
        .map(|cell| {
            let world = Arc::clone(if cell.store == Store::MySql { &on_mysql } else { &on_mariadb });
            async move { (cell, tokio::spawn(async move { cell.run(&world).await }).await.unwrap()) }
        })
        .buffered(at_once)
        .collect()
        .await;
    for world in [on_mysql, on_mariadb] {
        Arc::into_inner(world).unwrap().platform.remove().await;
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
    assert_eq!(outcomes.len(), 120);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_store_costs_its_figures_alone_and_no_more_time_than_there_is() {
    matrix(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_store_is_bridged_by_its_last_good_figures_which_are_flagged() {
    matrix(true).await;
}
