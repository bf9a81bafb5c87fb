//! What a peer may ask for and how long it may take: wide ranges, slow heads, large bodies, too many connections. Each is
//! turned away before a store is asked, and nobody else is hurt.
//!
//! With `AXON_DRILL=1` the whole drill, else a short form. Others' p99 may be 20 % and 2 ms worse in it: an answer takes less
//! than a millisecond, and a thread that wakes on a processor which the attackers use, too, may wait for a time slice.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a drill prints its figures")]

use crate::{far::is_drill, prober, server, sockets};

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    process::Command,
    time::{Duration, Instant},
};

use prober::{Prober, unhurt};
use server::{Server, binary};

const STILL: [&str; 3] = ["--generate", "20000", "--still"];
const CAMPAIGN: &str = "/api/v1/dashboard/campaign/123";
/// What others look at while questions to the sources of figures are counted: it is none.
const LIST: &str = "/api/v1/dashboard/campaigns";

/// How long others' service is looked at before and after.
fn calm_time() -> Duration {
    Duration::from_secs(if is_drill() { 20 } else { 1 })
}

/// How much worse than in calm times others' service may be. The gate's machine does other things meanwhile.
fn slack() -> (f64, Duration) {
    if is_drill() { (0.2, Duration::from_millis(2)) } else { (2.0, Duration::from_millis(500)) }
}

/// A connection that has sent something.
fn sent(server: &Server, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    stream
}

/// All that comes until the server closes; a connection that it resets counts as closed.
fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Questions that the sources of figures were asked. The catalog, which says what there is, is none of them.
fn questions(server: &Server) -> f64 {
    let figures = |line: &str| line.starts_with("axon_source_requests_total{") && !line.contains("seam=\"catalog\"");
    let (_, metrics) = server.get("/metrics");
    metrics
        .lines()
        .filter(|line| figures(line))
        .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
        .sum()
}

#[test]
fn a_range_too_wide_asks_no_store_anything() {
    let _turn = crate::turn();
    let server = Server::with_settings(&STILL, &[]);
    server.json(CAMPAIGN);
    let others = Prober::start(&server.address, LIST);
    let calm = others.during(calm_time());
    let before = questions(&server);
    assert!(before > 0.0, "questions are counted");
    let ranges = if is_drill() { 20_000 } else { 200 };
    for day in 0..ranges {
        let from = chrono::NaiveDate::from_ymd_opt(2000, 1, 1).unwrap() + chrono::Days::new(day % 2_000);
        let (status, body) = server.get(&format!("{CAMPAIGN}?period=custom&startDate={from}&endDate=2024-11-12"));
        assert_eq!(status, 400, "{body}");
        assert!(body.contains("\"invalid_request\""), "{body}");
    }
    let meanwhile = others.so_far();
    assert_eq!(questions(&server), before);
    println!("{ranges} ranges too wide: each 400, no source was asked");
    let after = others.during(calm_time());
    others.stop();
    let (slack, noise) = slack();
    unhurt([calm, after], meanwhile, slack, noise);
}

#[test]
fn a_large_body_is_refused_before_a_store_is_asked() {
    let _turn = crate::turn();
    let server = Server::with_settings(&STILL, &[]);
    server.json(CAMPAIGN);
    let others = Prober::start(&server.address, LIST);
    let calm = others.during(calm_time());
    let before = questions(&server);
    let body = vec![b'x'; 10_000_000];
    let began = Instant::now();
    let rounds = if is_drill() { 50 } else { 5 };
    for method in ["GET", "POST"].repeat(rounds) {
        let head = format!("{method} {CAMPAIGN} HTTP/1.1\r\nhost: x\r\n");
        let mut stream = sent(&server, &format!("{head}content-length: {}\r\n\r\n", body.len()));
        stream.write_all(&body).unwrap();
        let answer = rest(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert!(answer.contains("application/problem+json") && answer.contains("\"body_too_large\""), "{answer}");
        // Of a length nobody knows: 10 MB in chunks of 1 MB.
        let mut stream = sent(&server, &format!("{head}transfer-encoding: chunked\r\n\r\n"));
        for chunk in body.chunks(1_000_000) {
            stream.write_all(format!("{:x}\r\n", chunk.len()).as_bytes()).unwrap();
            stream.write_all(chunk).unwrap();
            stream.write_all(b"\r\n").unwrap();
        }
        stream.write_all(b"0\r\n\r\n").unwrap();
        let answer = rest(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 411 "), "{answer}");
    }
    let meanwhile = others.so_far();
    let after = others.during(calm_time());
    others.stop();
    assert_eq!(questions(&server), before);
    let (slack, noise) = slack();
    unhurt([calm, after], meanwhile, slack, noise);
    println!("{} bodies of 10 MB: each 413 or 411, no source was asked, {:?}", rounds * 4, began.elapsed());

    // One that never ends is not read for ever.
    let mut endless =
        sent(&server, &format!("POST {CAMPAIGN} HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n"));
    let began = Instant::now();
    while endless.write_all(&body[..1_000_000]).is_ok() {
        assert!(began.elapsed() < Duration::from_secs(15), "still read");
    }
    // A small one, which some clients send without meaning it, harms nothing.
    let mut small = sent(
        &server,
        &format!("GET {CAMPAIGN} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{{}}"),
    );
    assert!(rest(&mut small).starts_with("HTTP/1.1 200 "));
    let mut wide = sent(&server, &format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "x".repeat(64 * 1024)));
    assert!(rest(&mut wide).starts_with("HTTP/1.1 431 "));
}

#[test]
fn heads_that_do_not_come_are_given_up_and_nobody_else_waits() {
    let _turn = crate::turn();
    let (clients, calm) = if is_drill() { (1_000, Duration::from_secs(20)) } else { (200, Duration::from_secs(2)) };
    let timeout = if is_drill() { 5_000 } else { 1_500 };
    let server = Server::with_settings(&STILL, &[("limits.header_timeout_ms", &timeout.to_string())]);
    server.json(CAMPAIGN);
    let others = Prober::start(&server.address, LIST);
    let before = others.during(calm);
    let (began, asked) = (Instant::now(), questions(&server));
    // Half of them send nothing at all, the others a byte now and then.
    let slow: Vec<TcpStream> = (0..clients).map(|client| sent(&server, ["", "GET /api"][client % 2])).collect();
    let open = || sockets::of(&server.address).len() - 1;
    assert!(open() > clients / 2, "they are connected");
    let _ = others.so_far();
    while open() > 0 {
        assert!(
            began.elapsed() < Duration::from_millis(timeout + 10_000),
            "{} slow heads are still waited for",
            open()
        );
        for mut stream in slow.iter().skip(1).step_by(2) {
            let _ = stream.write(b"x");
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    let given_up = began.elapsed();
    for (client, mut stream) in slow.into_iter().enumerate() {
        let (mut told, mut some) = (Vec::new(), [0; 1024]);
        while let Ok(read @ 1..) = stream.read(&mut some) {
            told.extend_from_slice(&some[..read]);
        }
        // Who began a head is told why, and who said nothing is left alone.
        let expected: &[u8] = if client % 2 == 1 { b"HTTP/1.1 408 " } else { b"" };
        assert!(told.starts_with(expected) && told.is_empty() == expected.is_empty(), "{client}: {told:?}");
    }
    let meanwhile = others.so_far();
    let after = others.during(calm);
    others.stop();
    assert_eq!(questions(&server), asked, "no source was asked");
    println!("{clients} slow heads, time-out {timeout} ms: the last given up after {given_up:?}");
    let (slack, noise) = slack();
    unhurt([before, after], meanwhile, slack, noise);
}

#[test]
fn an_idle_connection_is_kept_for_longer_than_a_head_may_take() {
    let _turn = crate::turn();
    let settings = [("limits.header_timeout_ms", "2000"), ("limits.idle_timeout_ms", "6000")];
    let server = Server::with_settings(&STILL, &settings);
    let mut stream = sent(&server, "GET /livez HTTP/1.1\r\nhost: x\r\n\r\n");
    let mut some = [0; 1024];
    assert!(stream.read(&mut some).unwrap() > 0);
    std::thread::sleep(Duration::from_millis(2_500));
    stream.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    assert!(stream.read(&mut some).unwrap() > 0, "it was kept");
    let began = Instant::now();
    assert_eq!(stream.read(&mut some).unwrap(), 0, "and is closed in the end");
    assert!(began.elapsed() >= Duration::from_secs(4), "{:?}", began.elapsed());
}

#[test]
fn one_connection_too_many_is_told_so_and_the_others_stay() {
    let _turn = crate::turn();
    let server = Server::with_settings(&STILL, &[("limits.connections", "20")]);
    let others = Prober::start(&server.address, CAMPAIGN);
    let before = others.during(Duration::from_millis(500));
    let held: Vec<TcpStream> = (0..19).map(|_| sent(&server, "GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")).collect();
    for mut stream in &held {
        assert!(stream.read(&mut [0; 1024]).unwrap() > 0);
    }
    for _ in 0..100 {
        // Nothing is sent, so that what the server says is not lost.
        let mut refused = sent(&server, "");
        let told = rest(&mut refused);
        assert!(told.starts_with("HTTP/1.1 503 ") && told.contains("retry-after"), "{told}");
    }
    let meanwhile = others.so_far();
    drop(held);
    let began = Instant::now();
    let again = || {
        let mut stream = sent(&server, "");
        let _ = stream.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        rest(&mut stream).starts_with("HTTP/1.1 200 ")
    };
    while !again() {
        assert!(began.elapsed() < Duration::from_secs(5), "places are given back");
    }
    let (_, metrics) = server.get("/metrics");
    let refused = metrics.lines().find_map(|line| line.strip_prefix("axon_server_connections_refused_total ")).unwrap();
    assert!(refused.parse::<u64>().unwrap() >= 100);
    let after = others.during(Duration::from_millis(500));
    others.stop();
    unhurt([before, after], meanwhile, 2.0, Duration::from_millis(500));
}

#[test]
fn without_file_descriptors_it_waits_and_serves_again() {
    let _turn = crate::turn();
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -n 40; exec \"$0\" \"$@\""])
        .arg(binary().get_program())
        .args(STILL)
        .env("RUST_LOG", "warn");
    let server = Server::with(&mut command);
    let others = Prober::start(&server.address, CAMPAIGN);
    let held: Vec<TcpStream> = (0..100).map(|_| sent(&server, "GET /api")).collect();
    std::thread::sleep(Duration::from_millis(300));
    let before = sockets::ticks(server.pid());
    let meanwhile = others.during(Duration::from_secs(2));
    let busy = sockets::ticks(server.pid()) - before;
    assert!(meanwhile.answers > 20, "who is connected is served: {meanwhile:?}");
    drop(held);
    let began = Instant::now();
    assert_eq!(server.get("/livez").0, 200);
    println!("no descriptors for 2 s: {busy}0 ms of CPU, served again after {:?}", began.elapsed());
    others.stop();
    let (code, _, log) = server.stop("-TERM");
    assert_eq!(code, Some(0));
    let said = log.lines().filter(|line| line.contains("cannot be accepted")).count();
    assert!((1..=2).contains(&said), "{log}");
    // The prober's two hundred answers take some; a loop that spins takes all.
    assert!(busy < 150, "{busy}0 ms of CPU in 2 s");
}
