//! A stop with open streams: each stream gets its end event and a complete body, and the process exits in time.
//! With `AXON_DRILL=1` 1,000 streams, else 200.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a drill prints its figures")]

use crate::{proxied_stores::is_drill, server};

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use server::Server;

const CAMPAIGN: &str = "/api/v1/dashboard/campaign/123";

/// Opens a stream, and reads its first event.
fn open_stream(server: &Server) -> TcpStream {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(stream, "GET {CAMPAIGN}/stream HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\n\r\n").unwrap();
    let (mut received, mut buffer) = (Vec::new(), [0; 16 * 1024]);
    while !String::from_utf8_lossy(&received).contains("event: update") {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&received));
        received.extend_from_slice(&buffer[..read]);
    }
    stream
}

#[test]
fn each_stream_ends_cleanly_and_the_process_exits_in_time() {
    let _turn = crate::turn();
    let streams = if is_drill() { 1_000 } else { 200 };
    let server = Server::with_settings(&["--generate", "20000"], &[]);
    let mut open: Vec<TcpStream> = (0..streams).map(|_| open_stream(&server)).collect();
    // An idle connection does not delay the exit.
    let mut idle = TcpStream::connect(&server.address).unwrap();
    write!(idle, "GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    assert!(idle.read(&mut [0; 1024]).unwrap() > 0);
    let readers = std::thread::spawn(move || {
        let end = |stream: &mut TcpStream| {
            let mut text = Vec::new();
            stream.read_to_end(&mut text).map(|_| String::from_utf8_lossy(&text).into_owned())
        };
        open.iter_mut().map(end).collect::<Result<Vec<String>, _>>()
    });
    let (code, took, log) = server.stop("-TERM");
    let ends = readers.join().unwrap().expect("no stream is cut off");
    println!("{streams} streams open: exit after {took:?}");
    assert_eq!(code, Some(0), "{log}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    for end in &ends {
        let (_, last) = end.rsplit_once("event: end").unwrap_or_else(|| panic!("no end: {end}"));
        assert!(last.contains("shutdown"), "{last}");
        assert!(end.ends_with("0\r\n\r\n"), "the body is incomplete: {last}");
    }
    assert!(!log.contains("aborted"), "{log}");
}

#[test]
fn a_second_signal_ends_the_server_at_once() {
    let _turn = crate::turn();
    let server = Server::with_settings(&["--generate", "5000", "--still"], &[("limits.stall_timeout_ms", "60000")]);
    // More answers than the buffers hold, and never read: this connection does not end by itself.
    let mut stuck = TcpStream::connect(&server.address).unwrap();
    let request = "GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(2_000);
    stuck.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
    let _ = stuck.write_all(request.as_bytes());
    std::thread::sleep(Duration::from_millis(500));
    server.signal("-TERM");
    let began = Instant::now();
    std::thread::sleep(Duration::from_millis(700));
    let (code, took, log) = server.stop("-TERM");
    assert_eq!(code, Some(0));
    assert!(log.contains("aborted by a second signal"), "the server exited before the second signal: {log}");
    assert!(
        took < Duration::from_secs(2),
        "exit {took:?} after the second signal, {:?} after the first",
        began.elapsed()
    );
}

#[test]
fn a_stalled_reader_delays_the_exit_no_longer_than_the_bound() {
    let _turn = crate::turn();
    let server = Server::with_settings(&["--generate", "5000", "--still"], &[("limits.stall_timeout_ms", "60000")]);
    let mut stuck = TcpStream::connect(&server.address).unwrap();
    stuck.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
    let _ = stuck.write_all("GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(2_000).as_bytes());
    std::thread::sleep(Duration::from_millis(500));
    let (code, took, log) = server.stop("-TERM");
    assert_eq!(code, Some(0));
    assert!(log.contains("running requests aborted"), "{log}");
    assert!(took < Duration::from_secs(5), "{took:?}");
}
