//! Records on their way from the generator to the stores. The generator is one plain loop, the stores are asynchronous:
//! it runs on a thread of its own and waits where a store is slower than it.
//! Lives here: batches and channels. Lives elsewhere: what a store does with a batch.

use std::io;

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use super::Layout;
use crate::generator::{Catalog, Entry, Event, Expected, Plan, Progress, Purchase, Sink, Slot};

/// Events in a batch; about 700 kB of documents.
const EVENTS: usize = 2_000;
/// Rows in a batch.
const ROWS: usize = 1_000;
/// Batches that may wait for a store.
const WAITING: usize = 4;

/// What the generator makes, in batches, in its order. Whoever does not want one kind drops its receiver; a store that
/// fails does so, too. Once nobody receives anything, the generator stops.
#[derive(Debug)]
pub struct Feed {
    /// Deliveries of events; a repeated document comes again with the same identity.
    pub events: mpsc::Receiver<Vec<Event>>,
    /// Entries and purchases.
    pub rows: mpsc::Receiver<Rows>,
    /// Slots held as of the end.
    pub slots: oneshot::Receiver<Vec<Slot>>,
    /// The totals a dashboard must show, once all is made. An error of the kind [`io::ErrorKind::BrokenPipe`] says that
    /// nobody received.
    pub totals: JoinHandle<io::Result<Expected>>,
}

/// Rows of the ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows {
    /// Entries, in order.
    pub entries: Vec<Entry>,
    /// Purchases, in order.
    pub purchases: Vec<Purchase>,
}

impl Rows {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len() + self.purchases.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Feed {
    /// Starts the generator on a thread. Where the layout has no index of its own for purchases, those that the purchase
    /// service did not send cannot be told from the rest, so they are left out.
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn start(plan: Plan, layout: Layout, progress: impl FnMut(Progress) + Send + 'static) -> Self {
        let (events, events_receiver) = mpsc::channel(WAITING);
        let (rows, rows_receiver) = mpsc::channel(WAITING);
        let (slots, slots_receiver) = oneshot::channel();
        let mut sender = Sender {
            forged: layout.has_commerce_index(),
            waiting: Vec::with_capacity(EVENTS),
            waiting_rows: Rows::default(),
            events: Some(events),
            rows: Some(rows),
            slots: Some(slots),
        };
        let totals = tokio::task::spawn_blocking(move || plan.generate(&mut sender, progress));
        Self { events: events_receiver, rows: rows_receiver, slots: slots_receiver, totals }
    }
}

/// The generator's end.
struct Sender {
    /// Whether purchases that the purchase service did not send are wanted.
    forged: bool,
    waiting: Vec<Event>,
    waiting_rows: Rows,
    events: Option<mpsc::Sender<Vec<Event>>>,
    rows: Option<mpsc::Sender<Rows>>,
    slots: Option<oneshot::Sender<Vec<Slot>>>,
}

impl Sender {
    fn send_events(&mut self) -> io::Result<()> {
        let batch = std::mem::replace(&mut self.waiting, Vec::with_capacity(EVENTS));
        // A closed channel is one that nobody wants, or whose store has failed.
        self.events.take_if(|events| events.blocking_send(batch).is_err());
        self.anybody()
    }

    fn send_rows(&mut self) -> io::Result<()> {
        let batch = std::mem::take(&mut self.waiting_rows);
        self.rows.take_if(|rows| rows.blocking_send(batch).is_err());
        self.anybody()
    }

    fn row(&mut self) -> io::Result<()> {
        if self.waiting_rows.len() < ROWS { Ok(()) } else { self.send_rows() }
    }

    fn anybody(&self) -> io::Result<()> {
        let slots = self.slots.as_ref().is_some_and(|slots| !slots.is_closed());
        if self.events.is_some() || self.rows.is_some() || slots {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::BrokenPipe, "nobody takes the records any more"))
    }
}

impl Sink for Sender {
    /// The plan has it; nobody needs to wait for it.
    fn catalog(&mut self, _catalog: &Catalog) -> io::Result<()> {
        Ok(())
    }

    fn event(&mut self, event: &Event) -> io::Result<()> {
        if self.forged || !event.is_forged() {
            self.waiting.push(*event);
        }
        if self.waiting.len() < EVENTS { Ok(()) } else { self.send_events() }
    }

    fn entry(&mut self, entry: &Entry) -> io::Result<()> {
        self.waiting_rows.entries.push(entry.clone());
        self.row()
    }

    fn purchase(&mut self, purchase: &Purchase) -> io::Result<()> {
        self.waiting_rows.purchases.push(purchase.clone());
        self.row()
    }

    fn realtime(&mut self, slots: &[Slot]) -> io::Result<()> {
        self.send_events()?;
        self.send_rows()?;
        // Closed channels tell the stores that this was all.
        self.events = None;
        self.rows = None;
        if let Some(sender) = self.slots.take() {
            // Whoever wants no slots has dropped the receiver.
            let _unwanted = sender.send(slots.to_vec());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::generator::{Config, MemorySink};

    fn plan() -> Plan {
        Plan::new(Config { events: 20_000, export: true, ..Config::default() }).unwrap()
    }

    async fn all<T>(mut receiver: mpsc::Receiver<Vec<T>>) -> Vec<T> {
        let mut all = Vec::new();
        while let Some(batch) = receiver.recv().await {
            all.extend(batch);
        }
        all
    }

    async fn all_rows(mut receiver: mpsc::Receiver<Rows>) -> Rows {
        let mut all = Rows::default();
        while let Some(batch) = receiver.recv().await {
            all.entries.extend(batch.entries);
            all.purchases.extend(batch.purchases);
        }
        all
    }

    #[tokio::test]
    async fn every_record_arrives_once_and_in_order() {
        let mut direct = MemorySink::default();
        let expected = plan().generate(&mut direct, |_| {}).unwrap();
        let feed = Feed::start(plan(), Layout::Dec2025, |_| {});
        let (events, rows, slots) = tokio::join!(all(feed.events), all_rows(feed.rows), feed.slots);
        assert_eq!(events, direct.events);
        assert_eq!((rows.entries, rows.purchases), (direct.entries, direct.purchases));
        assert_eq!(slots.unwrap(), direct.slots);
        assert_eq!(feed.totals.await.unwrap().unwrap(), expected);
    }

    #[tokio::test]
    async fn one_index_holds_no_purchases_that_the_service_did_not_send() {
        let feed = Feed::start(plan(), Layout::Plan, |_| {});
        let (events, _rows, _slots) = tokio::join!(all(feed.events), all_rows(feed.rows), feed.slots);
        let forged = feed.totals.await.unwrap().unwrap().load.forged_purchases;
        assert!(forged > 0);
        assert_eq!(events.iter().filter(|event| event.is_forged()).count(), 0);
    }

    #[tokio::test]
    async fn the_generator_stops_when_nobody_takes_its_records() {
        let feed = Feed::start(plan(), Layout::Dec2025, |_| {});
        drop((feed.events, feed.rows, feed.slots));
        let error = feed.totals.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }

    #[tokio::test]
    async fn who_wants_no_events_gets_the_rows_all_the_same() {
        let feed = Feed::start(plan(), Layout::Dec2025, |_| {});
        drop((feed.events, feed.slots));
        let rows = all_rows(feed.rows).await;
        let load = feed.totals.await.unwrap().unwrap().load;
        assert_eq!((rows.entries.len() as u64, rows.purchases.len() as u64), (load.entries, load.purchases));
    }
}
