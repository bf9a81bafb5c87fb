//! One page of this dashboard against the same page of the platform's own dashboard, on the same warm servers and data.
//!
//! Run: `scripts/bench stores`, which starts real servers; or `cargo bench -p axon-benches --bench stores` with the
//! addresses in the environment. You should see, for each generation of the platform's dashboard, for events and for
//! people: time and processor time of both dashboards, and their ratios.
//!
//! Each page is requested for a different instant, so that no server can answer from a cache: the instants differ by more than
//! the resolution of times that are stored as floats. The platform's requests are sent one after the other, as its dashboard
//! does. Its Java code is not measured, only the work of its stores.

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
/// The number of consecutive pages of one dashboard. In blocks, a server's later work for one dashboard is not counted for the
/// other one.
const BLOCK: usize = 10;
const BLOCKS: usize = 5;
/// The time after a block in which a server's later work still counts for it.
const SETTLE: Duration = Duration::from_millis(300);
/// The latencies of Elasticsearch, MySQL and Redis in the last tables.
const DISTANCES: [Duration; 3] = [Duration::from_millis(20), Duration::from_millis(5), Duration::from_millis(1)];
/// The difference between the instants of two pages: more than the resolution of a 32-bit float that holds seconds.
const INSTANT_STEP: chrono::Duration = chrono::Duration::seconds(131);
/// The budget of every question: no answer may fail by a deadline.
const LONG: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> Result<(), Error> {
    let (events, blocks) = if is_trial() { (20_000, 1) } else { (axon_benches::events(EVENTS), BLOCKS) };
    let config = Config { events, ..Config::default() };
    // The platform's requests need the mapping that Elasticsearch derives by itself.
    let (mapping, rest) = (Layout::Dec2025, Layout::Aug2026);
    let platform = Platform::load_as(mapping, rest, config, "AXON_TEST_MYSQL_URL", None).await;
    let Some(platform) = platform else { return Ok(()) };
    let result = Comparison::of(&platform).run(blocks).await;
    platform.remove().await;
    result
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
        let servers = [elasticsearch, sql, redis]
            .map(|server| Process::listening_on(server.port()).expect("the server runs on this machine"));
        let processes = servers.into_iter().chain([Process::own()]).collect();
        Self { platform, activity: busiest.activity_id.into(), processes }
    }

    async fn run(&self, blocks: usize) -> Result<(), Error> {
        say(
            "one page: time (median, 95th percentile), processor time of Elasticsearch, MySQL, Redis, this process (medians)",
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

    /// Measures both dashboards in turn, each page for a different instant.
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
        let mut instants = (0..).map(|page: i32| self.platform.expected.as_of - INSTANT_STEP * page);
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
            // The first block warms up: it makes connections, and servers compile their code.
            if block > 0 {
                theirs.push(their_block);
                ours.push(our_block);
            }
        }
        let (theirs, ours) = (Summary::of(&theirs), Summary::of(&ours));
        let unit = if people { "people" } else { "events" };
        say(&format!("{} of the platform, {unit}", generation.name()));
        say(&format!("  platform {theirs}"));
        say(&format!("  ours     {ours}"));
        say(&format!("  {}", theirs.against(&ours)));
        Ok(())
    }

    /// Loads pages one after the other, and waits for the servers' later work.
    async fn block(
        &self,
        instants: &[axon_metrics::Timestamp],
        mut page: impl AsyncFnMut(axon_metrics::Timestamp) -> Result<(), Error>,
    ) -> Result<Block, Error> {
        let cpu_nanos = || self.processes.iter().map(|process| process.cpu_nanos()).collect::<Vec<_>>();
        let before = cpu_nanos();
        let mut walls = Vec::new();
        for as_of in instants {
            let began = Instant::now();
            page(*as_of).await?;
            walls.push(began.elapsed());
        }
        tokio::time::sleep(SETTLE).await;
        let pages = u64::try_from(instants.len())?;
        let cpu_nanos =
            cpu_nanos().iter().zip(before).map(|(after, before)| after.saturating_sub(before) / pages).collect();
        Ok(Block { walls, cpu_nanos })
    }
}

/// The cost of consecutive pages.
struct Block {
    /// The time of each page.
    walls: Vec<Duration>,
    /// The mean processor time per page of each process, in nanoseconds.
    cpu_nanos: Vec<u64>,
}

/// The cost of a page over all blocks, in milliseconds.
struct Summary {
    median: f64,
    /// The 95th percentile.
    p95: f64,
    /// The median processor time of each process.
    cpu: Vec<f64>,
}

impl Summary {
    fn of(blocks: &[Block]) -> Self {
        let mut walls: Vec<f64> =
            blocks.iter().flat_map(|block| &block.walls).map(|wall| wall.as_secs_f64() * 1e3).collect();
        walls.sort_by(f64::total_cmp);
        let cpu = (0..blocks[0].cpu_nanos.len()).map(|process| {
            let mut times: Vec<f64> =
                blocks.iter().map(|block| Duration::from_nanos(block.cpu_nanos[process]).as_secs_f64() * 1e3).collect();
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        });
        Self { median: walls[walls.len() / 2], p95: walls[walls.len() * 19 / 20], cpu: cpu.collect() }
    }

    /// The ratios of this cost to the other one.
    fn against(&self, other: &Self) -> String {
        let stores = |summary: &Self| summary.cpu[..3].iter().sum::<f64>();
        let each: Vec<String> =
            self.cpu.iter().zip(&other.cpu).map(|(theirs, ours)| format!("{:.1}", theirs / ours)).collect();
        format!(
            "platform / ours: time {:.1} and {:.1}, processor time {}, sum of the stores {:.1}",
            self.median / other.median,
            self.p95 / other.p95,
            each.join(" "),
            stores(self) / stores(other),
        )
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:7.1} ms {:7.1} ms, processor", self.median, self.p95)?;
        self.cpu.iter().try_for_each(|time| write!(f, " {time:6.1} ms"))
    }
}
