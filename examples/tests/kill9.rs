//! R7: real servers, killed by SIGKILL during a request, and restarted. The test starts its own servers and leaves others alone.
//!
//! The process survives, each answer comes in time and has no wrong number, an answer is whole two seconds after the server is
//! back, and no file descriptor leaks.

#![allow(clippy::print_stdout, reason = "a drill prints its figures")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/figures.rs"]
mod figures;
#[path = "common/platform.rs"]
mod platform;
#[path = "common/proxied_stores.rs"]
mod proxied_stores;
#[path = "common/server.rs"]
mod server;

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use axon_examples::{fault_proxy::FaultProxy, generator::Config, process::Process, stores::Layout};
use axon_metrics::{
    AnswerError, Budgets, Dashboard, DashboardAnswer, DashboardRequest, Lifetimes, Widget,
    answer::{SourceKind, SourceState, SourceStatus, WidgetStatus},
    testing::server_url,
};
use figures::same_numbers;
use platform::Platform;
use proxied_stores::{ProxiedStores, is_drill};
use serde_json::Value;
use tokio::time::sleep;

const GRACE: Duration = Duration::from_millis(150);

/// The time from a request until the stopped server is killed.
const KILL_AFTER: Duration = Duration::from_millis(30);
/// The sources over Elasticsearch, the database and Redis.
const SOURCE_KINDS: [SourceKind; 3] = [SourceKind::Behavior, SourceKind::Ledger, SourceKind::Realtime];

const WIDGETS: [Widget; 4] = [Widget::Overview, Widget::Funnel, Widget::Comparison, Widget::Realtime];

/// Servers with data in a temporary folder. Dropping it stops them and removes the folder.
struct Servers {
    folder: tempfile::TempDir,
    names: Vec<&'static str>,
}

impl Servers {
    /// Starts the servers. `None`, with a message that the test is skipped, if they are not installed.
    fn start(names: &[&'static str]) -> Option<Self> {
        // A folder that the servers' own user can enter, and that the gate cleans up after an interrupt.
        let run = std::env::var_os("AXON_SERVICES_RUN").map(PathBuf::from).filter(|run| run.is_dir());
        let folder = tempfile::Builder::new().prefix("own.").tempdir_in(run.unwrap_or("/tmp".into())).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder.path(), mode).unwrap();
        let servers = Self { folder, names: names.to_vec() };
        if servers.services(&[&["up"], names].concat()) {
            return Some(servers);
        }
        // Not captured by the test harness, like the messages of all skipped tests.
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        let line = format!("\nSKIPPED: {test}: cannot start servers of its own (scripts/services up)\n");
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
        None
    }

    fn services(&self, arguments: &[&str]) -> bool {
        let mut command = Command::new(root().join("scripts/services"));
        for name in ["ELASTICSEARCH", "MYSQL", "MARIADB", "REDIS"] {
            command.env_remove(format!("AXON_TEST_{name}_URL"));
        }
        command.args(arguments).env("AXON_SERVICES_RUN", self.folder.path());
        command.status().is_ok_and(|status| status.success())
    }

    fn addresses(&self) -> BTreeMap<String, String> {
        let mut command = Command::new(root().join("scripts/services"));
        for name in ["ELASTICSEARCH", "MYSQL", "MARIADB", "REDIS"] {
            command.env_remove(format!("AXON_TEST_{name}_URL"));
        }
        let output =
            command.arg("env").args(&self.names).env("AXON_SERVICES_RUN", self.folder.path()).output().unwrap();
        let output = String::from_utf8(output.stdout).unwrap();
        let pairs = output.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('='));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Sends a signal to a server. Returns its process id.
    fn signal(&self, name: &str, signal: &str) -> u32 {
        let file = std::fs::read_to_string(self.folder.path().join(format!("{name}.pid"))).unwrap();
        let pid: u32 = file.split_whitespace().next().unwrap().parse().unwrap();
        // Elasticsearch is two processes: a launcher and its child.
        let script = format!("kill -{signal} $(cat /proc/{pid}/task/*/children 2>/dev/null) {pid}");
        assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
        pid
    }

    fn kill(&self, name: &str) {
        let pid = self.signal(name, "KILL");
        let start = Instant::now();
        while Process::of(pid).resident().is_some() {
            assert!(start.elapsed() < Duration::from_secs(10), "{name} still runs after SIGKILL");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.services(&["down", "--purge"]);
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

struct Drill<'a> {
    platform: &'a Platform,
    dashboard: Dashboard,
    request: DashboardRequest,
}

impl Drill<'_> {
    async fn answer(&self) -> (Result<DashboardAnswer, AnswerError>, Duration) {
        let began = Instant::now();
        (self.dashboard.answer(&self.request, self.platform.expected.as_of).await, began.elapsed())
    }

    async fn whole(&self, max_wait: Duration) -> (DashboardAnswer, Duration) {
        let began = Instant::now();
        loop {
            let (answer, _) = self.answer().await;
            if let Ok(answer) = &answer
                && answer.widgets.values().all(|state| state.status == WidgetStatus::Fresh)
                && !answer.widgets.values().any(figures::is_history_loading)
            {
                return (answer.clone(), began.elapsed());
            }
            let states = answer.map(|answer| {
                answer.sources.iter().map(|source| (source.name.clone(), source.status)).collect::<Vec<_>>()
            });
            assert!(began.elapsed() < max_wait, "not whole after {max_wait:?}: {states:?}");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The figures of an answer, without its instant.
fn figures_of(answer: &DashboardAnswer) -> Value {
    let mut data = serde_json::to_value(&answer.data).unwrap();
    if let Some(realtime) = data["realtime"].as_object_mut() {
        realtime.remove("lastUpdated");
    }
    data
}

/// Kills a server `times` times, each time during a request.
async fn kill(
    servers: &Servers,
    platform: &Platform,
    name: &'static str,
    index: usize,
    times: u32,
    max_recovery: Duration,
) {
    let stores = ProxiedStores::of(platform, [0; 3]).await;
    let budgets = Budgets::default();
    let dashboard = platform.builder(&stores.addresses(), budgets).lifetimes(Lifetimes::none()).build();
    let campaign = platform.expected.campaigns.iter().find(|campaign| campaign.figures.funnel).unwrap();
    let request = DashboardRequest::campaign(u64::from(campaign.campaign_id)).widgets(WIDGETS);
    let drill = Drill { platform, dashboard, request };
    let (good, _) = drill.whole(Duration::from_secs(30)).await;
    let good_data = figures_of(&good);
    let dump = RedisDump::read(platform).await;
    let files = || Process::own().open_files().unwrap();
    let (mut slowest, mut latest, mut before) = (Duration::ZERO, Duration::ZERO, 0);
    for round in 0..times {
        servers.signal(name, "STOP");
        let killing = async {
            sleep(KILL_AFTER).await;
            tokio::task::block_in_place(|| servers.kill(name));
        };
        let ((answer, took), ()) = tokio::join!(drill.answer(), killing);
        slowest = slowest.max(took);
        assert!(took <= budgets.answer() + GRACE, "{name}, round {round}: an answer after {took:?}");
        let sources = match answer {
            Ok(answer) => {
                same_numbers(&figures_of(&answer), &good_data, name)
                    .unwrap_or_else(|wrong| panic!("{name}, round {round}: {wrong}"));
                answer.sources
            }
            Err(AnswerError::Unavailable { sources }) => sources,
            Err(error) => panic!("{name}, round {round}: {error}"),
        };
        let unavailable =
            |source: &SourceState| source.kind == SOURCE_KINDS[index] && source.status == SourceStatus::Unavailable;
        assert!(sources.iter().any(unavailable), "{name}, round {round}: killed during a request, and {sources:?}");
        assert!(tokio::task::block_in_place(|| servers.services(&["up", name])), "{name} does not start again");
        if name == "redis" {
            dump.write(platform).await;
        }
        let (again, after) = drill.whole(max_recovery + GRACE).await;
        latest = latest.max(after);
        assert!(after <= max_recovery, "{name}, round {round}: recovered after {after:?}");
        assert_eq!(figures_of(&again), good_data, "{name}, round {round}");
        if round == 0 {
            before = files();
        }
    }
    // Broken connections are closed. An open one counts three times, since its proxy runs in this process, too, and the number
    // of open ones varies a little.
    let slack = if times > 3 { 5 * 3 } else { 2 * 3 };
    let after = files();
    println!(
        "{name}: killed {times} times, longest answer {slowest:?}, recovered after {latest:?} at most, {before} then {after} open files"
    );
    assert!(after <= before + slack, "{name}: {before} then {after} open files");
    drop::<[FaultProxy; 3]>(stores.proxies);
}

/// The contents of Redis, which has no persistence and is empty after a restart.
struct RedisDump(Vec<(String, Vec<u8>)>);

impl RedisDump {
    async fn connection(platform: &Platform) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(format!("redis://{}/", platform.addresses.redis)).unwrap();
        client.get_multiplexed_async_connection().await.unwrap()
    }

    async fn read(platform: &Platform) -> Self {
        let mut connection = Self::connection(platform).await;
        let names: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut connection).await.unwrap();
        let mut values = Vec::new();
        for name in names {
            let value: Option<Vec<u8>> = redis::cmd("DUMP").arg(&name).query_async(&mut connection).await.unwrap();
            values.extend(value.map(|value| (name, value)));
        }
        Self(values)
    }

    async fn write(&self, platform: &Platform) {
        let mut connection = Self::connection(platform).await;
        for (name, value) in &self.0 {
            let restore = redis::cmd("RESTORE").arg(name).arg(0).arg(&value[..]).arg("REPLACE").to_owned();
            restore.query_async::<()>(&mut connection).await.unwrap();
        }
    }
}

fn small() -> Config {
    Config { events: 2_000, campaigns: 1, ..Config::default() }
}

/// Redis only: the other servers are those of the environment.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_redis_costs_only_its_figures() {
    let urls = ["AXON_TEST_ELASTICSEARCH_URL", "AXON_TEST_MARIADB_URL", "AXON_TEST_REDIS_URL"].map(server_url);
    let [Some(elasticsearch), Some(sql), Some(_)] = urls else { return };
    let Some(servers) = tokio::task::block_in_place(|| Servers::start(&["redis"])) else { return };
    let redis = servers.addresses()["AXON_TEST_REDIS_URL"].clone();
    let layout = Layout::Aug2026;
    let platform = Platform::load_into([elasticsearch, sql, redis], layout, layout, small(), None).await;
    let (times, max_recovery) = if is_drill() { (25, Duration::from_secs(2)) } else { (3, Duration::from_secs(5)) };
    kill(&servers, &platform, "redis", 2, times, max_recovery).await;
    platform.remove().await;
}

/// In a drill only: these servers take long to start.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_database_or_elasticsearch_costs_only_its_figures() {
    if !is_drill() {
        return;
    }
    let names = ["elasticsearch", "mysql", "mariadb", "redis"];
    let Some(servers) = tokio::task::block_in_place(|| Servers::start(&names)) else { return };
    let own = servers.addresses();
    let url = |name: &str| own[&format!("AXON_TEST_{}_URL", name.to_uppercase())].clone();
    let (layout, max_recovery) = (Layout::Aug2026, Duration::from_secs(2));
    for (sql, times) in [("mariadb", 25), ("mysql", 3)] {
        let urls = [url("elasticsearch"), url(sql), url("redis")];
        let platform = Platform::load_into(urls, layout, layout, small(), None).await;
        kill(&servers, &platform, sql, 1, times, max_recovery).await;
        if sql == "mysql" {
            kill(&servers, &platform, "elasticsearch", 0, 3, max_recovery).await;
        }
        platform.remove().await;
    }
}
