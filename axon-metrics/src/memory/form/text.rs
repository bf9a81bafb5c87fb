//! Text in another encoding, and text that is not JSON.

use super::Form;

const ROWS: &str = "load it into a database and export the rows: mysql -N -r -e \"SELECT JSON_OBJECT('kind', 'purchase', ...) FROM purchases\" > {output}";

/// UTF-16 and UTF-32: every second byte or more of ASCII text is zero. Also zero bytes alone.
pub(super) fn wide(sample: &[u8]) -> Option<Form> {
    let encoding = match sample {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => "UTF-32",
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "UTF-16",
        [1..=255, 0, 0, 0, 1..=255, 0, 0, 0, ..] => "UTF-32LE",
        [0, 0, 0, 1..=255, 0, 0, 0, 1..=255, ..] => "UTF-32BE",
        [1..=255, 0, 1..=255, 0, ..] => "UTF-16LE",
        [0, 1..=255, 0, 1..=255, ..] => "UTF-16BE",
        [0, 0, 0, 0, rest @ ..] if rest.iter().all(|byte| *byte == 0) => {
            return Some(Form::new("zero bytes: it was not written whole", "export the records again"));
        }
        _ => return None,
    };
    Some(converted(format!("text in {}", &encoding[..6]), encoding))
}

fn converted(name: String, encoding: &str) -> Form {
    Form::new(name, format!("convert it: iconv -f {encoding} -t UTF-8 {{file}} > {{output}}"))
}

/// Text that is not UTF-8. A character that the sample cuts off does not count.
pub(super) fn encoding(sample: &[u8]) -> Option<Form> {
    let error = std::str::from_utf8(sample).err()?;
    error.error_len()?;
    if sample.contains(&0) {
        return Some(Form::new("a binary file", "export the records as JSON lines"));
    }
    // Bytes beyond ASCII come in pairs in the encodings of Korean, and mostly alone in those of Europe.
    let runs = sample.split(u8::is_ascii).filter(|run| !run.is_empty());
    let (even, odd): (Vec<&[u8]>, Vec<&[u8]>) = runs.partition(|run| run.len() % 2 == 0);
    Some(if even.len() > odd.len() {
        converted("text in another encoding than UTF-8, such as EUC-KR".to_owned(), "CP949")
    } else {
        converted("text in another encoding than UTF-8, such as Latin-1".to_owned(), "WINDOWS-1252")
    })
}

/// Text that starts neither as an object nor as an array.
pub(super) fn form(sample: &[u8]) -> Option<Form> {
    let text = String::from_utf8_lossy(sample);
    let starts = |start: &str| text.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start));
    if starts("<!doctype html") || starts("<html") {
        return Some(Form::new("an HTML page, perhaps of a login or an error", "export the records as JSON lines"));
    }
    if starts("<") {
        return Some(Form::new(
            "XML",
            "turn its records into JSON lines: yq -p=xml -o=json -I=0 '.ROOT.RECORD[]' {file} > {output}",
        ));
    }
    if ["--", "/*", "insert into", "create table", "set ", "copy ", "replace into"].iter().any(|start| starts(start))
        && !starts("---")
    {
        return Some(Form::new("a dump in SQL", ROWS));
    }
    lines(&text)
}

/// Lines of another form than JSON.
fn lines(text: &str) -> Option<Form> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next()?;
    let second = lines.next().unwrap_or_default();
    if first.contains("{\"") && !first.contains("{\"\"") {
        return Some(Form::new(
            "lines with text before each object",
            "remove that text: sed 's/^[^{]*//' {file} > {output}",
        ));
    }
    let is_yaml = |line: &str| is_yaml_field(line.trim_start_matches("- "));
    if first == "---" || is_yaml(first) && is_yaml(second) {
        return Some(Form::new("YAML", "turn it into JSON lines: yq -o=json -I=0 '.[]' {file} > {output}"));
    }
    let columns = |line: &str, delimiter: char| line.matches(delimiter).count();
    let delimited =
        |delimiter| columns(first, delimiter) > 0 && columns(second, delimiter) >= columns(first, delimiter);
    let (name, input) = match ['\t', ';', ',', '|'].into_iter().find(|delimiter| delimited(*delimiter))? {
        '\t' => ("TSV", "--itsv"),
        ';' => ("CSV", "--icsv --ifs ';'"),
        '|' => ("CSV", "--icsv --ifs '|'"),
        _ => ("CSV", "--icsv"),
    };
    Some(Form::new(name, format!("turn it into JSON lines: mlr {input} --ojsonl cat {{file}} > {{output}}")))
}

/// `name: value`, or `name:`.
fn is_yaml_field(line: &str) -> bool {
    line.split_once(':').is_some_and(|(name, value)| {
        let is_name = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '.' | '-');
        !name.is_empty() && name.chars().all(is_name) && (value.is_empty() || value.starts_with(' '))
    })
}
