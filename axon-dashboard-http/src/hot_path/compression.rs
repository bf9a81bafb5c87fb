//! Compression of a whole body. It takes about a millisecond for 50 KiB, so it runs beside the tasks that send responses.

use std::io::{self, Write as _};

use axum::body::Bytes;
use brotli::enc::BrotliEncoderParams;
use flate2::{Compression, write::GzEncoder};

use crate::accept::Coding;

/// Levels that take about as long as writing the JSON did. Higher ones save a few percent more, and take several times as long.
const GZIP_LEVEL: u32 = 6;
const BROTLI_QUALITY: i32 = 5;

/// The body in a coding; `None` if the task was lost: it panicked, or the runtime shuts down.
pub(super) async fn compressed(body: Bytes, coding: Coding) -> Option<Bytes> {
    let compressed = tokio::task::spawn_blocking(move || compress(&body, coding)).await;
    // Boxed, to free the spare capacity of the buffer.
    Some(compressed.ok()?.ok()?.into_boxed_slice().into())
}

/// # Errors
/// Never: writing to memory does not fail.
fn compress(mut body: &[u8], coding: Coding) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(body.len() / 4);
    match coding {
        Coding::Identity => bytes.extend_from_slice(body),
        Coding::Gzip => {
            let mut encoder = GzEncoder::new(bytes, Compression::new(GZIP_LEVEL));
            encoder.write_all(body)?;
            bytes = encoder.finish()?;
        }
        Coding::Brotli => {
            let parameters =
                BrotliEncoderParams { quality: BROTLI_QUALITY, size_hint: body.len(), ..Default::default() };
            brotli::BrotliCompress(&mut body, &mut bytes, &parameters)?;
        }
    }
    Ok(bytes)
}
