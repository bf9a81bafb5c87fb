//! `canary_secrets`: the server with marked passwords, keys and addresses of every store, in a file, in files of their own and
//! in the environment, at `RUST_LOG=trace` and in both formats of logs, while its stores answer, refuse, are down or send
//! garbage; and with events, rows and members of marked users. No marked text is logged, answered or output_of, be it plain,
//! percent-encoded, in base64 or in hex.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a drill prints its figures")]

use crate::{platform, proxied_stores::is_drill};
#[path = "canary/marks.rs"]
mod marks;
#[path = "canary/server.rs"]
mod server;

use std::{net::SocketAddr, num::NonZeroUsize, sync::Arc, time::Duration};

use axon_examples::{
    fault_proxy::{Fault, FaultProxy},
    generator::Config,
    stores::{Layout, elasticsearch},
};
use axon_metrics::{Dashboard, MemoryStore, testing::server_url};
use axon_metrics_es::{EsBehavior, EsOptions};
use axon_metrics_mysql::{MySqlCatalog, MySqlLedger, MySqlOptions};
use axon_metrics_redis::{RedisCache, RedisCacheOptions, RedisOptions, RedisRealtime};
use marks::{Mark, Marks};
use platform::Platform;
use serde_json::json;
use server::{Server, ServerInput, output_of};
use sqlx::{AssertSqlSafe, Executor as _, mysql::MySqlConnectOptions};

const SQL: &str = "AXON_TEST_MYSQL_URL";
/// The id of a user with data in every store. No other number equals it.
const PERSON: i64 = 7_313_131_313_137;
const SESSION: &str = "cAnArYsEsSiOn9081726354";

fn people() -> Marks {
    Marks::new([Mark::plain("user id", &PERSON.to_string()), Mark::secret("session id", SESSION)])
}

/// The secrets of a set of settings, all different.
struct Secrets {
    es_password: String,
    es_key: String,
    mysql: String,
    redis: String,
    cache: String,
    viewer: String,
}

impl Secrets {
    /// Passwords have characters that a URL, JSON and a header encode differently.
    fn new(scene: &str) -> Self {
        let secret = |store: &str| format!("p@s/{}:\"w+ %\\é", core(scene, store));
        Self {
            es_password: secret("es"),
            es_key: core(scene, "key"),
            mysql: secret("mysql"),
            redis: secret("redis"),
            cache: secret("cache"),
            viewer: core(scene, "viewer"),
        }
    }

    fn marks(&self, scene: &str) -> Marks {
        let stores = ["es", "key", "mysql", "redis", "cache", "viewer"];
        let mark = |store: &str| Mark::secret(store, &core(scene, store));
        Marks::new(stores.map(mark)).and(people())
    }
}

/// The part of a secret that no encoding of special characters changes.
fn core(scene: &str, store: &str) -> String {
    format!("cAnArY{scene}{store}zQ7xW3")
}

/// A text, percent-encoded as a part of a URL.
fn encoded(text: &str) -> String {
    let one = |byte: u8| match byte {
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

/// The addresses of the stores in the server's settings.
#[derive(Clone)]
struct StoreAddresses {
    es: SocketAddr,
    sql: SocketAddr,
    redis: SocketAddr,
}

/// Where the server reads the secrets.
#[derive(Debug, Clone, Copy, PartialEq)]
enum SecretInput {
    Addresses,
    File,
    Files,
    Environment,
}

/// A user of MySQL and one of Redis with marked passwords, and data of a marked user.
struct Scene {
    platform: Platform,
    user: String,
    secrets: Secrets,
    name: &'static str,
}

impl Scene {
    async fn begin(name: &'static str) -> Option<Self> {
        let config = Config { events: 2_000, ..Config::default() };
        let platform = Platform::load(Layout::Aug2026, config, SQL, None).await?;
        let scene = Self { user: format!("canary_{name}"), platform, secrets: Secrets::new(name), name };
        scene.make_users().await;
        scene.mark_people().await;
        Some(scene)
    }

    async fn admin(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(server_url("AXON_TEST_REDIS_URL").unwrap()).unwrap();
        client.get_multiplexed_async_connection().await.unwrap()
    }

    async fn make_users(&self) {
        let (user, database, pool) = (&self.user, &self.platform.database, self.platform.pool().await);
        let password = self.secrets.mysql.replace('\\', "\\\\").replace('\'', "''");
        for statement in [
            format!("DROP USER IF EXISTS '{user}'@'%'"),
            format!("CREATE USER '{user}'@'%' IDENTIFIED BY '{password}'"),
            format!("GRANT SELECT ON {database}.* TO '{user}'@'%'"),
        ] {
            pool.execute(sqlx::raw_sql(AssertSqlSafe(statement))).await.unwrap();
        }
        let mut admin = self.admin().await;
        for (name, password) in [(user.clone(), &self.secrets.redis), (format!("{user}_cache"), &self.secrets.cache)] {
            let mut setuser = redis::cmd("ACL");
            setuser.arg("SETUSER").arg(name).arg(&["reset", "on", "allkeys", "+@all"]).arg(format!(">{password}"));
            setuser.exec_async(&mut admin).await.unwrap();
        }
    }

    /// Adds a visit, an entry, a purchase and a slot of the marked user.
    async fn mark_people(&self) {
        let activity = &self.platform.catalog.campaigns[0].activities[0];
        let as_of = self.platform.expected.as_of;
        let client = elasticsearch::client(&format!("http://{}", self.platform.addresses.elasticsearch)).unwrap();
        let document = json!({
            "triggerType": "PAGE_VIEW", "occurredAt": (as_of - Duration::from_secs(60)).to_rfc3339(), "userId": PERSON,
            "sessionId": SESSION, "pageUrl": format!("http://shop/{SESSION}"),
            "properties": {"activityId": activity.id},
        });
        let parts = ::elasticsearch::IndexParts::Index(&self.platform.indices.behavior);
        let taken = client.index(parts).body(document).refresh(::elasticsearch::params::Refresh::True).send().await;
        assert!(taken.unwrap().status_code().is_success());
        let pool = self.platform.pool().await;
        let entry = "UPDATE campaign_activity_entries SET user_id = ? LIMIT 1";
        let purchase = "UPDATE purchases SET user_id = ? LIMIT 1";
        for statement in [entry, purchase] {
            let marked = sqlx::query(statement).bind(PERSON).execute(&pool).await.unwrap();
            assert_eq!(marked.rows_affected(), 1);
        }
        let members = self.platform.keys.members().replace("{activityId}", &activity.id.to_string());
        redis::cmd("SADD").arg(members).arg(PERSON).arg(SESSION).exec_async(&mut self.admin().await).await.unwrap();
    }

    fn addresses(&self) -> StoreAddresses {
        let at = &self.platform.addresses;
        StoreAddresses { es: at.elasticsearch, sql: at.sql, redis: at.redis }
    }

    /// The settings as a file, with the secrets where `given` says.
    fn input(&self, given: SecretInput, addresses: &StoreAddresses) -> ServerInput {
        let Secrets { es_password, es_key, mysql, redis, cache, .. } = &self.secrets;
        let (user, database) = (&self.user, &self.platform.database);
        let mut input = ServerInput::new();
        let mut address = |key: &str, scheme: &str, user: &str, password: &str, rest: String| {
            let login = match given {
                SecretInput::Addresses => format!("{user}:{}", encoded(password)),
                _ => user.to_owned(),
            };
            let address = format!("{scheme}://{login}@{rest}");
            if given == SecretInput::Environment {
                input.variable(&format!("{key}.url"), &address);
            } else {
                input.line(&format!("{key}.url"), &address);
            }
        };
        address("mysql", "mysql", user, mysql, format!("{}/{database}", addresses.sql));
        address("redis", "redis", user, redis, format!("{}/0", addresses.redis));
        if server::has_setting("cache.url") {
            address("cache", "redis", &format!("{user}_cache"), cache, format!("{}/0", addresses.redis));
        }
        let key = given == SecretInput::Files || given == SecretInput::Environment;
        let es = if given == SecretInput::Addresses {
            format!("http://elastic:{}@{}", encoded(es_password), addresses.es)
        } else {
            format!("http://{}", addresses.es)
        };
        input.line("elasticsearch.url", &es);
        if !key && given != SecretInput::Addresses {
            input.line("elasticsearch.username", "elastic");
        }
        let mut secret = |name: &str, value: &str| match given {
            SecretInput::Addresses => {}
            SecretInput::File => input.line(name, value),
            SecretInput::Files => input.file(&format!("{name}_file"), value),
            SecretInput::Environment => input.variable(name, value),
        };
        if key {
            secret("elasticsearch.api_key", es_key);
        } else {
            secret("elasticsearch.password", es_password);
        }
        secret("mysql.password", mysql);
        secret("redis.password", redis);
        if server::has_setting("cache.url") {
            secret("cache.password", cache);
            input.line("cache.shared", "redis");
            input.line("cache.prefix", &format!("{database}:"));
        }
        input.line("elasticsearch.event_indices", &self.platform.indices.behavior);
        input.line("elasticsearch.purchase_indices", &self.platform.indices.commerce);
        input.line("redis.stock_key", &self.platform.keys.counter());
        input.line("redis.members_key", &self.platform.keys.members());
        input
    }

    /// Requests all paths of the server, as a viewer with secrets of its own.
    fn visit(&self, server: &mut Server) {
        let campaign = &self.platform.catalog.campaigns[0];
        server.visit(campaign.id, campaign.activities[0].id, &self.secrets.viewer);
    }

    /// All output of a server with this input, and of its commands.
    fn all_output(&self, input: &ServerInput, format: &str, healthy: bool) -> String {
        let now = self.platform.expected.as_of.to_rfc3339();
        let mut output = output_of(input, &["--print-config"]);
        assert!(output.contains("***"), "{output}");
        output += &output_of(input, &["--check-config", "--now", &now, "--log-format", format]);
        let mut server = Server::start(input, &["--now", &now, "--log-format", format]);
        self.visit(&mut server);
        if healthy {
            assert!(server.statuses.contains(&200) && server.answers.contains("totalVisits"), "{}", server.answers);
        }
        output + &server.end()
    }

    fn assert_no_marks(&self, name: &str, output: &str) {
        let lines = output.lines().count();
        let occurrences = self.secrets.marks(self.name).occurrences(output);
        println!(
            "canary_secrets: {name:40} {lines:7} lines, {:9} bytes, {} occurrences",
            output.len(),
            occurrences.len()
        );
        assert!(occurrences.is_empty(), "{name}: {occurrences:#?}");
        let trace = output.matches("TRACE").count();
        assert!(trace >= 5, "too few lines were logged for this check: {trace} of level TRACE among {lines}");
    }

    async fn end(self) {
        let pool = self.platform.pool().await;
        let user = format!("DROP USER IF EXISTS '{}'@'%'", self.user);
        pool.execute(sqlx::raw_sql(AssertSqlSafe(user))).await.unwrap();
        let mut admin = self.admin().await;
        for name in [self.user.clone(), format!("{}_cache", self.user)] {
            redis::cmd("ACL").arg("DELUSER").arg(name).exec_async(&mut admin).await.unwrap();
        }
        self.platform.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_leaks_while_the_stores_answer() {
    let Some(scene) = Scene::begin("well").await else { return };
    let (addresses, forms) = (scene.addresses(), ["text", "json"]);
    for (index, given) in [SecretInput::Addresses, SecretInput::File, SecretInput::Files, SecretInput::Environment]
        .into_iter()
        .enumerate()
    {
        let input = scene.input(given, &addresses);
        let format = forms[index % 2];
        let output = tokio::task::block_in_place(|| scene.all_output(&input, format, true));
        scene.assert_no_marks(&format!("well, {given:?}, {format}"), &output);
    }
    scene.end().await;
}

async fn break_again(proxies: Arc<Vec<FaultProxy>>, fault: Fault) {
    if fault != Fault::HalfOpen {
        return;
    }
    loop {
        tokio::time::sleep(Duration::from_millis(300)).await;
        proxies.iter().for_each(|proxy| proxy.set(fault));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_leaks_while_the_stores_fail() {
    let Some(scene) = Scene::begin("ill").await else { return };
    let real = scene.addresses();
    let mut proxies = Vec::new();
    for server in [real.es, real.sql, real.redis] {
        proxies.push(FaultProxy::start(server).await.unwrap());
    }
    let proxies = Arc::new(proxies);
    let addresses = StoreAddresses { es: proxies[0].address(), sql: proxies[1].address(), redis: proxies[2].address() };
    let mut faults =
        vec![Fault::Refuse, Fault::Garbage, Fault::Reset, Fault::Cut { after_bytes: 40 }, Fault::Blackhole];
    if is_drill() {
        let drip = Fault::Drip { bytes: NonZeroUsize::MIN, every: Duration::from_millis(20) };
        faults.extend([Fault::Latency(Duration::from_millis(300)), drip, Fault::Close, Fault::HalfOpen]);
    }
    let givens = [SecretInput::Addresses, SecretInput::File, SecretInput::Files, SecretInput::Environment];
    for (index, fault) in faults.into_iter().enumerate() {
        proxies.iter().for_each(|proxy| proxy.set(fault));
        let (given, format) = (givens[index % 4], ["json", "text"][index % 2]);
        let input = scene.input(given, &addresses);
        // Repeatedly, since only open connections become half-open.
        let breaking = tokio::spawn(break_again(Arc::clone(&proxies), fault));
        let output = tokio::task::block_in_place(|| scene.all_output(&input, format, false));
        breaking.abort();
        scene.assert_no_marks(&format!("{fault}, {given:?}, {format}"), &output);
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_leaks_when_it_is_refused() {
    let Some(scene) = Scene::begin("wrong").await else { return };
    // The users' passwords are changed, and Elasticsearch repeats each refused request in its answer.
    let pool = scene.platform.pool().await;
    let other = format!("ALTER USER '{}'@'%' IDENTIFIED BY 'another'", scene.user);
    pool.execute(sqlx::raw_sql(AssertSqlSafe(other))).await.unwrap();
    let mut admin = scene.admin().await;
    for name in [scene.user.clone(), format!("{}_cache", scene.user)] {
        let mut setuser = redis::cmd("ACL");
        setuser.arg("SETUSER").arg(name).arg("resetpass").arg(">another").exec_async(&mut admin).await.unwrap();
    }
    let addresses = StoreAddresses { es: server::echo_of_refusals().await, ..scene.addresses() };
    for (given, format) in [
        (SecretInput::Addresses, "json"),
        (SecretInput::File, "text"),
        (SecretInput::Files, "json"),
        (SecretInput::Environment, "text"),
    ] {
        let input = scene.input(given, &addresses);
        let output = tokio::task::block_in_place(|| scene.all_output(&input, format, false));
        for store in ["mysql", "redis", "elasticsearch"] {
            assert!(output.contains(&format!("{store} refused")), "{store}: {output}");
        }
        scene.assert_no_marks(&format!("refused, {given:?}, {format}"), &output);
    }
    scene.end().await;
}

#[test]
fn no_secret_leaks_when_a_setting_is_wrong() {
    let secret = core("setting", "es");
    let marks = Marks::new([Mark::secret("es", &secret), Mark::plain("number", "90817263540918")]);
    let sql = ("mysql.url", "mysql://u@127.0.0.1:1/d");
    let es = ("elasticsearch.url", "http://127.0.0.1:1");
    let with = |text: &str| text.replace("CANARY", &secret);
    let cases: &[&[(&str, &str)]] = &[
        &[("mysql.url", "CANARY")],
        &[("mysql.url", "mysql://u:CANARY@[/d")],
        &[("mysql.url", "mysql://u:CANARY@host:port/d")],
        &[sql, ("mysql.password", "CANARY"), ("mysql.password_file", "/nowhere")],
        &[sql, ("elasticsearch.url", "http://u:CANARY@[")],
        &[sql, ("elasticsearch.url", "CANARY")],
        &[sql, es, ("elasticsearch.password", "CANARY")],
        &[sql, es, ("elasticsearch.username", "u"), ("elasticsearch.api_key", "CANARY")],
        &[sql, ("redis.url", "redis://:CANARY@host:port")],
        &[sql, ("redis.url", "CANARY")],
        &[sql, ("redis.url", "redis://:CANARY@127.0.0.1:1/x")],
        &[sql, ("redis.pasword", "CANARY")],
        &[sql, ("redis.url", "redis://127.0.0.1:1"), ("redis.password", "90817263540918")],
    ];
    let (mut output, mut refused) = (String::new(), 0);
    for case in cases {
        let (mut in_file, mut in_environment) = (ServerInput::new(), ServerInput::new());
        for (key, value) in *case {
            in_file.line(key, &with(value));
            in_environment.variable(key, &with(value));
        }
        for input in [&in_file, &in_environment] {
            for command in [&["--check-config"][..], &["--print-config"], &[]] {
                // Without a command a server with right settings would run: an invalid address stops it.
                let command = if command.is_empty() { &["--listen", "256.0.0.1:1"] } else { command };
                let one = output_of(input, command);
                refused += usize::from(one.contains("error: "));
                output += &one;
            }
        }
    }
    // Values of types that no secret has.
    for line in
        ["password = 90817263540918", "password = [\"CANARY\"]", "password = {a = \"CANARY\"}", "password = \"CANARY"]
    {
        for table in ["mysql", "redis", "elasticsearch"] {
            let mut input = ServerInput::new();
            input.raw(&with(&format!("[{table}]\n{line}\n")));
            output += &output_of(&input, &["--check-config"]);
            output += &output_of(&input, &["--print-config"]);
        }
    }
    let occurrences = marks.occurrences(&output);
    println!("canary_secrets: wrong settings, {refused} errors, {} occurrences", occurrences.len());
    assert!(occurrences.is_empty(), "{occurrences:#?}");
    assert!(refused >= 2 * cases.len(), "{refused}: {output}");
}

#[test]
fn no_user_of_the_embedded_store_s_files_leaks() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let at = "2024-11-12T10:20:00Z";
    let event = |trigger: &str| {
        json!({"triggerType": trigger, "occurredAt": at, "userId": PERSON, "sessionId": SESSION,
            "pageUrl": format!("http://shop/{SESSION}"), "properties": {"activityId": 789}})
    };
    let good: String = ["PAGE_VIEW", "CLICK", "APPROVED"].map(|trigger| format!("{}\n", event(trigger))).concat();
    // Lines with one wrong member each, and lines that are no JSON objects.
    let mut bad = String::new();
    for (member, value) in [
        ("userId", json!({"id": PERSON})),
        ("userId", json!([PERSON])),
        ("userId", json!(format!("{PERSON}{SESSION}"))),
        ("userId", json!(1e300)),
        ("sessionId", json!([SESSION])),
        ("occurredAt", json!(format!("{SESSION}"))),
        ("occurredAt", json!(PERSON)),
        ("properties", json!(SESSION)),
        ("properties", json!({"activityId": SESSION})),
        ("triggerType", json!({"a": SESSION})),
    ] {
        let mut line = event("CLICK");
        line[member] = value;
        bad += &format!("{line}\n");
    }
    bad += &format!("{SESSION} {PERSON}\n{{\"userId\":{PERSON},\"sessionId\":\"{SESSION}\n\"{SESSION}\"\n{PERSON}\n");
    let catalog = file(
        "catalog.json",
        &json!({"currency": "KRW", "campaigns": [{"id": 123, "name": "A", "activities": [
            {"id": 789, "name": "A", "type": "FIRST_COME_FIRST_SERVE", "limitCount": 100, "productId": 456}]}]})
        .to_string(),
    );
    let row = |status: serde_json::Value, user: serde_json::Value| {
        let entry =
            json!({"kind": "entry", "id": 1, "activityId": 789, "userId": user, "status": status, "createdAt": at});
        let purchase = json!({"kind": "purchase", "id": 1, "userId": user, "productId": 456, "activityId": 789,
            "purchaseType": "CAMPAIGN", "price": "10", "quantity": 1, "status": status, "purchaseAt": at});
        format!("{entry}\n{purchase}\n")
    };
    let ledger = row(json!("APPROVED"), json!(PERSON))
        + &row(json!(SESSION), json!(SESSION))
        + &row(json!([SESSION]), json!({"a": PERSON}));
    let realtime = json!([{"activityId": 789, "counter": 1, "members": [PERSON]}]).to_string();
    let wrong = json!([{"activityId": 789, "counter": SESSION, "members": [PERSON, {"a": SESSION}]}]).to_string();
    let (events, ledger) = (file("events.ndjson", &(good + &bad)), file("ledger.ndjson", &ledger));
    let (realtime, wrong) = (file("realtime.json", &realtime), file("wrong.json", &wrong));
    let files = [
        "--catalog",
        &catalog,
        "--events",
        &events,
        "--ledger",
        &ledger,
        "--now",
        "2024-11-12T10:30:00Z",
        "--accept-rejected",
    ];
    let with = |more: &[&'static str], realtime: &str| -> Vec<String> {
        let all = files.iter().chain(more).map(|text| (*text).to_owned());
        all.chain(["--realtime".to_owned(), realtime.to_owned()]).collect()
    };
    let input = ServerInput::new();
    let mut output = String::new();
    for format in [&["--log-format", "text"][..], &["--log-format", "json"]] {
        let checked = with(&[&["--check-config"], format].concat(), &realtime);
        let checked = output_of(&input, &checked.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(checked.contains("rejected") || checked.contains("line"), "{checked}");
        output += &checked;
        let wrong_input = with(&[&["--check-config"], format].concat(), &wrong);
        output += &output_of(&input, &wrong_input.iter().map(String::as_str).collect::<Vec<_>>());
        let arguments = with(format, &realtime);
        let mut server = Server::start(&input, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
        server.visit(123, 789, SESSION);
        assert!(server.answers.contains("totalVisits"), "{}", server.answers);
        output += &server.end();
    }
    let occurrences = people().occurrences(&output);
    println!("canary_secrets: embedded store, {} lines, {} occurrences", output.lines().count(), occurrences.len());
    assert!(occurrences.is_empty(), "{occurrences:#?}");
}

#[tokio::test]
async fn no_debug_format_contains_a_secret() {
    let secrets = Secrets::new("debug");
    let login = |scheme: &str, password: &str| format!("{scheme}://user:{}@127.0.0.1:1/0", encoded(password));
    let es = elasticsearch::client(&login("http", &secrets.es_password)).unwrap();
    let sql: MySqlConnectOptions = login("mysql", &secrets.mysql).parse().unwrap();
    let pool = axon_metrics_mysql::pool_options().connect_lazy_with(sql);
    let redis = redis::Client::open(login("redis", &secrets.redis)).unwrap();
    let cache = redis::Client::open(login("redis", &secrets.cache)).unwrap();
    let behavior = EsBehavior::with_options(es, EsOptions::default()).unwrap();
    let (catalog, ledger) = (MySqlCatalog::new(pool.clone()), MySqlLedger::new(pool));
    let (realtime, cache) = (RedisRealtime::new(redis), RedisCache::new(cache));
    let mut output = format!("{behavior:?} {behavior:#?} {catalog:?} {ledger:?} {realtime:?} {cache:?}");
    output += &format!(
        "{:?} {:?} {:?} {:?}",
        EsOptions::default(),
        MySqlOptions::default(),
        RedisOptions::default(),
        RedisCacheOptions::default()
    );
    let dashboard = Dashboard::builder().catalog(catalog).behavior(behavior).ledger(ledger).realtime(realtime);
    let dashboard = dashboard.shared_cache(cache).build();
    output += &format!("{dashboard:?}");
    let now = "2024-11-12T10:30:00Z".parse().unwrap();
    let error = dashboard.campaigns(now).await.unwrap_err();
    output += &format!("{error:?} {error} {:?}", dashboard.health(now).await);
    let memory = MemoryStore::new(axon_metrics::Catalog::default());
    let line = json!({"triggerType": "CLICK", "occurredAt": "2024-11-12T10:20:00Z", "userId": PERSON, "sessionId": SESSION,
        "properties": {"activityId": 789}});
    memory.append_lines("events", std::io::Cursor::new(format!("{line}\n"))).unwrap();
    output += &format!("{memory:?} {:?}", Arc::new(memory.clone()));
    let occurrences = secrets.marks("debug").occurrences(&output);
    assert!(occurrences.is_empty(), "{occurrences:#?}");
    assert!(output.contains("EsBehavior") && output.contains("RedisCache"), "{output}");
}
