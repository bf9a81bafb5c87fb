//! Loading: each file read, parsed and taken in, one after the other.

use std::{
    io::{self, Read},
    sync::{Arc, atomic::Ordering},
};

use super::{
    blocks::{self, Block, Source, blocks},
    document,
    events::PendingEvents,
    files::{Files, Input, LoadError, OnProgress, Progress},
    ledger::PendingRows,
    limits::MAX_DOCUMENT,
    parse::{
        event_line::{BlockKinds, EventReader},
        ledger_line,
    },
    slots::SlotBook,
    writer::{EventLines, LedgerLines, Writer},
};

/// A writer with what the files hold, and how it reads event lines from now on.
pub(super) fn load(files: Files) -> Result<(Writer, EventReader), LoadError> {
    let Files { events, ledger, catalog, realtime, zone, purchase_indices, pages, mut on_progress } = files;
    let reader = EventReader::new(zone, purchase_indices, pages);
    let mut writer = Writer::default();

    if let Some(input) = catalog {
        let (file, bytes) = whole(input, &mut on_progress, MAX_DOCUMENT)?;
        writer.snapshot.catalog = Arc::new(document::catalog(&file, &bytes, zone)?);
    }
    if let Some(input) = realtime {
        let (file, bytes) = whole(input, &mut on_progress, MAX_DOCUMENT)?;
        writer.slots = SlotBook::new(document::realtime(&file, &bytes)?);
        writer.snapshot.counters = Some(Arc::new(writer.slots.counters()));
    }
    let mut pending = PendingEvents::default();
    for input in events {
        let parse = |bytes: &[u8]| event_lines(&reader, bytes);
        lines(input, &mut on_progress, parse, |file, before, block| {
            writer.take_events(file, before, block, &mut pending);
        })?;
    }
    writer.commit_events(pending);
    let mut pending = PendingRows::default();
    for input in ledger {
        let parse = |bytes: &[u8]| ledger_lines(zone, bytes);
        lines(input, &mut on_progress, parse, |file, before, block| {
            writer.take_rows(file, before, block, &mut pending);
        })?;
    }
    writer.commit_rows(pending);
    Ok((writer, reader))
}

/// The events of a block of lines.
pub(super) fn event_lines(reader: &EventReader, bytes: &[u8]) -> Block<EventLines> {
    let mut kinds = BlockKinds::default();
    let mut block = Block::<EventLines>::parse(bytes, |place, line, parsed| {
        parsed.events.push((place, reader.read(line, &mut kinds)?));
        Ok(())
    });
    block.parsed.kinds = kinds.into_list();
    block
}

fn ledger_lines(zone: chrono_tz::Tz, bytes: &[u8]) -> Block<LedgerLines> {
    Block::parse(bytes, |place, line, rows: &mut LedgerLines| {
        rows.push((place, ledger_line::read(line, zone)?));
        Ok(())
    })
}

/// Reads a document as a whole, up to a limit.
fn whole(input: Input, on_progress: &mut Option<OnProgress>, limit: usize) -> Result<(Arc<str>, Vec<u8>), LoadError> {
    let (file, from) = input.into_parts();
    let read = || -> io::Result<(Vec<u8>, Source)> {
        let mut source = blocks::open(from)?;
        let mut bytes = Vec::new();
        // One byte more tells a document that is too large from one that just fits.
        (&mut source.reader).take(limit as u64 + 1).read_to_end(&mut bytes)?;
        Ok((bytes, source))
    };
    let (bytes, source) = read().map_err(|source| LoadError::Unreadable { file: Arc::clone(&file), source })?;
    if bytes.len() > limit {
        return Err(LoadError::TooLarge { file, limit });
    }
    tell(on_progress, &file, &source, 0);
    Ok((file, bytes))
}

/// Reads a file of lines, block by block. `take` gets the file's name and how many lines came before.
pub(super) fn lines<T: Default + Send>(
    input: Input,
    on_progress: &mut Option<OnProgress>,
    parse: impl Fn(&[u8]) -> Block<T> + Sync,
    mut take: impl FnMut(&Arc<str>, u64, Block<T>),
) -> Result<(), LoadError> {
    let (file, from) = input.into_parts();
    let unreadable = |source| LoadError::Unreadable { file: Arc::clone(&file), source };
    let Source { reader, bytes, total } = blocks::open(from).map_err(unreadable)?;
    let mut before = 0;
    let mut tell = |lines| {
        if let Some(on_progress) = on_progress {
            on_progress(Progress { file: &file, bytes: bytes.load(Ordering::Relaxed), total, lines });
        }
    };
    blocks(reader, parse, |block| {
        let lines = block.lines;
        take(&file, before, block);
        before += lines;
        tell(before);
    })
    .map_err(unreadable)?;
    tell(before);
    Ok(())
}

fn tell(on_progress: &mut Option<OnProgress>, file: &str, source: &Source, lines: u64) {
    if let Some(on_progress) = on_progress {
        on_progress(Progress { file, bytes: source.bytes.load(Ordering::Relaxed), total: source.total, lines });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_may_be_as_large_as_the_limit_packed_or_not() {
        let mut packed = Vec::new();
        flate2::read::GzEncoder::new(&[b' '; 1000][..], flate2::Compression::best())
            .read_to_end(&mut packed)
            .expect("packed");
        assert!(packed.len() < 100);
        for bytes in [packed, vec![b' '; 1000]] {
            let read = |limit| whole(Input::reader("big", io::Cursor::new(bytes.clone())), &mut None, limit);
            assert_eq!(read(1000).expect("read").1.len(), 1000);
            assert_eq!(read(999).expect_err("too large").to_string(), "big is larger than 999 bytes");
        }
    }
}
