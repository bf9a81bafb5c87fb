//! What a server is asked, as it says itself.

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

use super::Data;

/// What the server is asked, line by line, from when this was made.
pub(crate) struct Monitor(BufReader<TcpStream>);

impl Monitor {
    pub(crate) async fn of(data: &Data) -> Self {
        let mut monitor = BufReader::new(TcpStream::connect(data.server()).await.unwrap());
        monitor.write_all(b"MONITOR\r\n").await.unwrap();
        let mut ok = String::new();
        monitor.read_line(&mut ok).await.unwrap();
        assert_eq!(ok, "+OK\r\n");
        Self(monitor)
    }

    /// All that came until now over connections which asked for the test's keys. `word` is said to mark the end, and by
    /// nobody else.
    pub(crate) async fn ours(mut self, data: &mut Data, word: &str) -> Vec<String> {
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
        let ours: Vec<_> =
            lines.iter().filter(|line| line.contains(&data.prefix)).filter_map(|line| address(line)).collect();
        assert!(ours.len() >= 8, "{lines:?}");
        lines.retain(|line| address(line).is_some_and(|address| ours.contains(&address)));
        lines
    }
}
