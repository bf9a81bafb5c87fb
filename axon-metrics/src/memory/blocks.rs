//! Splits the bytes of a file into blocks of whole lines. Other threads parse them; this one takes them in order.
//! Lives here: splitting, threads. Lives elsewhere: opening (`input`), parsing (`parse`), storing (`loader`).
//!
//! Memory is bounded for every file: a line longer than [`MAX_LINE`] is skipped, not buffered, and a thread that is
//! ahead waits for the others.

use std::{
    io::{self, Read},
    sync::mpsc::{Receiver, sync_channel},
    thread,
};

use memchr::{memchr, memrchr};

use super::{framing::BOM, limits::MAX_LINE, load_report::Fault};

/// The approximate size of a block, in bytes: how much is read and parsed at a time.
const BLOCK_BYTES: usize = 256 * 1024;
/// How many blocks may queue for, and behind, each parser thread.
const MAX_QUEUED: usize = 2;

/// A part of a file.
enum Piece {
    /// Whole lines.
    Lines(Vec<u8>),
    /// In place of a line that was skipped, since it is too long.
    TooLong,
}

/// Splits a stream into pieces.
struct Pieces<R> {
    reader: R,
    /// Bytes read but not returned yet: the beginning of a line whose end was not read yet.
    rest: Vec<u8>,
    /// How many bytes of `rest` were searched and have no line end.
    searched: usize,
    /// Whether the rest of a too long line is being skipped.
    skipping: bool,
    at_end: bool,
}

impl<R: Read> Pieces<R> {
    fn new(reader: R) -> Self {
        Self { reader, rest: Vec::new(), searched: 0, skipping: false, at_end: false }
    }

    fn next(&mut self) -> io::Result<Option<Piece>> {
        while !self.at_end {
            self.rest.reserve(BLOCK_BYTES);
            let read = (&mut self.reader).take(BLOCK_BYTES as u64).read_to_end(&mut self.rest)?;
            self.at_end = read < BLOCK_BYTES;
            if self.skipping {
                let end = memchr(b'\n', &self.rest);
                self.rest.drain(..end.map_or(self.rest.len(), |end| end + 1));
                self.searched = 0;
                if end.is_some() || self.at_end {
                    self.skipping = false;
                    return Ok(Some(Piece::TooLong));
                }
                continue;
            }
            let last = memrchr(b'\n', &self.rest[self.searched..]);
            if let Some(end) = last.map(|last| self.searched + last + 1) {
                let rest = self.rest.split_off(end);
                self.searched = rest.len();
                return Ok(Some(Piece::Lines(std::mem::replace(&mut self.rest, rest))));
            }
            self.searched = self.rest.len();
            if self.rest.len() > MAX_LINE && !self.at_end {
                self.rest.clear();
                self.skipping = true;
            }
        }
        let rest = std::mem::take(&mut self.rest);
        Ok((!rest.is_empty()).then_some(Piece::Lines(rest)))
    }
}

/// A parsed block of lines.
#[derive(Default)]
pub(super) struct Block<T> {
    pub(super) lines: u64,
    pub(super) blank: u64,
    pub(super) parsed: T,
    /// The invalid lines, each with its index in the block, from 0.
    pub(super) rejected: Vec<(u64, Fault)>,
}

impl<T: Default> Block<T> {
    /// Calls `parse` for each line that is not blank, with the index of the line in the block, from 0. Commas around a
    /// line are left out.
    pub(super) fn parse(mut bytes: &[u8], mut parse: impl FnMut(u64, &[u8], &mut T) -> Result<(), Fault>) -> Self {
        let mut block = Self::default();
        while !bytes.is_empty() {
            let length = memchr(b'\n', bytes).map_or(bytes.len(), |end| end + 1);
            let (line, rest) = bytes.split_at(length);
            let line = bare(line.trim_ascii());
            bytes = rest;
            let index = block.lines;
            block.lines += 1;
            if line.is_empty() {
                block.blank += 1;
            } else if let Err(fault) = parse(index, line, &mut block.parsed) {
                block.rejected.push((index, fault));
            }
        }
        block
    }

    fn too_long() -> Self {
        Self { lines: 1, blank: 0, parsed: T::default(), rejected: vec![(0, Fault::TooLong)] }
    }
}

/// A line without the commas that separate it from others, and without the byte order mark of a file that was appended.
fn bare(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b",").unwrap_or(line);
    let line = line.strip_prefix(b",").unwrap_or(line);
    line.strip_prefix(&BOM).unwrap_or(line)
}

/// Parses the lines of a stream on other threads, and calls `take` with the blocks in order on this thread.
/// # Errors
/// If reading fails. `take` was called for all blocks read before.
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
    // Most additions to a serving store are a single block, for which threads are not worth it.
    let Some(second) = pieces.next()? else { return Ok(()) };
    thread::scope(|scope| {
        let parse = &parse;
        let threads = thread::available_parallelism().map_or(2, usize::from).clamp(1, 8);
        let (senders, receivers): (Vec<_>, Vec<Receiver<Block<T>>>) = (0..threads)
            .map(|_| {
                let (sender, pieces) = sync_channel::<Piece>(MAX_QUEUED);
                let (parsed, receiver) = sync_channel(MAX_QUEUED);
                scope.spawn(move || pieces.into_iter().map(parse).try_for_each(|block| parsed.send(block)));
                (sender, receiver)
            })
            .unzip();
        // Blocks are distributed round-robin and collected round-robin, which keeps their order.
        let reader_thread = scope.spawn(move || {
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
        reader_thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns at most this many bytes per read.
    struct ShortReads<'a>(&'a [u8], usize);

    impl Read for ShortReads<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = buffer.len().min(self.1);
            self.0.read(&mut buffer[..length])
        }
    }

    /// The length of each line, in order; `None` for a line that is too long.
    fn lengths(bytes: &[u8], at_a_time: usize) -> Vec<Option<usize>> {
        let parse = |bytes: &[u8]| {
            Block::<Vec<(u64, usize)>>::parse(bytes, |index, line, lengths| {
                if line.len() > MAX_LINE {
                    return Err(Fault::TooLong);
                }
                lengths.push((index, line.len()));
                Ok(())
            })
        };
        let mut lengths = Vec::new();
        blocks(ShortReads(bytes, at_a_time), parse, |block| {
            let mut lines: Vec<(u64, Option<usize>)> =
                block.parsed.iter().map(|&(index, length)| (index, Some(length))).collect();
            lines.extend(block.rejected.iter().map(|&(index, _)| (index, None)));
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
        fn every_line_is_parsed_once_and_in_order_whatever_the_lengths(
            lines in prop::collection::vec(
                prop_oneof![
                    1_usize..200,
                    BLOCK_BYTES - 2..BLOCK_BYTES + 2,
                    MAX_LINE - 2..MAX_LINE + 2,
                    MAX_LINE + BLOCK_BYTES..3 * MAX_LINE,
                ],
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
    fn commas_between_lines_are_left_out() {
        let lines = "{},\r\n,{} ,\n , {}\n,\n\u{feff}{},";
        let block = Block::<Vec<String>>::parse(lines.as_bytes(), |_, line, lines| {
            lines.push(String::from_utf8_lossy(line).trim().to_owned());
            Ok(())
        });
        assert_eq!(block.parsed, ["{}"; 4]);
        assert_eq!((block.lines, block.blank), (5, 1));
    }

    #[test]
    fn a_read_error_is_returned_after_the_lines_before_it() {
        struct FailingReader;
        impl Read for FailingReader {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
        }
        let lines = "x\n".repeat(BLOCK_BYTES);
        let mut lines_taken = 0;
        let parse = |bytes: &[u8]| Block::<()>::parse(bytes, |_, _, ()| Ok(()));
        let result = blocks(lines.as_bytes().chain(FailingReader), parse, |block| lines_taken += block.lines);
        assert!(result.is_err());
        assert_eq!(lines_taken, BLOCK_BYTES as u64);
    }
}
