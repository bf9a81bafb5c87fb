//! The addresses and certificates in the server's settings: each form of them on real stores, and each refusal.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::server;

use std::process::Command;

use axon_examples::tls_proxy::{TlsProxy, certificate};
use axon_metrics::testing::server_url;
use serde_json::Value;
use server::Server;

/// A server whose MySQL does not answer, since each test is about another store.
fn binary(settings: &[(&str, &str)]) -> Command {
    let mut command = server::binary();
    command.env("RUST_LOG", "info").env("AXON_DASHBOARD__MYSQL__URL", "mysql://u@127.0.0.1:1/d");
    // Enough on a busy machine.
    for budget in ["ANSWER", "REALTIME", "CATALOG", "LEDGER", "BEHAVIOR"] {
        command.env(format!("AXON_DASHBOARD__BUDGETS__{budget}_MS"), "4000");
    }
    command.env("AXON_DASHBOARD__REDIS__CONNECT_MS", "3000");
    for (key, value) in settings {
        command.env(format!("AXON_DASHBOARD__{}", key.to_uppercase().replace('.', "__")), value);
    }
    command
}

/// What the health check says about a kind of source with these settings: its status, and its error or its problems.
fn checked(seam: &str, settings: &[(&str, &str)]) -> (String, String) {
    let output = binary(settings).arg("--check-config").output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {log}"));
    let sources = report["health"]["sources"].as_array().unwrap();
    let source = sources.iter().find(|source| source["seam"] == seam).unwrap_or_else(|| panic!("{report}"));
    let problems = source["problems"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let said: Vec<&str> = source["error"].as_str().into_iter().chain(problems).collect();
    (source["status"].as_str().unwrap().to_owned(), said.join("; "))
}

/// Checks that Redis answers by these settings.
fn assert_redis(settings: &[(&str, &str)]) {
    let (status, error) = checked("realtime", settings);
    assert_eq!((status.as_str(), error.as_str()), ("ok", ""), "{settings:?}");
}

/// Checks that Redis does not answer by these settings, and that the health check says this.
fn assert_redis_says(settings: &[(&str, &str)], expected: &str) {
    let (status, error) = checked("realtime", settings);
    assert!(status != "ok" && error.contains(expected), "{settings:?}: {error}");
    assert!(!error.contains("127.0.0."), "{error}");
}

/// The path of a certificate of the tests.
fn file(name: &str) -> String {
    certificate(name).to_str().unwrap().to_owned()
}

#[test]
fn a_wrong_address_is_named_in_one_line() {
    let authority = file("authority.pem");
    let key = file("server.key");
    let schemes = "it must begin with redis://, rediss://";
    for (settings, word) in [
        (vec![("redis.url", "http://u:s3cr3t@127.0.0.1:6379")], schemes),
        (vec![("redis.url", "postgres://u:s3cr3t@127.0.0.1:6379/0")], schemes),
        (vec![("redis.url", "mysql://u:s3cr3t@127.0.0.1:6379/0")], schemes),
        (vec![("redis.url", "redis-sentinel://u:s3cr3t@127.0.0.1/0#stock")], schemes),
        (vec![("redis.url", "127.0.0.1:6379")], schemes),
        (vec![("redis.url", "redis://:s3cr3t@:6379")], "redis.url: "),
        (vec![("redis.url", "rediss://:s3cr3t@127.0.0.1/#insecure")], "#insecure would switch off"),
        (
            vec![("redis.url", "rediss://127.0.0.1/?ssl_cert_reqs=s3cr3t")],
            "the parameter ssl_cert_reqs is not read here",
        ),
        (vec![("redis.url", "redis://127.0.0.1/?password=s3cr3t")], "the parameter password is not read here"),
        (vec![("redis.url", "redis://127.0.0.1/?db=s3cr3t")], "the parameter db has a value"),
        (vec![("redis.url", "redis+sentinel://:s3cr3t@127.0.0.1")], "the name of the service"),
        (vec![("redis.url", "redis://127.0.0.1"), ("redis.ca_file", &authority)], "asks for no TLS: use rediss://"),
        (
            vec![("redis.url", "redis://127.0.0.1"), ("redis.sentinel_password", "s3cr3t")],
            "the address is none of sentinels",
        ),
        (
            vec![("redis.url", "redis+sentinel://127.0.0.1/s"), ("redis.sentinel_username", "u")],
            "redis.sentinel_username needs redis.sentinel_password",
        ),
        (
            vec![("redis.url", "rediss://127.0.0.1"), ("redis.ca_file", "/nowhere")],
            "redis.ca_file: cannot read /nowhere",
        ),
        (
            vec![("redis.url", "rediss://127.0.0.1"), ("redis.ca_file", &key)],
            "redis.ca_file contains no PEM certificate",
        ),
        (
            vec![("redis.url", "rediss://127.0.0.1"), ("redis.client_certificate", &authority)],
            "redis.client_certificate needs redis.client_key",
        ),
        (
            vec![
                ("redis.url", "rediss://127.0.0.1"),
                ("redis.client_certificate", &authority),
                ("redis.client_key", &authority),
            ],
            "redis.client_key contains no PEM private key",
        ),
        (
            vec![
                ("redis.url", "redis://127.0.0.1"),
                ("cache.shared", "redis"),
                ("cache.url", "http://u:s3cr3t@127.0.0.1"),
            ],
            "cache.url: it must begin with redis://",
        ),
        (
            vec![("elasticsearch.url", "mysql://u:s3cr3t@127.0.0.1:1/d")],
            "elasticsearch.url is no address such as http://host:9200: it must begin with http://",
        ),
        (
            vec![("elasticsearch.url", "https://127.0.0.1:1/?verify_certs=s3cr3t")],
            "the parameter verify_certs is not read",
        ),
        (
            vec![("elasticsearch.url", "http://127.0.0.1:1"), ("elasticsearch.ca_file", &authority)],
            "elasticsearch.url asks for no TLS: use https://",
        ),
        (
            vec![("elasticsearch.url", "https://127.0.0.1:1"), ("elasticsearch.client_key", &key)],
            "elasticsearch.client_key needs elasticsearch.client_certificate",
        ),
        (
            vec![("mysql.url", "mysql://u:s3cr3t@127.0.0.1:1/d?ssl-mode=REQUIRED"), ("mysql.ca_file", &authority)],
            "ssl-mode does not check the server's certificate",
        ),
        (
            vec![("mysql.url", "mysql://u:s3cr3t@127.0.0.1:1/d?ssl-ca=/a.pem"), ("mysql.ca_file", &authority)],
            "given twice",
        ),
        (vec![("mysql.client_certificate", &authority)], "mysql.client_certificate needs mysql.client_key"),
    ] {
        let output = binary(&settings).arg("--check-config").output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && error.lines().count() == 1 && error.starts_with("error: "), "{error}");
        assert!(error.contains(word) && !error.contains("s3cr3t"), "{word}: {error}");
    }
}

#[test]
fn addresses_are_printed_without_their_logins() {
    for (given, shown) in [
        ("redis://u:s3cr3t@a:7001,b:7002", "redis://u:***@a:7001,b:7002"),
        ("redis://u:s3cr3t@a:7001,redis://u:s3cr3t@b:7002", "redis://u:***@b:7002"),
        ("rediss+sentinel://:s3cr3t@a,b/stock?db=3", "rediss+sentinel://:***@a,b/stock?db=3"),
        ("redis+unix:///run/redis.sock?pass=s3cr3t", "redis+unix:///run/redis.sock"),
    ] {
        let output =
            binary(&[("redis.url", given), ("redis.sentinel_password", "s3cr3t")]).arg("--print-config").output();
        let printed = String::from_utf8(output.unwrap().stdout).unwrap();
        assert!(printed.lines().any(|line| line == format!("url = \"{shown}\"")), "{given}: {printed}");
        assert!(!printed.contains("s3cr3t"), "{printed}");
    }
}

#[test]
fn redis_with_tls_is_read_by_its_authority_and_each_fault_is_said() {
    let Some(urls) = server_url("AXON_TEST_REDIS_TLS_URLS") else { return };
    let [valid, expired, asking] = urls.split(',').collect::<Vec<_>>().try_into().unwrap();
    let (authority, own, key) = (file("authority.pem"), file("valid.pem"), file("server.key"));
    let trusting = ("redis.ca_file", authority.as_str());
    assert_redis(&[("redis.url", valid), trusting]);
    let client = [("redis.client_certificate", own.as_str()), ("redis.client_key", key.as_str())];
    assert_redis(&[("redis.url", asking), trusting, client[0], client[1]]);
    assert_redis_says(&[("redis.url", valid)], "is not trusted: give the authority that signed it (ca_file)");
    assert_redis_says(&[("redis.url", expired), trusting], "has expired");
    let other_name = valid.replace("127.0.0.1", "127.0.0.2");
    assert_redis_says(&[("redis.url", &other_name), trusting], "is for another name");
    assert_redis_says(&[("redis.url", asking), trusting], "asks for a certificate of the client");

    // The log of a server that runs says so, too.
    let server = Server::with(&mut binary(&[("redis.url", valid)]));
    let (_, ready) = server.get("/readyz");
    assert!(ready.contains("is not trusted"), "{ready}");
    let (_, _, log) = server.stop("-TERM");
    let line = log.lines().find(|line| line.contains("redis (realtime) does not answer at the start"));
    assert!(line.is_some_and(|line| line.contains("is not trusted")), "{log}");
}

#[test]
fn redis_is_read_as_a_cluster_by_several_addresses_or_its_scheme() {
    let Some(urls) = server_url("AXON_TEST_REDIS_CLUSTER_URLS") else { return };
    let first = urls.split(',').next().unwrap();
    assert_redis(&[("redis.url", &urls)]);
    assert_redis(&[("redis.url", &first.replace("redis://", "redis+cluster://"))]);
    assert_redis_says(&[("redis.url", first)], "a node of a cluster: configure all its addresses as a cluster");
    assert_redis(&[("redis.url", &urls), ("cache.shared", "redis"), ("cache.url", &urls)]);
}

#[test]
fn redis_is_read_behind_sentinels_and_by_a_database_parameter() {
    if let Some(url) = server_url("AXON_TEST_REDIS_URL") {
        let url = url.trim_end_matches("/0");
        assert_redis(&[("redis.url", &format!("{url}?db=3"))]);
        assert_redis_says(&[("redis.url", &format!("{url}?db=99999"))], "a database with that number");
    }
    let Some(url) = server_url("AXON_TEST_REDIS_SENTINEL_URL") else { return };
    // A failover of another test may be in progress.
    let answers = |url: &str| (0..20).any(|_| checked("realtime", &[("redis.url", url)]).0 == "ok");
    assert!(answers(&url));
    assert!(answers(&format!("{url}?db=3")));
    let sentinel = url.trim_start_matches("redis+sentinel://").split([',', '/']).next().unwrap();
    assert_redis_says(
        &[("redis.url", &format!("redis://{sentinel}"))],
        "it is a sentinel (redis+sentinel://host:26379/SERVICE)",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn elasticsearch_with_tls_is_read_by_authority_and_client_certificate() {
    let Some(url) = server_url("AXON_TEST_ELASTICSEARCH_URL") else { return };
    let upstream = url.trim_start_matches("http://").trim_end_matches('/').parse().unwrap();
    let asking = TlsProxy::start(upstream, "valid.pem", true).await.unwrap();
    let url = format!("https://{}", asking.address());
    let (authority, own, key) = (file("authority.pem"), file("valid.pem"), file("server.key"));
    let behavior = |settings: &[(&str, &str)]| {
        let index = [("elasticsearch.url", url.as_str()), ("elasticsearch.event_indices", "axon-test-none")];
        tokio::task::block_in_place(|| checked("behavior", &[&index[..], settings].concat()))
    };
    let trusting = ("elasticsearch.ca_file", authority.as_str());
    let client = [("elasticsearch.client_certificate", own.as_str()), ("elasticsearch.client_key", key.as_str())];
    let (_, text) = behavior(&[]);
    assert!(text.contains("is not trusted"), "{text}");
    // The server says so after its own part of the handshake. Now and then the connection has ended before the client reads it.
    let texts: Vec<_> = (0..10).map(|_| behavior(&[trusting]).1).collect();
    assert!(texts.iter().any(|text| text.contains("asks for a certificate of the client")), "{texts:?}");
    assert!(texts.iter().all(|text| text.contains("client") || text.contains("connection")), "{texts:?}");
    // The server answers, also to a user, whom it does not know: it has no such index.
    for login in [&[][..], &[("elasticsearch.username", "axon"), ("elasticsearch.password", "secret")]] {
        let (status, text) = behavior(&[&[trusting, client[0], client[1]], login].concat());
        assert!(status == "ok" || text.contains("index"), "{status}: {text}");
    }
}

#[test]
fn mysql_with_tls_is_read_by_its_authority() {
    let Some(url) = server_url("AXON_TEST_MYSQL_TLS_URL") else { return };
    let authority = file("authority.pem");
    let error = |url: &str| checked("catalog", &[("mysql.url", url), ("mysql.ca_file", &authority)]).1;
    // The server answers: no database is chosen.
    let text = error(&url);
    assert!(!text.is_empty() && !text.contains("certificate") && !text.contains("connecting failed"), "{text}");
    let text = error(&url.replace("127.0.0.1", "127.0.0.2"));
    assert!(text.contains("is for another name"), "{text}");
    let (_, text) = checked("catalog", &[("mysql.url", &format!("{url}?ssl-mode=VERIFY_CA"))]);
    assert!(text.contains("is not trusted"), "{text}");
}
