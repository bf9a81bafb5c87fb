//! R7: real servers, killed in the middle of a request with no time to say goodbye, and started again. Servers of the test's
//! own: nobody else's are touched.
//!
//! The process lives on, each answer comes in time and lies about nothing, two seconds after the server is back all is well,
//! and no file stays open.

#![allow(clippy::print_stdout, reason = "a drill prints its figures")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/far.rs"]
mod far;
#[path = "common/figures.rs"]
mod figures;
#[path = "common/platform.rs"]
mod platform;
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
use far::{Far, is_drill};
use figures::same_numbers;
use platform::Platform;
use serde_json::Value;
use tokio::time::sleep;

const GRACE: Duration = Duration::from_millis(150);

/// After how long a server dies that does not answer what it was asked, since it stands still.
const DIES_AFTER: Duration = Duration::from_millis(30);
/// Who asks Elasticsearch, the database and Redis for figures.
const SOURCE_KINDS: [SourceKind; 3] = [SourceKind::Behavior, SourceKind::Ledger, SourceKind::Realtime];

const WIDGETS: [Widget; 4] = [Widget::Overview, Widget::Funnel, Widget::Comparison, Widget::Realtime];

/// Servers in a folder of their own, gone when this is dropped.
struct Servers {
    folder: tempfile::TempDir,
    names: Vec<&'static str>,
}

impl Servers {
    /// Starts them. `None`, and a loud word, if they cannot be had here.
    fn start(names: &[&'static str]) -> Option<Self> {
        // Where the servers' own user comes, too; and where the gate finds them, should this be interrupted.
        let run = std::env::var_os("AXON_SERVICES_RUN").map(PathBuf::from).filter(|run| run.is_dir());
        let folder = tempfile::Builder::new().prefix("own.").tempdir_in(run.unwrap_or("/tmp".into())).unwrap();
        let opened = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder.path(), opened).unwrap();
        let servers = Self { folder, names: names.to_vec() };
        if servers.services(&[&["up"], names].concat()) {
            return Some(servers);
        }
        // Past the capture of test output, as all that is skipped for want of a server.
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        let line = format!("\nSKIPPED: {test}: servers of its own cannot be had\n");
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
        let said = command.arg("env").args(&self.names).env("AXON_SERVICES_RUN", self.folder.path()).output().unwrap();
        let said = String::from_utf8(said.stdout).unwrap();
        let pairs = said.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('='));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Sends a signal to a server; its process.
    fn signal(&self, name: &str, signal: &str) -> u32 {
        let file = std::fs::read_to_string(self.folder.path().join(format!("{name}.pid"))).unwrap();
        let pid: u32 = file.split_whitespace().next().unwrap().parse().unwrap();
        // Elasticsearch is two processes: the one that was started, and the one it started.
        let script = format!("kill -{signal} $(cat /proc/{pid}/task/*/children 2>/dev/null) {pid}");
        assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
        pid
    }

    fn kill(&self, name: &str) {
        let pid = self.signal(name, "KILL");
        let died = Instant::now();
        while Process::of(pid).resident().is_some() {
            assert!(died.elapsed() < Duration::from_secs(10), "{name} does not die");
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

    async fn whole(&self, patience: Duration) -> (DashboardAnswer, Duration) {
        let began = Instant::now();
        loop {
            let (answer, _) = self.answer().await;
            if let Ok(answer) = &answer
                && answer.widgets.values().all(|state| state.status == WidgetStatus::Fresh)
                && !answer.widgets.values().any(figures::is_reading)
            {
                return (answer.clone(), began.elapsed());
            }
            let states = answer.map(|answer| {
                answer.sources.iter().map(|source| (source.name.clone(), source.status)).collect::<Vec<_>>()
            });
            assert!(began.elapsed() < patience, "not whole after {patience:?}: {states:?}");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// What an answer shows, but for the instant at which it was made.
fn shown(answer: &DashboardAnswer) -> Value {
    let mut data = serde_json::to_value(&answer.data).unwrap();
    if let Some(realtime) = data["realtime"].as_object_mut() {
        realtime.remove("lastUpdated");
    }
    data
}

/// Kills a server so often.
async fn kill(servers: &Servers, platform: &Platform, name: &'static str, place: usize, times: u32, healed: Duration) {
    let far = Far::of(platform, [0; 3]).await;
    let budgets = Budgets::default();
    let dashboard = platform.builder(&far.addresses(), budgets).lifetimes(Lifetimes::none()).build();
    let campaign = platform.expected.campaigns.iter().find(|campaign| campaign.figures.funnel).unwrap();
    let request = DashboardRequest::campaign(u64::from(campaign.campaign_id)).widgets(WIDGETS);
    let drill = Drill { platform, dashboard, request };
    let (good, _) = drill.whole(Duration::from_secs(30)).await;
    let good_data = shown(&good);
    let dump = RedisDump::read(platform).await;
    let files = || Process::own().open_files().unwrap();
    let (mut slowest, mut latest, mut before) = (Duration::ZERO, Duration::ZERO, 0);
    for round in 0..times {
        servers.signal(name, "STOP");
        let dies = async {
            sleep(DIES_AFTER).await;
            tokio::task::block_in_place(|| servers.kill(name));
        };
        let ((answer, took), ()) = tokio::join!(drill.answer(), dies);
        slowest = slowest.max(took);
        assert!(took <= budgets.answer() + GRACE, "{name}, round {round}: an answer after {took:?}");
        let sources = match answer {
            Ok(answer) => {
                same_numbers(&shown(&answer), &good_data, name)
                    .unwrap_or_else(|wrong| panic!("{name}, round {round}: {wrong}"));
                answer.sources
            }
            Err(AnswerError::Unavailable { sources }) => sources,
            Err(error) => panic!("{name}, round {round}: {error}"),
        };
        let lost =
            |source: &SourceState| source.kind == SOURCE_KINDS[place] && source.status == SourceStatus::Unavailable;
        assert!(sources.iter().any(lost), "{name}, round {round}: it died while it was asked, and {sources:?}");
        assert!(tokio::task::block_in_place(|| servers.services(&["up", name])), "{name} does not start again");
        if name == "redis" {
            dump.write(platform).await;
        }
        let (again, after) = drill.whole(healed + GRACE).await;
        latest = latest.max(after);
        assert!(after <= healed, "{name}, round {round}: well again after {after:?}");
        assert_eq!(shown(&again), good_data, "{name}, round {round}");
        if round == 0 {
            before = files();
        }
    }
    // Connections that were cut are closed, not kept. One that is there counts thrice, since its proxy is here, too, and
    // there may be some more of them by chance.
    let slack = if times > 3 { 5 * 3 } else { 2 * 3 };
    let after = files();
    println!(
        "{name}: killed {times} times, longest answer {slowest:?}, well again after {latest:?} at most, {before} then {after} open files"
    );
    assert!(after <= before + slack, "{name}: {before} then {after} open files");
    drop::<[FaultProxy; 3]>(far.proxies);
}

/// What Redis holds, and writing it again: it keeps nothing on a disk.
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

/// Redis alone dies: the others are those that run.
#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_killed_takes_nothing_with_it() {
    let urls = ["AXON_TEST_ELASTICSEARCH_URL", "AXON_TEST_MARIADB_URL", "AXON_TEST_REDIS_URL"].map(server_url);
    let [Some(elasticsearch), Some(sql), Some(_)] = urls else { return };
    let Some(servers) = tokio::task::block_in_place(|| Servers::start(&["redis"])) else { return };
    let redis = servers.addresses()["AXON_TEST_REDIS_URL"].clone();
    let layout = Layout::Aug2026;
    let platform = Platform::load_into([elasticsearch, sql, redis], layout, layout, small(), None).await;
    let (times, healed) = if is_drill() { (25, Duration::from_secs(2)) } else { (3, Duration::from_secs(5)) };
    kill(&servers, &platform, "redis", 2, times, healed).await;
    platform.remove().await;
}

/// The others take long to start: in a drill only.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_or_elasticsearch_that_is_killed_takes_nothing_with_it() {
    if !is_drill() {
        return;
    }
    let names = ["elasticsearch", "mysql", "mariadb", "redis"];
    let Some(servers) = tokio::task::block_in_place(|| Servers::start(&names)) else { return };
    let own = servers.addresses();
    let url = |name: &str| own[&format!("AXON_TEST_{}_URL", name.to_uppercase())].clone();
    let (layout, healed) = (Layout::Aug2026, Duration::from_secs(2));
    for (sql, times) in [("mariadb", 25), ("mysql", 3)] {
        let urls = [url("elasticsearch"), url(sql), url("redis")];
        let platform = Platform::load_into(urls, layout, layout, small(), None).await;
        kill(&servers, &platform, sql, 1, times, healed).await;
        if sql == "mysql" {
            kill(&servers, &platform, "elasticsearch", 0, 3, healed).await;
        }
        platform.remove().await;
    }
}
