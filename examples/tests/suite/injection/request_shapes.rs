//! The shapes of requests to stores: a request without its values.

use std::collections::BTreeSet;

use axon_examples::recording_proxy::StoreRequest;
use serde_json::Value;

/// The distinct shapes of requests.
pub(crate) fn shapes(requests: &[StoreRequest]) -> BTreeSet<String> {
    requests.iter().flat_map(shapes_of).collect()
}

fn shapes_of(request: &StoreRequest) -> Vec<String> {
    match request {
        StoreRequest::Http(line, body) => {
            let mut shapes = vec![line.clone()];
            shapes.extend(body.lines().map(|line| match serde_json::from_str(line) {
                Ok(value) => tree(&value),
                Err(_) => format!("no JSON: {line}"),
            }));
            shapes
        }
        StoreRequest::Sql(text) => vec![statement(text)],
        StoreRequest::Redis(words) => {
            let name = String::from_utf8_lossy(&words[0]).to_uppercase();
            // The number of keys of an MGET varies.
            vec![if name == "MGET" { name } else { format!("{name} of {}", words.len()) }]
        }
    }
}

/// The shape of a JSON tree: without its leaves, and with equal members of a list once.
fn tree(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(_) => "#".to_owned(),
        Value::String(_) => "$".to_owned(),
        Value::Array(values) => {
            let members: BTreeSet<_> = values.iter().map(tree).collect();
            format!("[{}]", Vec::from_iter(members).join(","))
        }
        Value::Object(members) => {
            let members: BTreeSet<_> = members.iter().map(|(name, value)| format!("{name}:{}", tree(value))).collect();
            format!("{{{}}}", Vec::from_iter(members).join(","))
        }
    }
}

/// The shape of a statement: without its numbers and quoted texts. A list of them counts as one.
fn statement(text: &str) -> String {
    let mut shape = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let value = match letter {
            '\'' => {
                while let Some(inner) = letters.next() {
                    match inner {
                        '\\' => drop(letters.next()),
                        '\'' if letters.peek() == Some(&'\'') => drop(letters.next()),
                        '\'' => break,
                        _ => {}
                    }
                }
                true
            }
            '0'..='9' if !shape.ends_with(|last: char| last.is_alphanumeric() || last == '_') => {
                while letters.next_if(|next| next.is_ascii_digit() || *next == '.').is_some() {}
                true
            }
            other => {
                shape.push(other);
                false
            }
        };
        if value && !shape.ends_with("#, ") && !shape.ends_with("#,") {
            shape.push('#');
        }
    }
    shape.replace("#, )", "#)").replace("#,)", "#)")
}

/// The texts in the bodies of searches.
pub(crate) fn texts(requests: &[StoreRequest]) -> BTreeSet<String> {
    fn collect(value: &Value, texts: &mut BTreeSet<String>) {
        match value {
            Value::String(text) => drop(texts.insert(text.clone())),
            Value::Array(values) => values.iter().for_each(|value| collect(value, texts)),
            Value::Object(members) => members.values().for_each(|value| collect(value, texts)),
            _ => {}
        }
    }
    let mut texts = BTreeSet::new();
    for one in requests {
        if let StoreRequest::Http(_, body) = one {
            let values = body.lines().filter_map(|line| serde_json::from_str(line).ok());
            values.for_each(|value: Value| collect(&value, &mut texts));
        }
    }
    texts
}
