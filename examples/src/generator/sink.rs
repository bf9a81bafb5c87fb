//! Sinks of typed records, such as files or real stores.

use std::io;

use super::{Catalog, Entry, Event, Purchase, Slot};

/// Receives records in the order in which the platform's stores would have received them. The first
/// error ends the run, which returns it.
pub trait Sink {
    /// The catalog. It comes first, once.
    /// # Errors
    /// The sink's own error.
    fn catalog(&mut self, catalog: &Catalog) -> io::Result<()>;
    /// One delivery of an event. A repeated document has the same [`document`](Event::document).
    /// # Errors
    /// The sink's own error.
    fn event(&mut self, event: &Event) -> io::Result<()>;
    /// One entry.
    /// # Errors
    /// The sink's own error.
    fn entry(&mut self, entry: &Entry) -> io::Result<()>;
    /// One purchase, in its final state.
    /// # Errors
    /// The sink's own error.
    fn purchase(&mut self, purchase: &Purchase) -> io::Result<()>;
    /// The slots at the end, one value per activity that has started, in one call. It comes last.
    /// # Errors
    /// The sink's own error.
    fn realtime(&mut self, slots: &[Slot]) -> io::Result<()>;
}

/// Stores every record in memory. For tests and small data: memory grows with the number of events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemorySink {
    /// The catalog.
    pub catalog: Option<Catalog>,
    /// Deliveries, in order.
    pub events: Vec<Event>,
    /// Entries, in order.
    pub entries: Vec<Entry>,
    /// Purchases, in order.
    pub purchases: Vec<Purchase>,
    /// The slots at the end.
    pub slots: Vec<Slot>,
}

impl Sink for MemorySink {
    fn catalog(&mut self, catalog: &Catalog) -> io::Result<()> {
        self.catalog = Some(catalog.clone());
        Ok(())
    }

    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.events.push(*event);
        Ok(())
    }

    fn entry(&mut self, entry: &Entry) -> io::Result<()> {
        self.entries.push(entry.clone());
        Ok(())
    }

    fn purchase(&mut self, purchase: &Purchase) -> io::Result<()> {
        self.purchases.push(purchase.clone());
        Ok(())
    }

    fn realtime(&mut self, slots: &[Slot]) -> io::Result<()> {
        self.slots = slots.to_vec();
        Ok(())
    }
}
