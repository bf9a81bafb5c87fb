//! The writer: adds records to a snapshot, and counts what it stores, rejects and leaves out.
//! Lives here: dictionaries and indexes that only writing needs. Lives elsewhere: the state for readers (`snapshot`).

use std::{fmt, sync::Arc};

use ahash::HashSet;

use super::{
    blocks::Block,
    coverage::{Contents, LeftOutRecords, Losses, LostRecord, MAX_EXAMPLES, Owner, reason},
    document::RealtimeFile,
    events::{Kind, Kinds, MAX_ACTIVITIES, Owners, PendingEvents},
    ledger::{NewEntry, NewPurchase, Outcome, PendingRows, RowIndex, RowUser},
    load_report::{Fault, LoadReport, checked_text},
    parse::{
        event_line::{EventLine, InvalidEvent},
        ledger_line::{InvalidRow, LedgerLine, LostRow},
    },
    record_rules::RecordRules,
    records::{Entry, Event, Purchase, Slot},
    slots::SlotTable,
    snapshot::Snapshot,
    subjects::{Subject, Subjects, table_bytes},
    time_log::{Span, bound_micros, record_micros},
};
use crate::{Timestamp, source::LeftOutReason, vocabulary::StatusKind};

/// The most invalid documents of exports that are known, so that each is left out once. Further ones are left out once
/// for each line: 16 MB.
const MAX_INVALID_DOCUMENTS: usize = 1_000_000;
/// The name of added records in reports.
const APPEND: &str = "append";

/// What is wrong with a record, where no fault says so.
const NOT_BELIEVED: &str = "PURCHASE from an index that purchases are not accepted from";
const UNKNOWN_STATUS: &str = "status is none that is known";
const NO_USER: &str = "userId is no id";
const NO_PRICE: &str = "price is missing";

/// The event lines of a block.
#[derive(Default)]
pub(super) struct EventLines {
    /// The kinds of the events, as trigger type and tracker definition.
    pub(super) kinds: Vec<(Box<str>, Option<i64>)>,
    /// The events, each with the index of its line in the block.
    pub(super) events: Vec<(u64, Result<EventLine, Box<InvalidEvent>>)>,
}

/// The ledger lines of a block, each with the index of its line in the block.
pub(super) type LedgerLines = Vec<(u64, Result<LedgerLine, Box<InvalidRow>>)>;

/// A left-out record and its fault, with the index of its line.
type LostLine = (u64, LostRecord, Option<Fault>);

/// Where a record comes from.
#[derive(Clone, Copy)]
struct Place<'a> {
    file: &'a str,
    /// The index of the line, from 0.
    line: u64,
}

impl Place<'_> {
    /// The place and what is wrong there. It names no value.
    fn example(self, what: impl fmt::Display) -> String {
        format!("{}:{} {what}", self.file, self.line + 1)
    }
}

/// The state for writing, and the snapshot that is written next.
#[derive(Default)]
pub(super) struct Writer {
    pub(super) snapshot: Snapshot,
    slots: SlotTable,
    rules: Arc<RecordRules>,
    subjects: Subjects,
    /// The owners of all stored and pending events.
    owners: HashSet<Owners>,
    /// The fingerprints of all loaded export documents.
    documents: HashSet<u128>,
    /// The fingerprints of the invalid ones.
    invalid_documents: HashSet<u128>,
    row_index: RowIndex,
    report: LoadReport,
}

impl Writer {
    pub(super) fn new(rules: Arc<RecordRules>) -> Self {
        Self { rules, ..Self::default() }
    }

    fn left_out(&mut self) -> &mut LeftOutRecords {
        Arc::make_mut(&mut self.snapshot.left_out)
    }

    /// Sets the slots of a realtime file.
    pub(super) fn take_slots(&mut self, file: &str, realtime: RealtimeFile) {
        let RealtimeFile { slots, invalid } = realtime;
        self.slots = SlotTable::new(slots);
        self.snapshot.counters = Some(Arc::new(self.slots.counters()));
        if !invalid.is_empty() {
            let example = |&(line, fault): &(u64, Fault)| Place { file, line }.example(fault).into();
            let examples = invalid.iter().take(MAX_EXAMPLES).map(example).collect();
            self.left_out().slots = (invalid.len() as u64, examples);
        }
        self.reject(file, 0, invalid);
    }

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
        let mut lost = not_parsed(&rejected, events.iter().map(|(line, _)| *line));
        self.snapshot.event_records += lost.len() as u64;
        for (line, event) in events {
            let event = match event {
                Ok(event) => event,
                Err(invalid) => {
                    if self.is_new(invalid.identity) {
                        self.snapshot.event_records += 1;
                        lost.push((line, invalid.record, Some(invalid.fault)));
                    }
                    continue;
                }
            };
            if event.identity.is_some_and(|identity| !self.documents.insert(identity)) {
                self.report.events.duplicates += 1;
                continue;
            }
            self.snapshot.event_records += 1;
            let (trigger, definition) = &kinds[event.kind];
            let record = |reason, owners| {
                let contents = Contents::Event { trigger: trigger.clone(), definition: *definition };
                LostRecord { reason, owner: Owner::Activities(owners), contents, at: Some(event.at) }
            };
            if !event.accepted {
                self.report.events.disbelieved += 1;
                let not_believed = |owners| (line, record(LeftOutReason::NotBelieved, owners), None);
                lost.extend(event.owners.map(not_believed));
                continue;
            }
            if let Some(owners) = event.owners {
                let code = &mut codes[event.kind];
                *code = code.or_else(|| Kinds::find_or_add(&mut self.snapshot.kinds, trigger, *definition));
                let place = Place { file, line: first_line + line };
                if let Err((fault, owners)) = self.store_event(*code, owners, event.at, event.subject, place, pending) {
                    rejected.push((line, fault));
                    lost.push((line, record(reason(fault), owners), Some(fault)));
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
        self.lose_events(file, first_line, lost);
        self.reject(file, first_line, rejected)
    }

    /// Whether an invalid line is the first of its document. A plain line, without a fingerprint, always is.
    fn is_new(&mut self, identity: Option<u128>) -> bool {
        let Some(identity) = identity else { return true };
        if self.documents.contains(&identity) || self.invalid_documents.contains(&identity) {
            return false;
        }
        if self.invalid_documents.len() < MAX_INVALID_DOCUMENTS {
            self.invalid_documents.insert(identity);
        }
        true
    }

    /// Adds one event to `pending`, unless it would exceed a limit.
    /// # Errors
    /// The limit, and the owners that were given.
    fn store_event(
        &mut self,
        kind: Option<Kind>,
        owners: Owners,
        at: i64,
        subject: Subject,
        place: Place<'_>,
        pending: &mut PendingEvents,
    ) -> Result<(), (Fault, Owners)> {
        let Some(kind) = kind else { return Err((Fault::TooManyKinds, owners)) };
        if self.owners.len() >= MAX_ACTIVITIES && !self.owners.contains(&owners) {
            return Err((Fault::TooManyActivities, owners));
        }
        match subject {
            Subject::Nobody => self.report.events.without_subject += 1,
            Subject::Dropped(fault) => {
                self.report.events.dropped_subjects += 1;
                let left_out = self.left_out();
                left_out.dropped_subjects += 1;
                left_out.events.add_example(LeftOutReason::NoSubject, || place.example(fault));
            }
            _ => {}
        }
        let Some(code) = self.subjects.code(subject) else { return Err((Fault::TooManySubjects, owners)) };
        if !self.owners.contains(&owners) {
            self.owners.insert(owners.clone());
        }
        pending.push(owners, kind, at, code);
        Ok(())
    }

    /// Leaves out events.
    fn lose_events(&mut self, file: &str, first_line: u64, lost: Vec<LostLine>) {
        if !lost.is_empty() {
            lose(&mut self.left_out().events, file, first_line, lost);
        }
    }

    /// Adds a block of ledger lines to `pending`. `first_line` is the index of its first line in the file, from 0.
    pub(super) fn take_rows(
        &mut self,
        file: &str,
        first_line: u64,
        block: Block<LedgerLines>,
        pending: &mut PendingRows,
    ) {
        let mut entries = not_parsed(&block.rejected, block.parsed.iter().map(|(line, _)| *line));
        let mut purchases = entries.clone();
        for (line, row) in block.parsed {
            let place = Place { file, line: first_line + line };
            match row {
                Ok(LedgerLine::Entry(entry)) => self.take_entry(entry, place, pending),
                Ok(LedgerLine::Purchase(purchase)) => self.take_purchase(purchase, place, pending),
                Err(invalid) => {
                    let fault = Some(invalid.fault);
                    match invalid.row {
                        LostRow::Stored(row) => self.take_unusable(row, invalid.fault, place, pending),
                        LostRow::Entry(record) => entries.push((line, record, fault)),
                        LostRow::Purchase(record) => purchases.push((line, record, fault)),
                        LostRow::Unknown(record) => {
                            entries.push((line, record.clone(), fault));
                            purchases.push((line, record, fault));
                        }
                    }
                }
            }
        }
        if !(entries.is_empty() && purchases.is_empty()) {
            let left_out = self.left_out();
            lose(&mut left_out.entries, file, first_line, entries);
            lose(&mut left_out.purchases, file, first_line, purchases);
        }
        self.report.ledger.lines += block.lines;
        self.report.ledger.blank += block.blank;
        self.report.ledger.rejected += block.rejected.len() as u64;
        self.reject(file, first_line, block.rejected);
    }

    fn take_entry(&mut self, entry: NewEntry, place: Place<'_>, pending: &mut PendingRows) {
        self.report.ledger.entries += 1;
        if entry.status == StatusKind::Unknown {
            self.report.ledger.unknown_status += 1;
            self.left_out().entries.add_example(LeftOutReason::UnknownStatus, || place.example(UNKNOWN_STATUS));
        }
        if entry.user == RowUser::DROPPED {
            self.report.ledger.dropped_users += 1;
            self.left_out().entries.add_example(LeftOutReason::NoSubject, || place.example(NO_USER));
        }
        pending.push_entry(entry);
    }

    fn take_purchase(&mut self, purchase: NewPurchase, place: Place<'_>, pending: &mut PendingRows) {
        self.report.ledger.purchases += 1;
        match purchase.outcome() {
            Outcome::Refund => self.report.ledger.refunds += 1,
            Outcome::Unpriced => {
                self.report.ledger.unpriced += 1;
                self.left_out().purchases.add_example(LeftOutReason::BadAmount, || place.example(NO_PRICE));
            }
            Outcome::UnknownStatus => {
                self.report.ledger.unknown_status += 1;
                self.left_out().purchases.add_example(LeftOutReason::UnknownStatus, || place.example(UNKNOWN_STATUS));
            }
            _ => {}
        }
        if purchase.user == RowUser::DROPPED {
            self.report.ledger.dropped_users += 1;
            self.left_out().purchases.add_example(LeftOutReason::NoSubject, || place.example(NO_USER));
        }
        pending.push_purchase(purchase);
    }

    /// Adds a row that is in no figure, since it cannot be used.
    fn take_unusable(&mut self, row: LedgerLine, fault: Fault, place: Place<'_>, pending: &mut PendingRows) {
        let left_out = self.left_out();
        match row {
            LedgerLine::Entry(entry) => {
                left_out.entries.add_example(reason(fault), || place.example(fault));
                pending.push_entry(entry);
            }
            LedgerLine::Purchase(purchase) => {
                left_out.purchases.add_example(reason(fault), || place.example(fault));
                pending.push_purchase(purchase);
            }
        }
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
        let (mut rejected, mut lost) = (Vec::new(), Vec::new());
        self.snapshot.event_records += events.len() as u64;
        for (index, event) in (0..).zip(events) {
            match self.append_event(&event, Place { file: APPEND, line: index }, &mut pending) {
                Err((fault, owners)) => {
                    let (trigger, definition) = (event.trigger.into(), event.definition);
                    let contents = match fault {
                        Fault::TextTooLong(_) => Contents::Unknown,
                        _ => Contents::Event { trigger, definition },
                    };
                    let (owner, at) = (Owner::Activities(owners), Some(record_micros(event.at)));
                    lost.push((index, LostRecord { reason: reason(fault), owner, contents, at }, Some(fault)));
                    rejected.push((index, fault));
                }
                Ok(()) => {
                    self.report.events.added += 1;
                    self.report.events.count_trigger(&event.trigger, 1);
                }
            }
        }
        self.commit_events(pending);
        self.lose_events(APPEND, 0, lost);
        self.reject(APPEND, 0, rejected)
    }

    fn append_event(
        &mut self,
        event: &Event,
        place: Place<'_>,
        pending: &mut PendingEvents,
    ) -> Result<(), (Fault, Owners)> {
        let owners = Owners::One(event.activity);
        let trigger = match checked_text(&event.trigger, "trigger") {
            Ok(trigger) => trigger,
            Err(fault) => return Err((fault, owners)),
        };
        let named = event.session.as_deref().filter(|session| !self.rules.anonymous.has_session(session));
        let session = |session| checked_text(session, "session").map_or_else(Subject::Dropped, Subject::session);
        let subject = match event.user.filter(|user| *user > 0) {
            Some(user) => Subject::User(user),
            None => named.map_or(Subject::Nobody, session),
        };
        let kind = Kinds::find_or_add(&mut self.snapshot.kinds, trigger, event.definition);
        self.store_event(kind, owners, record_micros(event.at), subject, place, pending)
    }

    pub(super) fn append_entries(&mut self, entries: Vec<Entry>) {
        let mut pending = PendingRows::default();
        for (line, entry) in (0..).zip(entries) {
            let entry = NewEntry::of(entry, &self.rules.entries);
            self.take_entry(entry, Place { file: APPEND, line }, &mut pending);
        }
        self.commit_rows(pending);
    }

    pub(super) fn append_purchases(&mut self, purchases: Vec<Purchase>) -> usize {
        let mut pending = PendingRows::default();
        let mut rejected = Vec::new();
        for (line, purchase) in (0..).zip(purchases) {
            let purchase = NewPurchase::of(purchase, &self.rules.purchases);
            let place = Place { file: APPEND, line };
            if purchase.outcome() == Outcome::BadAmount {
                let fault = Fault::Wrong("price");
                rejected.push((line, fault));
                self.take_unusable(LedgerLine::Purchase(purchase), fault, place, &mut pending);
            } else {
                self.take_purchase(purchase, place, &mut pending);
            }
        }
        self.commit_rows(pending);
        self.reject(APPEND, 0, rejected)
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
            + self.snapshot.left_out.bytes()
            + self.subjects.bytes()
            + table_bytes(self.owners.capacity(), size_of::<Owners>())
            + table_bytes(self.documents.capacity(), size_of::<u128>())
            + table_bytes(self.invalid_documents.capacity(), size_of::<u128>())
            + self.row_index.bytes()
            + self.slots.bytes()
    }
}

/// The rejected lines that were not parsed: nothing is known of them. `parsed` are the other lines, in order.
fn not_parsed(rejected: &[(u64, Fault)], parsed: impl Iterator<Item = u64>) -> Vec<LostLine> {
    let parsed: Vec<u64> = parsed.collect();
    let rejected = rejected.iter().filter(|(line, _)| parsed.binary_search(line).is_err());
    rejected.map(|&(line, fault)| (line, LostRecord::unknown(reason(fault)), Some(fault))).collect()
}

/// Adds left-out lines, each with its index after `first_line`.
fn lose(losses: &mut Losses, file: &str, first_line: u64, mut lost: Vec<LostLine>) {
    lost.sort_by_key(|(line, ..)| *line);
    for (line, record, fault) in &lost {
        let place = Place { file, line: first_line + line };
        losses.add_example(record.reason, || match fault {
            Some(fault) => place.example(fault),
            None => place.example(NOT_BELIEVED),
        });
    }
    losses.add(lost.into_iter().map(|(_, record, _)| record));
}
