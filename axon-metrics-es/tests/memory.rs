//! Memory while reading replies is bounded. Alone in its process, whose peak is measured.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    time::Duration,
};

use axon_examples::stores::elasticsearch::client;
use axon_metrics::{Instant, SourceError, source::BehaviorSource as _};
use axon_metrics_es::EsBehavior;

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A server that answers with a good beginning and blanks: so many bytes, all of them or as many as are taken.
fn endless(length: &'static str, bytes: usize) -> EsBehavior {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let _ = stream.read(&mut [0; 4096]);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{length}\r\n\r\n");
            let _ = stream.write_all(head.as_bytes());
            let chunk = [b"4000\r\n".to_vec(), vec![b' '; 0x4000], b"\r\n".to_vec()].concat();
            let mut sent = 0;
            while sent < bytes && stream.write_all(&chunk).is_ok() {
                sent += chunk.len();
            }
            let _ = stream.write_all(b"0\r\n\r\n");
        }
    });
    EsBehavior::new(client(&url).unwrap())
}

#[tokio::test]
async fn a_long_reply_is_not_taken_apart() {
    let ask = async |source: EsBehavior| {
        let before = peak_kib();
        let found = source.probe(Instant::UNIX_EPOCH, Duration::from_secs(20)).await;
        assert!(matches!(found, Err(SourceError::Malformed { .. })), "{found:?}");
        peak_kib() - before
    };
    let declared = ask(endless("content-length: 1073741824", 1 << 30)).await;
    assert!(declared < 8 << 10, "one that says how long it is: {declared} KiB");
    let body = 64 << 10;
    let read = ask(endless("transfer-encoding: chunked", 64 << 20)).await;
    assert!(read < 4 * body, "one that does not: {read} KiB");
}
