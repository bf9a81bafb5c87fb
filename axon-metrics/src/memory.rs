//! The embedded default store. It loads event messages, a catalog, a ledger and slots from files, accepts new records
//! while it is read, and counts exactly.
//! Lives here: the public interface of the store, and its implementation of the source traits. Lives in the modules
//! below: one idea each.
//!
//! Readers never wait: a question loads one immutable snapshot, and is answered from it alone. Writers are serialized
//! by a lock; each replaces the snapshot.

use std::{
    fmt,
    io::Read,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use async_trait::async_trait;

use crate::{
    Catalog, Timestamp,
    source::{BehaviorFacts, LedgerFacts, RealtimeFacts},
    source::{
        BehaviorQuestion, BehaviorSource, CatalogSource, LedgerQuestion, LedgerSource, Probe, RealtimeQuestion,
        RealtimeSource, SourceError,
    },
};

mod behavior;
mod blocks;
mod coverage;
mod definition;
mod document;
mod events;
mod files;
mod form;
mod framing;
mod input;
mod ledger;
mod limits;
mod load_report;
mod loader;
mod parse;
mod realtime;
mod record_rules;
mod records;
mod records_to_lines;
mod sales;
mod slots;
mod snapshot;
mod store_losses;
mod subjects;
mod time_log;
mod unpack;
mod writer;

pub use files::{Files, LoadError, Progress};
pub use limits::{MAX_DOCUMENT, MAX_LINE, MAX_TEXT};
pub use load_report::{EventReport, Fault, LISTED, LedgerReport, LoadReport, Rejection, Rejections, TRIGGER_TYPES};
pub use records::{Entry, Event, Purchase, Slot, SlotChange};

use definition::Definitions;
use events::PendingEvents;
use parse::event_line::EventReader;
use snapshot::Snapshot;
use writer::Writer;

/// The embedded store: all sources of the dashboard, in this process. Clones share one store.
///
/// The records of one call take effect together: a reader sees all of them or none. Times are stored in microseconds.
/// Users and sessions are in no answer, error or debug output.
/// ```
/// use axon_metrics::{Dashboard, DashboardRequest, Files, MemoryStore};
/// # tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
/// let catalog = br#"{"currency":"KRW","campaigns":[{"id":123,"name":"Spring","activities":[
///     {"id":77,"name":"Chair","type":"FIRST_COME_FIRST_SERVE","limitCount":100}]}]}"#;
/// let events = br#"{"triggerType":"PAGE_VIEW","occurredAt":1.731407100E9,"userId":5012,"properties":{"activityId":77}}"#;
/// let store = MemoryStore::load(Files::new().events_from("events", &events[..]).catalog_from("catalog", &catalog[..]))?;
///
/// let dashboard = Dashboard::builder()
///     .memory(store)
///     .build();
/// let now = "2024-11-12T10:30:00Z".parse()?;
/// let answer = dashboard.answer(&DashboardRequest::campaign(123), now).await?;
/// assert_eq!(answer.data.overview.and_then(|overview| overview.totals.total_visits), Some(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).expect("an answer");
/// ```
#[derive(Clone)]
pub struct MemoryStore {
    inner: Arc<Inner>,
}

struct Inner {
    snapshot: ArcSwap<Snapshot>,
    writer: Mutex<Writer>,
    reader: EventReader,
    definitions: Definitions,
}

impl MemoryStore {
    /// A store with the contents of the files. Reads one file after the other, and parses on several threads. Blocks
    /// until done. Invalid lines are counted in the [`report`](Self::report).
    /// # Errors
    /// [`LoadError`] if a file cannot be read, or the catalog or realtime file is invalid. [`LoadError::Unreadable`] if a
    /// file has another form than those that are read, or more than half of its records are rejected.
    pub fn load(files: Files) -> Result<Self, LoadError> {
        let definitions = Definitions::of(&files);
        let (writer, reader) = loader::load(files)?;
        Ok(Self::with(writer, reader, definitions))
    }

    /// A store with a catalog and no records. Slots are derived from `APPROVED` events until slots are added. Lines are
    /// read with the defaults of [`Files::new`]. For another zone, [`load`](Self::load) `Files` without a file, and set
    /// the catalog.
    pub fn new(catalog: Catalog) -> Self {
        let Files { zone, rules, purchase_indices, pages, .. } = Files::new();
        let rules = Arc::new(rules);
        let mut writer = Writer::new(Arc::clone(&rules));
        writer.snapshot.catalog = Arc::new(catalog);
        Self::with(writer, EventReader::new(zone, rules, purchase_indices, pages), Definitions::default())
    }

    fn with(writer: Writer, reader: EventReader, definitions: Definitions) -> Self {
        let snapshot = ArcSwap::from_pointee(writer.snapshot.clone());
        Self { inner: Arc::new(Inner { snapshot, writer: Mutex::new(writer), reader, definitions }) }
    }

    /// Adds events. Refuses an event that would exceed 65,535 kinds of events (trigger type with definition) or 100,000
    /// activities, or has a trigger type longer than [`MAX_TEXT`]. Returns the number of refused events, which
    /// the report counts, too. A session longer than [`MAX_TEXT`] costs only the event's subject.
    pub fn append_events(&self, events: impl IntoIterator<Item = Event>) -> usize {
        let events: Vec<Event> = events.into_iter().collect();
        self.write(|writer| writer.append_events(events))
    }

    /// Adds entries. An entry replaces the one with the same id. None is refused.
    pub fn append_entries(&self, entries: impl IntoIterator<Item = Entry>) {
        let entries: Vec<Entry> = entries.into_iter().collect();
        self.write(|writer| writer.append_entries(entries));
    }

    /// Adds purchases. A purchase replaces the one with the same id. Those with a negative price and a negative quantity
    /// are refused, and counted in the report; they replace, too. Returns their number.
    pub fn append_purchases(&self, purchases: impl IntoIterator<Item = Purchase>) -> usize {
        let purchases: Vec<Purchase> = purchases.into_iter().collect();
        self.write(|writer| writer.append_purchases(purchases))
    }

    /// Applies changes of slots, to counter and members together. A store without a realtime file stops deriving slots
    /// from events with the first change: from then on an activity without changes has no known slots.
    pub fn append_slots(&self, slots: impl IntoIterator<Item = Slot>) {
        let slots: Vec<Slot> = slots.into_iter().collect();
        self.write(|writer| writer.append_slots(&slots));
    }

    /// Adds events in the format of an event file, plain, gzip or zstd. The report names them `name`. Lines take effect in
    /// blocks of about 256 KiB, so a long stream is visible while it is read. Returns the number of refused lines, which
    /// may be all.
    /// # Errors
    /// [`LoadError`] if reading fails. The blocks read before that stay in the store.
    pub fn append_lines(
        &self,
        name: impl Into<Arc<str>>,
        reader: impl Read + Send + 'static,
    ) -> Result<usize, LoadError> {
        let mut refused = 0;
        let input = files::Input::reader(name, reader);
        let parse = |bytes: &[u8]| loader::event_lines(&self.inner.reader, bytes);
        loader::lines(input, None, &mut None, parse, |file, first_line, block| {
            self.write(|writer| {
                let mut pending = PendingEvents::default();
                refused += writer.take_events(file, first_line, block, &mut pending);
                writer.commit_events(pending);
            });
        })?;
        Ok(refused)
    }

    /// Replaces the catalog. A [`Dashboard`](crate::Dashboard) caches the catalog for some seconds.
    pub fn set_catalog(&self, catalog: Catalog) {
        let catalog = Arc::new(catalog);
        self.write(|writer| writer.snapshot.catalog = catalog);
    }

    /// The numbers of accepted and refused records since the store was created. Events at or after `now` are in
    /// the future.
    pub fn report(&self, now: Timestamp) -> LoadReport {
        self.inner.writer.lock().unwrap_or_else(PoisonError::into_inner).report(now)
    }

    /// The approximate memory of records and dictionaries, in bytes.
    #[doc(hidden)]
    pub fn memory_bytes(&self) -> usize {
        self.inner.writer.lock().unwrap_or_else(PoisonError::into_inner).bytes()
    }

    fn write<T>(&self, change: impl FnOnce(&mut Writer) -> T) -> T {
        let mut writer = self.inner.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut writer);
        self.inner.snapshot.store(Arc::new(writer.snapshot.clone()));
        result
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        self.inner.snapshot.load_full()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

#[async_trait]
impl CatalogSource for MemoryStore {
    fn name(&self) -> &'static str {
        Snapshot::SOURCE_NAME
    }

    fn definition(&self) -> String {
        self.inner.definitions.catalog.clone()
    }

    async fn catalog(&self, _: Duration) -> Result<Catalog, SourceError> {
        Ok(Catalog::clone(&self.snapshot().catalog))
    }

    async fn probe(&self, _: Timestamp, _: Duration) -> Result<Probe, SourceError> {
        let campaigns = self.snapshot().catalog.campaigns().len().to_string();
        let zone = self.inner.reader.zone().name();
        Ok(Probe::default().with_findings([("campaigns", &*campaigns), ("localTimesReadIn", zone)]))
    }
}

#[async_trait]
impl BehaviorSource for MemoryStore {
    fn name(&self) -> &'static str {
        Snapshot::SOURCE_NAME
    }

    fn definition(&self) -> String {
        self.inner.definitions.behavior.clone()
    }

    async fn behavior(&self, question: &BehaviorQuestion) -> Result<BehaviorFacts, SourceError> {
        Ok(behavior::answer(&self.snapshot(), question))
    }

    async fn probe(&self, as_of: Timestamp, _: Duration) -> Result<Probe, SourceError> {
        let snapshot = self.snapshot();
        let count = snapshot.events.count(time_log::Span::ALL);
        let newest = snapshot.events.newest(time_log::Span::before(as_of)).map(time_log::instant);
        let probe = Probe::default().with_newest(newest).with_findings([("events", count.to_string())]);
        Ok(probe.with_losses(store_losses::events(&snapshot, as_of)))
    }
}

#[async_trait]
impl LedgerSource for MemoryStore {
    fn name(&self) -> &'static str {
        Snapshot::SOURCE_NAME
    }

    fn definition(&self) -> String {
        self.inner.definitions.ledger.clone()
    }

    async fn ledger(&self, question: &LedgerQuestion) -> Result<LedgerFacts, SourceError> {
        Ok(sales::answer(&self.snapshot(), question))
    }

    async fn probe(&self, as_of: Timestamp, _: Duration) -> Result<Probe, SourceError> {
        let snapshot = self.snapshot();
        let rows = snapshot.ledger.rows(time_log::Span::ALL);
        let newest = snapshot.ledger.newest(time_log::Span::before(as_of)).map(time_log::instant);
        let probe = Probe::default().with_newest(newest).with_findings([("rows", rows.to_string())]);
        let [entries, purchases] = store_losses::ledger(&snapshot, as_of);
        Ok(probe.with_losses(entries.into_iter().chain(purchases)))
    }
}

#[async_trait]
impl RealtimeSource for MemoryStore {
    fn name(&self) -> &'static str {
        Snapshot::SOURCE_NAME
    }

    /// Slots may be derived from events.
    fn definition(&self) -> String {
        self.inner.definitions.behavior.clone()
    }

    async fn realtime(&self, question: &RealtimeQuestion) -> Result<RealtimeFacts, SourceError> {
        Ok(realtime::answer(&self.snapshot(), question))
    }

    async fn probe(&self, _: Timestamp, _: Duration) -> Result<Probe, SourceError> {
        let snapshot = self.snapshot();
        let slots = if snapshot.counters.is_some() { "counted" } else { "derived" };
        Ok(Probe::default().with_findings([("slots", slots)]).with_problems(store_losses::slots(&snapshot)))
    }
}
