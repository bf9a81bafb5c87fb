//! Viewers who ask and never read: given up in time, at a bounded cost, and without hurting others.
//!
//! With `AXON_DRILL=1` 500 of them and the server's own settings, else a short form. Others' p99 may be 20 % and 2 ms
//! worse in the drill: an answer takes less than a millisecond, and a thread that wakes on a processor which the attackers
//! use, too, may wait for a time slice.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a drill prints its figures")]

use crate::{far::is_drill, prober, server, sockets};

use std::{
    io::Write as _,
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use axon_examples::process::Process;
use prober::{Prober, unhurt};
use server::Server;
use socket2::{Domain, Socket, Type};

/// What one of them may cost on the server's side.
const MOST: u64 = 128 * 1024;
const CAMPAIGN: &str = "/api/v1/dashboard/campaign/123";

struct Size {
    clients: usize,
    calm: Duration,
    settings: &'static [(&'static str, &'static str)],
    /// From the last byte that a client took to its end.
    evicted_within: Duration,
    slack: (f64, Duration),
}

fn size() -> Size {
    if is_drill() {
        Size {
            clients: 500,
            calm: Duration::from_secs(20),
            settings: &[],
            evicted_within: Duration::from_secs(15),
            slack: (0.2, Duration::from_millis(2)),
        }
    } else {
        Size {
            clients: 100,
            calm: Duration::from_secs(2),
            settings: &[("limits.stall_timeout_ms", "1500"), ("limits.send_buffer_bytes", "8192")],
            evicted_within: Duration::from_secs(12),
            slack: (2.0, Duration::from_millis(500)),
        }
    }
}

/// A client with a small window, which sends these requests and never reads.
fn client(address: SocketAddr, requests: &str) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    socket.connect(&address.into()).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.write_all(requests.as_bytes()).unwrap();
    stream
}

/// What became of clients who never read.
struct StallTimes {
    /// Time until all were connected.
    connected: Duration,
    /// When the kernel's buffers were full: the longest had grown for the last time.
    full: Duration,
    /// When the last one was gone.
    gone: Duration,
}

/// Lets clients come who ask this and never read, and looks until the server has given up all of them.
fn never_read(server: &Server, requests: &str, within: Duration) -> StallTimes {
    let size = size();
    let address: SocketAddr = server.address.parse().unwrap();
    let others = Prober::start(&server.address, CAMPAIGN);
    let before = others.during(size.calm);
    let process = Process::of(server.pid());
    let resident = || process.resident().unwrap();
    let empty = resident();
    let began = Instant::now();
    let clients: Vec<TcpStream> = (0..size.clients).map(|_| client(address, requests)).collect();
    let connected = began.elapsed();
    // Their first requests are work as any other's; that they are not read is what is looked at.
    let settled = Duration::from_secs(1);
    let mut counted = false;
    let (mut worst, mut full, mut grown, mut most) = (0, connected, 0, 0);
    loop {
        if !counted && began.elapsed() > settled {
            let _ = others.so_far();
            counted = true;
        }
        let sides = sockets::of(&server.address);
        most = most.max(sides.len() - 1);
        let longest = sides.iter().map(|side| side.unsent).max().unwrap_or_default();
        if longest > worst {
            (worst, full) = (longest, began.elapsed());
        }
        grown = grown.max(resident().saturating_sub(empty));
        if sides.len() == 1 {
            break;
        }
        assert!(began.elapsed() < connected + within, "{} are still there", sides.len() - 1);
        std::thread::sleep(Duration::from_millis(100));
    }
    let gone = began.elapsed();
    let meanwhile = others.so_far();
    let after = others.during(size.calm);
    others.stop();
    drop(clients);

    let each = grown / size.clients as u64;
    println!(
        "{} clients who never read ({most} seen at once), connected in {connected:?}, the fullest buffer after {full:?}, the last \
         given up after {gone:?}; at most {worst} bytes of one in the kernel, {each} bytes of memory each",
        size.clients
    );
    assert!(counted && most >= size.clients, "all were there at the same time");
    assert!(worst > 0, "they were written to");
    assert!(worst + each <= MOST, "{worst} bytes in the kernel, {each} in the process");
    unhurt([before, after], meanwhile, size.slack.0, size.slack.1);
    StallTimes { connected, full, gone }
}

#[test]
fn downloads_that_are_never_read_are_given_up_and_nobody_else_notices() {
    let _turn = crate::turn();
    let size = size();
    let server = Server::with_settings(&["--generate", "20000", "--still"], size.settings);
    // So many answers that no buffer holds them.
    let requests = "GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(50);
    let seen = never_read(&server, &requests, size.evicted_within);
    assert!(seen.gone <= seen.connected + size.evicted_within);
    assert_eq!(
        server.metric("axon_server_write_stalls_total"),
        size.clients as u64,
        "each was given up for that reason"
    );
}

#[test]
fn streams_that_are_never_read_are_given_up_and_nobody_else_notices() {
    let _turn = crate::turn();
    let size = size();
    let server = Server::with_settings(&["--generate", "20000"], size.settings);
    // Some 6 kB each second, so the buffers are full after some seconds. Until then nobody can know that it is not read.
    let widgets = "widgets=overview,funnel,comparison,realtime,activities&compare=previous";
    let request = format!("GET {CAMPAIGN}/stream?{widgets} HTTP/1.1\r\nhost: x\r\n\r\n");
    let seen = never_read(&server, &request, Duration::from_secs(60));
    assert!(seen.gone <= seen.full + size.evicted_within, "full after {:?}, gone after {:?}", seen.full, seen.gone);
    assert_eq!(server.metric("axon_streams"), 0);
    assert_eq!(server.metric("axon_stream_ended_total"), size.clients as u64);
}
