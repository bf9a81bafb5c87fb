//! What operators are told to do: each sentence stands in the log, in `/readyz` and in what `--check-config` prints, or, where
//! the server does not start, in its one line of error.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::{platform::Platform, server};

use std::{
    fmt::Write as _,
    io::Write as _,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Output,
    time::Duration,
};

use axon_examples::{generator::Config, stores::Layout};
use axon_metrics::testing::server_url;
use serde_json::{Value, json};
use server::{Server, binary};
use tempfile::TempDir;

/// A password that nobody may see.
const SECRET: &str = "s3cr3t";

/// How long after a probe its log lines may come.
const LOGGED_AFTER: Duration = Duration::from_millis(700);

/// Settings as variables of the environment.
type Settings = Vec<(String, String)>;

fn variable(key: &str, value: &str) -> (String, String) {
    (format!("AXON_DASHBOARD__{}", key.to_uppercase().replace('.', "__")), value.to_owned())
}

/// The end of a run with `--check-config`.
fn checked(arguments: &[String], settings: &Settings) -> Output {
    let mut command = binary();
    command.args(arguments).arg("--check-config").env("RUST_LOG", "warn");
    command.envs(settings.iter().map(|(key, value)| (key, value))).output().unwrap()
}

/// The lines of a log, without colours.
fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Asserts that each part is in `/readyz`, in the log of a start, and in what `--check-config` prints, which ends with an
/// error.
fn assert_told(arguments: &[String], settings: &Settings, parts: &[&str]) {
    let output = checked(arguments, settings);
    let (report, error) = (text(&output.stdout), text(&output.stderr));
    assert!(!output.status.success(), "{report}");
    let mut command = binary();
    command.args(arguments).envs(settings.iter().map(|(key, value)| (key, value))).env("RUST_LOG", "warn");
    let server = Server::with(&mut command);
    // It shares the probe of the start, or comes after it. The log is written beside the serving.
    let ready = server.get("/readyz").1;
    std::thread::sleep(LOGGED_AFTER);
    let log = server.stop("-TERM").2;
    for part in parts {
        let in_json = part.replace('"', "\\\"");
        assert!(report.contains(&in_json) || error.contains(part), "--check-config: {part}\n{report}\n{error}");
        assert!(ready.contains(&in_json), "/readyz: {part}\n{ready}");
        assert!(log.contains(part), "log: {part}\n{log}");
    }
    for output in [&report, &error, &ready, &log] {
        assert!(!output.contains(SECRET), "{output}");
    }
}

/// The one line with which the server does not start, with `--check-config` and without. Both are the same.
fn refusal(arguments: &[String], settings: &Settings) -> String {
    let output = checked(arguments, settings);
    let error = text(&output.stderr);
    assert!(!output.status.success(), "{}", text(&output.stdout));
    let mut command = binary();
    command.args(arguments).envs(settings.iter().map(|(key, value)| (key, value)));
    let started = command.args(["--listen", "127.0.0.1:0"]).output().unwrap();
    assert!(!started.status.success());
    assert_eq!((error.lines().count(), &error), (1, &text(&started.stderr)), "{error}");
    assert!(error.starts_with("error: ") && !error.contains(SECRET), "{error}");
    error
}

/// A folder with a catalog and a file.
fn folder(name: &str, bytes: &[u8]) -> (TempDir, Vec<String>, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let activity =
        json!({"id": 77, "name": "A", "type": "FIRST_COME_FIRST_SERVE", "limitCount": 100, "productId": 456});
    let catalog = json!({"currency": "KRW", "campaigns": [{"id": 1, "name": "Spring", "activities": [activity]}]});
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("catalog.json"), catalog.to_string()).unwrap();
    std::fs::write(path(name), bytes).unwrap();
    let file = folder.path().join(name);
    let arguments = ["--catalog", &path("catalog.json"), "--events", &path(name), "--now", "2024-11-12T10:30:00Z"];
    let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    (folder, arguments, file)
}

/// Field case 2: a file of another form.
#[test]
fn a_file_of_another_form_is_named_with_the_command_for_it() {
    let lines =
        "{\"triggerType\":\"PAGE_VIEW\",\"occurredAt\":\"2024-11-12T09:00:00Z\",\"properties\":{\"activityId\":77}}\n";
    let bzip2 = b"BZh91AY&SY\x19\x31\x65\x3d\x00\x00\x00\x81\x00\x02\x44\xa0\x00\x21\x9a\x68\x33\x4d\x07\x33\x8b\xb9\x22\x9c\x28\x48\x0c\x98\xb2\x9e\x80";
    let reply = format!(
        "{{\"took\":1,\"hits\":{{\"hits\":[{{\"_index\":\"e\",\"_id\":\"1\",\"_source\":{}}}]}}}}",
        lines.trim()
    );
    let csv = "triggerType,occurredAt\nPAGE_VIEW,2024-11-12T09:00:00Z\n";
    for (name, bytes, command) in [
        ("events.bz2", bzip2.to_vec(), "bzip2 -dc FILE > converted.ndjson"),
        ("reply.json", reply.into_bytes(), "jq -c '.hits.hits[]' FILE > converted.ndjson"),
        ("events.csv", csv.as_bytes().to_vec(), "mlr --icsv --ojsonl cat FILE > converted.ndjson"),
    ] {
        let (_folder, arguments, file) = folder(name, &bytes);
        let error = refusal(&arguments, &Settings::new());
        let command = command.replace("FILE", file.to_str().unwrap());
        for part in ["cannot be loaded: ", &command, "--accept-rejected loads what can be read of it"] {
            assert!(error.contains(part), "{part}: {error}");
        }
    }
}

/// Field case 2, loaded all the same: what could not be read is listed by place.
#[test]
fn rejected_lines_that_are_accepted_are_listed_with_places_and_what_to_do() {
    let line = |at: &str| {
        format!("{{\"triggerType\":\"PAGE_VIEW\",\"occurredAt\":\"{at}\",\"properties\":{{\"activityId\":77}}}}\n")
    };
    let lines = [line("12/11/2024"), line("yesterday"), line("2024-11-12T09:00:00Z")].concat();
    let (_folder, mut arguments, file) = folder("events.ndjson", lines.as_bytes());
    arguments.push("--accept-rejected".into());
    let output = checked(&arguments, &Settings::new());
    let server = Server::with(binary().args(&arguments).env("RUST_LOG", "warn"));
    let ready = server.get("/readyz").1;
    std::thread::sleep(LOGGED_AFTER);
    let log = server.stop("-TERM").2;
    let (first, advice) = (format!("{}:1 ", file.display()), "Write the time as RFC 3339");
    for told in [&text(&output.stdout), &ready, &log] {
        assert!(told.contains(&first) && told.contains(advice) && told.contains("no_time"), "{told}");
    }
    assert!(log.contains("line of an input file rejected"), "{log}");
}

/// Field case 22: a padded file is read, and one that is cut off is told as such.
#[test]
fn a_padded_file_is_read_and_one_that_is_cut_off_is_named() {
    let line = "{\"triggerType\":\"PAGE_VIEW\",\"occurredAt\":\"2024-11-12T09:00:00Z\",\"userId\":1,\"properties\":{\"activityId\":77}}\n";
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(line.repeat(3).as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let (_folder, arguments, _) = folder("events.ndjson.gz", &[packed.clone(), vec![0; 512]].concat());
    let output = checked(&arguments, &Settings::new());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["loaded"]["events"]["kept"], &report["loaded"]["rejected"]["total"]), (&json!(3), &json!(0)));
    let (_folder, arguments, file) = folder("events.ndjson.gz", &packed[..packed.len() - 12]);
    let error = refusal(&arguments, &Settings::new());
    assert!(error.contains(&format!("{} cannot be read", file.display())), "{error}");
}

/// Field case 17: addresses of another kind are refused with the form that is read.
#[test]
fn an_address_of_another_kind_is_refused_with_the_form_that_is_read() {
    const SQL: &str = "mysql.url is no address such as mysql://user@host:3306/database: ";
    const SEARCH: &str = "elasticsearch.url is no address such as http://host:9200: ";
    let sql = ("mysql.url", format!("mysql://u:{SECRET}@127.0.0.1:1/d"));
    let cases: [(&str, String, String); 12] = [
        ("mysql.url", format!("postgres://u:{SECRET}@127.0.0.1:1/d"), format!("{SQL}it must begin with mysql://")),
        ("mysql.url", format!("http://u:{SECRET}@127.0.0.1:1/d"), format!("{SQL}it must begin with mysql://")),
        ("mysql.url", format!("mysql:root:{SECRET}@tcp(127.0.0.1:1)/d"), SQL.into()),
        ("mysql.url", "jdbc:mysql:///d".into(), format!("{SQL}it names no host")),
        (
            "mysql.url",
            format!("jdbc:mysql://127.0.0.1:1/d?user=u&password={SECRET}&serverTimezone=UTC"),
            "the parameter serverTimezone is not read here: how times are read is set for each group of columns".into(),
        ),
        (
            "mysql.url",
            format!("mysql://u:{SECRET}@127.0.0.1:1/d?requireTls=true"),
            "the parameter requireTls is not read here; remove it".into(),
        ),
        ("elasticsearch.url", "mysql://127.0.0.1:1".into(), format!("{SEARCH}it must begin with http:// or https://")),
        ("elasticsearch.url", "127.0.0.1:9200".into(), SEARCH.into()),
        ("elasticsearch.url", format!("jdbc:elasticsearch://u:{SECRET}@127.0.0.1:1"), SEARCH.into()),
        (
            "elasticsearch.url",
            format!("http://u:{SECRET}@127.0.0.1:1?verify=false"),
            "the parameter verify is not read here; the server's certificate is always checked".into(),
        ),
        (
            "elasticsearch.url",
            format!("http://u:1?{SECRET}=1@127.0.0.1"),
            "the parameter (not shown) is not read".into(),
        ),
        (
            "elasticsearch.url",
            "http://127.0.0.1:1#insecure".into(),
            "what stands after # is not read; remove it".into(),
        ),
    ];
    for (key, value, sentence) in cases {
        let mut settings = vec![variable(key, &value)];
        if key != "mysql.url" {
            settings.push(variable(sql.0, &sql.1));
        }
        let error = refusal(&[], &settings);
        assert!(error.contains(&sentence), "{key}: {sentence}\n{error}");
    }
}

/// Field case 33: a mode that does not exist is told those that are answered.
#[test]
fn a_mode_that_does_not_exist_is_told_those_that_are_supported() {
    let server = Server::with_settings(&["--generate", "1000", "--still"], &[]);
    for (mode, sentence) in [
        ("people", "mode must be one of count, unique"),
        ("unique_ordered", "mode unique_ordered is not supported yet; count and unique are"),
    ] {
        let (status, body) = server.get(&format!("/api/v1/dashboard/campaign/123?mode={mode}"));
        let problem: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, &problem["errors"][0]["message"]), (400, &json!(sentence)));
    }
}

/// A server with this certificate of the tests of the adapter, which never answers.
fn tls_server(certificate: &str) -> SocketAddr {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
    let file = |name: &str| certificates().join(name);
    let certificate = CertificateDer::from_pem_file(file(certificate)).unwrap();
    let key = PrivateKeyDer::from_pem_file(file("server.key")).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    let config = std::sync::Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(mut stream), config) = (stream, config.clone()) else { return };
            std::thread::spawn(move || {
                let mut connection = rustls::ServerConnection::new(config).unwrap();
                while connection.complete_io(&mut stream).is_ok_and(|(read, written)| read + written > 0) {}
            });
        }
    });
    address
}

fn certificates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../axon-metrics-es/tests/certificates")
}

/// Field case 19: faults of Elasticsearch's certificate. MySQL is away, so nothing is ready, and every source is told.
#[test]
fn a_fault_of_elasticsearchs_certificate_says_what_to_do() {
    let authority = certificates().join("authority.pem").to_str().unwrap().to_owned();
    for (certificate, authority, sentence) in [
        ("valid.pem", "", "the server's certificate is not trusted: give the authority that signed it (ca_file)"),
        ("expired.pem", &*authority, "the server's certificate has expired: renew it"),
        (
            "other_name.pem",
            &*authority,
            "the server's certificate is for another name: use a name that it has in the address, or renew it",
        ),
    ] {
        let address = tls_server(certificate);
        let settings = vec![
            variable("mysql.url", &format!("mysql://u:{SECRET}@127.0.0.1:1/d")),
            variable("elasticsearch.url", &format!("https://{address}")),
            variable("elasticsearch.ca_file", authority),
        ];
        assert_told(&[], &settings, &[sentence]);
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.unwrap().write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
        }
    });
    let settings = vec![
        variable("mysql.url", "mysql://u@127.0.0.1:1/d"),
        variable("elasticsearch.url", &format!("https://{address}")),
    ];
    assert_told(
        &[],
        &settings,
        &["the server does not speak TLS at this address: use its TLS port, or the scheme without TLS"],
    );
}

/// Field case 19: MySQL makes a certificate of its own, which no public authority signed.
#[test]
fn a_fault_of_mysqls_certificate_says_what_to_do() {
    for (server, sentence) in [
        ("AXON_TEST_MYSQL_URL", "the server's certificate is not trusted: give the authority that signed it (ca_file"),
        ("AXON_TEST_MARIADB_URL", "the server does not support TLS: switch it on there, or set another ssl-mode"),
    ] {
        let Some(url) = server_url(server) else { continue };
        let settings = vec![variable("mysql.url", &format!("{}/mysql?ssl-mode=VERIFY_CA", url.trim_end_matches('/')))];
        assert_told(&[], &settings, &[sentence]);
    }
}

/// The settings of a platform's stores.
fn settings_of(platform: &Platform, events: &[&str]) -> Settings {
    let at = &platform.addresses;
    let mut settings = vec![
        variable("elasticsearch.url", &format!("http://{}", at.elasticsearch)),
        variable("elasticsearch.event_indices", &events.join(",")),
        variable("elasticsearch.purchase_indices", &platform.indices.commerce),
        variable("mysql.url", &format!("mysql://root@{}/{}", at.sql, platform.database)),
    ];
    for budget in ["answer", "catalog", "behavior", "ledger"] {
        settings.push(variable(&format!("budgets.{budget}_ms"), "8000"));
    }
    settings
}

/// Sends a request to Elasticsearch.
fn send(address: SocketAddr, method: &str, path: &str, body: &str) {
    let mut request = String::new();
    write!(request, "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n").unwrap();
    write!(request, "content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut reply = String::new();
    std::io::Read::read_to_string(&mut stream, &mut reply).unwrap();
    assert!(reply.starts_with("HTTP/1.1 200"), "{method} {path}: {reply}");
}

/// Field cases 18 and 20: a closed index, an alias, a pattern, and names that mean nothing.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_name_of_an_index_means_is_told_with_what_to_do() {
    let config = Config { events: 2_000, ..Config::default() };
    let Some(platform) = Platform::load(Layout::Aug2026, config, "AXON_TEST_MARIADB_URL", None).await else { return };
    let search = platform.addresses.elasticsearch;
    let [behavior, commerce] = [platform.indices.behavior.as_str(), platform.indices.commerce.as_str()];
    let arguments = ["--now".to_owned(), platform.expected.as_of.to_rfc3339()];
    tokio::task::block_in_place(|| {
        // An alias and a pattern are read, and what is behind them is listed.
        let alias = behavior.replace("axon.event", "alias-of");
        let add = json!({"actions": [{"add": {"index": behavior, "alias": alias}}]}).to_string();
        send(search, "POST", "/_aliases", &add);
        let pattern = format!("{}*", behavior.trim_end_matches("behavior"));
        for name in [&alias, &pattern] {
            let output = checked(&arguments, &settings_of(&platform, &[name]));
            let report = text(&output.stdout);
            assert!(output.status.success(), "{report}\n{}", text(&output.stderr));
            assert!(report.contains(behavior), "{report}");
        }
        // Names that mean nothing, beside one that is read.
        let missing = format!("{behavior}-lost");
        let sentence = format!(
            "there is no index, alias or data stream named {missing}: create it, or correct the name among the configured \
             indices"
        );
        assert_told(&arguments, &settings_of(&platform, &[behavior, &missing]), &[&sentence]);
        let nothing = format!("{behavior}-lost-*");
        let sentence = format!(
            "no index matches {nothing}, or the user may read none that does: correct the pattern, or grant the index \
             privilege read"
        );
        assert_told(&arguments, &settings_of(&platform, &[behavior, &nothing]), &[&sentence]);
        // A closed index, and then no other one.
        let closed = |name: &str| {
            format!(
                "an index is closed: {name}: open it (POST /{name}/_open), or take it out of the configured indices"
            )
        };
        send(search, "POST", &format!("/{behavior}/_close"), "");
        assert_told(&arguments, &settings_of(&platform, &[behavior]), &[&closed(behavior)]);
        send(search, "POST", &format!("/{commerce}/_close"), "");
        assert_told(&arguments, &settings_of(&platform, &[behavior]), &["an index is closed: "]);
        send(search, "POST", &format!("/{behavior}/_open"), "");
        send(search, "POST", &format!("/{commerce}/_open"), "");
        let block = json!({"index.blocks.read": true}).to_string();
        send(search, "PUT", &format!("/{behavior}/_settings"), &block);
        let blocked =
            format!("an index is blocked for reading: {behavior}: remove the block (index.blocks.read, or the one");
        assert_told(&arguments, &settings_of(&platform, &[behavior]), &[&blocked]);
        let free = json!({"index.blocks.read": null}).to_string();
        send(search, "PUT", &format!("/{behavior}/_settings"), &free);
    });
    platform.remove().await;
}

/// Field case 18: a right that is missing is another sentence than a closed index.
#[test]
fn an_index_that_may_not_be_read_is_told_as_such() {
    let Some(secured) = server_url("AXON_TEST_ELASTICSEARCH_SECURED_URL") else { return };
    let (credentials, host) = secured.strip_prefix("http://").unwrap().split_once('@').unwrap();
    let (user, password) = credentials.split_once(':').unwrap();
    let host: SocketAddr = host.trim_end_matches('/').parse().unwrap();
    let settings = vec![
        variable("mysql.url", "mysql://u@127.0.0.1:1/d"),
        variable("elasticsearch.url", &format!("http://{host}")),
        variable("elasticsearch.username", user),
        variable("elasticsearch.password", password),
        variable("elasticsearch.event_indices", "of-others"),
        variable("elasticsearch.purchase_indices", "of-others"),
    ];
    assert_told(&[], &settings, &["of-others may not be read: grant the index privilege read on it"]);
}
