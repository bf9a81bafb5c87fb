//! Decompresses gzip and zstd. A file may have several members (gzip) or frames (zstd). Zero bytes between and after
//! them are padding: copies in whole blocks leave it.

use std::{
    io::{self, BufRead, BufReader, Read},
    mem,
};

use flate2::bufread::GzDecoder;
use zstd::stream::read::Decoder as ZstdDecoder;

/// The first bytes of a gzip member.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// The first bytes of a zstd frame.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// The first bytes of a zstd frame without data, after a byte from 0x50 to 0x5f. Parallel compressors write them.
const SKIPPABLE_MAGIC: [u8; 3] = [0x2a, 0x4d, 0x18];
/// How many bytes of a file show whether it is compressed.
pub(super) const MAGIC_BYTES: usize = 4;

/// The base-2 logarithm of the largest window of a zstd frame, in bytes: 128 MiB, as the `zstd` command accepts. Bounds
/// the memory of decompression.
const MAX_WINDOW_LOG: u32 = 27;
/// How many compressed bytes are read at a time.
const BUFFER_BYTES: usize = 256 * 1024;

/// Whether a file that starts with these bytes is gzip or zstd.
pub(super) fn is_compressed(head: &[u8]) -> bool {
    let skippable = matches!(head, [0x50..=0x5f, rest @ ..] if rest.starts_with(&SKIPPABLE_MAGIC));
    head.starts_with(&GZIP_MAGIC) || head.starts_with(&ZSTD_MAGIC) || skippable
}

/// The decompressed bytes of a reader.
pub(super) struct Unpacked<R: Read> {
    member: Member<BufReader<R>>,
}

enum Member<R: BufRead> {
    /// Before, between or after the members.
    None(R),
    Gzip(GzDecoder<R>),
    Zstd(ZstdDecoder<'static, R>),
    End,
}

impl<R: Read> Unpacked<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { member: Member::None(BufReader::with_capacity(BUFFER_BYTES, reader)) }
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let read = match &mut self.member {
                Member::Gzip(member) => member.read(buffer)?,
                Member::Zstd(frame) => frame.read(buffer)?,
                Member::None(reader) => {
                    skip_padding(reader)?;
                    0
                }
                Member::End => return Ok(0),
            };
            if read > 0 {
                return Ok(read);
            }
            self.member = match mem::replace(&mut self.member, Member::End) {
                Member::Gzip(member) => Member::None(member.into_inner()),
                Member::Zstd(frame) => Member::None(frame.finish()),
                Member::None(reader) => next_member(reader)?,
                Member::End => Member::End,
            };
        }
    }
}

/// Skips zero bytes. Afterwards the buffer of the reader is empty only at the end.
fn skip_padding(reader: &mut impl BufRead) -> io::Result<()> {
    loop {
        let bytes = reader.fill_buf()?;
        let padding = bytes.iter().take_while(|byte| **byte == 0).count();
        if padding < bytes.len() || bytes.is_empty() {
            reader.consume(padding);
            return Ok(());
        }
        reader.consume(padding);
    }
}

/// The member that starts here, by its first byte: the decoders check the others.
/// # Errors
/// If something else than a member starts here.
fn next_member<R: BufRead>(mut reader: R) -> io::Result<Member<R>> {
    match reader.fill_buf()?.first() {
        None => Ok(Member::End),
        Some(0x1f) => Ok(Member::Gzip(GzDecoder::new(reader))),
        Some(0x28 | 0x50..=0x5f) => {
            let mut frame = ZstdDecoder::with_buffer(reader)?.single_frame();
            frame.window_log_max(MAX_WINDOW_LOG)?;
            Ok(Member::Zstd(frame))
        }
        Some(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "something else follows the compressed data")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packed = Vec::new();
        flate2::read::GzEncoder::new(bytes, flate2::Compression::best()).read_to_end(&mut packed).expect("gzip");
        packed
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 3).expect("zstd")
    }

    /// A zstd frame without data.
    fn skippable() -> Vec<u8> {
        [&[0x5a][..], &SKIPPABLE_MAGIC, &3_u32.to_le_bytes(), b"abc"].concat()
    }

    fn unpack(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut unpacked = Vec::new();
        Unpacked::new(bytes).read_to_end(&mut unpacked).map(|_| unpacked)
    }

    #[test]
    fn members_and_frames_may_follow_each_other_and_be_padded() {
        let padding = vec![0; 512];
        for file in [
            gzip(b"abcdef"),
            zstd(b"abcdef"),
            [gzip(b"abc"), gzip(b"def")].concat(),
            [gzip(b"abcdef"), padding.clone()].concat(),
            [gzip(b"abc"), padding.clone(), gzip(b"def"), vec![0; 2 * BUFFER_BYTES]].concat(),
            [zstd(b"abc"), zstd(b"def")].concat(),
            [skippable(), zstd(b"abc"), skippable(), zstd(b"def"), padding].concat(),
        ] {
            assert!(is_compressed(&file[..MAGIC_BYTES]));
            assert_eq!(unpack(&file).expect("unpacked"), b"abcdef");
        }
        assert_eq!(unpack(&gzip(b"")).expect("unpacked"), b"");
    }

    #[test]
    fn a_file_that_is_cut_off_or_goes_on_otherwise_is_an_error() {
        let long: Vec<u8> = (0..10_000_u32).flat_map(u32::to_le_bytes).collect();
        for file in [gzip(&long), zstd(&long)] {
            assert!(unpack(&file[..file.len() - 9]).is_err());
            assert!(unpack(&file[..file.len() / 2]).is_err());
            assert!(unpack(&[&file[..], b"more"].concat()).is_err());
        }
    }

    #[test]
    fn other_files_are_not_compressed() {
        for head in [&b""[..], b"{", b"[{\"a", b"PK\x03\x04", b"BZh9", b"Zab"] {
            assert!(!is_compressed(head), "{head:?}");
        }
    }
}
