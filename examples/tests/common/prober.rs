//! Somebody else: asks the server at a steady pace, whatever others do to it, and says how long answers took.

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

/// Time between two questions. A question is counted from when it was due, so that waiting behind a slow answer counts, too.
const EACH: Duration = Duration::from_millis(10);

pub(crate) struct Prober {
    stop: Arc<AtomicBool>,
    taken: Arc<Mutex<Vec<Duration>>>,
    thread: JoinHandle<()>,
}

/// How long answers took, and how many there were.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Service {
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) answers: usize,
}

impl Prober {
    /// Begins to ask.
    pub(crate) fn start(address: &str, path: &str) -> Self {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n");
        let (stop, taken) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let thread = std::thread::spawn({
            let (stop, taken) = (Arc::clone(&stop), Arc::clone(&taken));
            move || {
                let (mut writer, mut reader) = (stream.try_clone().unwrap(), BufReader::new(stream));
                let mut due = Instant::now();
                while !stop.load(Ordering::Relaxed) {
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                    writer.write_all(request.as_bytes()).unwrap();
                    answer(&mut reader);
                    taken.lock().unwrap().push(due.elapsed());
                    due += EACH;
                }
            }
        });
        Self { stop, taken, thread }
    }

    /// Of the answers since it was last asked.
    pub(crate) fn so_far(&self) -> Service {
        let mut taken = std::mem::take(&mut *self.taken.lock().unwrap());
        taken.sort_unstable();
        let at = |share: usize| taken.get(taken.len() * share / 100).copied().unwrap_or_default();
        Service { p50: at(50), p99: at(99), answers: taken.len() }
    }

    /// Of the answers of the next while.
    pub(crate) fn during(&self, time: Duration) -> Service {
        let _ = self.so_far();
        std::thread::sleep(time);
        self.so_far()
    }

    /// Stops; fails if any answer was not good.
    pub(crate) fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("each answer is 200");
    }
}

/// One good answer, read to its end.
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

/// Whether service is unhurt: the 99th percentile within `slack` of the worse one of two calm times, and `noise` above.
pub(crate) fn unhurt(calm: [Service; 2], hurt: Service, slack: f64, noise: Duration) {
    let worst = calm[0].p99.max(calm[1].p99);
    println!(
        "p50/p99 of others: calm {:?}/{:?} and {:?}/{:?}, meanwhile {:?}/{:?} ({} answers)",
        calm[0].p50, calm[0].p99, calm[1].p50, calm[1].p99, hurt.p50, hurt.p99, hurt.answers
    );
    assert!(hurt.p99 <= worst.mul_f64(1.0 + slack) + noise, "{hurt:?} against {calm:?}");
}
