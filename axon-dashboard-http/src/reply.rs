//! How answers are written: JSON, what may be kept, and how long each source took.

use std::{fmt::Write, io, time::Duration};

use axon_metrics::answer::SourceState;
use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::problem::Problem;

/// May be kept, but is asked for again before use.
pub(crate) const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");
/// May not be kept.
pub(crate) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
pub(crate) const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
pub(crate) const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
/// What `Cache-Status` says of a kept answer that is fresh.
pub(crate) const HIT: &str = "axon-metrics; hit";
pub(crate) const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What most answers have room in.
const USUAL: usize = 4096;

pub(crate) fn json(status: StatusCode, cache: HeaderValue, value: &impl Serialize) -> Result<Response, Problem> {
    let body = encode(value)?;
    Ok((status, [(header::CONTENT_TYPE, JSON), (header::CACHE_CONTROL, cache)], body).into_response())
}

/// JSON on one line.
pub(crate) fn encode(value: &impl Serialize) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::with_capacity(USUAL);
    match serde_json::to_writer(&mut bytes, value) {
        Ok(()) => Ok(bytes),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written");
            Err(Problem::internal())
        }
    }
}

/// What `Server-Timing` says of sources: `mysql;desc="ledger";dur=1.23` each. `None` without sources.
pub(crate) fn source_times(sources: &[SourceState]) -> Option<HeaderValue> {
    let mut text = String::new();
    for source in sources {
        let comma = if text.is_empty() { "" } else { ", " };
        let (name, seam) = (token(&source.name), source.kind.name());
        let _ = write!(text, "{comma}{name};desc=\"{seam}\";dur={}", source.latency_ms);
    }
    HeaderValue::try_from(text).ok().filter(|value| !value.is_empty())
}

/// The time of the whole request, after those of the sources.
pub(crate) fn add_total_time(headers: &mut HeaderMap, took: Duration) {
    // Written without asking for memory first.
    let mut buffer = [0; 64];
    let total = total_time(&mut buffer, took);
    let value = match headers.get(SERVER_TIMING) {
        Some(sources) => HeaderValue::from_bytes(&[sources.as_bytes(), b", ", total].concat()),
        None => HeaderValue::from_bytes(total),
    };
    if let Ok(value) = value {
        headers.insert(SERVER_TIMING, value);
    }
}

fn total_time(buffer: &mut [u8; 64], took: Duration) -> &[u8] {
    let micros = took.as_micros();
    let mut free = buffer.as_mut_slice();
    let _ = io::Write::write_fmt(&mut free, format_args!("total;dur={}.{:03}", micros / 1000, micros % 1000));
    let left = free.len();
    &buffer[..buffer.len() - left]
}

/// Milliseconds, three decimals.
pub(crate) fn milliseconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1e3
}

/// A source's name as a token (RFC 9110).
fn token(name: &str) -> String {
    let allowed = |character: char| character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character);
    let token: String = name.chars().map(|character| if allowed(character) { character } else { '_' }).collect();
    if token.is_empty() { "source".to_owned() } else { token }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_no_token_becomes_one() {
        assert_eq!(token("mysql-8.4"), "mysql-8.4");
        assert_eq!(token("my sql;\"é"), "my_sql___");
        assert_eq!(token(""), "source");
    }
}
