//! Marked texts that no output may contain, in all encodings in which they could leak.

use std::fmt::Write as _;

/// A marked text.
#[derive(Debug, Clone)]
pub(crate) struct Mark {
    name: String,
    /// The encodings of the text, each with its name.
    forms: Vec<(&'static str, String)>,
}

impl Mark {
    /// A text without other encodings: a number.
    pub(crate) fn plain(name: &str, text: &str) -> Self {
        Self { name: name.to_owned(), forms: vec![("plain", text.to_owned())] }
    }

    /// A text of letters and digits, which percent-encoding and quoting do not change, anywhere in a longer text.
    pub(crate) fn secret(name: &str, text: &str) -> Self {
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{text}");
        let mut forms = vec![("plain", text.to_lowercase())];
        let listed = text.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ");
        forms.push(("list of bytes", listed));
        let hex = text.bytes().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        forms.push(("hex", hex));
        // Percent-encoding may encode every letter, even if it does not have to.
        forms.push(("percent", text.bytes().map(|byte| format!("%{byte:02x}")).collect()));
        for (shift, name) in [(0, "base64"), (1, "base64 from the second byte"), (2, "base64 from the third byte")] {
            // The base64 of the text's whole groups of three bytes does not depend on the bytes around the text.
            let whole = (text.len() - shift) / 3 * 3;
            forms.push((name, base64(&text.as_bytes()[shift..shift + whole])));
        }
        Self { name: name.to_owned(), forms }
    }
}

/// The base64 of whole groups of three bytes.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks_exact(3) {
        let number = three.iter().fold(0_usize, |number, byte| number << 8 | usize::from(*byte));
        for shift in [18, 12, 6, 0] {
            text.push(char::from(LETTERS[number >> shift & 63]));
        }
    }
    text
}

/// A set of marked texts.
#[derive(Debug, Clone)]
pub(crate) struct Marks(Vec<Mark>);

impl Marks {
    pub(crate) fn new(marks: impl IntoIterator<Item = Mark>) -> Self {
        Self(marks.into_iter().collect())
    }

    pub(crate) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// An excerpt of each line that contains a mark.
    pub(crate) fn occurrences(&self, output: &str) -> Vec<String> {
        let mut excerpts = Vec::new();
        for line in output.lines() {
            let lower = line.to_ascii_lowercase();
            for mark in &self.0 {
                for (form, text) in &mark.forms {
                    // Only base64 is case-sensitive.
                    let at = if form.starts_with("base64") { line.find(text) } else { lower.find(text.as_str()) };
                    let Some(at) = at else { continue };
                    let around = line.floor_char_boundary(at.saturating_sub(160))
                        ..line.ceil_char_boundary((at + 60).min(line.len()));
                    excerpts.push(format!("{} ({form}): {}", mark.name, &line[around]));
                }
            }
        }
        excerpts
    }
}

#[test]
fn a_mark_is_found_in_every_form() {
    let marks = Marks::new([Mark::secret("es", "cAnArYwellesZq7")]);
    for output in [
        "password: p@s/cAnArYwellesZq7:w",
        "redis://u:p%40s%2FcAnArYwellesZq7%3Aw@host",
        "CANARYWELLESZQ7",
        "authorization: Basic ZWxhc3RpYzpjQW5BcllXZWxsZXNacTc=",
        "ApiKey Y0FuQXJZd2VsbGVzWnE3",
        "[99, 65, 110, 65, 114, 89, 119, 101, 108, 108, 101, 115, 90, 113, 55]",
        "63416e41725977656c6c65735a7137",
    ] {
        let output = output.replace("cllXZWxsZXNacTc=", "cll3ZWxsZXNacTc=");
        assert!(!marks.occurrences(&output).is_empty(), "{output}");
    }
    for shift in 0..3 {
        let output = base64(&[&vec![b'u'; 3 + shift][..], b"cAnArYwellesZq7", &vec![b':'; 5 - shift]].concat());
        assert!(!marks.occurrences(&output).is_empty(), "{output}");
    }
    assert!(marks.occurrences("all is well").is_empty());
}
