//! The server binary over real stores: configured by file and environment, checked, queried, and started without a store.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::{platform, server};

use std::{
    process::{Command, Output},
    time::{Duration, Instant},
};

use axon_examples::{
    fault_proxy::{Fault, FaultProxy},
    generator::Config,
    stores::Layout,
};
use axon_metrics::testing::server_url;
use platform::Platform;
use serde_json::Value;
use server::Server;

const SECRET: &str = "s3cr3t-canary";

fn binary() -> Command {
    let mut command = server::binary();
    command.env("RUST_LOG", "info");
    command
}

/// A store with access control, and a user whose password is in a file.
#[tokio::test(flavor = "multi_thread")]
async fn a_secured_elasticsearch_is_opened_by_a_password_from_a_file() {
    let Some(secured) = server_url("AXON_TEST_ELASTICSEARCH_SECURED_URL") else { return };
    let config = Config { events: 5_000, ..Config::default() };
    let Some(platform) = Platform::load(Layout::Aug2026, config, "AXON_TEST_MARIADB_URL", None).await else { return };
    let (credentials, host) = secured.strip_prefix("http://").unwrap().split_once('@').unwrap();
    let (user, password) = credentials.split_once(':').unwrap();
    let folder = tempfile::tempdir().unwrap();
    let [file, right, wrong] = ["dashboard.toml", "right", "wrong"].map(|name| folder.path().join(name));
    std::fs::write(&right, format!("{password}\n")).unwrap();
    std::fs::write(&wrong, SECRET).unwrap();
    let open = format!("url = \"http://{}\"", platform.addresses.elasticsearch);
    let written = settings(&platform, platform.addresses.redis).replace(&open, &format!("url = \"http://{host}\""));
    // Indices that this user may read; they do not exist.
    let written = written.replace(&platform.indices.behavior, "axon-test-a");
    std::fs::write(&file, written.replace(&platform.indices.commerce, "axon-test-b")).unwrap();
    let checked = |password: &std::path::Path| {
        let mut command = binary();
        command.arg("--config").arg(&file).arg("--check-config");
        command.env("AXON_DASHBOARD__ELASTICSEARCH__USERNAME", user);
        let output = command.env("AXON_DASHBOARD__ELASTICSEARCH__PASSWORD_FILE", password).output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let behavior = &report["health"]["sources"][1];
        assert_eq!(behavior["seam"], "behavior");
        (behavior["status"].clone(), text(&output))
    };
    let (accepted, output) = tokio::task::block_in_place(|| checked(&right));
    assert_eq!(accepted, "ok", "{output}");
    let (refused, output) = tokio::task::block_in_place(|| checked(&wrong));
    assert_ne!(refused, "ok", "{output}");
    assert!(!output.contains(SECRET) && !output.contains(password), "{output}");
    platform.remove().await;
}

/// A file of settings for a platform.
fn settings(platform: &Platform, redis: std::net::SocketAddr) -> String {
    let profile = if platform.layout == Layout::Plan { "plan" } else { "platform" };
    let at = &platform.addresses;
    format!(
        r#"
profile = "{profile}"
listen = "127.0.0.1:0"

[budgets]
answer_ms = 5000
catalog_ms = 4000
behavior_ms = 4000
ledger_ms = 4000
realtime_ms = 1000

[elasticsearch]
url = "http://{}"
event_indices = ["{}"]
purchase_indices = ["{}"]

[mysql]
url = "mysql://root@{}/{}"

[redis]
url = "redis://{redis}/0"
stock_key = "{}"
members_key = "{}"
"#,
        at.elasticsearch,
        platform.indices.behavior,
        platform.indices.commerce,
        at.sql,
        platform.database,
        platform.keys.counter(),
        platform.keys.members(),
    )
}

/// Asserts the health check and the answers of a server over a layout.
async fn assert_served(layout: Layout, sql: &str) {
    let config = Config { events: 5_000, ..Config::default() };
    let Some(platform) = Platform::load(layout, config, sql, None).await else { return };
    let now = platform.expected.as_of.to_rfc3339();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dashboard.toml");
    let redis = FaultProxy::start(platform.addresses.redis).await.unwrap();
    std::fs::write(&file, settings(&platform, redis.address())).unwrap();
    let file = file.to_str().unwrap().to_owned();

    let check = || binary().args(["--config", &file, "--check-config", "--now", &now]).output().unwrap();
    let checked = tokio::task::block_in_place(check);
    let output = text(&checked);
    assert!(checked.status.success(), "{output}");
    let report: Value = serde_json::from_slice(&checked.stdout).unwrap();
    let sources = report["health"]["sources"].as_array().unwrap();
    let names: Vec<_> =
        sources.iter().map(|source| (source["seam"].as_str().unwrap(), source["status"].as_str())).collect();
    let ok = Some("ok");
    assert_eq!(names, [("catalog", ok), ("behavior", ok), ("ledger", ok), ("realtime", ok)], "{output}");
    let probed = |seam: &str| {
        let source = sources.iter().find(|source| source["seam"] == seam).unwrap();
        source["probed"].as_object().unwrap().values().map(Value::to_string).collect::<String>()
    };
    assert!(probed("behavior").contains(if layout == Layout::Aug2026 { "date" } else { "float" }), "{output}");
    assert!(probed("ledger").contains("+09:00"), "{output}");
    assert!(sources[1]["dataAgeMs"].as_i64().unwrap() > 0 && sources[2]["dataAgeMs"].as_i64().is_some(), "{output}");

    // The server starts without Redis: it serves the other figures, logs the failure, and reconnects when Redis is back.
    redis.set(Fault::Refuse);
    let refused = tokio::task::block_in_place(check);
    let error_line = String::from_utf8(refused.stderr.clone()).unwrap();
    assert!(!refused.status.success() && error_line.contains("no answer from redis (realtime)"), "{error_line}");
    let server = Server::with(binary().args(["--config", &file, "--now", &now]));
    let campaign = platform.catalog.campaigns[0].id;
    let page = format!("/api/v1/dashboard/campaign/{campaign}?widgets=overview,funnel,comparison,realtime");
    let (status, answer) = tokio::task::block_in_place(|| server.get(&page));
    assert_eq!(status, 200, "{answer}");
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let expected = &platform.expected.campaigns[0].figures;
    let visits = answer["data"]["overview"]["totalVisits"].as_u64().unwrap();
    // The generated number, except for events whose time in a float is too imprecise.
    assert!(visits.abs_diff(expected.periods.week.counts[0]) * 50 <= visits, "{visits} visits");
    if layout == Layout::Plan {
        // The profile's step rules count entries, not events.
        let approved = answer["data"]["overview"]["approvedCount"].as_u64().unwrap();
        assert_eq!(approved, expected.periods.week.approved_entries);
    }
    assert_eq!(answer["data"]["comparison"]["promotion"]["orders"], expected.periods.week.sales.promotion.orders);
    assert_eq!(answer["data"]["realtime"]["remainingStock"], Value::Null);
    assert_eq!(answer["widgets"]["realtime"]["status"], "partial");
    redis.set(Fault::None);
    let began = Instant::now();
    let stock = loop {
        let (_, answer) = tokio::task::block_in_place(|| server.get(&page));
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let stock = answer["data"]["realtime"]["participantsTotal"].as_u64();
        if stock.is_some() || began.elapsed() > Duration::from_secs(5) {
            break stock;
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    assert_eq!(stock, Some(expected.stock.participants_total));
    let (status, ready) = tokio::task::block_in_place(|| server.get("/readyz"));
    assert!(status == 200 && ready.contains("elasticsearch") && ready.contains("mysql"), "{ready}");
    drop(server);
    platform.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_platforms_stores_are_served_from_a_file_of_settings() {
    assert_served(Layout::Aug2026, "AXON_TEST_MYSQL_URL").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_older_platform_is_served() {
    assert_served(Layout::Dec2025, "AXON_TEST_MARIADB_URL").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plans_layout_is_served_by_its_profile() {
    assert_served(Layout::Plan, "AXON_TEST_MARIADB_URL").await;
}

/// The lines of a log at this level that contain this text.
fn log_lines<'a>(log: &'a str, level: &str, what: &str) -> Vec<&'a str> {
    log.lines().filter(|line| line.contains(level) && line.contains(what)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_start_logs_each_store_and_a_wrong_offset() {
    let config = Config { events: 2_000, ..Config::default() };
    let Some(platform) = Platform::load(Layout::Aug2026, config, "AXON_TEST_MARIADB_URL", None).await else { return };
    // A purchase of this moment, in local time of Seoul.
    let bought =
        "UPDATE purchases SET purchase_at = UTC_TIMESTAMP() + INTERVAL 9 HOUR ORDER BY purchase_at DESC LIMIT 1";
    sqlx::query(bought).execute(&platform.pool().await).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dashboard.toml");
    let [redis, search] = [platform.addresses.redis, platform.addresses.elasticsearch].map(FaultProxy::start);
    let (redis, search) = (redis.await.unwrap(), search.await.unwrap());
    let settings = settings(&platform, redis.address())
        .replace(&platform.addresses.elasticsearch.to_string(), &search.address().to_string());
    std::fs::write(&file, settings).unwrap();
    let log = |offset: &str| {
        let mut command = binary();
        command.args(["--config", file.to_str().unwrap()]).env("AXON_DASHBOARD__MYSQL__PURCHASE_OFFSET", offset);
        let began = Instant::now();
        let server = Server::with(&mut command);
        let started = began.elapsed();
        while server.get("/readyz").0 != 200 {
            assert!(began.elapsed() < Duration::from_secs(20), "not ready");
        }
        (started, server.stop("-TERM").2)
    };

    let (_, right) = tokio::task::block_in_place(|| log("+09:00"));
    for store in ["mysql (catalog)", "elasticsearch (behavior)", "mysql (ledger)", "redis (realtime)"] {
        assert_eq!(log_lines(&right, "INFO", &format!("{store} answers; ")).len(), 1, "{store}: {right}");
    }
    assert_eq!(
        log_lines(&right, "INFO", "purchaseOffset: +09:00 configured; the newest row is 0 min old: it fits").len(),
        1
    );
    assert!(log_lines(&right, "WARN", "purchaseOffset").is_empty(), "{right}");

    let (_, wrong) = tokio::task::block_in_place(|| log("+00:00"));
    let text = "mysql (ledger): purchaseOffset: +00:00 configured, WRONG: the newest row would lie";
    let warnings = log_lines(&wrong, "WARN", text);
    assert!(warnings.len() == 1 && warnings[0].contains("+09:00 would fit"), "{wrong}");

    // One store hangs and one is down: the server starts at once, and logs both.
    redis.set(Fault::Refuse);
    search.set(Fault::Blackhole);
    let (started, away) = tokio::task::block_in_place(|| log("+09:00"));
    assert!(
        started < Duration::from_secs(3),
        "started after {started:?}, which is more than the budget of a store that hangs"
    );
    for store in ["elasticsearch (behavior)", "redis (realtime)"] {
        assert_eq!(
            log_lines(&away, "WARN", &format!("{store} does not answer at the start")).len(),
            1,
            "{store}: {away}"
        );
    }
    assert_eq!(log_lines(&away, "INFO", "mysql (ledger) answers; ").len(), 1, "{away}");
    platform.remove().await;
}

#[test]
fn the_environment_wins_over_the_file_and_secrets_are_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let password = file("password", &format!("{SECRET}\n"));
    let config = file(
        "dashboard.toml",
        &format!(
            "zone = \"UTC\"\n[mysql]\nurl = \"mysql://axon_ro:{SECRET}@127.0.0.1:1/axon_db\"\n[redis]\nurl = \"redis://127.0.0.1:1\"\npassword_file = \"{password}\"\n[elasticsearch]\nurl = \"http://127.0.0.1:1\"\napi_key = \"{SECRET}\"\n"
        ),
    );
    let run = |arguments: &[&str]| {
        let mut command = binary();
        command.args(["--config", &config]).args(arguments).env("AXON_DASHBOARD__ZONE", "Europe/Paris");
        command.env("RUST_LOG", "trace").output().unwrap()
    };
    let printed = run(&["--print-config"]);
    let settings = String::from_utf8(printed.stdout).unwrap();
    assert!(settings.contains("zone = \"Europe/Paris\"") && settings.contains("axon_ro:***@"), "{settings}");
    assert!(!settings.contains(SECRET) && settings.matches("***").count() == 3, "{settings}");

    // The stores are unreachable: each is named, and no secret is logged.
    let checked = run(&["--check-config"]);
    let output = text(&checked);
    assert!(!checked.status.success());
    for store in ["mysql (catalog)", "elasticsearch (behavior)", "mysql (ledger)", "redis (realtime)"] {
        assert!(output.contains(store), "{output}");
    }
    assert!(!output.contains(SECRET), "{output}");
}

#[test]
fn a_wrong_setting_is_named_in_one_line() {
    let error_line = |variables: &[(&str, &str)]| {
        let output = binary().envs(variables.iter().copied()).arg("--check-config").output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && error.lines().count() == 1 && error.starts_with("error: "), "{error}");
        error
    };
    let sql = ("AXON_DASHBOARD__MYSQL__URL", "mysql://u:s3cr3t@127.0.0.1:1/d");
    for (variables, word) in [
        (vec![("AXON_DASHBOARD__ZONE", "Mars")], "zone"),
        (vec![("AXON_DASHBOARD__MYSQ__URL", "x")], "mysq"),
        (vec![("AXON_DASHBOARD__BUDGETS__ANSWER_MS", "soon")], "budgets.answer_ms"),
        (vec![("AXON_DASHBOARD__REDIS__URL", "redis://127.0.0.1:1")], "mysql.url"),
        (vec![("AXON_DASHBOARD__MYSQL__URL", "s3cr3t")], "mysql.url"),
        (vec![("AXON_DASHBOARD__MYSQL__URL", "postgres://u:s3cr3t@127.0.0.1:1/d")], "it must begin with mysql://"),
        (vec![("AXON_DASHBOARD__MYSQL__URL", "jdbc:mysql:///d")], "it names no host"),
        (vec![("AXON_DASHBOARD__MYSQL__URL", "jdbc:mysql://h/d?user=u&requireTls=1")], "the parameter requireTls"),
        (vec![("AXON_DASHBOARD__MYSQL__PURCHASE_OFFSET", "America/New_York")], "set it in the key that ends in _zone"),
        (vec![("AXON_DASHBOARD__MYSQL__PURCHASE_OFFSET", "+9")], "mysql.purchase_offset"),
        (vec![("AXON_DASHBOARD__MYSQL__CREATED_ZONE", "Mars")], "mysql.created_zone"),
        (
            vec![("AXON_DASHBOARD__MYSQL__SCHEDULE_ZONE", "UTC"), ("AXON_DASHBOARD__MYSQL__SCHEDULE_OFFSET", "+01:00")],
            "schedule_offset and schedule_zone are both set",
        ),
        (vec![("AXON_DASHBOARD__PURCHASE_STATUS__REFUNDED", "BACK,confirmed")], "is in two lists"),
        (vec![sql, ("AXON_DASHBOARD__ELASTICSEARCH__URL", "s3cr3t")], "elasticsearch.url"),
        (
            vec![
                sql,
                ("AXON_DASHBOARD__ELASTICSEARCH__URL", "http://127.0.0.1:1"),
                ("AXON_DASHBOARD__ELASTICSEARCH__EVENT_INDICES", "*.event"),
            ],
            "*.event",
        ),
        (vec![sql, ("AXON_DASHBOARD__REDIS__URL", "s3cr3t")], "redis.url"),
        (
            vec![
                sql,
                ("AXON_DASHBOARD__REDIS__URL", "redis://127.0.0.1:1"),
                ("AXON_DASHBOARD__REDIS__STOCK_KEY", "stock"),
            ],
            "redis.stock_key",
        ),
        (vec![sql, ("AXON_DASHBOARD__MYSQL__PASSWORD_FILE", "/nowhere")], "/nowhere"),
        (vec![("AXON_DASHBOARD__STEPS__VISIT", "visits")], "steps.visit"),
        (vec![("AXON_DASHBOARD__ELASTICSEARCH__PAGE_URLS", "/a/*")], "elasticsearch.page_urls"),
        (vec![("AXON_DASHBOARD__ELASTICSEARCH__INGEST_LAG_MS", "99999999999")], "ingest_lag_ms"),
        (
            vec![
                sql,
                ("AXON_DASHBOARD__ELASTICSEARCH__URL", "http://127.0.0.1:1"),
                ("AXON_DASHBOARD__ELASTICSEARCH__PASSWORD", "s3cr3t"),
            ],
            "elasticsearch.username",
        ),
    ] {
        let error = error_line(&variables);
        assert!(error.contains(word) && !error.contains("s3cr3t"), "{error}");
    }
}

/// The printed settings when this variable is set.
fn printed(key: &str, value: &str) -> String {
    let output = binary().env(key, value).arg("--print-config").output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_url_is_printed_without_its_password_whatever_its_characters() {
    for (given, shown) in [
        ("mysql://axon_ro@db:3306/axon", "mysql://axon_ro@db:3306/axon"),
        ("mysql://axon_ro:s3cr3t@db/axon?x=1", "mysql://axon_ro:***@db/axon?x=1"),
        ("jdbc:mysql://db/axon?user=u&password=s3cr3t", "jdbc:mysql://db/axon"),
        ("mysql://u:s3/cr?3#t@x@db/axon", "mysql://u:***@db/axon"),
        ("redis://:s3cr3t@host/0", "redis://:***@host/0"),
        ("https://s3cr3t@host", "https://***@host"),
        ("u:s3cr3t@host", "u:***@host"),
        ("http://127.0.0.1:9200", "http://127.0.0.1:9200"),
    ] {
        let settings = printed("AXON_DASHBOARD__MYSQL__URL", given);
        assert!(settings.lines().any(|line| line == format!("url = \"{shown}\"")), "{given}: {settings}");
    }
}

#[test]
fn steps_are_rules_of_records() {
    for step in ["event PAGE_VIEW,VIEW of 3,4", "event X", "approved entries", "purchases"] {
        assert!(printed("AXON_DASHBOARD__STEPS__VISIT", step).contains(step));
    }
    for wrong in ["", "event", "event ,", "event X of y", "PAGE_VIEW", "entries"] {
        let output = binary().env("AXON_DASHBOARD__STEPS__VISIT", wrong).arg("--print-config").output().unwrap();
        assert!(!output.status.success() && text(&output).contains("steps.visit"), "{wrong:?}: {}", text(&output));
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
