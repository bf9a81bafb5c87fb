//! Loading: reads, parses and stores one file after the other.

use std::{
    io::{self, Read},
    sync::{Arc, atomic::Ordering},
};

use super::{
    blocks::{self, Block, OpenInput, blocks},
    document,
    events::PendingEvents,
    files::{Files, Input, LoadError, OnProgress, Progress},
    ledger::PendingRows,
    limits::MAX_DOCUMENT,
    parse::{
        event_line::{BlockKinds, EventReader},
        ledger_line,
    },
    subjects::AnonymousUsers,
    writer::{EventLines, LedgerLines, Writer},
};

/// A writer with the contents of the files, and the reader for further event lines.
pub(super) fn load(files: Files) -> Result<(Writer, EventReader), LoadError> {
    let Files { events, ledger, catalog, realtime, zone, anonymous, purchase_indices, pages, mut on_progress } = files;
    let anonymous = Arc::new(anonymous);
    let reader = EventReader::new(zone, Arc::clone(&anonymous), purchase_indices, pages);
    let mut writer = Writer::new(Arc::clone(&anonymous));

    if let Some(input) = catalog {
        let (file, bytes) = read_document(input, &mut on_progress, MAX_DOCUMENT)?;
        writer.snapshot.catalog = Arc::new(document::catalog(&file, &bytes, zone)?);
    }
    if let Some(input) = realtime {
        let (file, bytes) = read_document(input, &mut on_progress, MAX_DOCUMENT)?;
        writer.take_slots(&file, document::realtime(&file, &bytes, &anonymous)?);
    }
    let mut pending = PendingEvents::default();
    for input in events {
        let parse = |bytes: &[u8]| event_lines(&reader, bytes);
        lines(input, &mut on_progress, parse, |file, first_line, block| {
            writer.take_events(file, first_line, block, &mut pending);
        })?;
    }
    writer.commit_events(pending);
    let mut pending = PendingRows::default();
    for input in ledger {
        let parse = |bytes: &[u8]| ledger_lines(zone, &anonymous, bytes);
        lines(input, &mut on_progress, parse, |file, first_line, block| {
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

fn ledger_lines(zone: chrono_tz::Tz, anonymous: &AnonymousUsers, bytes: &[u8]) -> Block<LedgerLines> {
    Block::parse(bytes, |index, line, rows: &mut LedgerLines| {
        let row = ledger_line::read(line, zone, anonymous);
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
        let mut input = blocks::open(source)?;
        let mut bytes = Vec::new();
        // One byte beyond the limit shows that the document is too large.
        (&mut input.reader).take(limit as u64 + 1).read_to_end(&mut bytes)?;
        Ok((bytes, input))
    };
    let (bytes, input) = read().map_err(|source| LoadError::Unreadable { file: Arc::clone(&file), source })?;
    if bytes.len() > limit {
        return Err(LoadError::TooLarge { file, limit });
    }
    report_progress(on_progress, &file, &input, 0);
    Ok((file, bytes))
}

/// Reads a file of lines, block by block. `take` gets the name of the file, the index of the block's first line, from
/// 0, and the block.
pub(super) fn lines<T: Default + Send>(
    input: Input,
    on_progress: &mut Option<OnProgress>,
    parse: impl Fn(&[u8]) -> Block<T> + Sync,
    mut take: impl FnMut(&Arc<str>, u64, Block<T>),
) -> Result<(), LoadError> {
    let (file, source) = input.into_parts();
    let unreadable = |source| LoadError::Unreadable { file: Arc::clone(&file), source };
    let OpenInput { reader, bytes, total } = blocks::open(source).map_err(unreadable)?;
    let mut lines_read = 0;
    let mut report_progress = |lines| {
        if let Some(on_progress) = on_progress {
            on_progress(Progress { file: &file, bytes: bytes.load(Ordering::Relaxed), total, lines });
        }
    };
    blocks(reader, parse, |block| {
        let lines = block.lines;
        take(&file, lines_read, block);
        lines_read += lines;
        report_progress(lines_read);
    })
    .map_err(unreadable)?;
    report_progress(lines_read);
    Ok(())
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
