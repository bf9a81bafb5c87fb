//! Loading: reads, parses and stores one file after the other.

use std::{
    io::{self, Read},
    sync::{Arc, atomic::Ordering},
};

use super::{
    blocks::{Block, blocks},
    document,
    events::PendingEvents,
    files::{Files, Input, LoadError, OnProgress, Progress},
    form::{self, Expected, Form},
    input::{self, OpenInput},
    ledger::PendingRows,
    limits::MAX_DOCUMENT,
    load_report::Fault,
    parse::{
        event_line::{BlockKinds, EventReader},
        ledger_line,
    },
    record_rules::RecordRules,
    writer::{EventLines, LedgerLines, Writer},
};

/// A writer with the contents of the files, and the reader for further event lines.
pub(super) fn load(files: Files) -> Result<(Writer, EventReader), LoadError> {
    let Files {
        events,
        ledger,
        catalog,
        realtime,
        zone,
        rules,
        purchase_indices,
        pages,
        accept_rejected,
        mut on_progress,
    } = files;
    let rules = Arc::new(rules);
    let reader = EventReader::new(zone, Arc::clone(&rules), purchase_indices, pages);
    let mut writer = Writer::new(Arc::clone(&rules));
    let strict = |expected| (!accept_rejected).then_some(expected);

    if let Some(input) = catalog {
        let (file, bytes) = read_document(input, &mut on_progress, MAX_DOCUMENT)?;
        writer.snapshot.catalog = Arc::new(document::catalog(&file, &bytes, zone)?);
    }
    if let Some(input) = realtime {
        let (file, bytes) = read_document(input, &mut on_progress, MAX_DOCUMENT)?;
        writer.take_slots(&file, document::realtime(&file, &bytes, &rules.anonymous)?);
    }
    let mut pending = PendingEvents::default();
    for input in events {
        let parse = |bytes: &[u8]| event_lines(&reader, bytes);
        lines(input, strict(Expected::Events), &mut on_progress, parse, |file, first_line, block| {
            writer.take_events(file, first_line, block, &mut pending);
        })?;
    }
    writer.commit_events(pending);
    let mut pending = PendingRows::default();
    for input in ledger {
        let parse = |bytes: &[u8]| ledger_lines(zone, &rules, bytes);
        lines(input, strict(Expected::Ledger), &mut on_progress, parse, |file, first_line, block| {
            writer.take_rows(file, first_line, block, &mut pending);
        })?;
    }
    writer.commit_rows(pending);
    Ok((writer, reader))
}

/// The events of a block of lines.
pub(super) fn event_lines(reader: &EventReader, bytes: &[u8]) -> Block<EventLines> {
    let mut kinds = BlockKinds::default();
    let mut block = Block::<EventLines>::parse(bytes, |index, line, parsed| {
        let event = reader.read(line, &mut kinds);
        let fault = event.as_ref().err().map(|invalid| invalid.fault);
        parsed.events.push((index, event));
        fault.map_or(Ok(()), Err)
    });
    block.parsed.kinds = kinds.into_list();
    block
}

fn ledger_lines(zone: chrono_tz::Tz, record_rules: &RecordRules, bytes: &[u8]) -> Block<LedgerLines> {
    Block::parse(bytes, |index, line, rows: &mut LedgerLines| {
        let row = ledger_line::read(line, zone, record_rules);
        let fault = row.as_ref().err().map(|invalid| invalid.fault);
        rows.push((index, row));
        fault.map_or(Ok(()), Err)
    })
}

/// Reads a document as a whole. `limit` is its largest size after decompression, in bytes.
fn read_document(
    input: Input,
    on_progress: &mut Option<OnProgress>,
    limit: usize,
) -> Result<(Arc<str>, Vec<u8>), LoadError> {
    let (file, source) = input.into_parts();
    let read = || -> io::Result<(Vec<u8>, OpenInput)> {
        let mut input = input::open(source)?;
        let mut bytes = Vec::new();
        // One byte beyond the limit shows that the document is too large.
        (&mut input.reader).take(limit as u64 + 1).read_to_end(&mut bytes)?;
        Ok((bytes, input))
    };
    let (bytes, input) = read().map_err(|source| LoadError::Io { file: Arc::clone(&file), source })?;
    if let Some(form) = form::of_bytes(&input.sample) {
        return Err(unreadable(file, &form, Expected::Document));
    }
    if bytes.len() > limit {
        return Err(LoadError::TooLarge { file, limit });
    }
    report_progress(on_progress, &file, &input, 0);
    Ok((file, bytes))
}

/// Reads a file of records, block by block. `take` gets the name of the file, the index of the block's first line, from
/// 0, and the block.
/// # Errors
/// If reading fails. With `strict`, which is what the file must be, also if it has another form, if it ends inside an
/// array, or if more than half of its records are rejected.
pub(super) fn lines<T: Default + Send>(
    input: Input,
    strict: Option<Expected>,
    on_progress: &mut Option<OnProgress>,
    parse: impl Fn(&[u8]) -> Block<T> + Sync,
    mut take: impl FnMut(&Arc<str>, u64, Block<T>),
) -> Result<(), LoadError> {
    let (file, source) = input.into_parts();
    let failed = |source| LoadError::Io { file: Arc::clone(&file), source };
    let OpenInput { sample, reader, bytes, total } = input::open(source).map_err(failed)?.into_lines(strict.is_some());
    if let Some((expected, form)) = strict.zip(form::of_bytes(&sample)) {
        return Err(unreadable(file, &form, expected));
    }
    let mut lines_read = 0;
    let mut report_progress = |lines| {
        if let Some(on_progress) = on_progress {
            on_progress(Progress { file: &file, bytes: bytes.load(Ordering::Relaxed), total, lines });
        }
    };
    let mut share = RejectedShare::default();
    blocks(reader, parse, |block| {
        let lines = block.lines;
        share.add(lines_read, &block);
        take(&file, lines_read, block);
        lines_read += lines;
        report_progress(lines_read);
    })
    .map_err(failed)?;
    report_progress(lines_read);
    match strict.filter(|_| share.is_most()) {
        Some(expected) => Err(share.unreadable(file, &sample, expected)),
        None => Ok(()),
    }
}

/// How many records of a file are rejected for what they contain.
#[derive(Default)]
struct RejectedShare {
    records: u64,
    rejected: u64,
    /// The first one, with its line, from 1.
    first: Option<(u64, Fault)>,
}

impl RejectedShare {
    /// Adds a block. `first_line` is the index of its first line in the file, from 0.
    fn add<T>(&mut self, first_line: u64, block: &Block<T>) {
        self.records += block.lines - block.blank;
        self.rejected += block.rejected.len() as u64;
        if let (None, Some((line, fault))) = (self.first, block.rejected.first()) {
            self.first = Some((first_line + line + 1, *fault));
        }
    }

    /// Whether it is more than half of them.
    fn is_most(&self) -> bool {
        self.rejected > self.records / 2
    }

    /// The error for such a file.
    fn unreadable(&self, file: Arc<str>, sample: &[u8], expected: Expected) -> LoadError {
        let Self { records, rejected, first } = self;
        let share = format!("{rejected} of {records} records are rejected");
        if let Some(form) = form::of_unreadable(sample, expected) {
            return LoadError::Unreadable {
                form: format!("it looks like {}: {share}", form.name),
                hint: form.hint(&file, expected),
                file,
            };
        }
        let first = first.map(|(line, fault)| format!(", the first in line {line}: {fault}")).unwrap_or_default();
        let hint = match expected {
            Expected::Ledger => "a record has kind, id, userId, and the fields of an entry or a purchase",
            Expected::Events | Expected::Document => "a record has triggerType, occurredAt, and properties.activityId",
        };
        LoadError::Unreadable { file, form: format!("{share}{first}"), hint: hint.to_owned() }
    }
}

fn unreadable(file: Arc<str>, form: &Form, expected: Expected) -> LoadError {
    LoadError::Unreadable { form: format!("it is {}", form.name), hint: form.hint(&file, expected), file }
}

fn report_progress(on_progress: &mut Option<OnProgress>, file: &str, input: &OpenInput, lines: u64) {
    if let Some(on_progress) = on_progress {
        on_progress(Progress { file, bytes: input.bytes.load(Ordering::Relaxed), total: input.total, lines });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_may_be_as_large_as_the_limit_compressed_or_not() {
        let mut compressed = Vec::new();
        flate2::read::GzEncoder::new(&[b' '; 1000][..], flate2::Compression::best())
            .read_to_end(&mut compressed)
            .expect("compressed");
        assert!(compressed.len() < 100);
        for bytes in [compressed, vec![b' '; 1000]] {
            let read = |limit| read_document(Input::reader("big", io::Cursor::new(bytes.clone())), &mut None, limit);
            assert_eq!(read(1000).expect("read").1.len(), 1000);
            assert_eq!(read(999).expect_err("too large").to_string(), "big is larger than 999 bytes");
        }
    }
}
