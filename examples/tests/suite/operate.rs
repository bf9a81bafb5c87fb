//! The pages for operators document every setting with its default, every metric, every reason and every warning.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::server;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read as _, Write as _},
};

use axon_metrics::widget::MissingDetail;
use serde_json::Value;
use server::{Server, binary};

fn page(name: &str) -> String {
    std::fs::read_to_string(format!("{}/../docs/operate/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The cells of the rows of a page's tables.
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
    let printed = binary().arg("--print-config").output().unwrap();
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
    for detail in MissingDetail::KNOWN {
        assert!(has(detail.code()), "{detail}");
    }
    let schema = include_str!("../../../axon-dashboard-http/tests/golden/openapi.json");
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

/// Metrics of events that a server with the embedded store does not have, or not quickly.
const RARE_METRICS: [&str; 3] =
    ["axon_admission_refused_total", "axon_cache_write_failures_total", "axon_source_retries_total"];

#[test]
fn every_metric_is_documented_with_its_kind_and_its_labels() {
    let server = Server::with_settings(&["--generate", "5000"], &[]);
    for path in ["/api/v1/dashboard/campaign/123", "/api/v1/dashboard/campaign/123", "/nowhere", "/readyz"] {
        server.get(path);
    }
    let mut stream = std::net::TcpStream::connect(&server.address).unwrap();
    write!(stream, "GET /api/v1/dashboard/campaign/123/stream HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let began = std::time::Instant::now();
    // Until the second update, so that all metrics of streams exist.
    let (mut events, mut buffer) = (String::new(), [0; 1024]);
    while !events.contains("\nid: 2\n") {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0 && began.elapsed() < std::time::Duration::from_secs(60), "{events}");
        events += &String::from_utf8_lossy(&buffer[..read]);
    }
    drop(stream);
    let ended = |text: &str| text.contains("axon_stream_ended_total{");
    let mut scraped = server.get("/metrics").1;
    for _ in 0..100 {
        if ended(&scraped) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
        scraped = server.get("/metrics").1;
    }
    assert!(ended(&scraped), "{scraped}");
    assert_eq!(seams(&scraped), documented_seams());

    let documented: BTreeMap<String, (String, BTreeSet<String>)> = rows(&page("metrics.md"))
        .into_iter()
        .map(|cells| {
            let labels = cells[2].split(", ").filter(|label| !label.is_empty()).map(|label| unquoted(label).to_owned());
            (unquoted(&cells[0]).to_owned(), (cells[1].clone(), labels.collect()))
        })
        .collect();
    let mut scraped_metrics = metrics(&scraped);
    for rare in RARE_METRICS {
        assert!(documented.contains_key(rare), "{rare}");
        scraped_metrics.entry(rare.to_owned()).or_insert_with(|| documented[rare].clone());
    }
    if cfg!(target_os = "linux") {
        assert_eq!(scraped_metrics, documented);
    }
    for (name, _) in scraped_metrics.iter().filter(|(name, _)| !RARE_METRICS.contains(&name.as_str())) {
        assert!(scraped.contains(&format!("# HELP {name} ")), "{name} has no help text");
    }
}

/// The values of the label `seam`.
fn seams(scraped: &str) -> BTreeSet<String> {
    let values = scraped.split("seam=\"").skip(1).filter_map(|rest| rest.split_once('"'));
    values.map(|(value, _)| value.to_owned()).collect()
}

/// The values that the page lists: the words in code after `seam`, up to the end of the paragraph.
fn documented_seams() -> BTreeSet<String> {
    let page = page("metrics.md");
    let (_, rest) = page.split_once("`seam` what it was asked about:").unwrap();
    let (list, _) = rest.split_once("\n\n").unwrap();
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Names, kinds and labels of the scraped metrics.
fn metrics(scraped: &str) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let kind = |line: &str| {
        let (name, kind) = line.strip_prefix("# TYPE ")?.split_once(' ')?;
        Some((name.to_owned(), (kind.to_owned(), BTreeSet::new())))
    };
    let mut scraped_metrics: BTreeMap<String, (String, BTreeSet<String>)> = scraped.lines().filter_map(kind).collect();
    for line in scraped.lines().filter(|line| !line.starts_with('#')) {
        let Some((name, rest)) = line.split_once('{') else { continue };
        let name = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| name.strip_suffix(end).filter(|name| scraped_metrics.contains_key(*name)))
            .unwrap_or(name);
        // Values of labels do not contain `="`.
        let labels = rest.split("=\"").map(|part| part.rsplit(['"', ',']).next().unwrap_or(part));
        let labels: Vec<&str> = labels.collect();
        let known = &mut scraped_metrics.get_mut(name).unwrap().1;
        known.extend(labels[..labels.len() - 1].iter().filter(|label| **label != "le").map(|&label| label.to_owned()));
    }
    scraped_metrics
}
