//! The id of a request: the caller's where it is harmless, else a fresh one.

use std::fmt;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use ulid::Ulid;

pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");
const MAX_LENGTH: usize = 128;

#[derive(Debug, Clone)]
pub(crate) struct RequestId(String);

impl RequestId {
    /// The caller's id if it is 1 to 128 of `A-Z a-z 0-9 . _ -`, else a new ULID.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(HEADER).and_then(|value| value.to_str().ok()).filter(|given| is_harmless(given));
        Self(given.map_or_else(|| Ulid::new().to_string(), str::to_owned))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn header(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.0).ok()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_harmless(given: &str) -> bool {
    (1..=MAX_LENGTH).contains(&given.len())
        && given.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::is_harmless;

    #[test]
    fn an_id_is_taken_if_it_is_short_and_of_plain_characters() {
        assert!(is_harmless("01JCG8ZK.a_b-c") && is_harmless(&"x".repeat(128)));
        for wrong in ["", "a b", "a,b", "<b>", "é", "a\u{7f}", &"x".repeat(129)] {
            assert!(!is_harmless(wrong), "{wrong:?}");
        }
    }
}
