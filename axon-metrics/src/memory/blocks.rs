//! Bytes of a file as blocks of whole lines, read and parsed on other threads, taken in order on this one.
//! Lives here: opening, unpacking, cutting, threads. Lives elsewhere: what a line means (`parse`), what is done with it (`loader`).
//!
//! Memory is bounded whatever the file holds: a line longer than [`MAX_LINE`] is skipped, not gathered, and a thread that
//! is ahead waits for the others.

use std::{
    fs::File,
    io::{self, BufReader, Cursor, Read},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, sync_channel},
    },
    thread,
};

use flate2::bufread::MultiGzDecoder;
use memchr::{memchr, memrchr};

use super::{
    files::{From, Input},
    limits::MAX_LINE,
    load_report::Fault,
};

/// About how much is parsed at a time.
const BLOCK: usize = 256 * 1024;
/// Blocks that wait for each thread.
const AHEAD: usize = 2;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const BOM: [u8; 3] = [0xef, 0xbb, 0xbf];

/// An open file, unpacked if it is packed, and how far it was read.
pub(super) struct Source {
    pub(super) reader: Box<dyn Read + Send>,
    pub(super) bytes: Arc<AtomicU64>,
    pub(super) total: Option<u64>,
}

struct CountingReader<R> {
    reader: R,
    bytes: Arc<AtomicU64>,
}

impl<R: Read> Read for CountingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// Opens what an input names. A byte order mark is left out.
pub(super) fn open(from: From) -> io::Result<Source> {
    let (reader, total): (Box<dyn Read + Send>, _) = match from {
        From::Reader(reader) => (reader, None),
        From::Path(path) => {
            let file = File::open(path)?;
            let total = file.metadata()?;
            (Box::new(file), total.is_file().then_some(total.len()))
        }
    };
    let bytes = Arc::new(AtomicU64::new(0));
    let counting = CountingReader { reader, bytes: Arc::clone(&bytes) };
    let (head, rest) = begin(counting, GZIP.len())?;
    let packed = head == GZIP;
    let whole = Cursor::new(head).chain(rest);
    let reader: Box<dyn Read + Send> =
        if packed { Box::new(MultiGzDecoder::new(BufReader::with_capacity(BLOCK, whole))) } else { Box::new(whole) };
    let (head, rest) = begin(reader, BOM.len())?;
    let reader: Box<dyn Read + Send> =
        if head == BOM { Box::new(rest) } else { Box::new(Cursor::new(head).chain(rest)) };
    Ok(Source { reader, bytes, total })
}

/// The first bytes, as far as there are any, and what follows.
fn begin<R: Read>(mut reader: R, length: usize) -> io::Result<(Vec<u8>, R)> {
    let mut head = Vec::with_capacity(length);
    (&mut reader).take(length as u64).read_to_end(&mut head)?;
    Ok((head, reader))
}

impl Input {
    /// The name, and where the bytes come from.
    pub(super) fn into_parts(self) -> (Arc<str>, From) {
        (self.name, self.from)
    }
}

/// A part of a file.
enum Piece {
    /// Whole lines.
    Lines(Vec<u8>),
    /// A line that is too long, left out.
    TooLong,
}

/// Cuts a stream into pieces.
struct Pieces<R> {
    reader: R,
    /// What was read and not given out: the beginning of a line whose end was not read yet.
    rest: Vec<u8>,
    /// How much of it is known to hold no line's end.
    seen: usize,
    skipping: bool,
    ended: bool,
}

impl<R: Read> Pieces<R> {
    fn new(reader: R) -> Self {
        Self { reader, rest: Vec::new(), seen: 0, skipping: false, ended: false }
    }

    fn next(&mut self) -> io::Result<Option<Piece>> {
        while !self.ended {
            self.rest.reserve(BLOCK);
            let read = (&mut self.reader).take(BLOCK as u64).read_to_end(&mut self.rest)?;
            self.ended = read < BLOCK;
            if self.skipping {
                let end = memchr(b'\n', &self.rest);
                self.rest.drain(..end.map_or(self.rest.len(), |end| end + 1));
                self.seen = 0;
                if end.is_some() || self.ended {
                    self.skipping = false;
                    return Ok(Some(Piece::TooLong));
                }
                continue;
            }
            let last = memrchr(b'\n', &self.rest[self.seen..]);
            if let Some(end) = last.map(|last| self.seen + last + 1) {
                let rest = self.rest.split_off(end);
                self.seen = rest.len();
                return Ok(Some(Piece::Lines(std::mem::replace(&mut self.rest, rest))));
            }
            self.seen = self.rest.len();
            if self.rest.len() > MAX_LINE && !self.ended {
                self.rest.clear();
                self.skipping = true;
            }
        }
        let rest = std::mem::take(&mut self.rest);
        Ok((!rest.is_empty()).then_some(Piece::Lines(rest)))
    }
}

/// What a block of lines gave.
#[derive(Default)]
pub(super) struct Block<T> {
    pub(super) lines: u64,
    pub(super) blank: u64,
    pub(super) parsed: T,
    /// Lines that are wrong, each by its place in the block, from 0.
    pub(super) rejected: Vec<(u64, Fault)>,
}

impl<T: Default> Block<T> {
    /// A line each, its place first.
    pub(super) fn parse(mut bytes: &[u8], mut parse: impl FnMut(u64, &[u8], &mut T) -> Result<(), Fault>) -> Self {
        let mut block = Self::default();
        while !bytes.is_empty() {
            let length = memchr(b'\n', bytes).map_or(bytes.len(), |end| end + 1);
            let (line, rest) = bytes.split_at(length);
            let line = line.trim_ascii();
            bytes = rest;
            let place = block.lines;
            block.lines += 1;
            if line.is_empty() {
                block.blank += 1;
            } else if let Err(fault) = parse(place, line, &mut block.parsed) {
                block.rejected.push((place, fault));
            }
        }
        block
    }

    fn too_long() -> Self {
        Self { lines: 1, blank: 0, parsed: T::default(), rejected: vec![(0, Fault::TooLong)] }
    }
}

/// Parses the lines of a stream on other threads, and takes the blocks in their order on this one.
/// # Errors
/// If reading fails; what was read until then was taken.
pub(super) fn blocks<T: Default + Send>(
    reader: impl Read + Send,
    parse: impl Fn(&[u8]) -> Block<T> + Sync,
    mut take: impl FnMut(Block<T>),
) -> io::Result<()> {
    let parse = |piece: Piece| match piece {
        Piece::Lines(bytes) => parse(&bytes),
        Piece::TooLong => Block::too_long(),
    };
    let mut pieces = Pieces::new(reader);
    let Some(first) = pieces.next()? else { return Ok(()) };
    take(parse(first));
    // Most of what is added while serving is one block: no threads for that.
    let Some(second) = pieces.next()? else { return Ok(()) };
    thread::scope(|scope| {
        let parse = &parse;
        let threads = thread::available_parallelism().map_or(2, usize::from).clamp(1, 8);
        let (senders, receivers): (Vec<_>, Vec<Receiver<Block<T>>>) = (0..threads)
            .map(|_| {
                let (sender, pieces) = sync_channel::<Piece>(AHEAD);
                let (parsed, receiver) = sync_channel(AHEAD);
                scope.spawn(move || pieces.into_iter().map(parse).try_for_each(|block| parsed.send(block)));
                (sender, receiver)
            })
            .unzip();
        // Blocks go round the threads, so that they come back in their order.
        let reading = scope.spawn(move || {
            let mut piece = Some(second);
            for sender in senders.iter().cycle() {
                let Some(lines) = piece else { break };
                if sender.send(lines).is_err() {
                    break;
                }
                piece = pieces.next()?;
            }
            Ok(())
        });
        for receiver in receivers.iter().cycle() {
            let Ok(block) = receiver.recv() else { break };
            take(block);
        }
        drop(receivers);
        reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives out a few bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = buffer.len().min(self.1);
            self.0.read(&mut buffer[..length])
        }
    }

    /// The length of each line, in order; `None` for those too long.
    fn lengths(bytes: &[u8], at_a_time: usize) -> Vec<Option<usize>> {
        let parse = |bytes: &[u8]| {
            Block::<Vec<(u64, usize)>>::parse(bytes, |place, line, lengths| {
                if line.len() > MAX_LINE {
                    return Err(Fault::TooLong);
                }
                lengths.push((place, line.len()));
                Ok(())
            })
        };
        let mut lengths = Vec::new();
        blocks(Slow(bytes, at_a_time), parse, |block| {
            let mut lines: Vec<(u64, Option<usize>)> =
                block.parsed.iter().map(|&(place, length)| (place, Some(length))).collect();
            lines.extend(block.rejected.iter().map(|&(place, _)| (place, None)));
            lines.sort_unstable();
            assert_eq!(lines.len() as u64 + block.blank, block.lines);
            lengths.extend(lines.into_iter().map(|(_, length)| length));
        })
        .expect("read");
        lengths
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn every_line_comes_out_once_and_in_order_however_long_the_others_are(
            lines in prop::collection::vec(
                prop_oneof![1_usize..200, BLOCK - 2..BLOCK + 2, MAX_LINE - 2..MAX_LINE + 2, MAX_LINE + BLOCK..3 * MAX_LINE],
                0..8,
            ),
            ends in any::<bool>(),
            at_a_time in prop_oneof![Just(usize::MAX), 1000_usize..100_000],
        ) {
            let mut bytes = lines.iter().map(|&length| vec![b'x'; length]).collect::<Vec<_>>().join(&b'\n');
            if ends {
                bytes.push(b'\n');
            }
            let expected: Vec<_> = lines.iter().map(|&length| (length <= MAX_LINE).then_some(length)).collect();
            prop_assert_eq!(lengths(&bytes, at_a_time), expected);
        }
    }

    #[test]
    fn a_failure_while_reading_comes_after_what_was_read() {
        struct FailingReader;
        impl Read for FailingReader {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
        }
        let lines = "x\n".repeat(BLOCK);
        let mut seen = 0;
        let parse = |bytes: &[u8]| Block::<()>::parse(bytes, |_, _, ()| Ok(()));
        let result = blocks(lines.as_bytes().chain(FailingReader), parse, |block| seen += block.lines);
        assert!(result.is_err());
        assert_eq!(seen, BLOCK as u64);
    }
}
