//! Opens an input: decompresses it, removes a byte order mark, and looks at its first bytes.

use std::{
    fs::File,
    io::{self, Cursor, Read},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    files::{ByteSource, Input},
    framing::{BOM, Framing, framing},
    records_to_lines::RecordLines,
    unpack::{MAGIC_BYTES, Unpacked, is_compressed},
};

/// How many bytes show the form of a file.
const SAMPLE_BYTES: u64 = 64 * 1024;

/// An open input.
pub(super) struct OpenInput {
    /// The first decompressed bytes.
    pub(super) sample: Vec<u8>,
    /// Gives the decompressed bytes, with those of the sample.
    pub(super) reader: Box<dyn Read + Send>,
    /// How many bytes of the input were read, before decompression.
    pub(super) bytes: Arc<AtomicU64>,
    /// The size of the input in bytes; `None` if it is unknown.
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

/// Opens an input, and decompresses it if it is gzip or zstd. Removes a byte order mark.
pub(super) fn open(source: ByteSource) -> io::Result<OpenInput> {
    let (reader, total): (Box<dyn Read + Send>, _) = match source {
        ByteSource::Reader(reader) => (reader, None),
        ByteSource::Path(path) => {
            let file = File::open(path)?;
            let total = file.metadata()?;
            (Box::new(file), total.is_file().then_some(total.len()))
        }
    };
    let bytes = Arc::new(AtomicU64::new(0));
    let counting = CountingReader { reader, bytes: Arc::clone(&bytes) };
    let (head, rest) = split_head(counting, MAGIC_BYTES as u64)?;
    let compressed = is_compressed(&head);
    let whole = Cursor::new(head).chain(rest);
    let reader: Box<dyn Read + Send> = if compressed { Box::new(Unpacked::new(whole)) } else { Box::new(whole) };
    let (mut sample, rest) = split_head(reader, SAMPLE_BYTES)?;
    if sample.starts_with(&BOM) {
        sample.drain(..BOM.len());
    }
    let reader = Box::new(Cursor::new(sample.clone()).chain(rest));
    Ok(OpenInput { sample, reader, bytes, total })
}

/// The first `length` bytes, or fewer at the end, and a reader of the rest.
fn split_head<R: Read>(mut reader: R, length: u64) -> io::Result<(Vec<u8>, R)> {
    let mut head = Vec::new();
    (&mut reader).take(length).read_to_end(&mut head)?;
    Ok((head, reader))
}

impl OpenInput {
    /// Makes the reader give each record as a line. `strict`: a file that ends inside a record or an array cannot be
    /// read.
    pub(super) fn into_lines(mut self, strict: bool) -> Self {
        match framing(&self.sample) {
            Framing::Lines => {}
            framing => self.reader = Box::new(RecordLines::new(self.reader, framing, strict)),
        }
        self
    }
}

impl Input {
    /// The name, and the source of the bytes.
    pub(super) fn into_parts(self) -> (Arc<str>, ByteSource) {
        (self.name, self.source)
    }
}
