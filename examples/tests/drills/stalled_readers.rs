//! Clients that send requests and never read: the server closes them in time, at a bounded cost, and without effect on others.
//!
//! With `AXON_DRILL=1` 500 of them and the server's default settings, else a short form. In the drill the p99 of other clients
//! may be 20 % and 2 ms worse: an answer takes less than a millisecond, and a thread may wait for a time slice on a processor
//! that the attackers use, too.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a drill prints its figures")]

use crate::{prober, proxied_stores::is_drill, server, sockets};

use std::{
    io::Write as _,
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use axon_examples::process::Process;
use prober::{Prober, assert_unaffected};
use server::Server;
use socket2::{Domain, Socket, Type};

/// The most bytes that one client may cost the server, in the kernel and in the process.
const MAX_BYTES: u64 = 128 * 1024;
const CAMPAIGN: &str = "/api/v1/dashboard/campaign/123";

struct Size {
    clients: usize,
    calm: Duration,
    settings: &'static [(&'static str, &'static str)],
    /// The bound on the time from the last byte that a client receives to its eviction.
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

/// A client with a small receive window that sends these requests and never reads.
fn client(address: SocketAddr, requests: &str) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    socket.connect(&address.into()).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.write_all(requests.as_bytes()).unwrap();
    stream
}

/// The times of clients that never read, from the start.
struct StallTimes {
    /// When all were connected.
    connected: Duration,
    /// When the kernel's buffers were full: the last growth of the longest.
    full: Duration,
    /// When the last one was evicted.
    evicted: Duration,
}

/// Connects clients that send these requests and never read, and waits until the server has evicted all of them.
fn stall(server: &Server, requests: &str, within: Duration) -> StallTimes {
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
    // Their first requests are ordinary work: the effect of not reading is measured after them.
    let settled = Duration::from_secs(1);
    let mut counted = false;
    let (mut worst, mut full, mut grown, mut most) = (0, connected, 0, 0);
    loop {
        if !counted && began.elapsed() > settled {
            let _ = others.take();
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
        assert!(began.elapsed() < connected + within, "{} clients are still connected", sides.len() - 1);
        std::thread::sleep(Duration::from_millis(100));
    }
    let evicted = began.elapsed();
    let meanwhile = others.take();
    let after = others.during(size.calm);
    others.stop();
    drop(clients);

    let each = grown / size.clients as u64;
    println!(
        "{} clients that never read ({most} at once), connected in {connected:?}, the fullest buffer after {full:?}, the last \
         evicted after {evicted:?}; at most {worst} bytes of one in the kernel, {each} bytes of memory each",
        size.clients
    );
    assert!(counted && most >= size.clients, "not all clients were connected at the same time");
    assert!(worst > 0, "nothing was written to the clients");
    assert!(worst + each <= MAX_BYTES, "{worst} bytes in the kernel, {each} in the process");
    assert_unaffected([before, after], meanwhile, size.slack.0, size.slack.1);
    StallTimes { connected, full, evicted }
}

#[test]
fn unread_downloads_are_evicted_without_effect_on_others() {
    let _turn = crate::turn();
    let size = size();
    let server = Server::with_settings(&["--generate", "20000", "--still"], size.settings);
    // More answers than the buffers hold.
    let requests = "GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(50);
    let times = stall(&server, &requests, size.evicted_within);
    assert!(times.evicted <= times.connected + size.evicted_within);
    assert_eq!(
        server.metric("axon_server_write_stalls_total"),
        size.clients as u64,
        "clients that were evicted because they did not read"
    );
}

#[test]
fn unread_streams_are_evicted_without_effect_on_others() {
    let _turn = crate::turn();
    let size = size();
    let server = Server::with_settings(&["--generate", "20000"], size.settings);
    // About 6 kB per second, so the buffers are full after some seconds. Until then a stalled reader cannot be detected.
    let widgets = "widgets=overview,funnel,comparison,realtime,activities&compare=previous";
    let request = format!("GET {CAMPAIGN}/stream?{widgets} HTTP/1.1\r\nhost: x\r\n\r\n");
    let times = stall(&server, &request, Duration::from_secs(60));
    assert!(
        times.evicted <= times.full + size.evicted_within,
        "full after {:?}, evicted after {:?}",
        times.full,
        times.evicted
    );
    assert_eq!(server.metric("axon_streams"), 0);
    assert_eq!(server.metric("axon_stream_ended_total"), size.clients as u64);
}
