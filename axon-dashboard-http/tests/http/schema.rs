//! A validator for the part of JSON Schema that the OpenAPI document uses. A keyword outside that part is a mismatch.

use serde_json::Value;

/// Why a value does not conform to a schema; `None` if it does.
pub(crate) fn mismatch(document: &Value, schema: &Value, value: &Value, path: &str) -> Option<String> {
    let wrong = |why: &str| Some(format!("{path}: {why}: {value} is not {schema}"));
    if let Some(reference) = schema["$ref"].as_str() {
        let Some(target) = document.pointer(reference.trim_start_matches('#')) else { return wrong("dangling") };
        return mismatch(document, target, value, path);
    }
    if let Some(all) = schema["allOf"].as_array() {
        return all.iter().find_map(|one| mismatch(document, one, value, path));
    }
    if let Some(one) = schema["oneOf"].as_array() {
        let fits = one.iter().filter(|one| mismatch(document, one, value, path).is_none()).count();
        let whys: Vec<_> = one.iter().filter_map(|one| mismatch(document, one, value, path)).collect();
        return if fits == 1 { None } else { Some(whys.join("; ")) };
    }
    if let Some(values) = schema["enum"].as_array() {
        return if values.contains(value) { None } else { wrong("not a word") };
    }
    let types = match &schema["type"] {
        Value::Array(types) => types.clone(),
        Value::String(_) => vec![schema["type"].clone()],
        _ => return wrong("a schema without a type"),
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::String(_) => "string",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if !types.iter().any(|one| one == kind || (one == "number" && kind == "integer")) {
        return wrong("of another type");
    }
    match value {
        Value::String(text) => match schema["format"].as_str() {
            Some("date-time") if text.parse::<axon_metrics::Timestamp>().is_err() => wrong("no instant"),
            Some("date") if text.len() != 10 => wrong("no date"),
            _ => None,
        },
        Value::Number(number) => {
            let number = number.as_f64();
            let inside = number >= schema["minimum"].as_f64().or(number)
                && (schema["maximum"].is_null() || number <= schema["maximum"].as_f64());
            if inside { None } else { wrong("out of range") }
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, item)| mismatch(document, &schema["items"], item, &format!("{path}[{index}]"))),
        Value::Object(members) => {
            for name in schema["required"].as_array().into_iter().flatten() {
                if !members.contains_key(name.as_str().unwrap_or_default()) {
                    return wrong(&format!("{name} is not there"));
                }
            }
            members.iter().find_map(|(name, member)| {
                let path = format!("{path}.{name}");
                match (schema["properties"].get(name), &schema["additionalProperties"]) {
                    (Some(property), _) => mismatch(document, property, member, &path),
                    (None, Value::Object(_)) => mismatch(document, &schema["additionalProperties"], member, &path),
                    (None, _) => None,
                }
            })
        }
        _ => None,
    }
}

/// The paths of members that the schema does not list.
pub(crate) fn unknown(document: &Value, schema: &Value, value: &Value, path: &str) -> Vec<String> {
    let schemas = parts(document, schema);
    match value {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, member)| {
                let path = format!("{path}.{name}");
                let known = schemas.iter().find_map(|part| {
                    part["properties"]
                        .get(name)
                        .or_else(|| part.get("additionalProperties").filter(|any| any.is_object()))
                });
                known.map_or_else(|| vec![path.clone()], |known| unknown(document, known, member, &path))
            })
            .collect(),
        Value::Array(items) => {
            let Some(part) = schemas.iter().find(|part| part["items"].is_object()) else { return Vec::new() };
            items.iter().flat_map(|item| unknown(document, &part["items"], item, path)).collect()
        }
        _ => Vec::new(),
    }
}

/// The schemas that a schema is composed of, with references resolved.
fn parts<'a>(document: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    if let Some(reference) = schema["$ref"].as_str() {
        return document
            .pointer(reference.trim_start_matches('#'))
            .map_or_else(Vec::new, |schema| parts(document, schema));
    }
    for several in ["allOf", "oneOf"] {
        if let Some(several) = schema[several].as_array() {
            return several.iter().flat_map(|one| parts(document, one)).collect();
        }
    }
    vec![schema]
}
