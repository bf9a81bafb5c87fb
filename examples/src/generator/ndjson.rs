//! Writes the four files to any writers.

use std::fmt;
use std::io::{self, Write};

use chrono::SecondsFormat;
use serde::Serialize;

use super::spelling::MessageWriter;
use super::{
    Catalog, Config, Entry, EntryStatus, Event, Purchase, PurchaseStatus, PurchaseType, Sink, Slot, catalog::money,
};

/// The bytes that are buffered before a write.
const BUFFER: usize = 1 << 18;

/// The writers of the four files. Use [`std::io::sink`] for a file that is not needed.
pub struct Outputs<'a> {
    /// One event per line.
    pub events: &'a mut dyn Write,
    /// One JSON document.
    pub catalog: &'a mut dyn Write,
    /// One entry or purchase per line.
    pub ledger: &'a mut dyn Write,
    /// One JSON document.
    pub realtime: &'a mut dyn Write,
}

impl fmt::Debug for Outputs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outputs").finish_non_exhaustive()
    }
}

/// Writes records in the format of the embedded store.
#[derive(Debug)]
pub struct NdjsonSink<'a> {
    outputs: Outputs<'a>,
    messages: MessageWriter,
    events: Vec<u8>,
    ledger: Vec<u8>,
}

impl<'a> NdjsonSink<'a> {
    /// A sink with the formats of the configuration. It writes nothing yet.
    #[must_use]
    pub fn new(config: &Config, outputs: Outputs<'a>) -> Self {
        Self { outputs, messages: MessageWriter::new(config), events: Vec::new(), ledger: Vec::new() }
    }

    fn row(&mut self, row: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.ledger, row)?;
        self.ledger.push(b'\n');
        if self.ledger.len() >= BUFFER {
            self.outputs.ledger.write_all(&self.ledger)?;
            self.ledger.clear();
        }
        Ok(())
    }
}

/// One line of the ledger.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase", rename_all_fields = "camelCase")]
enum Row {
    Entry {
        id: u32,
        activity_id: u32,
        user_id: u32,
        status: EntryStatus,
        created_at: String,
    },
    Purchase {
        id: u32,
        user_id: u32,
        product_id: u32,
        activity_id: Option<u32>,
        purchase_type: PurchaseType,
        price: String,
        quantity: u32,
        status: PurchaseStatus,
        purchase_at: String,
    },
}

impl Sink for NdjsonSink<'_> {
    fn catalog(&mut self, catalog: &Catalog) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut self.outputs.catalog, catalog)?;
        writeln!(self.outputs.catalog)
    }

    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.messages.line(&mut self.events, event);
        if self.events.len() >= BUFFER {
            self.outputs.events.write_all(&self.events)?;
            self.events.clear();
        }
        Ok(())
    }

    fn entry(&mut self, entry: &Entry) -> io::Result<()> {
        self.row(&Row::Entry {
            id: entry.id,
            activity_id: entry.activity_id,
            user_id: entry.user_id,
            status: entry.status,
            created_at: entry.created().to_rfc3339_opts(SecondsFormat::Millis, true),
        })
    }

    fn purchase(&mut self, purchase: &Purchase) -> io::Result<()> {
        self.row(&Row::Purchase {
            id: purchase.id,
            user_id: purchase.user_id,
            product_id: purchase.product_id,
            activity_id: purchase.activity_id,
            purchase_type: purchase.purchase_type(),
            price: money(purchase.price),
            quantity: purchase.quantity,
            status: purchase.status,
            purchase_at: purchase.purchased().to_rfc3339_opts(SecondsFormat::Millis, true),
        })
    }

    fn realtime(&mut self, slots: &[Slot]) -> io::Result<()> {
        self.outputs.events.write_all(&self.events)?;
        self.outputs.ledger.write_all(&self.ledger)?;
        self.events.clear();
        self.ledger.clear();
        serde_json::to_writer(&mut self.outputs.realtime, slots)?;
        writeln!(self.outputs.realtime)?;
        self.outputs.events.flush()?;
        self.outputs.ledger.flush()?;
        self.outputs.catalog.flush()?;
        self.outputs.realtime.flush()
    }
}
