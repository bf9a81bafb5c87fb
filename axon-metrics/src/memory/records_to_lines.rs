//! Turns a stream of JSON records that are not one per line into one per line: the elements of an array, objects over
//! several lines or several on one line, and bulk requests.
//!
//! It separates records and does not check them: a broken record becomes a broken line, and the next one is found again
//! where brackets or the end of the line show it. Memory is bounded, whatever the sizes of records and file.

use std::io::{self, Read};

use memchr::memchr3;

use super::{
    framing::{ACTION_BYTES, BOM, DOCUMENT_ACTIONS, Framing, RECORD_SEPARATOR},
    limits::MAX_LINE,
};

/// How many bytes are read at a time.
const READ_BYTES: usize = 64 * 1024;

/// Gives the records of a reader, each with the end of a line. In records, the ends of lines become blanks.
pub(super) struct RecordLines<R> {
    reader: R,
    input: Box<[u8]>,
    output: Vec<u8>,
    /// How many bytes of `output` were given.
    given: usize,
    scanner: Scanner,
    at_end: bool,
}

impl<R> RecordLines<R> {
    /// `strict`: a stream that ends inside a record or an array is an error. Otherwise this end is one more line, which
    /// is not JSON.
    pub(super) fn new(reader: R, framing: Framing, strict: bool) -> Self {
        let scanner = Scanner { bulk: framing == Framing::Bulk, strict, ..Scanner::default() };
        let input = vec![0; READ_BYTES].into_boxed_slice();
        Self { reader, input, output: Vec::new(), given: 0, scanner, at_end: false }
    }
}

impl<R: Read> Read for RecordLines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.output.len() && !self.at_end {
            let read = self.reader.read(&mut self.input)?;
            self.output.clear();
            self.given = 0;
            if read == 0 {
                self.at_end = true;
                self.scanner.end(&mut self.output)?;
            } else {
                self.scanner.scan(&self.input[..read], &mut self.output);
            }
        }
        let read = (&self.output[self.given..]).read(buffer)?;
        self.given += read;
        Ok(read)
    }
}

/// What follows a record of a bulk request.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum BulkState {
    /// An action, or a record without one.
    #[default]
    Action,
    /// The document of an action, on the line of that action.
    Document,
}

#[derive(Default)]
struct Scanner {
    strict: bool,
    bulk: bool,
    bulk_state: BulkState,
    /// Whether the array that holds the records is open.
    in_array: bool,
    /// The open brackets of the record, at most [`MAX_LINE`]: a record with more is too long in any case.
    open: Vec<u8>,
    /// The number of open brackets beyond these.
    open_beyond: usize,
    in_string: bool,
    /// Whether the next byte of a string is escaped.
    escaped: bool,
    /// Whether a record that starts with neither bracket nor quote is being read.
    in_word: bool,
    /// The last byte of the record that is not blank.
    last: u8,
    /// The first bytes of the record that are not blank, if they are needed.
    start: Vec<u8>,
    /// Whether the record has a comma between its own fields.
    several_fields: bool,
    /// The number of ended records.
    records: u64,
}

impl Scanner {
    fn scan(&mut self, mut input: &[u8], output: &mut Vec<u8>) {
        while let [byte, rest @ ..] = input {
            if self.in_string && !self.escaped {
                let end = memchr3(b'"', b'\\', b'\n', input).unwrap_or(input.len());
                output.extend_from_slice(&input[..end]);
                self.remember_start(&input[..end]);
                input = &input[end..];
                let [byte, rest @ ..] = input else { return };
                self.in_string(*byte, output);
                input = rest;
                continue;
            }
            if self.in_string {
                self.escaped = false;
                output.push(if *byte == b'\n' { b'\r' } else { *byte });
            } else if self.open.is_empty() {
                self.between(*byte, output);
            } else {
                self.inside(*byte, output);
            }
            input = rest;
        }
    }

    /// A quote, a backslash or the end of a line in a string.
    fn in_string(&mut self, byte: u8, output: &mut Vec<u8>) {
        match byte {
            b'\\' => {
                self.escaped = true;
                output.push(byte);
                return;
            }
            // No string has an end of line, so it is broken. Neither has it a carriage return, so it stays broken.
            b'\n' => output.push(b'\r'),
            _ => output.push(byte),
        }
        self.remember_start(&[byte]);
        self.in_string = false;
        self.last = b'"';
        if self.open.is_empty() {
            self.end_record(output);
        }
    }

    /// A byte between records, or of one that starts with neither bracket nor quote.
    fn between(&mut self, byte: u8, output: &mut Vec<u8>) {
        let is_bracket = matches!(byte, b'[' | b'{' | b']');
        let is_separator = is_bracket
            || byte.is_ascii_whitespace()
            || matches!(byte, b',' | b'"' | RECORD_SEPARATOR)
            || BOM.contains(&byte);
        if self.in_word && is_separator {
            self.end_record(output);
        }
        match byte {
            b'[' if !self.in_array => self.in_array = true,
            b']' if self.in_array => self.in_array = false,
            b'{' | b'[' => {
                self.start.clear();
                self.remember_start(&[byte]);
                self.open_bracket(byte, output);
            }
            b'"' => {
                self.in_string = true;
                output.push(byte);
            }
            b']' => {
                output.push(byte);
                self.end_record(output);
            }
            _ if is_separator => {}
            _ => {
                self.in_word = true;
                output.push(byte);
            }
        }
    }

    /// A byte of a record, outside of strings.
    fn inside(&mut self, byte: u8, output: &mut Vec<u8>) {
        if byte.is_ascii_whitespace() {
            if output.last() != Some(&b' ') {
                output.push(b' ');
            }
            return;
        }
        match byte {
            // No object starts between the fields of another: the record before has no end.
            b'{' if self.open.last() == Some(&b'{') && self.last != b':' => {
                self.end_record(output);
                self.start.clear();
                self.open_bracket(byte, output);
            }
            b'{' | b'[' => self.open_bracket(byte, output),
            b'}' => self.close_bracket(b'{', byte, output),
            b']' => self.close_bracket(b'[', byte, output),
            b'"' => {
                self.in_string = true;
                output.push(byte);
            }
            _ => {
                self.several_fields |= byte == b',' && self.open.len() == 1;
                output.push(byte);
            }
        }
        self.remember_start(&[byte]);
        self.last = byte;
    }

    /// Keeps bytes of the record if they are among its first ones, which show whether it is an action.
    fn remember_start(&mut self, bytes: &[u8]) {
        if self.bulk {
            let missing = ACTION_BYTES.saturating_sub(self.start.len());
            self.start.extend(bytes.iter().take(missing));
        }
    }

    fn open_bracket(&mut self, byte: u8, output: &mut Vec<u8>) {
        if self.open.len() < MAX_LINE {
            self.open.push(byte);
        } else {
            self.open_beyond += 1;
        }
        self.last = byte;
        output.push(byte);
    }

    /// Closes the innermost bracket of a kind, with all that are open inside it.
    fn close_bracket(&mut self, opening: u8, byte: u8, output: &mut Vec<u8>) {
        if self.open_beyond > 0 {
            self.open_beyond -= 1;
            output.push(byte);
            return;
        }
        match self.open.iter().rposition(|open| *open == opening) {
            Some(position) => self.open.truncate(position),
            // The end of the array: the record before has no end.
            None if byte == b']' && self.in_array => {
                self.in_array = false;
                self.end_record(output);
                return;
            }
            None => {}
        }
        if self.open.is_empty() && self.is_action() {
            self.bulk_state = BulkState::Document;
            output.extend_from_slice(br#","_source":"#);
            return;
        }
        output.push(byte);
        if self.open.is_empty() {
            self.end_record(output);
        }
    }

    /// Whether the record is an action whose document follows.
    fn is_action(&self) -> bool {
        self.bulk
            && self.bulk_state == BulkState::Action
            && !self.several_fields
            && DOCUMENT_ACTIONS.iter().any(|action| self.start.starts_with(action))
    }

    fn end_record(&mut self, output: &mut Vec<u8>) {
        if self.bulk_state == BulkState::Document {
            self.bulk_state = BulkState::Action;
            output.push(b'}');
        }
        output.push(b'\n');
        self.open.clear();
        self.open_beyond = 0;
        self.in_word = false;
        self.several_fields = false;
        self.records += 1;
    }

    /// # Errors
    /// If `strict`, and the stream ends inside a record or an array.
    fn end(&mut self, output: &mut Vec<u8>) -> io::Result<()> {
        let in_record = self.in_string || !self.open.is_empty();
        if self.strict && (in_record || self.in_array) {
            let Self { records, .. } = self;
            let message = format!("the JSON has no end after record {records}: the file is cut off, or broken there");
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
        }
        if self.bulk_state == BulkState::Document && !in_record {
            output.extend_from_slice(b"null");
            self.end_record(output);
        } else if in_record || self.in_word {
            self.end_record(output);
        } else if self.in_array {
            output.extend_from_slice(b"[\n");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives one byte per read.
    struct ByteByByte<'a>(&'a [u8]);

    impl Read for ByteByByte<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = buffer.len().min(1);
            self.0.read(&mut buffer[..length])
        }
    }

    fn read(text: &str, framing: Framing, strict: bool) -> io::Result<String> {
        let mut whole = String::new();
        RecordLines::new(text.as_bytes(), framing, strict).read_to_string(&mut whole)?;
        let mut parts = String::new();
        RecordLines::new(ByteByByte(text.as_bytes()), framing, strict).read_to_string(&mut parts)?;
        assert_eq!(whole.replace(' ', ""), parts.replace(' ', ""));
        Ok(whole)
    }

    fn lines(text: &str) -> Vec<String> {
        let lines = read(text, Framing::Records, true).expect("whole");
        lines.lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_elements_of_an_array_become_lines() {
        let expected = [r#"{"a":1}"#, r#"{"a":[{"b":"]},{"}]}"#, r#"{"a":"\"\\"}"#];
        for separator in [",", ",\n", "\n,", " , \r\n", "\n", "", ",,"] {
            for (start, end) in [("[", "]"), ("[\n", "\n]\n"), ("", ""), ("[", ",]"), ("\n [\n,", "] ")] {
                let text = format!("{start}{}{end}", expected.join(separator));
                assert_eq!(lines(&text), expected, "{text}");
            }
        }
        assert_eq!(lines("[]"), [""; 0]);
        assert_eq!(lines("[{}]\n\u{feff}[{}]"), ["{}", "{}"]);
        assert_eq!(lines("\u{1e}{}\n\u{1e}{}\n"), ["{}", "{}"]);
    }

    #[test]
    fn records_over_several_lines_become_lines() {
        let pretty =
            "[\n  {\n    \"a\": 1,\n    \"b\": [\n      {\n        \"c\": \"x y\"\n      }\n    ]\n  },\n  {}\n]";
        assert_eq!(lines(pretty), [r#"{ "a": 1, "b": [ { "c": "x y" } ] }"#, "{}"]);
        assert_eq!(lines(&pretty[1..pretty.len() - 1]), lines(pretty));
    }

    #[test]
    fn what_is_no_object_is_a_line_of_its_own() {
        assert_eq!(lines("[1, null,\"a,b\" ,[2,3] x]"), ["1", "null", "\"a,b\"", "[2,3]", "x"]);
        assert_eq!(lines("[{} x{}]"), ["{}", "x", "{}"]);
        assert_eq!(lines("[{}]]x"), ["{}", "]", "x"]);
    }

    #[test]
    fn a_broken_record_does_not_hide_the_next_ones() {
        let good = r#"{"a":1}"#;
        for broken in
            [r#"{"a":1"#, r#"{"a":{"b":1}"#, r#"{"a":[1}"#, r#"{"a":]}"#, "{\"a\":\"\n", r#"{"a"}"#, "}", "{", "x"]
        {
            for array in
                [format!("[{good},{broken},{good},{good}]"), format!("[{good}\n,{broken}\n,{good}\n,{good}\n]")]
            {
                let lines = lines(&array);
                assert_eq!(lines.iter().filter(|line| *line == good).count(), 3, "{array}: {lines:?}");
                for line in lines.iter().filter(|line| *line != good) {
                    assert!(serde_json::from_str::<serde_json::Value>(line).is_err(), "{array}: {line}");
                }
            }
        }
        assert_eq!(lines(r#"[{"a":1},{"a":1]"#), [r#"{"a":1}"#, r#"{"a":1"#]);
    }

    #[test]
    fn an_array_or_record_without_an_end_is_an_error_or_a_broken_line() {
        for (text, last) in [
            (r#"[{"a":1},"#, "["),
            (r#"[{"a":1}"#, "["),
            (r#"[{"a":1},{"a":"#, r#"{"a":"#),
            (r#"[{"a":1},{"a":""#, r#"{"a":""#),
            ("{\n\"a\":1}{\n\"a\"", "{ \"a\""),
        ] {
            let error = read(text, Framing::Records, true).expect_err("no end");
            assert!(error.to_string().contains("after record 1"), "{error}");
            let lines = read(text, Framing::Records, false).expect("lines");
            assert_eq!(lines.lines().skip(1).collect::<Vec<_>>(), [last], "{text}");
        }
    }

    #[test]
    fn a_document_of_a_bulk_request_stands_with_its_action() {
        let bulk = "{\"index\":{\"_index\":\"i\",\"_id\":\"1\"}}\n{\"a\":1}\n{ \"create\" : {} }\n{\"a\":2}\n{\"delete\":{\"_id\":\"1\"}}\n{\"a\":3}\n{\"index\":{}}\n";
        let lines = read(bulk, Framing::Bulk, true).expect("lines");
        let expected = [
            r#"{"index":{"_index":"i","_id":"1"},"_source":{"a":1}}"#,
            r#"{ "create" : {} ,"_source":{"a":2}}"#,
            r#"{"delete":{"_id":"1"}}"#,
            r#"{"a":3}"#,
            r#"{"index":{},"_source":null}"#,
        ];
        assert_eq!(lines.lines().collect::<Vec<_>>(), expected);
    }

    proptest! {
        #[test]
        fn any_objects_are_separated_whatever_stands_between_them(
            texts in prop::collection::vec("[a-z\"\\\\\n{}\\[\\],: ]{0,20}", 1..6),
            separator in "[, \n\r\t]{0,4}",
            pretty in any::<bool>(),
        ) {
            let records: Vec<_> = texts.iter().map(|text| serde_json::json!({"a": [{"b": text}], text: 1})).collect();
            let written = records.iter().map(|record| {
                if pretty { serde_json::to_string_pretty(record) } else { serde_json::to_string(record) }.expect("JSON")
            });
            let array = format!("[{}]", written.collect::<Vec<_>>().join(&separator));
            let read: Vec<serde_json::Value> =
                lines(&array).iter().map(|line| serde_json::from_str(line).expect("JSON")).collect();
            prop_assert_eq!(read, records);
        }

        #[test]
        fn no_bytes_cause_a_panic_or_many_lines(text in "[\\[\\]{}\",:\\\\a \n]{0,200}") {
            for framing in [Framing::Records, Framing::Bulk] {
                let lines = read(&text, framing, false).expect("lines");
                prop_assert!(lines.len() <= 3 * text.len() + 20 * text.len().max(1));
            }
        }
    }
}
