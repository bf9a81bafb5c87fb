//! The command that assert_filled real stores, on real servers: the contents of the stores, refusals, and output.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../../load_stores/settings.rs"]
mod settings;

use std::{
    collections::BTreeMap,
    net::TcpListener,
    panic::AssertUnwindSafe,
    path::PathBuf,
    process::{Command, Output},
};

use axon_examples::{
    generator::{Catalog, Config, ExpectedTotals, MemorySink, Plan, PurchaseStatus},
    stores::{
        Layout,
        elasticsearch::{self, Indices},
        redis::{Keys, Loader},
        sql::SqlStore,
    },
};
use axon_metrics::testing::server_url;
use futures_util::FutureExt as _;
use sqlx::{Connection as _, MySqlConnection};

const ELASTICSEARCH: &str = "AXON_TEST_ELASTICSEARCH_URL";
const MYSQL: &str = "AXON_TEST_MYSQL_URL";
const MARIADB: &str = "AXON_TEST_MARIADB_URL";
const REDIS: &str = "AXON_TEST_REDIS_URL";

const AS_OF: &str = "2024-11-12T10:30:00Z";

/// An example's binary, in the folder of the package's examples, which `cargo test -p axon-examples` builds, too.
fn example(name: &str) -> Command {
    let mut path: PathBuf = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    let mut command = Command::new(path.join("examples").join(name));
    command.args(["--now", AS_OF]);
    command
}

fn binary() -> Command {
    example("load_stores")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Three servers, and names on them that no other test uses.
struct Stores {
    layout: Layout,
    elasticsearch: String,
    sql: String,
    redis: String,
    name: String,
}

impl Stores {
    fn named(layout: Layout, sql: &str) -> Option<Self> {
        let name = format!("axon_test_load_{:08x}", fastrand::u32(..));
        let (elasticsearch, sql, redis) = (server_url(ELASTICSEARCH)?, server_url(sql)?, server_url(REDIS)?);
        Some(Self { layout, elasticsearch, sql, redis, name })
    }

    fn indices(&self) -> Indices {
        Indices::new(self.layout).prefixed(&self.index_prefix())
    }

    fn index_prefix(&self) -> String {
        format!("{}-", self.name.replace('_', "-"))
    }

    fn keys(&self) -> Keys {
        Keys::of(self.layout).with_prefix(format!("{}:", self.name))
    }

    fn load(&self, more: &[&str]) -> Output {
        binary()
            .args(["--layout", self.layout.as_str(), "--elasticsearch", &self.elasticsearch, "--mysql", &self.sql])
            .args(["--redis", &self.redis, "--index-prefix", &self.index_prefix(), "--database", &self.name])
            .args(["--key-prefix", &format!("{}:", self.name)])
            .args(more)
            .output()
            .unwrap()
    }

    /// The number of documents of an index, of all trigger types or of one.
    async fn documents(&self, index: &str, trigger: Option<&str>) -> u64 {
        use ::elasticsearch::http::{Method, headers::HeaderMap};
        let client = elasticsearch::client(&self.elasticsearch).unwrap();
        // The template maps a keyword field, the dynamic mapping a text with a `.keyword` field.
        let query = trigger.map(|trigger| {
            let by = |field: &str| serde_json::json!({"term": {field: trigger}});
            serde_json::json!({"query": {"bool": {"should": [by("triggerType"), by("triggerType.keyword")]}}})
                .to_string()
        });
        let path = format!("/{index}/_count");
        let response =
            client.transport().send(Method::Post, &path, HeaderMap::new(), None::<&()>, query, None).await.unwrap();
        response.json::<serde_json::Value>().await.unwrap()["count"].as_u64().unwrap()
    }

    async fn sql(&self) -> MySqlConnection {
        MySqlConnection::connect(&self.sql).await.unwrap()
    }

    async fn rows(&self, table: &str) -> u64 {
        let statement = format!("SELECT COUNT(*) FROM {}.{table}", self.name);
        let count: i64 =
            sqlx::query_scalar(sqlx::AssertSqlSafe(statement)).fetch_one(&mut self.sql().await).await.unwrap();
        u64::try_from(count).unwrap()
    }

    async fn remove(&self, catalog: &Catalog) {
        let client = elasticsearch::client(&self.elasticsearch).unwrap();
        elasticsearch::drop_all(&client, &self.indices()).await.unwrap();
        let statement = format!("DROP DATABASE IF EXISTS {}", self.name);
        sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut self.sql().await).await.unwrap();
        let client = redis::Client::open(self.redis.as_str()).unwrap();
        Loader::connect(&client, self.keys()).await.unwrap().delete(catalog).await.unwrap();
    }
}

fn plan(events: u64) -> Plan {
    Plan::new(Config { events, export: true, ..Config::default() }).unwrap()
}

/// Runs a test and removes its data, even after a panic.
async fn with(stores: Stores, test: impl AsyncFnOnce(&Stores)) {
    let outcome = AssertUnwindSafe(test(&stores)).catch_unwind().await;
    stores.remove(plan(1_000).catalog()).await;
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

/// Fills all three stores in a layout, and asserts that they have every record.
async fn assert_filled(layout: Layout, sql: &str) {
    let Some(stores) = Stores::named(layout, sql) else { return };
    with(stores, async |stores| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("expected.json");
        let output = stores.load(&["--events", "20k", "--expected", file.to_str().unwrap()]);
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(stderr(&output).starts_with("loaded "), "{}", stderr(&output));

        let mut made = MemorySink::default();
        let expected = plan(20_000).generate(&mut made, |_| {}).unwrap();
        let written: ExpectedTotals = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        assert_eq!(written, expected);

        assert_events(stores, &expected.load.events_by_trigger).await;
        assert_rows(stores, &made).await;
        assert_slots(stores, &made).await;
        assert_server_configuration(stores, &output.stdout);
    })
    .await;
}

/// Asserts that the output of the command is a configuration with which the server reaches all stores.
fn assert_server_configuration(stores: &Stores, written: &[u8]) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), written).unwrap();
    let mut server = example("dashboard_server");
    // A layout whose documents are rejected has an index without records: a problem, which is only listed.
    server.args(["--check-config=warn", "--config"]).arg(file.path());
    // Budgets long enough for a busy machine.
    for question in ["ANSWER", "CATALOG", "BEHAVIOR", "LEDGER", "REALTIME"] {
        server.env(format!("AXON_DASHBOARD__BUDGETS__{question}_MS"), "5000");
    }
    server.env("AXON_DASHBOARD__REDIS__CONNECT_MS", "5000");
    let checked = server.output().unwrap();
    assert!(checked.status.success(), "{}\n{}", String::from_utf8_lossy(written), stderr(&checked));
    let report: serde_json::Value = serde_json::from_slice(&checked.stdout).unwrap();
    let sources = report["health"]["sources"].as_array().unwrap();
    let statuses: Vec<_> = sources.iter().map(|source| source["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["ok"; 4], "{report}");
    // The age of the newest event (purchases included), and that of the newest entry or purchase.
    assert!(sources[1]["dataAgeMs"].is_u64() && sources[2]["dataAgeMs"].is_u64(), "{report}");
    let behavior = &sources[1]["probed"][stores.indices().behavior];
    assert_eq!(behavior == "no records", stores.layout == Layout::Rejected, "{report}");
}

async fn assert_events(stores: &Stores, by_trigger: &BTreeMap<String, u64>) {
    let Indices { behavior, commerce } = stores.indices();
    if stores.layout == Layout::Rejected {
        assert_eq!(stores.documents(&behavior, None).await, 0);
        assert_eq!(stores.documents(&commerce, None).await, by_trigger["PURCHASE"]);
        return;
    }
    for (trigger, count) in by_trigger {
        let index = if trigger == "PURCHASE" { &commerce } else { &behavior };
        // The template refuses logins.
        let refused = stores.layout == Layout::Aug2026 && trigger == "VISIT";
        let wanted = if refused { 0 } else { *count };
        assert_eq!(stores.documents(index, Some(trigger)).await, wanted, "{trigger}");
    }
}

async fn assert_rows(stores: &Stores, made: &MemorySink) {
    let with_status = matches!(stores.layout, Layout::Aug2026 | Layout::Rejected);
    let is_stored = |status| with_status || status == PurchaseStatus::Confirmed;
    let purchases = made.purchases.iter().filter(|purchase| is_stored(purchase.status)).count();
    let catalog = made.catalog.as_ref().unwrap();
    for (table, count) in [
        ("purchases", purchases),
        ("campaign_activity_entries", made.entries.len()),
        ("campaigns", catalog.campaigns.len()),
        ("campaign_activities", catalog.activities().count()),
        ("products", catalog.products.len()),
    ] {
        assert_eq!(stores.rows(table).await, count as u64, "{table}");
    }
}

async fn assert_slots(stores: &Stores, made: &MemorySink) {
    let client = redis::Client::open(stores.redis.as_str()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let keys = stores.keys();
    for slot in &made.slots {
        let id = slot.activity_id.to_string();
        let [counter, members] = [keys.counter(), keys.members()].map(|key| key.replace("{activityId}", &id));
        let activity = made.catalog.as_ref().unwrap().activities().find(|of| of.id == slot.activity_id).unwrap();
        let held = i64::from(slot.counter);
        let wanted = match stores.layout {
            Layout::Plan => activity.limit_count.map(|limit| i64::from(limit) - held),
            _ => Some(held),
        };
        let (counter, members): (Option<i64>, usize) =
            redis::pipe().cmd("GET").arg(counter).cmd("SCARD").arg(members).query_async(&mut connection).await.unwrap();
        assert_eq!((counter, members), (wanted, slot.members.len()), "activity {id}");
    }
}

#[tokio::test]
async fn dec_2025_fills_all_three_stores() {
    assert_filled(Layout::Dec2025, MARIADB).await;
}

#[tokio::test]
async fn aug_2026_fills_all_three_stores() {
    assert_filled(Layout::Aug2026, MARIADB).await;
}

#[tokio::test]
async fn the_plan_fills_all_three_stores() {
    assert_filled(Layout::Plan, MARIADB).await;
}

#[tokio::test]
async fn a_rejecting_template_leaves_behaviour_empty_and_the_rest_filled() {
    assert_filled(Layout::Rejected, MARIADB).await;
}

#[tokio::test]
async fn mysql_is_filled_like_mariadb() {
    assert_filled(Layout::Aug2026, MYSQL).await;
}

#[tokio::test]
async fn existing_data_stays_without_replace() {
    let Some(stores) = Stores::named(Layout::Aug2026, MARIADB) else { return };
    with(stores, async |stores| {
        assert!(stores.load(&["--events", "2k", "--quiet"]).status.success());
        let index = stores.indices().behavior;
        let before = (stores.documents(&index, None).await, stores.rows("purchases").await);

        let refused = stores.load(&["--events", "1k"]);
        assert!(!refused.status.success());
        let error = stderr(&refused);
        assert_eq!(error.lines().count(), 1, "{error}");
        for part in [&index, &stores.name, "--replace"] {
            assert!(error.contains(part), "{error}");
        }
        assert_eq!((stores.documents(&index, None).await, stores.rows("purchases").await), before);

        assert!(stores.load(&["--events", "1k", "--quiet", "--replace"]).status.success());
        let after = (stores.documents(&index, None).await, stores.rows("purchases").await);
        assert!(after.0 < before.0 && after.1 < before.1, "{after:?} after {before:?}");
    })
    .await;
}

#[tokio::test]
async fn a_database_with_other_tables_is_never_replaced() {
    let Some(stores) = Stores::named(Layout::Dec2025, MARIADB) else { return };
    with(stores, async |stores| {
        SqlStore::create(&stores.sql, &stores.name, Layout::Dec2025, Default::default()).await.unwrap();
        let statement = format!("CREATE TABLE {}.users (id INT)", stores.name);
        sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut stores.sql().await).await.unwrap();
        let refused = stores.load(&["--events", "1k", "--replace"]);
        assert!(!refused.status.success());
        assert!(stderr(&refused).contains(&format!("{}.users", stores.name)), "{}", stderr(&refused));
        assert_eq!(stores.rows("users").await, 0);
    })
    .await;
}

#[test]
fn an_unreachable_server_is_one_line_without_the_password() {
    // A port without a listener.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (option, scheme) in [("--elasticsearch", "http"), ("--mysql", "mysql"), ("--redis", "redis")] {
        let url = format!("{scheme}://someone:canary@127.0.0.1:{port}/");
        let output = binary().args(["--layout", "plan", option, &url]).output().unwrap();
        let error = stderr(&output);
        assert!(!output.status.success());
        assert!(error.starts_with("error: ") && error.lines().count() == 1, "{error}");
        assert!(error.to_lowercase().contains(&option[2..]), "{error}");
        assert!(!error.contains("canary"), "{error}");
    }
}

#[test]
fn an_invalid_url_is_one_line_of_error_without_the_url() {
    for option in ["--elasticsearch", "--mysql", "--redis"] {
        let output = binary().args(["--layout", "plan", option, "canary"]).output().unwrap();
        let error = stderr(&output);
        assert!(!output.status.success());
        assert!(error.starts_with("error: ") && error.lines().count() == 1, "{error}");
        assert!(!error.contains("canary"), "{error}");
    }
}

#[test]
fn a_command_without_stores_is_refused() {
    let output = binary().args(["--layout", "plan"]).output().unwrap();
    assert!(!output.status.success());
    assert!(stderr(&output).contains("--elasticsearch, --mysql or --redis"), "{}", stderr(&output));
}

/// The settings of data in all three stores, with the names of the layout.
fn usual(layout: Layout) -> settings::Target<'static> {
    settings::Target {
        layout,
        as_of: AS_OF.parse().unwrap(),
        zone: chrono_tz::Asia::Seoul,
        elasticsearch: Some("http://127.0.0.1:9200"),
        index_prefix: "",
        mysql: Some("mysql://root@127.0.0.1:3306/"),
        database: "axon_db",
        redis: Some("redis://127.0.0.1:6379/0"),
        key_prefix: "",
    }
}

#[test]
fn only_differences_from_the_profile_s_defaults_are_written() {
    for (layout, profile) in [
        (Layout::Dec2025, "platform"),
        (Layout::Aug2026, "platform"),
        (Layout::Rejected, "platform"),
        (Layout::Plan, "plan"),
    ] {
        let written: toml::Table = settings::toml(&usual(layout)).unwrap().parse().unwrap();
        let wanted = toml::toml! {
            [elasticsearch]
            url = "http://127.0.0.1:9200/"
            [mysql]
            url = "mysql://root@127.0.0.1:3306/axon_db"
            [redis]
            url = "redis://127.0.0.1:6379/0"
        };
        let mut wanted = wanted;
        wanted.insert("profile".into(), profile.into());
        assert_eq!(written, wanted);
        assert_defaults(layout, profile);
    }
    let moved = settings::Target { zone: chrono_tz::UTC, ..usual(Layout::Plan) };
    assert!(settings::toml(&moved).unwrap().contains("zone = \"UTC\""));
}

/// Asserts that names that are not written equal the server's defaults.
fn assert_defaults(layout: Layout, profile: &str) {
    let printed = example("dashboard_server").arg("--print-config").env("AXON_DASHBOARD__PROFILE", profile).output();
    let defaults: toml::Table = String::from_utf8(printed.unwrap().stdout).unwrap().parse().unwrap();
    let (indices, keys) = (Indices::new(layout), Keys::of(layout));
    assert_eq!(defaults["zone"].as_str(), Some("Asia/Seoul"));
    assert_eq!(defaults["elasticsearch"]["event_indices"], vec![indices.behavior].into());
    assert_eq!(defaults["elasticsearch"]["purchase_indices"], vec![indices.commerce].into());
    assert_eq!(defaults["redis"]["stock_key"].as_str(), Some(keys.counter().as_str()));
    assert_eq!(defaults["redis"]["members_key"].as_str(), Some(keys.members().as_str()));
    let counts = if keys.counts_down() { "remaining" } else { "held" };
    assert_eq!(defaults["redis"]["stock_counts"].as_str(), Some(counts));
}

#[test]
fn passwords_are_left_out_of_the_settings_with_a_comment() {
    let secret = settings::Target {
        elasticsearch: Some("http://el+astic%40home:canary@127.0.0.1:9200"),
        mysql: Some("mysql://axon_ro:canary@db:3306/other?ssl-mode=REQUIRED"),
        redis: Some("redis://:canary@127.0.0.1:6379/0"),
        ..usual(Layout::Aug2026)
    };
    let text = settings::toml(&secret).unwrap();
    assert!(!text.contains("canary"), "{text}");
    for store in ["ELASTICSEARCH", "MYSQL", "REDIS"] {
        assert!(text.contains(&format!("AXON_DASHBOARD__{store}__PASSWORD")), "{text}");
    }
    let written: toml::Table = text.parse().unwrap();
    assert_eq!(written["elasticsearch"]["url"].as_str(), Some("http://127.0.0.1:9200/"));
    assert_eq!(written["elasticsearch"]["username"].as_str(), Some("el+astic@home"));
    assert_eq!(written["mysql"]["url"].as_str(), Some("mysql://axon_ro@db:3306/axon_db?ssl-mode=REQUIRED"));
    assert_eq!(written["redis"]["url"].as_str(), Some("redis://127.0.0.1:6379/0"));

    let socket = settings::Target { redis: Some("redis+unix:///run/redis?db=1&pass=canary"), ..usual(Layout::Aug2026) };
    let text = settings::toml(&socket).unwrap();
    assert!(!text.contains("canary") && text.contains("redis+unix:///run/redis?db=1\""), "{text}");
    assert!(!settings::toml(&usual(Layout::Plan)).unwrap().contains("PASSWORD"));
}

#[test]
fn settings_without_a_database_state_that_the_server_needs_one() {
    let text = settings::toml(&settings::Target { mysql: None, ..usual(Layout::Aug2026) }).unwrap();
    assert!(text.contains("# Without mysql.url the server refuses to start") && !text.contains("[mysql]"), "{text}");
}
