//! Where records go, one by one, typed. Files are one such place, real stores another.

use std::io;

use super::{Catalog, Entry, Event, Purchase, Slot};

/// Takes records in the order in which the platform's stores would have received them.
/// The first error ends the run and is handed to its caller.
pub trait Sink {
    /// What exists. Comes first, once.
    /// # Errors
    /// Whatever the place says.
    fn catalog(&mut self, catalog: &Catalog) -> io::Result<()>;
    /// One delivery of an event; a repeated document comes again with the same
    /// [`document`](Event::document).
    /// # Errors
    /// Whatever the place says.
    fn event(&mut self, event: &Event) -> io::Result<()>;
    /// One entry.
    /// # Errors
    /// Whatever the place says.
    fn entry(&mut self, entry: &Entry) -> io::Result<()>;
    /// One purchase, in its final state.
    /// # Errors
    /// Whatever the place says.
    fn purchase(&mut self, purchase: &Purchase) -> io::Result<()>;
    /// Slots held as of the end; one per activity that has started, in one call. Comes last.
    /// # Errors
    /// Whatever the place says.
    fn realtime(&mut self, slots: &[Slot]) -> io::Result<()>;
}

/// Keeps every record. For tests and small data: memory grows with the number of events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemorySink {
    /// What exists.
    pub catalog: Option<Catalog>,
    /// Deliveries, in order.
    pub events: Vec<Event>,
    /// Entries, in order.
    pub entries: Vec<Entry>,
    /// Purchases, in order.
    pub purchases: Vec<Purchase>,
    /// Slots held.
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
