//! The commands that a server receives, by its `MONITOR`.

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

use super::Data;

/// The commands since the creation of this value, line by line.
pub(crate) struct Monitor(BufReader<TcpStream>);

impl Monitor {
    pub(crate) async fn start(data: &Data) -> Self {
        let mut monitor = BufReader::new(TcpStream::connect(data.server()).await.unwrap());
        monitor.write_all(b"MONITOR\r\n").await.unwrap();
        let mut ok = String::new();
        monitor.read_line(&mut ok).await.unwrap();
        assert_eq!(ok, "+OK\r\n");
        Self(monitor)
    }

    /// All commands so far on the connections that used the test's keys. `word` marks the end, so no other test may use
    /// it.
    pub(crate) async fn own_lines(mut self, data: &mut Data, word: &str) -> Vec<String> {
        data.run(&["ECHO", word]).await;
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).await.unwrap();
            if line.contains(word) && line.contains("ECHO") {
                break;
            }
            lines.push(line);
        }
        let address =
            |line: &str| line.split(']').next().and_then(|head| head.split_whitespace().last()).map(str::to_owned);
        let own: Vec<_> =
            lines.iter().filter(|line| line.contains(&data.prefix)).filter_map(|line| address(line)).collect();
        assert!(own.len() >= 8, "{lines:?}");
        lines.retain(|line| address(line).is_some_and(|address| own.contains(&address)));
        lines
    }
}
