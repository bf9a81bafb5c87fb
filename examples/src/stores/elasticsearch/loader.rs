//! The generator's events, on their way into the indices of a layout.
//! The generator hands over one event after the other; full batches go to a task that writes them, so that the next one is
//! made meanwhile. At most a few batches are in memory.

use std::io;

use elasticsearch::Elasticsearch;
use tokio::{sync::mpsc, task::JoinHandle};

use super::{Bulk, Indices, Layout, StoreError, WriteCounts, call, refresh};
use crate::generator::{Catalog, Config, Entry, Event, MessageWriter, Purchase, Sink, Slot, TimeFormat, Topic};

/// Bytes of a batch.
const BATCH: usize = 5 << 20;

/// Takes the generator's events and writes them to the indices of a layout; other records are let pass. Documents have the ids
/// that the platform's sink would give them, so that one that is delivered twice is one.
///
/// It waits while the server is busy, so the generator must run on a thread that may block (`spawn_blocking`).
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
    /// Starts writing into indices that are there ([`create`](super::create)). Events are spelt as the configuration says but
    /// for their times, which are the layout's. `progress` is told how many documents were sent so far.
    pub fn start(
        client: &Elasticsearch,
        layout: Layout,
        indices: &Indices,
        config: &Config,
        progress: impl FnMut(u64) + Send + 'static,
    ) -> Self {
        let spelt = |time_format| MessageWriter::new(&Config { time_format, ..config.clone() });
        let (batches, full) = mpsc::channel(2);
        let writing = tokio::spawn(write(client.clone(), layout, indices.clone(), full, progress));
        Self {
            indices: indices.clone(),
            behavior: spelt(layout.behavior_time()),
            commerce: spelt(TimeFormat::Scientific),
            batch: Bulk::default(),
            id: String::new(),
            batches,
            writing,
        }
    }

    /// Waits until everything is written and visible.
    /// # Errors
    /// The first that the server said.
    pub async fn finish(mut self) -> Result<WriteCounts, StoreError> {
        let last = std::mem::take(&mut self.batch);
        // A task that is gone says why below.
        let _ = self.batches.send(last).await;
        drop(self.batches);
        self.writing.await.unwrap_or(Err(StoreError::BrokeOff))
    }
}

/// Writes batches until there are no more.
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

/// Whether the behaviour index of a layout refuses documents in this way. The template's strict `properties` do not know what
/// a login says; without the repair of the times it knows no document at all.
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
        let spelt = match event.document.topic {
            Topic::Behavior => &mut self.behavior,
            Topic::Commerce => &mut self.commerce,
        };
        self.batch.document(self.indices.of(event), Some(&self.id), |out| spelt.message(out, event));
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
