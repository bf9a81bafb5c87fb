//! One run of the generator into several stores at the same time. The generator is synchronous and the stores are
//! asynchronous: it runs on a thread of its own, and blocks while a store is slower.
//! Lives here: which store gets which record. Lives elsewhere: the layout and the writing of a store (a module per store), the
//! existing contents of the stores (`contents`).

use std::{fmt, io, sync::Arc};

use ::elasticsearch::Elasticsearch;
use ::redis::RedisError;
use tokio::sync::mpsc;

use super::{
    Layout,
    elasticsearch::{EventLoader, Indices, StoreError, WriteCounts},
    redis::{Keys, Loader},
    sql::{Clocks, EntryRow, InsertCounts, PurchaseRow, SqlStore},
};
use crate::generator::{Catalog, Entry, Event, ExpectedTotals, Plan, Purchase, Sink, Slot};

/// The number of rows in one batch for the database.
const ROWS: usize = 2_000;
/// The most batches of rows that wait for the database.
const MAX_WAITING: usize = 4;

/// A filter of events: true of those that are stored.
pub type Keep = Arc<dyn Fn(&Event) -> bool + Send + Sync>;

/// The stores that are loaded. A store that is `None` is left out.
#[derive(Clone, Default)]
pub struct Targets {
    /// Elasticsearch, and the names of its indices.
    pub elasticsearch: Option<(Elasticsearch, Indices)>,
    /// MySQL or MariaDB.
    pub sql: Option<SqlTarget>,
    /// Redis, and the names of its keys.
    pub redis: Option<(::redis::Client, Keys)>,
    /// The filter of events; `None` for all events.
    pub keep: Option<Keep>,
}

impl fmt::Debug for Targets {
    /// Without clients, which may name users and passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Targets").field("sql", &self.sql).finish_non_exhaustive()
    }
}

/// A database of MySQL or MariaDB.
#[derive(Clone)]
pub struct SqlTarget {
    /// The URL of the server. It may hold a user and a password.
    pub url: String,
    /// The name of the database.
    pub database: String,
    /// The time zones of its local times.
    pub clocks: Clocks,
}

impl fmt::Debug for SqlTarget {
    /// Without the address, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlTarget").field("database", &self.database).finish_non_exhaustive()
    }
}

/// A kind of store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Store {
    /// Elasticsearch; its progress is the number of documents sent.
    Elasticsearch,
    /// MySQL or MariaDB; its progress is the number of rows.
    Sql,
    /// Redis; its progress is the number of activities.
    Redis,
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Elasticsearch => "Elasticsearch",
            Self::Sql => "MySQL",
            Self::Redis => "Redis",
        })
    }
}

/// Receives how much a store has stored so far.
pub type Progress = Arc<dyn Fn(Store, u64) + Send + Sync>;

/// The result of a load.
#[derive(Debug)]
#[non_exhaustive]
pub struct LoadSummary {
    /// The totals that a dashboard must show. Documents that a store of the layout refuses are counted, too.
    pub expected: ExpectedTotals,
    /// Documents of Elasticsearch.
    pub documents: Option<WriteCounts>,
    /// Entries and purchases.
    pub rows: Option<InsertCounts>,
    /// Activities with a counter or members.
    pub activities: Option<usize>,
}

/// Why stores could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// Elasticsearch failed.
    #[error(transparent)]
    Elasticsearch(#[from] StoreError),
    /// The database failed.
    #[error("MySQL: {0}")]
    Sql(#[from] sqlx::Error),
    /// Redis failed.
    #[error("Redis: {0}")]
    Redis(#[from] RedisError),
    /// The generator stopped.
    #[error("the generator stopped")]
    Generator(#[source] io::Error),
}

impl Targets {
    /// Creates the stores of a layout, replacing their existing contents, and fills them with the records of a plan. The plan
    /// needs `export`, since documents have ids.
    ///
    /// Forged purchases are stored only where `keep` wants them: no figure is whole beside them. In a layout without an index for
    /// purchases they could not be distinguished from real ones, and are left out.
    /// # Errors
    /// The first store that fails. The others stay as they are at that moment.
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn load(&self, plan: Plan, layout: Layout, progress: Progress) -> Result<LoadSummary, LoadError> {
        let catalog = plan.catalog().clone();
        // Refused connections, indices and tables fail the load before the first record is generated.
        let mut redis = match &self.redis {
            Some((client, keys)) => Some(Loader::connect(client, keys.clone()).await?),
            None => None,
        };
        let events = self.start_events(&plan, layout, &progress).await?;
        let (rows, inserting) = self.start_rows(&catalog, layout, &progress).await?;

        let forged = layout.has_commerce_index();
        let keep = self.keep.clone();
        let mut sender = Sender { forged, keep, events, rows, waiting: Rows::default(), slots: Vec::new() };
        let generating = tokio::task::spawn_blocking(move || (plan.generate(&mut sender, |_| {}), sender));
        let (expected, sender) = generating.await.map_err(|broken| LoadError::Generator(io::Error::other(broken)))?;
        let Sender { events, rows, slots, .. } = sender;
        drop(rows);
        // A store that failed has stopped the generator, so its error is returned before the generator's.
        let rows = match inserting {
            Some(inserting) => Some(inserting.await.map_err(|broken| LoadError::Generator(io::Error::other(broken)))??),
            None => None,
        };
        let documents = match events {
            Some(events) => Some(events.finish().await?),
            None => None,
        };
        let expected = expected.map_err(LoadError::Generator)?;
        if let Some(redis) = &mut redis {
            redis.delete(&catalog).await?;
            redis.load(&catalog, &slots, |done| progress(Store::Redis, as_u64(done))).await?;
        }
        Ok(LoadSummary { expected, documents, rows, activities: redis.map(|_| slots.len()) })
    }

    async fn start_events(
        &self,
        plan: &Plan,
        layout: Layout,
        progress: &Progress,
    ) -> Result<Option<EventLoader>, LoadError> {
        let Some((client, indices)) = &self.elasticsearch else { return Ok(None) };
        super::elasticsearch::create(client, layout, indices).await?;
        let progress = progress.clone();
        let report = move |documents| progress(Store::Elasticsearch, documents);
        Ok(Some(EventLoader::start(client, layout, indices, plan.config(), report)))
    }

    async fn start_rows(
        &self,
        catalog: &Catalog,
        layout: Layout,
        progress: &Progress,
    ) -> Result<(Option<mpsc::Sender<Rows>>, Option<InsertTask>), LoadError> {
        let Some(SqlTarget { url, database, clocks }) = &self.sql else { return Ok((None, None)) };
        let store = SqlStore::create(url, database, layout, *clocks).await?;
        store.insert_catalog(catalog).await?;
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        let inserting = tokio::spawn(insert(store, receiver, progress.clone()));
        Ok((Some(sender), Some(inserting)))
    }
}

type InsertTask = tokio::task::JoinHandle<Result<InsertCounts, sqlx::Error>>;

/// Inserts rows until the channel closes.
async fn insert(
    store: SqlStore,
    mut batches: mpsc::Receiver<Rows>,
    progress: Progress,
) -> Result<InsertCounts, sqlx::Error> {
    let mut all = InsertCounts::default();
    while let Some(batch) = batches.recv().await {
        let entries = store.insert_entries(batch.entries).await?;
        let purchases = store.insert_purchases(batch.purchases).await?;
        all.rows += entries.rows + purchases.rows;
        all.left_out += entries.left_out + purchases.left_out;
        progress(Store::Sql, all.rows);
    }
    store.analyze().await?;
    Ok(all)
}

/// A batch of rows of the ledger.
#[derive(Debug, Default)]
struct Rows {
    entries: Vec<EntryRow>,
    purchases: Vec<PurchaseRow>,
}

/// The sink of the generator. It blocks while a store is busy.
struct Sender {
    /// Whether the layout can have forged purchases.
    forged: bool,
    keep: Option<Keep>,
    events: Option<EventLoader>,
    rows: Option<mpsc::Sender<Rows>>,
    waiting: Rows,
    slots: Vec<Slot>,
}

impl Sender {
    fn send_rows(&mut self, least: usize) -> io::Result<()> {
        let Some(rows) = &self.rows else { return Ok(()) };
        if self.waiting.entries.len() + self.waiting.purchases.len() < least {
            return Ok(());
        }
        let batch = std::mem::take(&mut self.waiting);
        rows.blocking_send(batch)
            .map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "the task that inserts rows ended before its input"))
    }
}

impl Sink for Sender {
    /// Does nothing: the catalog is inserted before the generator starts.
    fn catalog(&mut self, _: &Catalog) -> io::Result<()> {
        Ok(())
    }

    fn event(&mut self, event: &Event) -> io::Result<()> {
        let wanted = self
            .keep
            .as_ref()
            .map_or_else(|| !event.is_forged(), |keep| keep(event) && (self.forged || !event.is_forged()));
        match &mut self.events {
            Some(events) if wanted => events.event(event),
            _ => Ok(()),
        }
    }

    fn entry(&mut self, entry: &Entry) -> io::Result<()> {
        if self.rows.is_some() {
            self.waiting.entries.push(entry.into());
        }
        self.send_rows(ROWS)
    }

    fn purchase(&mut self, purchase: &Purchase) -> io::Result<()> {
        if self.rows.is_some() {
            self.waiting.purchases.push(purchase.into());
        }
        self.send_rows(ROWS)
    }

    fn realtime(&mut self, slots: &[Slot]) -> io::Result<()> {
        self.slots = slots.to_vec();
        self.send_rows(1)
    }
}

fn as_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
