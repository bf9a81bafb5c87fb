//! The server binary in a process of its own.

#![allow(dead_code, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Mutex,
        mpsc::{self, Receiver},
    },
    time::{Duration, Instant},
};

use serde_json::Value;

/// The server's binary, in the folder of the package's examples, which `cargo test -p axon-examples` builds, too. With
/// `--test suite` alone it is the binary of an earlier build. `--all-targets` builds only the unit tests of examples.
pub(crate) fn binary() -> Command {
    let mut path: PathBuf = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    Command::new(path.join("examples/dashboard_server"))
}

pub(crate) struct Server {
    process: Child,
    pub(crate) address: String,
    /// Receives the whole log when the process has ended.
    log: Mutex<Receiver<String>>,
}

impl Server {
    /// Starts the server with all log levels.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::with(binary().env("RUST_LOG", "trace").args(arguments))
    }

    /// Starts the server with settings, pairs of a key of the configuration and its value. It logs warnings and errors.
    pub(crate) fn with_settings(arguments: &[&str], settings: &[(&str, &str)]) -> Self {
        let mut command = binary();
        for (key, value) in settings {
            command.env(format!("AXON_DASHBOARD__{}", key.to_uppercase().replace('.', "__")), value);
        }
        Self::with(command.env("RUST_LOG", "warn").args(arguments))
    }

    /// Starts this command; its last arguments are those of the server.
    pub(crate) fn with(command: &mut Command) -> Self {
        let mut process =
            command.args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut first).unwrap();
        let address = first.split("http://").nth(1).and_then(|rest| rest.split('/').next()).expect(&first).to_owned();
        // The pipe is drained, or the server would block on a full one.
        let mut stderr = process.stderr.take().unwrap();
        let (send, log) = mpsc::channel();
        std::thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            let _ = send.send(text);
        });
        Self { process, address, log: Mutex::new(log) }
    }

    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.address).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    pub(crate) fn json(&self, path: &str) -> Value {
        let (status, body) = self.get(path);
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    /// The sum of a metric over its labels.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let (_, text) = self.get("/metrics");
        let is_it = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']));
        text.lines().filter(is_it).map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Sends a signal without waiting for its effect.
    pub(crate) fn signal(&self, signal: &str) {
        // The shell's built-in `kill`: a minimal image has no such program.
        let sent = Command::new("sh").args(["-c", &format!("kill {signal} {}", self.pid())]).status().unwrap();
        assert!(sent.success());
    }

    /// Sends a signal and waits for the end. Returns the exit code, the time until the end, and the log.
    pub(crate) fn stop(mut self, signal: &str) -> (Option<i32>, Duration, String) {
        let began = Instant::now();
        self.signal(signal);
        let code = self.process.wait().unwrap().code();
        let log = self.log.get_mut().unwrap().recv_timeout(Duration::from_secs(10)).unwrap();
        (code, began.elapsed(), log)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
