//! JSON whose records are elsewhere than they should be: inside other objects, in texts, by columns; or that is another
//! of the store's files.

use std::fmt::Write as _;

use super::{Expected, Form};

/// Keys that a command names. Other keys could be names of people, and are not named.
const KNOWN_KEYS: [&str; 26] = [
    "_source",
    "hits",
    "data",
    "items",
    "events",
    "event",
    "records",
    "record",
    "results",
    "rows",
    "documents",
    "docs",
    "purchases",
    "entries",
    "ledger",
    "messages",
    "message",
    "msg",
    "logs",
    "log",
    "list",
    "payload",
    "value",
    "after",
    "body",
    "content",
];

/// The deepest nesting that is followed.
const MAX_DEPTH: usize = 64;

/// The form of a file that starts with an object, an array or a text. `None` if its records are where they should be.
pub(super) fn form(sample: &[u8], expected: Expected) -> Option<Form> {
    if sample.starts_with(b"{'") || sample.starts_with(b"[{'") {
        return Some(Form::new(
            "objects as Python prints them",
            "turn them into JSON lines: python3 -c \"import ast, json, sys; [print(json.dumps(ast.literal_eval(line))) for line in sys.stdin]\" < {file} > {output}",
        ));
    }
    let shape = Shape::of(sample, expected.field());
    let has = |key: &str| shape.keys.iter().any(|known| known == key);
    match shape.path.as_deref() {
        Some(path) if path.starts_with(".hits.hits[]") => return Some(search_reply()),
        Some("" | ".[]" | ".[]._source" | "._source") => return columns(&shape),
        Some(path) => return Some(moved(path)),
        None => {}
    }
    if has("hits") && (has("took") || has("_shards")) {
        return Some(search_reply());
    }
    if has("campaigns") && has("currency") {
        return Some(Form::new("a catalog", "give it as the catalog"));
    }
    if has("activityId") && (has("counter") || has("members")) && !has("kind") {
        return Some(Form::new("a realtime file", "give it as the realtime file"));
    }
    match expected {
        Expected::Events if has("kind") => Some(Form::new("rows of a ledger", "give it as the ledger")),
        Expected::Ledger if has("triggerType") => Some(Form::new("events", "give it as events")),
        _ if shape.keys.iter().any(|key| key.starts_with("_source.")) => Some(Form::new(
            "JSON with flat names",
            "nest the fields: jq -c 'reduce to_entries[] as $e ({}; setpath($e.key | split(\".\"); $e.value))' {file} > {output}",
        )),
        _ => None,
    }
}

fn search_reply() -> Form {
    Form::new(
        "a search reply of Elasticsearch, which holds only a part of an index",
        "export the whole index with elasticdump, or take the documents of this reply: jq -c '.hits.hits[]' {file} > {output}",
    )
}

fn moved(path: &str) -> Form {
    let name = "JSON of another shape, whose records are inside other values";
    Form::new(name, format!("take the records out: jq -c '{path}' {{file}} > {{output}}"))
}

fn columns(shape: &Shape) -> Option<Form> {
    shape.by_column.then(|| {
        Form::new(
            "JSON by columns",
            "turn it into JSON lines: python3 -c \"import pandas; pandas.read_json('{file}').to_json('{output}', orient='records', lines=True)\"",
        )
    })
}

/// Where the records of a file are.
#[derive(Default)]
struct Shape {
    /// The path from the beginning to the first record, as `jq` has it. `None` if the beginning of the file has none.
    path: Option<String>,
    /// Whether the value of the field that each record has is an array or an object.
    by_column: bool,
    /// The keys of the first object.
    keys: Vec<String>,
}

/// An open object or array.
struct Level {
    is_array: bool,
    /// The last key of an object.
    key: String,
}

impl Shape {
    /// The shape of a file with these first bytes. Each record has the field `wanted`.
    fn of(sample: &[u8], wanted: &str) -> Self {
        let mut shape = Self::default();
        let mut levels: Vec<Level> = Vec::new();
        let mut first_object = None;
        let mut at = 0;
        while at < sample.len() && levels.len() < MAX_DEPTH {
            match sample[at] {
                b'{' | b'[' => {
                    let is_array = sample[at] == b'[';
                    levels.push(Level { is_array, key: String::new() });
                    if !is_array {
                        first_object.get_or_insert(levels.len());
                    }
                }
                b'}' | b']' => {
                    levels.pop();
                    if first_object.is_some_and(|depth| levels.len() < depth) {
                        first_object = Some(0);
                    }
                }
                b'"' => {
                    let end = end_of_text(sample, at + 1);
                    let text = String::from_utf8_lossy(&sample[at + 1..end]);
                    let next = sample[(end + 1).min(sample.len())..].trim_ascii_start();
                    let depth = levels.len();
                    match levels.last_mut() {
                        Some(object) if !object.is_array && next.first() == Some(&b':') => {
                            if text == wanted {
                                shape.by_column = matches!(next[1..].trim_ascii_start().first(), Some(b'[' | b'{'));
                                levels.pop();
                                shape.path = Some(path(&levels));
                                return shape;
                            }
                            if first_object == Some(depth) {
                                shape.keys.push(text.clone().into_owned());
                            }
                            object.key = text.into_owned();
                        }
                        _ if text.trim_start().starts_with('{') && text.contains(&format!("\\\"{wanted}\\\"")) => {
                            let path = path(&levels);
                            let pipe = if path.is_empty() { "" } else { " | " };
                            shape.path = Some(format!("{path}{pipe}fromjson"));
                            return shape;
                        }
                        _ => {}
                    }
                    at = end;
                }
                _ => {}
            }
            at += 1;
        }
        shape
    }
}

/// The index of the quote that ends a text, or of the end of the sample.
fn end_of_text(sample: &[u8], start: usize) -> usize {
    let mut at = start;
    while at < sample.len() && sample[at] != b'"' {
        at += if sample[at] == b'\\' { 2 } else { 1 };
    }
    at.min(sample.len())
}

/// The path through these levels.
fn path(levels: &[Level]) -> String {
    let mut path = String::new();
    for level in levels {
        if !level.is_array && KNOWN_KEYS.contains(&level.key.as_str()) {
            let _ = write!(path, ".{}", level.key);
        } else {
            path += if path.is_empty() { ".[]" } else { "[]" };
        }
    }
    path
}
