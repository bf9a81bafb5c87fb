#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;

fn parsed(address: &str) -> RedisAddress {
    RedisAddress::parse(address).unwrap_or_else(|error| panic!("{address}: {error}"))
}

fn error(address: &str) -> String {
    match RedisAddress::parse(address).and_then(|address| address.check().map(|()| address)) {
        Err(error) => error.to_string(),
        Ok(address) => panic!("{address:?}"),
    }
}

fn nodes(nodes: &[(&str, u16)]) -> Vec<Node> {
    nodes.iter().map(|(host, port)| Node { host: (*host).to_owned(), port: *port }).collect()
}

#[test]
fn one_host_is_a_server() {
    for (address, host, port, database) in [
        ("redis://redis.internal", "redis.internal", 6379, 0),
        ("redis://127.0.0.1:6380/3", "127.0.0.1", 6380, 3),
        ("redis://127.0.0.1:6380?db=3", "127.0.0.1", 6380, 3),
        ("redis://127.0.0.1:6380/?db=3", "127.0.0.1", 6380, 3),
        ("redis://127.0.0.1:6380/3?db=3&protocol=resp3", "127.0.0.1", 6380, 3),
        ("valkey://[::1]:7000/0", "::1", 7000, 0),
        ("REDIS://host/", "host", 6379, 0),
        (" redis://host ", "host", 6379, 0),
    ] {
        let read = parsed(address);
        assert_eq!(read.kind, Kind::Server(Node { host: host.to_owned(), port }), "{address}");
        assert_eq!((read.database, read.tls), (database, false), "{address}");
    }
}

#[test]
fn a_login_is_read_whatever_its_characters() {
    for (login, username, password) in [
        ("axon:secret@", Some("axon"), Some("secret")),
        (":secret@", None, Some("secret")),
        ("axon:p%40%2C%3A%2F@", Some("axon"), Some("p@,:/")),
        ("axon:a,b@", Some("axon"), Some("a,b")),
        ("axon:a@b@", Some("axon"), Some("a@b")),
        ("axon:a:b@", Some("axon"), Some("a:b")),
        ("", None, None),
    ] {
        let read = parsed(&format!("redis://{login}host:6379/0"));
        assert_eq!((read.username.as_deref(), read.password.as_deref()), (username, password), "{login}");
        assert_eq!(read.kind, Kind::Server(nodes(&[("host", 6379)]).remove(0)), "{login}");
    }
    assert_eq!(parsed("redis://axon@host").with_password("later").check(), Ok(()));
    assert!(error("redis://axon@host").starts_with("a user is given, and no password"));
}

#[test]
#[cfg(feature = "cluster")]
fn several_hosts_are_a_cluster_and_one_by_its_scheme() {
    let three = Kind::Cluster(nodes(&[("a", 7001), ("b", 7002), ("c", 6379)]));
    for address in [
        "redis://a:7001,b:7002,c",
        "redis://a:7001, b:7002, c/0",
        "redis://a:7001,redis://b:7002,redis://c",
        "redis+cluster://a:7001,b:7002,c",
        "redis+cluster://a:7001,b:7002,redis+cluster://c",
    ] {
        assert_eq!(parsed(address).kind, three, "{address}");
    }
    assert_eq!(parsed("redis+cluster://a:7001").kind, Kind::Cluster(nodes(&[("a", 7001)])));
    let login = parsed("redis://u:p@a,redis://u:p@b");
    assert_eq!((login.username.as_deref(), login.password.as_deref()), (Some("u"), Some("p")));
    for (address, word) in [
        ("redis://u:p@a,redis://u:other@b", "the same login"),
        ("redis://a,rediss://b", "the same scheme"),
        ("redis://a,redis+sentinel://b/s", "the same scheme"),
        ("redis://a?protocol=3,redis://b?protocol=2", "the same database, service and protocol"),
        ("redis://a,b/1", "no other database than 0"),
        ("redis+cluster://a?db=1", "no other database than 0"),
        ("redis://a,,b", "no host"),
    ] {
        assert!(error(address).contains(word), "{address}: {}", error(address));
    }
}

#[test]
fn sentinels_name_a_service() {
    let sentinels = nodes(&[("a", 26379), ("b", 5000)]);
    let kind = Kind::Sentinels { sentinels, service: "stock".to_owned() };
    for (address, database) in [
        ("redis+sentinel://a,b:5000/stock", 0),
        ("redis+sentinel://u:p@a:26379,b:5000/stock?db=3", 3),
        ("redis+sentinel://a/stock,redis+sentinel://b:5000/stock", 0),
        ("valkey+sentinel://a,b:5000/stock/", 0),
    ] {
        let read = parsed(address);
        assert_eq!((&read.kind, read.database), (&kind, database), "{address}");
    }
    for address in ["redis+sentinel://a", "redis+sentinel://a/", "redis+sentinel://a/stock/3"] {
        assert!(error(address).contains("the name of the service"), "{address}");
    }
    assert!(error("redis+sentinel://a?sentinelMasterId=stock").contains("the service is named behind the sentinels"));
    let one = parsed("redis://a").with_sentinel_login(None, "secret");
    assert!(one.check().unwrap_err().to_string().contains("use redis+sentinel://"));
}

#[test]
fn a_socket_is_a_path() {
    for address in ["redis+unix:///run/redis.sock?db=2&user=u&pass=p", "unix:///run/redis.sock?db=2&user=u&pass=p"] {
        let read = parsed(address);
        assert_eq!(read.kind, Kind::Socket("/run/redis.sock".into()), "{address}");
        assert_eq!((read.database, read.username.as_deref(), read.password.as_deref()), (2, Some("u"), Some("p")));
    }
    assert!(error("redis+unix://run/redis.sock").contains("three slashes"));
    assert!(error("redis+unix:///").contains("the path of the socket is missing"));
    assert_eq!(error("rediss+unix:///run/redis.sock"), AddressError::Scheme.to_string());
}

#[test]
fn an_address_of_another_kind_names_the_right_ones() {
    let expected = AddressError::Scheme.to_string();
    assert!(expected.contains("rediss://") && expected.contains("redis+sentinel://"));
    for address in [
        "http://127.0.0.1:6379",
        "https://127.0.0.1:6379",
        "postgres://db/axon",
        "mysql://root@db/axon",
        "amqp://host",
        "redis-sentinel://a,b/0#stock",
        "redis-socket:///run/redis.sock",
        "redis+tls://host",
        "redis+://host",
        "redis+cluster+tls://host",
        "127.0.0.1:6379",
        "redis.internal",
        "redis:6379",
        "",
    ] {
        assert_eq!(error(address), expected, "{address}");
    }
}

#[test]
fn what_switches_the_check_of_certificates_off_is_refused_by_name() {
    for address in ["rediss://host/#insecure", "rediss://host:6379/0#insecure", "redis://host#insecure"] {
        assert!(error(address).starts_with("#insecure would switch off"), "{address}");
    }
    for parameter in ["insecure=true", "ssl_cert_reqs=none", "verify=false", "ssl_check_hostname=0", "verifyPeer=NONE"]
    {
        let error = error(&format!("rediss://host/0?{parameter}"));
        let name = parameter.split('=').next().unwrap();
        assert!(error.contains(name) && error.contains("always checked"), "{error}");
    }
    assert!(error("rediss://host#other").contains("%23"));
}

#[test]
fn a_parameter_that_is_not_read_is_named_and_its_value_is_not() {
    for (parameter, word) in [
        ("timeout=CANARY", "the parameter timeout is not read here: the time to connect is connect_ms"),
        ("password=CANARY", "the parameter password is not read here: the login stands before the host"),
        ("tls=CANARY", "the parameter tls is not read here: TLS is asked for by rediss://"),
        ("ssl_ca_certs=CANARY", "the parameter ssl_ca_certs is not read here: TLS is asked for by rediss://"),
        ("client_name=CANARY", "the parameter client_name is not read here; remove it"),
        ("db=CANARY", "the parameter db has a value that is not read here"),
        ("db=-1", "the parameter db has a value that is not read here"),
        ("db=1&db=2", "the parameter db has a value that is not read here"),
        ("protocol=4", "the parameter protocol has a value that is not read here"),
        ("user=CANARY", "the parameter user is not read here"),
        ("CANARY1=x", "the parameter (not shown) is not read here"),
    ] {
        let error = error(&format!("redis://host?{parameter}"));
        assert!(error.starts_with(word) && !error.contains("CANARY"), "{error}");
    }
    assert!(error("redis://host/1?db=2").contains("given twice"));
    assert!(error("redis://host/stock").contains("no number"));
}

#[test]
fn an_address_without_a_host_never_leads_to_localhost() {
    for address in ["redis://", "redis:///0", "redis://:6379", "redis://u:p@", "redis://@/0", "redis+sentinel:///stock"]
    {
        assert!(RedisAddress::parse(address).is_err(), "{address}");
    }
    assert!(error("redis://0.0.0.0:6379").contains("no host to connect to"));
    assert!(error("redis://host:port").contains("a port is no number"));
}

#[test]
fn no_error_and_no_debug_text_shows_a_login_or_a_host() {
    for address in [
        "redis://u:CANARY@[/0",
        "redis://u:CANARY@host:port/0",
        "redis://u:CANARY/x@host/0",
        "redis://u:CAN?CANARY@host/0",
        "redis://u:CAN#CANARY@host/0",
        "CANARY",
        "redis://host/CANARY",
    ] {
        let error = RedisAddress::parse(address).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("CANARY"), "{error}");
    }
    let address =
        parsed("redis://CANARY:CANARY@CANARY").with_authority(*b"CANARY").with_client_certificate("CANARY", "CANARY");
    assert!(!format!("{address:?}").contains("CANARY"));
}

#[test]
fn certificates_for_an_address_without_tls_are_an_error() {
    for address in [
        parsed("redis://host").with_authority(CERTIFICATE),
        parsed("redis+unix:///run/redis.sock").with_authority(CERTIFICATE),
        parsed("redis://host").with_client_certificate(CERTIFICATE, *b"key"),
    ] {
        assert!(address.check().unwrap_err().to_string().contains("asks for no TLS"));
    }
}

#[test]
#[cfg(feature = "tls")]
fn certificates_that_cannot_be_read_are_named() {
    let node = Node { host: "host".to_owned(), port: 6379 };
    let error = |address: RedisAddress| address.client(&node).unwrap_err().to_string();
    let broken = "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n";
    assert!(error(parsed("rediss://host").with_authority(*b"no PEM")).contains("(ca_file)"));
    assert!(error(parsed("rediss://host").with_authority(broken)).contains("(ca_file)"));
    assert!(error(parsed("rediss://host").with_client_certificate(broken, "no PEM")).contains("(client_key)"));
}

#[test]
#[cfg(all(feature = "tls", feature = "cluster"))]
fn an_address_with_tls_checks_certificates() {
    for address in ["rediss://host", "valkeys://host"] {
        let client = parsed(address).client(&Node { host: "host".to_owned(), port: 1 }).unwrap();
        assert!(matches!(client.get_connection_info().addr(), ConnectionAddr::TcpTls { insecure: false, .. }));
    }
    for address in ["rediss+sentinel://a/s", "rediss+cluster://a"] {
        assert!(parsed(address).tls, "{address}");
    }
}
