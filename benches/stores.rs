//! One page of the dashboard against the page of the platform's own, on the same warm servers and the same data.
//!
//! Run: `scripts/bench stores`, which starts real servers; or `cargo bench -p axon-benches --bench stores` with the
//! addresses in the environment. You should see, for each generation of the platform's dashboard, for events and for
//! people: time and processor time of both, and how many times less ours takes.
//!
//! Each page is asked for an instant of its own, far enough from the one before that the bounds of a window differ even on
//! times that are kept as floats, so that no server can answer from its cache. The platform's waits for each
//! request before it sends the next, as it does; its own Java is not in the figures, only what its stores do for it.

#[path = "stores/peer.rs"]
mod peer;
#[path = "../examples/tests/common/platform.rs"]
mod platform;
#[path = "stores/replay.rs"]
mod replay;

use std::{
    fmt,
    io::Write as _,
    time::{Duration, Instant},
};

use axon_benches::is_trial;
use axon_examples::{
    fault_proxy::{Fault, FaultProxy},
    generator::Config,
    process::Process,
    stores::Layout,
};
use axon_metrics::{Budgets, DashboardRequest, Mode, QuestionKind, Widget};
use peer::Generation;
use platform::{Addresses, Platform};
use replay::Peer;

type Error = Box<dyn std::error::Error + Send + Sync>;

const EVENTS: u64 = 1_000_000;
/// Pages of one dashboard that follow each other, before the other's turn: what one leaves a server to clean up is not put
/// down to the other.
const BLOCK: usize = 10;
const BLOCKS: usize = 5;
/// How long a server may go on after a block.
const SETTLE: Duration = Duration::from_millis(300);
/// How far away Elasticsearch, MySQL and Redis are in the last tables.
const DISTANCES: [Duration; 3] = [Duration::from_millis(20), Duration::from_millis(5), Duration::from_millis(1)];
/// Between the instants of two pages: more than the step of a float that holds seconds.
const APART: chrono::Duration = chrono::Duration::seconds(131);
const LONG: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> Result<(), Error> {
    let (events, blocks) = if is_trial() { (20_000, 1) } else { (axon_benches::events(EVENTS), BLOCKS) };
    let config = Config { events, ..Config::default() };
    // The platform's requests find something in the mapping only that Elasticsearch makes by itself.
    let (mapped, rest) = (Layout::Dec2025, Layout::Aug2026);
    let loaded = Platform::load_as(mapped, rest, config, "AXON_TEST_MYSQL_URL", None).await;
    let Some(platform) = loaded else { return Ok(()) };
    let compared = Comparison::of(&platform).run(blocks).await;
    platform.remove().await;
    compared
}

fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// The two dashboards on one platform.
struct Comparison<'a> {
    platform: &'a Platform,
    /// The activity with the most visits.
    activity: u64,
    processes: Vec<Process>,
}

impl<'a> Comparison<'a> {
    fn of(platform: &'a Platform) -> Self {
        let activities = platform.expected.campaigns.iter().flat_map(|campaign| &campaign.activities);
        let with_funnel = activities.filter(|activity| activity.figures.funnel);
        let busiest = with_funnel.max_by_key(|activity| activity.figures.periods.week.counts[0]).expect("an activity");
        let Addresses { elasticsearch, sql, redis } = platform.addresses;
        let servers =
            [elasticsearch, sql, redis].map(|server| Process::listening_on(server.port()).expect("a server here"));
        let processes = servers.into_iter().chain([Process::own()]).collect();
        Self { platform, activity: busiest.activity_id.into(), processes }
    }

    async fn run(&self, blocks: usize) -> Result<(), Error> {
        say(
            "one page: time (median, 95th of 100), processor time of Elasticsearch, MySQL, Redis, this process (medians)",
        );
        let near = &self.platform.addresses;
        for people in [false, true] {
            for generation in [Generation::First, Generation::Second] {
                self.compare(near, generation, people, blocks).await?;
            }
        }
        say("the same, Elasticsearch 20 ms away, MySQL 5 ms, Redis 1 ms");
        let proxy = async |upstream, distance| {
            let proxy = FaultProxy::start(upstream).await?;
            proxy.set(Fault::Latency(distance));
            Ok::<_, Error>(proxy)
        };
        let elasticsearch = proxy(near.elasticsearch, DISTANCES[0]).await?;
        let sql = proxy(near.sql, DISTANCES[1]).await?;
        let redis = proxy(near.redis, DISTANCES[2]).await?;
        let far = Addresses { elasticsearch: elasticsearch.address(), sql: sql.address(), redis: redis.address() };
        for generation in [Generation::First, Generation::Second] {
            self.compare(&far, generation, false, blocks.min(2)).await?;
        }
        Ok(())
    }

    /// Both dashboards in turn, each page for an instant of its own.
    async fn compare(&self, at: &Addresses, generation: Generation, people: bool, blocks: usize) -> Result<(), Error> {
        let peer = Peer::connect(self.platform, at).await?;
        let budgets = Budgets::default()
            .with_answer(LONG)
            .with(QuestionKind::Catalog, LONG)
            .with(QuestionKind::Behavior, LONG)
            .with(QuestionKind::Ledger, LONG)
            .with(QuestionKind::Realtime, LONG)
            .with(QuestionKind::History, LONG);
        let dashboard = self.platform.dashboard(at, budgets);
        let request = DashboardRequest::activity(self.activity)
            .widgets([Widget::Overview, Widget::Funnel, Widget::Realtime])
            .mode(if people { Mode::Unique } else { Mode::Count })
            .compare_previous();
        let mut instants = (0..).map(|page: i32| self.platform.expected.as_of - APART * page);
        let (mut theirs, mut ours) = (Vec::new(), Vec::new());
        for block in 0..blocks + 1 {
            let pages: Vec<_> = instants.by_ref().take(2 * BLOCK).collect();
            let (before, after) = pages.split_at(BLOCK);
            let their_block = self.block(before, async |as_of| {
                peer.load(peer::page(generation, self.activity, as_of.timestamp(), people)).await
            });
            let their_block = their_block.await?;
            let our_block = self.block(after, async |as_of| {
                let answer = dashboard.answer(&request, as_of).await?;
                let visits = answer.data.overview.and_then(|overview| overview.totals.total_visits);
                if visits.is_some_and(|visits| visits > 0) { Ok(()) } else { Err("no visits were counted".into()) }
            });
            let our_block = our_block.await?;
            // The first makes connections, and lets servers compile what they run.
            if block > 0 {
                theirs.push(their_block);
                ours.push(our_block);
            }
        }
        let (theirs, ours) = (Summary::of(&theirs), Summary::of(&ours));
        let counted = if people { "people" } else { "events" };
        say(&format!("{} of the platform, {counted}", generation.name()));
        say(&format!("  platform {theirs}"));
        say(&format!("  ours     {ours}"));
        say(&format!("  {}", theirs.against(&ours)));
        Ok(())
    }

    /// Pages one after the other, and what servers still do for them when they are answered.
    async fn block(
        &self,
        instants: &[axon_metrics::Timestamp],
        mut page: impl AsyncFnMut(axon_metrics::Timestamp) -> Result<(), Error>,
    ) -> Result<Block, Error> {
        let spent = || self.processes.iter().map(|process| process.cpu_nanos()).collect::<Vec<_>>();
        let before = spent();
        let mut walls = Vec::new();
        for as_of in instants {
            let began = Instant::now();
            page(*as_of).await?;
            walls.push(began.elapsed());
        }
        tokio::time::sleep(SETTLE).await;
        let pages = u64::try_from(instants.len())?;
        let spent = spent().iter().zip(before).map(|(after, before)| after.saturating_sub(before) / pages).collect();
        Ok(Block { walls, spent })
    }
}

/// What pages took: the time of each, and the mean processor time of each process for one, in nanoseconds.
struct Block {
    walls: Vec<Duration>,
    spent: Vec<u64>,
}

/// What many pages took, in milliseconds.
struct Summary {
    median: f64,
    late: f64,
    spent: Vec<f64>,
}

impl Summary {
    fn of(blocks: &[Block]) -> Self {
        let mut walls: Vec<f64> =
            blocks.iter().flat_map(|block| &block.walls).map(|wall| wall.as_secs_f64() * 1e3).collect();
        walls.sort_by(f64::total_cmp);
        let spent = (0..blocks[0].spent.len()).map(|process| {
            let mut spent: Vec<f64> =
                blocks.iter().map(|block| Duration::from_nanos(block.spent[process]).as_secs_f64() * 1e3).collect();
            spent.sort_by(f64::total_cmp);
            spent[spent.len() / 2]
        });
        Self { median: walls[walls.len() / 2], late: walls[walls.len() * 19 / 20], spent: spent.collect() }
    }

    /// How many times the other's is in this.
    fn against(&self, other: &Self) -> String {
        let stores = |summary: &Self| summary.spent[..3].iter().sum::<f64>();
        let each: Vec<String> =
            self.spent.iter().zip(&other.spent).map(|(theirs, ours)| format!("{:.1}", theirs / ours)).collect();
        format!(
            "times less: time {:.1} and {:.1}, processor {}, all stores' {:.1}",
            self.median / other.median,
            self.late / other.late,
            each.join(" "),
            stores(self) / stores(other),
        )
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:7.1} ms {:7.1} ms, processor", self.median, self.late)?;
        self.spent.iter().try_for_each(|spent| write!(f, " {spent:6.1} ms"))
    }
}
