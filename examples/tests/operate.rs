//! The pages for operators name every setting with its default, every reason and every warning.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{collections::BTreeMap, path::PathBuf, process::Command};

use axon_metrics::Reason;
use serde_json::Value;

fn page(name: &str) -> String {
    std::fs::read_to_string(format!("{}/../docs/operate/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The rows of a page's tables: the cells between the bars.
fn rows(page: &str) -> Vec<Vec<String>> {
    let row = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    page.lines().filter(|line| line.starts_with("| `")).map(row).collect()
}

fn unquoted(cell: &str) -> &str {
    cell.trim_matches('`')
}

/// The values of a table under their dotted keys.
fn flat(table: &toml::Table, prefix: &str, into: &mut BTreeMap<String, String>) {
    for (key, value) in table {
        let key = format!("{prefix}{key}");
        let text = match value {
            toml::Value::Table(table) => {
                flat(table, &format!("{key}."), into);
                continue;
            }
            toml::Value::String(text) => text.clone(),
            toml::Value::Array(list) => list.iter().filter_map(toml::Value::as_str).collect::<Vec<_>>().join(","),
            other => other.to_string(),
        };
        into.insert(key, text);
    }
}

#[test]
fn every_setting_is_documented_with_its_default() {
    let mut server: PathBuf = std::env::current_exe().unwrap();
    server.pop();
    server.pop();
    let printed = Command::new(server.join("examples/dashboard_server")).arg("--print-config").output().unwrap();
    let printed: toml::Table = String::from_utf8(printed.stdout).unwrap().parse().unwrap();
    let mut settings = BTreeMap::new();
    flat(&printed, "", &mut settings);
    assert!(settings.len() > 40, "{settings:?}");
    let documented: BTreeMap<String, String> = rows(&page("settings.md"))
        .iter()
        .map(|cells| (unquoted(&cells[0]).to_owned(), unquoted(&cells[1]).to_owned()))
        .collect();
    assert_eq!(documented, settings);
}

#[test]
fn every_reason_and_every_warning_is_documented() {
    let documented = rows(&page("answers.md"));
    let has = |word: &str| documented.iter().any(|cells| cells[..2].iter().any(|cell| unquoted(cell) == word));
    for reason in Reason::ALL {
        let word = serde_json::to_value(reason).unwrap();
        assert!(has(word.as_str().unwrap()), "{word}");
    }
    for word in ["no_answer", "overloaded", "malformed", "denied", "history_loading"] {
        assert!(has(word), "{word}");
    }
    let schema = include_str!("../../axon-dashboard-http/tests/golden/openapi.json");
    let schema: Value = serde_json::from_str(schema).unwrap();
    for kind in ["WarningCode", "MissingReason"] {
        let schema = &schema["components"]["schemas"][kind];
        let described = schema["oneOf"].as_array().or(schema["enum"].as_array()).unwrap();
        let words =
            described.iter().map(|one| one["enum"][0].as_str().or(one["const"].as_str()).or(one.as_str()).unwrap());
        let words: Vec<&str> = words.collect();
        assert!(words.len() > 5, "{words:?}");
        words.iter().for_each(|word| assert!(has(word), "{word}"));
    }
}
