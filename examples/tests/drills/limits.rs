//! Limits on clients: wide ranges, slow request heads, large bodies, too many connections. Each is refused before a source is
//! queried, and other clients are not affected.
//!
//! With `AXON_DRILL=1` the whole drill runs, else a short form. In the drill the p99 of other clients may be 20 % and 2 ms
//! worse: an answer takes less than a millisecond, and a thread may wait for a time slice on a processor that the attackers
//! use, too.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a drill prints its figures")]

use crate::{prober, proxied_stores::is_drill, server, sockets};

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    process::Command,
    time::{Duration, Instant},
};

use prober::{Prober, assert_unaffected};
use server::{Server, binary};

const STILL: [&str; 3] = ["--generate", "20000", "--still"];
const CAMPAIGN: &str = "/api/v1/dashboard/campaign/123";
/// The path of other clients while queries of sources are counted: the list needs the catalog only.
const LIST: &str = "/api/v1/dashboard/campaigns";

/// The time of the measurements of other clients before and after the attack.
fn calm_time() -> Duration {
    Duration::from_secs(if is_drill() { 20 } else { 1 })
}

/// The bounds of [`assert_unaffected`]. The gate's machine is busy with other tests.
fn slack() -> (f64, Duration) {
    if is_drill() { (0.2, Duration::from_millis(2)) } else { (2.0, Duration::from_millis(500)) }
}

/// A connection over which `text` has been sent.
fn connect(server: &Server, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    stream
}

/// The bytes until the server closes the connection. A reset counts as a close.
fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The number of queries of sources so far, without those of the catalog.
fn queries(server: &Server) -> f64 {
    let figures = |line: &str| line.starts_with("axon_source_requests_total{") && !line.contains("seam=\"catalog\"");
    let (_, metrics) = server.get("/metrics");
    metrics
        .lines()
        .filter(|line| figures(line))
        .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
        .sum()
}

#[test]
fn a_range_that_is_too_wide_queries_no_source() {
    let _turn = crate::turn();
    let server = Server::with_settings(&STILL, &[]);
    server.json(CAMPAIGN);
    let others = Prober::start(&server.address, LIST);
    let calm = others.during(calm_time());
    let before = queries(&server);
    assert!(before > 0.0, "queries are counted");
    let ranges = if is_drill() { 20_000 } else { 200 };
    for day in 0..ranges {
        let from = chrono::NaiveDate::from_ymd_opt(2000, 1, 1).unwrap() + chrono::Days::new(day % 2_000);
        let (status, body) = server.get(&format!("{CAMPAIGN}?period=custom&startDate={from}&endDate=2024-11-12"));
        assert_eq!(status, 400, "{body}");
        assert!(body.contains("\"invalid_request\""), "{body}");
    }
    let meanwhile = others.take();
    assert_eq!(queries(&server), before);
    println!("{ranges} ranges too wide: each 400, no source was queried");
    let after = others.during(calm_time());
    others.stop();
    let (slack, noise) = slack();
    assert_unaffected([calm, after], meanwhile, slack, noise);
}

#[test]
fn a_large_body_is_refused_before_a_source_is_queried() {
    let _turn = crate::turn();
    let server = Server::with_settings(&STILL, &[]);
    server.json(CAMPAIGN);
    let others = Prober::start(&server.address, LIST);
    let calm = others.during(calm_time());
    let before = queries(&server);
    let body = vec![b'x'; 10_000_000];
    let began = Instant::now();
    let rounds = if is_drill() { 50 } else { 5 };
    for method in ["GET", "POST"].repeat(rounds) {
        let head = format!("{method} {CAMPAIGN} HTTP/1.1\r\nhost: x\r\n");
        let mut stream = connect(&server, &format!("{head}content-length: {}\r\n\r\n", body.len()));
        stream.write_all(&body).unwrap();
        let answer = rest(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert!(answer.contains("application/problem+json") && answer.contains("\"body_too_large\""), "{answer}");
        // A body without a length: 10 MB in chunks of 1 MB.
        let mut stream = connect(&server, &format!("{head}transfer-encoding: chunked\r\n\r\n"));
        for chunk in body.chunks(1_000_000) {
            stream.write_all(format!("{:x}\r\n", chunk.len()).as_bytes()).unwrap();
            stream.write_all(chunk).unwrap();
            stream.write_all(b"\r\n").unwrap();
        }
        stream.write_all(b"0\r\n\r\n").unwrap();
        let answer = rest(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 411 "), "{answer}");
    }
    let meanwhile = others.take();
    let after = others.during(calm_time());
    others.stop();
    assert_eq!(queries(&server), before);
    let (slack, noise) = slack();
    assert_unaffected([calm, after], meanwhile, slack, noise);
    println!("{} bodies of 10 MB: each 413 or 411, no source was queried, {:?}", rounds * 4, began.elapsed());

    // An endless body is not read for ever.
    let mut endless =
        connect(&server, &format!("POST {CAMPAIGN} HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n"));
    let began = Instant::now();
    while endless.write_all(&body[..1_000_000]).is_ok() {
        assert!(began.elapsed() < Duration::from_secs(15), "the endless body is still read");
    }
    // A small body on a GET, which some clients send by mistake, is accepted.
    let mut small = connect(
        &server,
        &format!("GET {CAMPAIGN} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{{}}"),
    );
    assert!(rest(&mut small).starts_with("HTTP/1.1 200 "));
    let mut wide = connect(&server, &format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "x".repeat(64 * 1024)));
    assert!(rest(&mut wide).starts_with("HTTP/1.1 431 "));
}

#[test]
fn slow_heads_are_closed_and_other_clients_are_unaffected() {
    let _turn = crate::turn();
    let (clients, calm) = if is_drill() { (1_000, Duration::from_secs(20)) } else { (200, Duration::from_secs(2)) };
    let timeout = if is_drill() { 5_000 } else { 1_500 };
    let server = Server::with_settings(&STILL, &[("limits.header_timeout_ms", &timeout.to_string())]);
    server.json(CAMPAIGN);
    let others = Prober::start(&server.address, LIST);
    let before = others.during(calm);
    let (began, before_attack) = (Instant::now(), queries(&server));
    // Half of the clients send nothing, the others a byte every 500 ms.
    let slow: Vec<TcpStream> = (0..clients).map(|client| connect(&server, ["", "GET /api"][client % 2])).collect();
    let open = || sockets::of(&server.address).len() - 1;
    assert!(open() > clients / 2, "fewer than half of the clients are connected");
    let _ = others.take();
    while open() > 0 {
        assert!(
            began.elapsed() < Duration::from_millis(timeout + 10_000),
            "{} connections with slow heads are still open",
            open()
        );
        for mut stream in slow.iter().skip(1).step_by(2) {
            let _ = stream.write(b"x");
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    let closed = began.elapsed();
    for (client, mut stream) in slow.into_iter().enumerate() {
        let (mut answer, mut buffer) = (Vec::new(), [0; 1024]);
        while let Ok(read @ 1..) = stream.read(&mut buffer) {
            answer.extend_from_slice(&buffer[..read]);
        }
        // A client that began a head gets a 408. One that sent nothing gets a close without bytes.
        let expected: &[u8] = if client % 2 == 1 { b"HTTP/1.1 408 " } else { b"" };
        assert!(answer.starts_with(expected) && answer.is_empty() == expected.is_empty(), "{client}: {answer:?}");
    }
    let meanwhile = others.take();
    let after = others.during(calm);
    others.stop();
    assert_eq!(queries(&server), before_attack, "a source was queried");
    println!("{clients} slow heads, time-out {timeout} ms: the last closed after {closed:?}");
    let (slack, noise) = slack();
    assert_unaffected([before, after], meanwhile, slack, noise);
}

#[test]
fn an_idle_connection_lives_longer_than_the_head_time_out() {
    let _turn = crate::turn();
    let settings = [("limits.header_timeout_ms", "2000"), ("limits.idle_timeout_ms", "6000")];
    let server = Server::with_settings(&STILL, &settings);
    let mut stream = connect(&server, "GET /livez HTTP/1.1\r\nhost: x\r\n\r\n");
    let mut buffer = [0; 1024];
    assert!(stream.read(&mut buffer).unwrap() > 0);
    std::thread::sleep(Duration::from_millis(2_500));
    stream.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    assert!(stream.read(&mut buffer).unwrap() > 0, "the idle connection was closed early");
    let began = Instant::now();
    assert_eq!(stream.read(&mut buffer).unwrap(), 0, "the idle connection was not closed");
    assert!(began.elapsed() >= Duration::from_secs(4), "{:?}", began.elapsed());
}

#[test]
fn a_connection_above_the_limit_is_refused_and_others_stay() {
    let _turn = crate::turn();
    let server = Server::with_settings(&STILL, &[("limits.connections", "20")]);
    let others = Prober::start(&server.address, CAMPAIGN);
    let before = others.during(Duration::from_millis(500));
    let held: Vec<TcpStream> = (0..19).map(|_| connect(&server, "GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")).collect();
    for mut stream in &held {
        assert!(stream.read(&mut [0; 1024]).unwrap() > 0);
    }
    for _ in 0..100 {
        // The client sends nothing: unread bytes would cause a reset, and the answer would be lost.
        let mut refused = connect(&server, "");
        let answer = rest(&mut refused);
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after"), "{answer}");
    }
    let meanwhile = others.take();
    drop(held);
    let began = Instant::now();
    let accepted = || {
        let mut stream = connect(&server, "");
        let _ = stream.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        rest(&mut stream).starts_with("HTTP/1.1 200 ")
    };
    while !accepted() {
        assert!(began.elapsed() < Duration::from_secs(5), "the server still refuses connections");
    }
    let (_, metrics) = server.get("/metrics");
    let refused = metrics.lines().find_map(|line| line.strip_prefix("axon_server_connections_refused_total ")).unwrap();
    assert!(refused.parse::<u64>().unwrap() >= 100);
    let after = others.during(Duration::from_millis(500));
    others.stop();
    assert_unaffected([before, after], meanwhile, 2.0, Duration::from_millis(500));
}

#[test]
fn without_file_descriptors_the_server_waits_and_recovers() {
    let _turn = crate::turn();
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -n 40; exec \"$0\" \"$@\""])
        .arg(binary().get_program())
        .args(STILL)
        .env("RUST_LOG", "warn");
    let server = Server::with(&mut command);
    let others = Prober::start(&server.address, CAMPAIGN);
    let held: Vec<TcpStream> = (0..100).map(|_| connect(&server, "GET /api")).collect();
    std::thread::sleep(Duration::from_millis(300));
    let before = sockets::ticks(server.pid());
    let meanwhile = others.during(Duration::from_secs(2));
    let busy = sockets::ticks(server.pid()) - before;
    assert!(meanwhile.answers > 20, "connected clients are not served: {meanwhile:?}");
    drop(held);
    let began = Instant::now();
    assert_eq!(server.get("/livez").0, 200);
    println!("no descriptors for 2 s: {busy}0 ms of CPU, served again after {:?}", began.elapsed());
    others.stop();
    let (code, _, log) = server.stop("-TERM");
    assert_eq!(code, Some(0));
    let warnings = log.lines().filter(|line| line.contains("cannot be accepted")).count();
    assert!((1..=2).contains(&warnings), "{log}");
    // The prober's two hundred answers need some of the time; a busy loop would need all of it.
    assert!(busy < 150, "{busy}0 ms of CPU in 2 s");
}
