//! The header values that responses share, and the text of `Server-Timing`.

use std::{fmt::Write, io, time::Duration};

use axon_metrics::answer::SourceState;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// A cache may store the response, and must revalidate it before use.
pub(crate) const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");
/// No cache may store the response.
pub(crate) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
pub(crate) const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
pub(crate) const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
pub(crate) const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// `Vary` of a body that is sent in several codings.
pub(crate) const VARY_CODING: HeaderValue = HeaderValue::from_static("accept-encoding");

/// The headers of JSON that a cache may store and must revalidate.
pub(crate) fn revalidated_json() -> HeaderMap {
    HeaderMap::from_iter([(header::CONTENT_TYPE, JSON), (header::CACHE_CONTROL, NO_CACHE)])
}

/// `Server-Timing` of the sources: `mysql;desc="ledger";dur=1.23` each. `None` without sources.
pub(crate) fn source_times(sources: &[SourceState]) -> Option<HeaderValue> {
    let mut text = String::new();
    for source in sources {
        let comma = if text.is_empty() { "" } else { ", " };
        let (name, kind) = (token(&source.name), source.kind.name());
        let _ = write!(text, "{comma}{name};desc=\"{kind}\";dur={}", source.latency_ms);
    }
    HeaderValue::try_from(text).ok().filter(|value| !value.is_empty())
}

/// Adds the time of the whole request after the times of the sources.
pub(crate) fn add_total_time(headers: &mut HeaderMap, took: Duration) {
    // A stack buffer: without sources, this allocates nothing but the header value.
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
