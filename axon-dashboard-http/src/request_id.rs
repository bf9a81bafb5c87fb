//! The id of a request: the caller's own if it is short and of plain characters, else a new one.

use std::{cell::Cell, fmt, mem};

use axon_metrics::Timestamp;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use ulid::Ulid;

pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");
const MAX_LENGTH: usize = 128;

/// Text of `A-Z a-z 0-9 . _ -`, as it goes into the response.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    /// The caller's id if it is 1 to 128 of `A-Z a-z 0-9 . _ -`, else a new ULID of this instant.
    pub(crate) fn of(headers: &HeaderMap, now: Timestamp) -> Self {
        let given = headers.get(HEADER).filter(|given| is_harmless(given.as_bytes()));
        Self(given.cloned().unwrap_or_else(|| new_ulid(now)))
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// The header value of the response. Afterwards the id is empty.
    pub(crate) fn take(&mut self) -> HeaderValue {
        mem::replace(&mut self.0, HeaderValue::from_static(""))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn is_harmless(given: &[u8]) -> bool {
    (1..=MAX_LENGTH).contains(&given.len())
        && given.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// A new ULID. Its random part starts at a random number in each thread and is incremented for each id. That is as unique as a
/// random number for each id, and cheaper.
fn new_ulid(now: Timestamp) -> HeaderValue {
    thread_local! {
        static RANDOM: Cell<u128> = Cell::new(Ulid::new().random());
    }
    let random = RANDOM.get().wrapping_add(1);
    RANDOM.set(random);
    let id = Ulid::from_parts(now.timestamp_millis().try_into().unwrap_or(0), random);
    let mut text = [0; ulid::ULID_LEN];
    HeaderValue::from_str(id.array_to_str(&mut text)).unwrap_or(const { HeaderValue::from_static("unknown") })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn an_id_is_taken_if_it_is_short_and_of_plain_characters() {
        assert!(is_harmless(b"01JCG8ZK.a_b-c") && is_harmless("x".repeat(128).as_bytes()));
        for wrong in ["", "a b", "a,b", "<b>", "é", "a\u{7f}", &"x".repeat(129)] {
            assert!(!is_harmless(wrong.as_bytes()), "{wrong:?}");
        }
    }

    #[test]
    fn new_ids_are_ulids_and_no_two_are_equal() {
        let ids = || {
            (0..1000).map(|_| new_ulid(Timestamp::UNIX_EPOCH).to_str().expect("text").to_owned()).collect::<Vec<_>>()
        };
        let threads = [(); 4].map(|()| std::thread::spawn(ids));
        let all: Vec<String> = threads.into_iter().flat_map(|thread| thread.join().expect("ids")).collect();
        assert!(all.iter().all(|id| Ulid::from_string(id).is_ok()));
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), 4000);
    }
}
