//! What a file looks like that cannot be read, and the command that turns it into what is read. It names the form of a
//! file by its first bytes, and gives no value of a record.
//! Lives in the modules below: forms with fixed first bytes (`magic`), JSON of another shape (`json_shape`), other text
//! (`text`).

use std::borrow::Cow;

mod json_shape;
mod magic;
mod text;

/// What a file must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// Records of events.
    Events,
    /// Records of the ledger.
    Ledger,
    /// One JSON document.
    Document,
}

impl Expected {
    /// The name of a field that each record has.
    fn field(self) -> &'static str {
        match self {
            Self::Events => "triggerType",
            Self::Ledger => "kind",
            Self::Document => "",
        }
    }

    /// The file that a command writes.
    fn output(self) -> &'static str {
        if self == Self::Document { "converted.json" } else { "converted.ndjson" }
    }
}

/// A form of files that is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Form {
    /// What it is, as the end of a sentence (`a zip archive`).
    pub(super) name: Cow<'static, str>,
    /// What to do. `{file}` and `{output}` stand for the file and for the one to write.
    advice: Cow<'static, str>,
}

impl Form {
    fn new(name: impl Into<Cow<'static, str>>, advice: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), advice: advice.into() }
    }

    /// What to do about a file.
    pub(super) fn hint(&self, file: &str, expected: Expected) -> String {
        // A name inside a quoted program cannot be quoted once more.
        let in_program = if is_plain(file) { file } else { "FILE" };
        let advice = self.advice.replace("{output}", expected.output());
        advice.replace("'{file}'", &format!("'{in_program}'")).replace("{file}", &quoted(file))
    }
}

/// The form of a file that starts with these bytes, if they are fixed for a form that is never JSON.
pub(super) fn of_bytes(sample: &[u8]) -> Option<Form> {
    magic::form(sample).or_else(|| text::wide(sample))
}

/// The form of a file that starts with these bytes, and of which no or few records can be read. `None` if it looks like
/// what is read.
pub(super) fn of_unreadable(sample: &[u8], expected: Expected) -> Option<Form> {
    of_bytes(sample).or_else(|| text::encoding(sample)).or_else(|| {
        let start = sample.iter().position(|byte| !byte.is_ascii_whitespace())?;
        let sample = &sample[start..];
        match sample[0] {
            b'{' | b'[' | b'"' => json_shape::form(sample, expected),
            _ => text::form(sample),
        }
    })
}

/// A name as one word of a shell.
fn quoted(name: &str) -> Cow<'_, str> {
    if is_plain(name) { Cow::Borrowed(name) } else { Cow::Owned(format!("'{}'", name.replace('\'', r"'\''"))) }
}

/// Whether a shell takes a name as one word as it is.
fn is_plain(name: &str) -> bool {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "_./:@%+=,-".contains(char);
    !name.is_empty() && name.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(sample: &[u8]) -> String {
        let form = of_unreadable(sample, Expected::Events).expect("a form");
        format!("{}: {}", form.name, form.hint("e", Expected::Events))
    }

    #[test]
    fn each_form_is_named_with_the_command_that_converts_it() {
        let utf16: Vec<u8> = "{\"a\":1}\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let tar = [&[b'x'; 257][..], b"ustar\x0000", &[0; 200]].concat();
        let cases: Vec<(Vec<u8>, &str, &str)> = vec![
            (b"BZh91AY&SY\x01".to_vec(), "bzip2", "bzip2 -dc e > converted.ndjson"),
            (b"\xfd7zXZ\x00\x00".to_vec(), "xz", "xz -dc e >"),
            (b"PK\x03\x04\x14\x00\x00\x00events.json".to_vec(), "a zip archive", "unzip -p e >"),
            (b"PK\x03\x04\x14\x00[Content_Types].xml xl/workbook.xml".to_vec(), "an Excel workbook", "in2csv"),
            (b"7z\xbc\xaf\x27\x1c".to_vec(), "a 7z archive", "7z x -so e >"),
            (tar, "a tar archive", "tar -xOf e >"),
            (b"PAR1\x15".to_vec(), "Parquet", "duckdb"),
            (b"Obj\x01\x04".to_vec(), "Avro", "avro-tools"),
            (b"ORC\x01".to_vec(), "ORC", "orc-tools"),
            (b"SQLite format 3\x00".to_vec(), "a SQLite database", "sqlite3 -json e"),
            (b"PGDMP\x01".to_vec(), "pg_dump", "row_to_json"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec(), "an Excel workbook", "in2csv"),
            (b"%PDF-1.7".to_vec(), "PDF", "export"),
            (b"\xff\xd8\xff\xe0".to_vec(), "JPEG", "export"),
            (b"\x89PNG\r\n\x1a\n".to_vec(), "PNG", "export"),
            (b"age-encryption.org/v1\n".to_vec(), "encrypted", "age -d e >"),
            (b"-----BEGIN PGP MESSAGE-----\n".to_vec(), "encrypted", "gpg -d e >"),
            (utf16.clone(), "UTF-16", "iconv -f UTF-16LE -t UTF-8 e >"),
            ([&b"\xff\xfe"[..], &utf16].concat(), "UTF-16", "iconv -f UTF-16 -t UTF-8 e >"),
            (b"\xff\xfe\x00\x00{\x00\x00\x00".to_vec(), "UTF-32", "iconv -f UTF-32 -t UTF-8 e >"),
            (b"{\"a\":\"caf\xe9 bar\"}\n".to_vec(), "Latin-1", "iconv -f WINDOWS-1252 -t UTF-8 e >"),
            (b"{\"a\":\"\xb0\xa1\xb3\xaa\"}\n".to_vec(), "EUC-KR", "iconv -f CP949 -t UTF-8 e >"),
            (b"triggerType,occurredAt\nCLICK,1\n".to_vec(), "CSV", "mlr --icsv --ojsonl cat e >"),
            (b"triggerType\toccurredAt\nCLICK\t1\n".to_vec(), "TSV", "mlr --itsv --ojsonl cat e >"),
            (b"triggerType;occurredAt\nCLICK;1\n".to_vec(), "CSV", "mlr --icsv --ifs ';' --ojsonl cat e >"),
            (b"<!DOCTYPE html><html>".to_vec(), "HTML", "export"),
            (b"<?xml version=\"1.0\"?><a/>".to_vec(), "XML", "yq -p=xml"),
            (b"- triggerType: CLICK\n  occurredAt: 1\n".to_vec(), "YAML", "yq -o=json -I=0 '.[]' e >"),
            (b"-- MySQL dump 10.13\n".to_vec(), "SQL", "JSON_OBJECT"),
            (b"INSERT INTO `purchases` VALUES (1)".to_vec(), "SQL", "JSON_OBJECT"),
            (b"version https://git-lfs.github.com/spec/v1\n".to_vec(), "Git LFS", "git lfs pull"),
            (b"{'triggerType': 'CLICK'}\n".to_vec(), "Python", "ast.literal_eval"),
            (
                b"2024-11-12 INFO {\"triggerType\":\"CLICK\"}\n".to_vec(),
                "text before each object",
                "sed 's/^[^{]*//' e >",
            ),
            (vec![0; 512], "zero bytes", "again"),
            (
                br#"{"took":1,"hits":{"hits":[{"_source":{"triggerType":"X"}}]}}"#.to_vec(),
                "search reply",
                "jq -c '.hits.hits[]' e >",
            ),
            (br#"{"events":[{"triggerType":"X"}]}"#.to_vec(), "JSON of another shape", "jq -c '.events[]' e >"),
            (
                br#"{"topic":"t","payload":"{\"triggerType\":\"X\"}"}"#.to_vec(),
                "JSON of another shape",
                "jq -c '.payload | fromjson' e >",
            ),
            (br#""{\"triggerType\":\"X\"}""#.to_vec(), "JSON of another shape", "jq -c 'fromjson' e >"),
            (br#"[[{"triggerType":"X"}]]"#.to_vec(), "JSON of another shape", "jq -c '.[][]' e >"),
            (br#"{"triggerType":["X"],"occurredAt":[1]}"#.to_vec(), "columns", "pandas"),
            (br#"{"kind":"purchase","id":1}"#.to_vec(), "rows of a ledger", "ledger"),
            (br#"{"currency":"KRW","campaigns":[]}"#.to_vec(), "a catalog", "catalog"),
        ];
        for (sample, name, command) in cases {
            let text = hint(&sample);
            assert!(text.contains(name) && text.contains(command), "{name}, {command}: {text}");
            assert!(!text.contains("{file}") && !text.contains("{output}") && !text.contains('\n'), "{text}");
        }
    }

    #[test]
    fn a_file_in_a_form_that_is_read_has_no_other_form() {
        for sample in [
            r#"{"triggerType":"X","occurredAt":1}"#,
            "[\n{\"triggerType\":\"X\"}]",
            r#"{"_index":"i","_source":{"triggerType":"X"}}"#,
            r#"[{"_index":"i","_source":{"triggerType":"X"}}]"#,
            "{\"triggerType\":\"\u{ac00}",
            "",
            " \n",
            "nonsense",
        ] {
            assert_eq!(of_unreadable(sample.as_bytes(), Expected::Events), None, "{sample}");
        }
        // A character that the sample cuts off is no other encoding.
        assert_eq!(of_unreadable(&"{\"triggerType\":\"\u{ac00}".as_bytes()[..17], Expected::Events), None);
    }

    #[test]
    fn a_file_name_is_one_word_of_a_command() {
        let form = of_bytes(b"BZh91AY&SY").expect("a form");
        let hint = form.hint("it's {output} mine.bz2", Expected::Document);
        assert_eq!(hint, r"unpack it: bzip2 -dc 'it'\''s {output} mine.bz2' > converted.json");
        let form = of_bytes(b"PAR1").expect("a form");
        assert!(form.hint("a.parquet", Expected::Events).contains("read_parquet('a.parquet')"));
        assert!(form.hint("it's mine", Expected::Events).contains("read_parquet('FILE')"));
    }
}
