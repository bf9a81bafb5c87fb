//! A well-behaved client that sends requests at a fixed rate and measures the latency of their answers.

#![allow(dead_code, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a drill prints its figures")]

use std::{
    io::{BufReader, Write as _},
    net::TcpStream,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// The interval of requests. Latency is measured from the instant at which a request was due, so that waiting behind a slow
/// answer counts, too.
const INTERVAL: Duration = Duration::from_millis(10);

pub(crate) struct Prober {
    stop: Arc<AtomicBool>,
    times: Arc<Mutex<Vec<Duration>>>,
    thread: JoinHandle<()>,
}

/// The latencies of answers, and their number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Latencies {
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) answers: usize,
}

impl Prober {
    /// Starts sending requests.
    pub(crate) fn start(address: &str, path: &str) -> Self {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n");
        let (stop, times) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let thread = std::thread::spawn({
            let (stop, times) = (Arc::clone(&stop), Arc::clone(&times));
            move || {
                let (mut writer, mut reader) = (stream.try_clone().unwrap(), BufReader::new(stream));
                let mut due = Instant::now();
                while !stop.load(Ordering::Relaxed) {
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                    writer.write_all(request.as_bytes()).unwrap();
                    answer(&mut reader);
                    times.lock().unwrap().push(due.elapsed());
                    due += INTERVAL;
                }
            }
        });
        Self { stop, times, thread }
    }

    /// The latencies since the last call.
    pub(crate) fn take(&self) -> Latencies {
        let mut times = std::mem::take(&mut *self.times.lock().unwrap());
        times.sort_unstable();
        let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
        Latencies { p50: at(50), p99: at(99), answers: times.len() }
    }

    /// Waits, and returns the latencies of that time.
    pub(crate) fn during(&self, time: Duration) -> Latencies {
        let _ = self.take();
        std::thread::sleep(time);
        self.take()
    }

    /// Stops the client. Panics if any answer was not 200.
    pub(crate) fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("each answer is 200");
    }
}

/// Reads one answer to its end. Panics if its status is not 200.
fn answer(reader: &mut impl std::io::BufRead) {
    let (mut line, mut length) = (String::new(), 0);
    reader.read_line(&mut line).unwrap();
    assert!(line.starts_with("HTTP/1.1 200"), "{line}");
    while line != "\r\n" {
        line.clear();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
}

/// Asserts that the p99 under attack exceeds the worse p99 of two calm times by no more than the share `slack` and `noise`.
pub(crate) fn assert_unaffected(calm: [Latencies; 2], attacked: Latencies, slack: f64, noise: Duration) {
    let worst = calm[0].p99.max(calm[1].p99);
    println!(
        "p50/p99 of other clients: calm {:?}/{:?} and {:?}/{:?}, under attack {:?}/{:?} ({} answers)",
        calm[0].p50, calm[0].p99, calm[1].p50, calm[1].p99, attacked.p50, attacked.p99, attacked.answers
    );
    assert!(attacked.p99 <= worst.mul_f64(1.0 + slack) + noise, "{attacked:?} against {calm:?}");
}
