//! The writer: adds records to a snapshot, and counts what it stores and rejects.
//! Lives here: dictionaries and indexes that only writing needs. Lives elsewhere: the state for readers (`snapshot`).

use ahash::HashSet;

use super::{
    blocks::Block,
    events::{Kind, Kinds, MAX_ACTIVITIES, Owners, PendingEvents},
    ledger::{PendingRows, RowIndex},
    load_report::{Fault, LoadReport, checked_text},
    parse::{event_line::EventLine, ledger_line::LedgerLine},
    records::{Entry, Event, Purchase, Slot},
    slots::SlotTable,
    snapshot::Snapshot,
    subjects::{Code, Subject, Subjects, table_bytes},
    time_log::{Span, bound_micros, record_micros},
};
use crate::{Money, Timestamp};

/// The event lines of a block.
#[derive(Default)]
pub(super) struct EventLines {
    /// The kinds of the events, as trigger type and tracker definition.
    pub(super) kinds: Vec<(Box<str>, Option<i64>)>,
    /// The events, each with the index of its line in the block.
    pub(super) events: Vec<(u64, EventLine)>,
}

/// The ledger lines of a block, each with the index of its line in the block.
pub(super) type LedgerLines = Vec<(u64, LedgerLine)>;

/// The state for writing, and the snapshot that is written next.
#[derive(Default)]
pub(super) struct Writer {
    pub(super) snapshot: Snapshot,
    pub(super) slots: SlotTable,
    subjects: Subjects,
    /// The owners of all stored and pending events.
    owners: HashSet<Owners>,
    /// The fingerprints of all loaded export documents.
    documents: HashSet<u128>,
    row_index: RowIndex,
    report: LoadReport,
}

impl Writer {
    /// Adds a block of event lines to `pending`. `first_line` is the index of its first line in the file, from 0.
    /// Returns the number of rejected lines.
    pub(super) fn take_events(
        &mut self,
        file: &str,
        first_line: u64,
        block: Block<EventLines>,
        pending: &mut PendingEvents,
    ) -> usize {
        let Block { lines, blank, parsed: EventLines { kinds, events }, mut rejected } = block;
        let mut codes: Vec<Option<Kind>> = vec![None; kinds.len()];
        let mut counts = vec![0_u64; kinds.len()];
        for (line, event) in events {
            if event.identity.is_some_and(|identity| !self.documents.insert(identity)) {
                self.report.events.duplicates += 1;
                continue;
            }
            if !event.accepted {
                self.report.events.disbelieved += 1;
                continue;
            }
            if let Some(owners) = event.owners {
                let (trigger, definition) = &kinds[event.kind];
                let code = &mut codes[event.kind];
                *code = code.or_else(|| Kinds::find_or_add(&mut self.snapshot.kinds, trigger, *definition));
                if let Err(fault) = self.store_event(*code, owners, event.at, event.subject, pending) {
                    rejected.push((line, fault));
                    continue;
                }
                self.report.events.kept += 1;
            } else {
                self.report.events.without_activity += 1;
            }
            counts[event.kind] += 1;
        }
        for ((trigger, _), events) in kinds.iter().zip(counts).filter(|(_, events)| *events > 0) {
            self.report.events.count_trigger(trigger, events);
        }
        self.report.events.lines += lines;
        self.report.events.blank += blank;
        self.report.events.rejected += rejected.len() as u64;
        self.reject(file, first_line, rejected)
    }

    /// Adds one event to `pending`, unless it would exceed a limit.
    fn store_event(
        &mut self,
        kind: Option<Kind>,
        owners: Owners,
        at: i64,
        subject: Subject,
        pending: &mut PendingEvents,
    ) -> Result<(), Fault> {
        let kind = kind.ok_or(Fault::TooManyKinds)?;
        if self.owners.len() >= MAX_ACTIVITIES && !self.owners.contains(&owners) {
            return Err(Fault::TooManyActivities);
        }
        let subject = self.subjects.code(subject).ok_or(Fault::TooManySubjects)?;
        self.report.events.without_subject += u64::from(subject == Code::NOBODY);
        if !self.owners.contains(&owners) {
            self.owners.insert(owners.clone());
        }
        pending.push(owners, kind, at, subject);
        Ok(())
    }

    /// Adds a block of ledger lines to `pending`. `first_line` is the index of its first line in the file, from 0.
    pub(super) fn take_rows(
        &mut self,
        file: &str,
        first_line: u64,
        block: Block<LedgerLines>,
        pending: &mut PendingRows,
    ) {
        for (_, row) in block.parsed {
            match row {
                LedgerLine::Entry(entry) => self.take_entry(entry, pending),
                LedgerLine::Purchase(purchase) => self.take_purchase(purchase, pending),
            }
        }
        self.report.ledger.lines += block.lines;
        self.report.ledger.blank += block.blank;
        self.report.ledger.rejected += block.rejected.len() as u64;
        self.reject(file, first_line, block.rejected);
    }

    fn take_entry(&mut self, entry: Entry, pending: &mut PendingRows) {
        self.report.ledger.entries += 1;
        pending.push_entry(entry);
    }

    fn take_purchase(&mut self, purchase: Purchase, pending: &mut PendingRows) {
        self.report.ledger.purchases += 1;
        pending.push_purchase(purchase);
    }

    /// Reports rejected lines, each with its index after `first_line`. Returns their number.
    fn reject(&mut self, file: &str, first_line: u64, mut rejected: Vec<(u64, Fault)>) -> usize {
        let count = rejected.len();
        rejected.sort_by_key(|(line, _)| *line);
        for (line, fault) in rejected {
            self.report.rejected.push(file, first_line + line + 1, fault);
        }
        count
    }

    /// Adds pending events to the snapshot.
    pub(super) fn commit_events(&mut self, pending: PendingEvents) {
        if !pending.is_empty() {
            self.snapshot.events.add(pending);
        }
        self.snapshot.subjects = self.subjects.counts();
    }

    /// Adds pending rows to the snapshot.
    pub(super) fn commit_rows(&mut self, pending: PendingRows) {
        self.report.ledger.replaced += self.row_index.add(&mut self.snapshot.ledger, pending);
    }

    pub(super) fn append_events(&mut self, events: Vec<Event>) -> usize {
        let mut pending = PendingEvents::default();
        let mut rejected = Vec::new();
        for (index, event) in (0..).zip(events) {
            match self.append_event(&event, &mut pending) {
                Err(fault) => rejected.push((index, fault)),
                Ok(()) => {
                    self.report.events.added += 1;
                    self.report.events.count_trigger(&event.trigger, 1);
                }
            }
        }
        self.commit_events(pending);
        self.reject("append", 0, rejected)
    }

    fn append_event(&mut self, event: &Event, pending: &mut PendingEvents) -> Result<(), Fault> {
        let trigger = checked_text(&event.trigger, "trigger")?;
        let session = checked_text(event.session.as_deref().unwrap_or_default(), "session")?;
        let subject = match event.user {
            Some(user) => Subject::User(user),
            None if session.is_empty() => Subject::Nobody,
            None => Subject::session(session),
        };
        let kind = Kinds::find_or_add(&mut self.snapshot.kinds, trigger, event.definition);
        self.store_event(kind, Owners::One(event.activity), record_micros(event.at), subject, pending)
    }

    pub(super) fn append_entries(&mut self, entries: Vec<Entry>) {
        let mut pending = PendingRows::default();
        entries.into_iter().for_each(|entry| self.take_entry(entry, &mut pending));
        self.commit_rows(pending);
    }

    pub(super) fn append_purchases(&mut self, purchases: Vec<Purchase>) -> usize {
        let mut pending = PendingRows::default();
        let mut rejected = Vec::new();
        for (index, purchase) in (0..).zip(purchases) {
            if purchase.price < Money::ZERO {
                rejected.push((index, Fault::Wrong("price")));
            } else {
                self.take_purchase(purchase, &mut pending);
            }
        }
        self.commit_rows(pending);
        self.reject("append", 0, rejected)
    }

    pub(super) fn append_slots(&mut self, slots: &[Slot]) {
        self.slots.change(slots, &mut self.snapshot.counters);
    }

    pub(super) fn report(&self, now: Timestamp) -> LoadReport {
        let mut report = self.report.clone();
        report.events.future = self.snapshot.events.count(Span { from: bound_micros(now), to: i64::MAX });
        report
    }

    /// The approximate memory of the store, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.snapshot.events.bytes()
            + self.snapshot.ledger.bytes()
            + self.subjects.bytes()
            + table_bytes(self.owners.capacity(), size_of::<Owners>())
            + table_bytes(self.documents.capacity(), size_of::<u128>())
            + self.row_index.bytes()
            + self.slots.bytes()
    }
}
