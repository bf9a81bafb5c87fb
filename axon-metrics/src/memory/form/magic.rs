//! Forms whose files start with fixed bytes.

use super::Form;

/// Bytes that a form has at a position.
struct Magic {
    at: usize,
    bytes: &'static [u8],
    name: &'static str,
    advice: &'static str,
}

const fn starts(bytes: &'static [u8], name: &'static str, advice: &'static str) -> Magic {
    Magic { at: 0, bytes, name, advice }
}

const EXPORT: &str = "export the records as JSON lines";
const WORKBOOK: &str = "turn its sheet into JSON lines: in2csv {file} | mlr --icsv --ojsonl cat > {output}";
const GPG: &str = "decrypt it: gpg -d {file} > {output}";
const ROWS: &str =
    "restore it into a database and export the rows: psql -Atc \"SELECT row_to_json(t) FROM TABLE t\" > {output}";

const MAGICS: &[Magic] = &[
    // Packed.
    starts(b"BZh", "packed by bzip2", "unpack it: bzip2 -dc {file} > {output}"),
    starts(b"\xfd7zXZ\x00", "packed by xz", "unpack it: xz -dc {file} > {output}"),
    starts(b"LZIP", "packed by lzip", "unpack it: lzip -dc {file} > {output}"),
    starts(b"\x04\x22\x4d\x18", "packed by lz4", "unpack it: lz4 -dc {file} > {output}"),
    starts(b"\x89LZO\x00", "packed by lzop", "unpack it: lzop -dc {file} > {output}"),
    starts(b"\x1f\x9d", "packed by compress", "unpack it: gzip -dc {file} > {output}"),
    starts(b"\xff\x06\x00\x00sNaPpY", "packed by snappy", "unpack it: snzip -dc {file} > {output}"),
    starts(b"\x1f\x8b", "packed twice", "unpack it once: gzip -dc {file} | gzip -dc > {output}"),
    starts(b"\x28\xb5\x2f\xfd", "packed twice", "unpack it once: zstd -dc {file} | zstd -dc > {output}"),
    // Archives. Zip archives that are documents are told apart below.
    starts(b"PK\x03\x04", "a zip archive", "unpack it: unzip -p {file} > {output}"),
    starts(b"PK\x05\x06", "an empty zip archive", "export the records again"),
    starts(b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it: 7z x -so {file} > {output}"),
    starts(b"Rar!\x1a\x07", "a RAR archive", "unpack it: unrar p -inul {file} > {output}"),
    Magic { at: 257, bytes: b"ustar", name: "a tar archive", advice: "unpack it: tar -xOf {file} > {output}" },
    starts(b"070701", "a cpio archive", "unpack it: cpio -i --to-stdout < {file} > {output}"),
    // Tables.
    starts(
        b"PAR1",
        "a Parquet file",
        "turn it into JSON lines: duckdb -c \"COPY (SELECT * FROM read_parquet('{file}')) TO '{output}' (FORMAT json)\"",
    ),
    starts(b"Obj\x01", "an Avro file", "turn it into JSON lines: java -jar avro-tools.jar tojson {file} > {output}"),
    starts(b"ORC", "an ORC file", "turn it into JSON lines: java -jar orc-tools.jar data {file} > {output}"),
    starts(
        b"ARROW1",
        "an Arrow file",
        "turn it into JSON lines: python3 -c \"import pandas; pandas.read_feather('{file}').to_json('{output}', orient='records', lines=True)\"",
    ),
    starts(
        b"SQLite format 3\x00",
        "a SQLite database",
        "export its table: sqlite3 -json {file} \"SELECT * FROM TABLE\" > {output}",
    ),
    starts(b"PGDMP", "a dump of pg_dump", ROWS),
    starts(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook", WORKBOOK),
    starts(b"\x80\x04\x95", "a Python pickle", EXPORT),
    starts(b"\xac\xed\x00\x05", "serialized by Java", EXPORT),
    starts(b"\x89HDF\r\n\x1a\n", "an HDF5 file", EXPORT),
    starts(b":)\n", "Smile, a binary form of JSON", EXPORT),
    // Files of stores.
    starts(
        b"\x3f\xd7\x6c\x17",
        "a file of an index's own storage (Lucene)",
        "export the index: elasticdump --input=http://HOST:9200/INDEX --output={output} --type=data",
    ),
    starts(b"REDIS0", "a snapshot of Redis (RDB)", EXPORT),
    // Other documents.
    starts(b"%PDF", "a PDF document", EXPORT),
    starts(b"\xff\xd8\xff", "a JPEG picture", EXPORT),
    starts(b"\x89PNG\r\n\x1a\n", "a PNG picture", EXPORT),
    starts(b"GIF8", "a GIF picture", EXPORT),
    starts(b"{\\rtf", "an RTF document", EXPORT),
    starts(b"version https://git-lfs.github.com/spec/", "a pointer of Git LFS", "fetch the file itself: git lfs pull"),
    // Encrypted.
    starts(b"age-encryption.org/", "encrypted by age", "decrypt it: age -d {file} > {output}"),
    starts(b"-----BEGIN AGE ENCRYPTED FILE-----", "encrypted by age", "decrypt it: age -d {file} > {output}"),
    starts(b"-----BEGIN PGP MESSAGE-----", "encrypted by PGP", GPG),
    starts(b"\x8c\x0d\x04", "encrypted by PGP", GPG),
    starts(b"\x85\x01\x0c\x03", "encrypted by PGP", GPG),
    starts(b"\x85\x02\x0c\x03", "encrypted by PGP", GPG),
    starts(b"\x84\x5e\x03", "encrypted by PGP", GPG),
    starts(b"Salted__", "encrypted by openssl", "decrypt it: openssl enc -d -CIPHER -in {file} -out {output}"),
    starts(b"$ANSIBLE_VAULT;", "encrypted by Ansible", "decrypt it: ansible-vault view {file} > {output}"),
];

/// The form with these first bytes.
pub(super) fn form(sample: &[u8]) -> Option<Form> {
    let magic = MAGICS.iter().find(|magic| sample.get(magic.at..).is_some_and(|rest| rest.starts_with(magic.bytes)))?;
    let holds = |text: &str| memchr::memmem::find(sample, text.as_bytes()).is_some();
    let (name, advice) = match magic.name {
        "a zip archive" if holds("[Content_Types].xml") && holds("xl/") => ("an Excel workbook", WORKBOOK),
        "a zip archive" if holds("[Content_Types].xml") => ("an Office document", EXPORT),
        "a zip archive" if holds("opendocument.spreadsheet") => (
            "a spreadsheet",
            "turn its sheet into JSON lines: ssconvert {file} sheet.csv; mlr --icsv --ojsonl cat sheet.csv > {output}",
        ),
        _ => (magic.name, magic.advice),
    };
    Some(Form::new(name, advice))
}
