//! Writing the generator's events to the indices of a layout.
//! The generator passes one event at a time. A full batch goes to a task that sends it while the next one is filled. A few
//! batches at most are in memory.

use std::io;

use elasticsearch::Elasticsearch;
use tokio::{sync::mpsc, task::JoinHandle};

use super::{Bulk, Indices, Layout, StoreError, WriteCounts, call, refresh};
use crate::generator::{Catalog, Config, Entry, Event, MessageWriter, Purchase, Sink, Slot, TimeFormat, Topic};

/// The size of a batch in bytes.
const BATCH: usize = 5 << 20;

/// A sink that writes the generator's events to the indices of a layout and ignores other records. Documents have the ids of
/// the platform's sink, so that one that is delivered twice is stored once.
///
/// It blocks while the server is busy, so the generator must run on a thread that may block (`spawn_blocking`).
#[derive(Debug)]
pub struct EventLoader {
    indices: Indices,
    behavior: MessageWriter,
    commerce: MessageWriter,
    batch: Bulk,
    id: String,
    batches: mpsc::Sender<Bulk>,
    writing: JoinHandle<Result<WriteCounts, StoreError>>,
}

impl EventLoader {
    /// Starts writing into existing indices ([`create`](super::create)). Events have the configuration's formats, except for
    /// their times, whose format is the layout's. `progress` receives the number of documents sent so far.
    pub fn start(
        client: &Elasticsearch,
        layout: Layout,
        indices: &Indices,
        config: &Config,
        progress: impl FnMut(u64) + Send + 'static,
    ) -> Self {
        let writer = |time_format| MessageWriter::new(&Config { time_format, ..config.clone() });
        let (batches, full) = mpsc::channel(2);
        let writing = tokio::spawn(write(client.clone(), layout, indices.clone(), full, progress));
        Self {
            indices: indices.clone(),
            behavior: writer(layout.behavior_time()),
            commerce: writer(TimeFormat::Scientific),
            batch: Bulk::default(),
            id: String::new(),
            batches,
            writing,
        }
    }

    /// Waits until all documents are written and visible.
    /// # Errors
    /// The first refusal of the server.
    pub async fn finish(mut self) -> Result<WriteCounts, StoreError> {
        let last = std::mem::take(&mut self.batch);
        // If the task has ended, its result below has the reason.
        let _ = self.batches.send(last).await;
        drop(self.batches);
        self.writing.await.unwrap_or(Err(StoreError::BrokeOff))
    }
}

/// Sends batches until the channel closes.
async fn write(
    client: Elasticsearch,
    layout: Layout,
    indices: Indices,
    mut full: mpsc::Receiver<Bulk>,
    mut progress: impl FnMut(u64),
) -> Result<WriteCounts, StoreError> {
    interval(&client, &indices, "-1").await?;
    let (mut sent, mut written) = (0, WriteCounts::default());
    let expected = |index: &str, kind: &str| index == indices.behavior && rejects(layout, kind);
    while let Some(batch) = full.recv().await {
        sent += batch.documents();
        let more = batch.send(&client, expected).await?;
        written.taken += more.taken;
        written.rejected += more.rejected;
        progress(sent);
    }
    interval(&client, &indices, "1s").await?;
    refresh(&client, indices.names()).await?;
    Ok(written)
}

/// Whether the behaviour index of a layout refuses documents with this type of error. The template's strict `properties` have
/// no fields of a login; while the pipeline writes seconds, the template refuses every document.
fn rejects(layout: Layout, kind: &str) -> bool {
    match layout {
        Layout::Dec2025 | Layout::Plan => false,
        Layout::Aug2026 => kind == "strict_dynamic_mapping_exception",
        Layout::Rejected => {
            ["strict_dynamic_mapping_exception", "document_parsing_exception", "mapper_parsing_exception"]
                .contains(&kind)
        }
    }
}

/// Sets how often new documents become visible.
async fn interval(client: &Elasticsearch, indices: &Indices, interval: &str) -> Result<(), StoreError> {
    for name in indices.names() {
        let body = serde_json::json!({"index": {"refresh_interval": interval}}).to_string();
        call(client, elasticsearch::http::Method::Put, &format!("/{name}/_settings"), body, &[200]).await?;
    }
    Ok(())
}

impl Sink for EventLoader {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        use std::fmt::Write as _;
        self.id.clear();
        let _ = write!(self.id, "{}", event.document);
        let writer = match event.document.topic {
            Topic::Behavior => &mut self.behavior,
            Topic::Commerce => &mut self.commerce,
        };
        self.batch.document(self.indices.of(event), Some(&self.id), |out| writer.message(out, event));
        if self.batch.bytes() < BATCH {
            return Ok(());
        }
        let full = std::mem::take(&mut self.batch);
        self.batches.blocking_send(full).map_err(|_| io::Error::other(StoreError::BrokeOff))
    }

    fn catalog(&mut self, _: &Catalog) -> io::Result<()> {
        Ok(())
    }

    fn entry(&mut self, _: &Entry) -> io::Result<()> {
        Ok(())
    }

    fn purchase(&mut self, _: &Purchase) -> io::Result<()> {
        Ok(())
    }

    fn realtime(&mut self, _: &[Slot]) -> io::Result<()> {
        Ok(())
    }
}
