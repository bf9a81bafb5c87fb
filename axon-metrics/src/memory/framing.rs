//! How the records of a file are separated, from its first bytes: one per line, or otherwise.

/// The byte order mark of UTF-8.
pub(super) const BOM: [u8; 3] = [0xef, 0xbb, 0xbf];
/// The record separator of JSON text sequences (RFC 7464).
pub(super) const RECORD_SEPARATOR: u8 = 0x1e;

/// How actions of a bulk request start that are followed by a document, without blanks.
pub(super) const DOCUMENT_ACTIONS: [&[u8]; 2] = [br#"{"index":{"#, br#"{"create":{"#];
/// How other actions start.
const OTHER_ACTIONS: [&[u8]; 2] = [br#"{"update":{"#, br#"{"delete":{"#];
/// How many bytes that are not blank show whether an object is an action.
pub(super) const ACTION_BYTES: usize = 11;

/// How records are separated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// One per line.
    Lines,
    /// In an array, over several lines each, or several on one line.
    Records,
    /// Records of Elasticsearch's bulk format: each follows an action.
    Bulk,
}

/// The framing of a file that starts with these bytes.
pub(super) fn framing(sample: &[u8]) -> Framing {
    let start = sample.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(sample.len());
    let sample = &sample[start..];
    match sample.first() {
        Some(&(b'[' | RECORD_SEPARATOR)) => Framing::Records,
        Some(b'{') => framing_of_objects(sample),
        _ => Framing::Lines,
    }
}

/// The framing of a file that starts with an object. An object that is broken on its first line does not make the
/// others part of it.
fn framing_of_objects(sample: &[u8]) -> Framing {
    let (mut depth, mut in_string, mut escaped, mut several_fields) = (0_usize, false, false, false);
    for (index, &byte) in sample.iter().enumerate() {
        let rest = &sample[index + 1..];
        match byte {
            b'\n' if in_string => return Framing::Lines,
            b'\n' => return if continues(rest) { Framing::Records } else { Framing::Lines },
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b',' if depth == 1 => several_fields = true,
            _ => {}
        }
        if depth == 0 {
            let is_action = !several_fields && is_bulk_action(sample);
            return if is_action { Framing::Bulk } else { framing_after_object(rest) };
        }
    }
    Framing::Lines
}

/// Whether an object that is open at the end of a line goes on in the next lines: with a field, or with its end.
fn continues(next_lines: &[u8]) -> bool {
    let next = next_lines.iter().find(|byte| !byte.is_ascii_whitespace() && **byte != b',');
    matches!(next, Some(b'"' | b'}'))
}

/// Another object on the line of the first one makes them records.
fn framing_after_object(rest: &[u8]) -> Framing {
    let next = rest.iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b','));
    if next == Some(&b'{') { Framing::Records } else { Framing::Lines }
}

/// Whether an object that starts with these bytes is an action of a bulk request.
fn is_bulk_action(object: &[u8]) -> bool {
    let start = object.iter().copied().filter(|byte| !byte.is_ascii_whitespace());
    let start: Vec<u8> = start.take(ACTION_BYTES).collect();
    DOCUMENT_ACTIONS.iter().chain(&OTHER_ACTIONS).any(|action| start.starts_with(action))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_lines_unless_they_cannot_be() {
        let cases = [
            ("", Framing::Lines),
            (" \n", Framing::Lines),
            ("{\"a\":1}\n{\"a\":2}\n", Framing::Lines),
            ("{\"a\":1},\r\n{\"a\":2},\r\n", Framing::Lines),
            ("{\"a\":1}", Framing::Lines),
            ("{\"a\":\"}{\"}\n", Framing::Lines),
            ("{\"a\":\"\\\"}{\"}\n", Framing::Lines),
            ("a,b\n1,2\n", Framing::Lines),
            // The first object is broken.
            ("{\"a\":1,\n{\"a\":2}\n", Framing::Lines),
            ("{\"a\":\n{\"a\":2}\n", Framing::Lines),
            ("{\"a\":[\n{\"a\":2}\n", Framing::Lines),
            ("{\n{\n{\n", Framing::Lines),
            ("{\"a\":\"\n{\"a\":2}\n", Framing::Lines),
            ("}\n{\"a\":2}\n", Framing::Lines),
            ("[{\"a\":1}]", Framing::Records),
            ("\n[\n,{\"a\":1}\n]", Framing::Records),
            ("\u{1e}{\"a\":1}\n", Framing::Records),
            ("{\n  \"a\": 1\n}\n", Framing::Records),
            ("{ \"a\": 1\n, \"b\": 2 }\n", Framing::Records),
            ("{\"a\":1}{\"a\":2}", Framing::Records),
            ("{\"a\":1}, {\"a\":2}", Framing::Records),
            ("{\"index\":{\"_index\":\"i\"}}\n{\"a\":1}\n", Framing::Bulk),
            ("{ \"create\" : { } }\n{\"a\":1}\n", Framing::Bulk),
            ("{\"index\":{\"_index\":\"i\"},\"a\":1}\n{\"a\":1}\n", Framing::Lines),
        ];
        for (sample, expected) in cases {
            assert_eq!(framing(sample.as_bytes()), expected, "{sample:?}");
        }
    }
}
