//! The server's process: its input, requests to it, and all of its output.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use axon_metrics::testing::server;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

fn binary() -> Command {
    let mut path: PathBuf = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    let mut command = Command::new(path.join("examples/dashboard_server"));
    command.env("RUST_LOG", "trace");
    command
}

/// Whether the server has this setting.
pub(crate) fn has_setting(key: &str) -> bool {
    let printed = binary().arg("--print-config").output().unwrap();
    let settings: toml::Table = String::from_utf8(printed.stdout).unwrap().parse().unwrap();
    let (table, key) = key.split_once('.').unwrap();
    settings.get(table).and_then(|table| table.get(key)).is_some()
}

/// The input of a server at its start: a file of settings, files of secrets, variables of the environment.
#[derive(Debug)]
pub(crate) struct ServerInput {
    folder: tempfile::TempDir,
    settings: toml::Table,
    raw: String,
    variables: Vec<(String, String)>,
}

impl ServerInput {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            settings: toml::Table::new(),
            raw: String::new(),
            variables: vec![],
        }
    }

    /// Adds a setting to the file.
    pub(crate) fn line(&mut self, key: &str, value: &str) {
        let (table, key) = key.split_once('.').unwrap();
        let table = self.settings.entry(table).or_insert_with(|| toml::Table::new().into());
        table.as_table_mut().unwrap().insert(key.to_owned(), value.into());
    }

    /// Adds text to the file as it is.
    pub(crate) fn raw(&mut self, text: &str) {
        self.raw += text;
    }

    /// Writes a value to a file of its own, and the file's path to a setting.
    pub(crate) fn file(&mut self, key: &str, value: &str) {
        let path = self.folder.path().join(key);
        std::fs::write(&path, format!("{value}\n")).unwrap();
        self.line(key, path.to_str().unwrap());
    }

    /// Adds a variable to the environment.
    pub(crate) fn variable(&mut self, key: &str, value: &str) {
        self.variables.push((format!("AXON_DASHBOARD__{}", key.replace('.', "__").to_uppercase()), value.to_owned()));
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = binary();
        if !self.settings.is_empty() || !self.raw.is_empty() {
            let path = self.folder.path().join("dashboard.toml");
            std::fs::write(&path, format!("{}{}", self.settings, self.raw)).unwrap();
            command.arg("--config").arg(path);
        }
        command.args(arguments).envs(self.variables.iter().cloned());
        command
    }
}

/// Runs a command of the server to its end. Returns its output.
pub(crate) fn output_of(input: &ServerInput, arguments: &[&str]) -> String {
    let output = input.command(arguments).output().unwrap();
    format!("{}{}\n", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    address: String,
    first: String,
    log: PathBuf,
    _folder: tempfile::TempDir,
    /// Heads and bodies of all answers.
    pub(crate) answers: String,
    pub(crate) statuses: Vec<u16>,
}

impl Server {
    pub(crate) fn start(input: &ServerInput, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut command = input.command(&[arguments, &["--listen", "127.0.0.1:0"]].concat());
        let mut process = command.stdout(Stdio::piped()).stderr(File::create(&log).unwrap()).spawn().unwrap();
        let mut first = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut first).unwrap();
        let address = first.split("http://").nth(1).and_then(|rest| rest.split('/').next());
        let address = address.unwrap_or_else(|| panic!("{}", std::fs::read_to_string(&log).unwrap())).to_owned();
        Self { process, address, first, log, _folder: folder, answers: String::new(), statuses: Vec::new() }
    }

    /// Requests all paths, with the viewer's secrets in headers and in an unknown parameter.
    pub(crate) fn visit(&mut self, campaign: u32, activity: u32, secret: &str) {
        let api = "/api/v1/dashboard";
        let all = "widgets=overview,funnel,comparison,realtime";
        for _ in 0..2 {
            for path in [
                "/".to_owned(),
                "/livez".to_owned(),
                "/readyz".to_owned(),
                "/metrics".to_owned(),
                "/openapi.json".to_owned(),
                format!("{api}/campaigns"),
                format!("{api}/definitions"),
                format!("{api}/campaign/{campaign}"),
                format!("{api}/campaign/{campaign}?{all},activities&compare=previous&mode=unique&period=30d"),
                format!("{api}/activity/{activity}?{all}"),
                format!("{api}/campaign/999999"),
                format!("{api}/campaign/{campaign}?period=never"),
                format!("{api}/campaign/{campaign}?token={secret}"),
                "/nowhere".to_owned(),
            ] {
                self.ask(&path, secret, Duration::from_secs(20));
            }
        }
        for kind in [format!("campaign/{campaign}"), format!("activity/{activity}")] {
            self.ask(&format!("{api}/{kind}/stream?{all}"), secret, Duration::from_secs(2));
        }
        self.ask("/metrics", secret, Duration::from_secs(20));
    }

    fn ask(&mut self, path: &str, secret: &str, max_wait: Duration) {
        let began = Instant::now();
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let (host, viewer) = (&self.address, format!("authorization: Bearer {secret}\r\ncookie: session={secret}"));
        write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{viewer}\r\n\r\n").unwrap();
        let (mut answer, mut bytes) = (Vec::new(), vec![0; 1 << 16]);
        // A stream does not end by itself.
        while began.elapsed() < max_wait {
            match stream.read(&mut bytes) {
                Ok(0) => break,
                Ok(read) => answer.extend_from_slice(&bytes[..read]),
                Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                }
                Err(_) => break,
            }
        }
        let answer = String::from_utf8_lossy(&answer);
        self.statuses.extend(answer.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok()));
        self.answers.push_str(&answer);
        self.answers.push('\n');
    }

    /// Stops the server by a signal. Returns all of its output.
    pub(crate) fn end(mut self) -> String {
        let status = Command::new("kill").arg(self.process.id().to_string()).status();
        assert!(status.is_ok_and(|status| status.success()));
        let began = Instant::now();
        while self.process.try_wait().unwrap().is_none() && began.elapsed() < Duration::from_secs(15) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let mut output = std::mem::take(&mut self.first);
        self.process.stdout.take().unwrap().read_to_string(&mut output).unwrap();
        output += &std::fs::read_to_string(&self.log).unwrap();
        output + &self.answers
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A server that refuses every request with a body that repeats the request.
pub(crate) async fn echo_of_refusals() -> SocketAddr {
    server::start(|mut client| async move {
        let mut request = vec![0; 1 << 16];
        while let Ok(read @ 1..) = client.read(&mut request).await {
            let text = String::from_utf8_lossy(&request[..read]).into_owned();
            let cause = serde_json::json!({"type": "security_exception", "reason": text});
            let body = serde_json::json!({"error": {"type": "security_exception", "reason": text,
                "root_cause": [cause]}, "status": 401});
            let body = body.to_string();
            let head = format!(
                "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic realm=\"x\"\r\n\
                 content-type: application/json\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            if client.write_all((head + &body).as_bytes()).await.is_err() {
                return;
            }
        }
    })
    .await
}
