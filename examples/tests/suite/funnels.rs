//! Configured funnels of a server: defined in its file, selected by a request, listed, and rejected at the start if invalid.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::server;

use std::io::Write as _;

use serde_json::{Value, json};
use server::{Server, binary};
use tempfile::NamedTempFile;

const READING: &str = r#"
[[funnels]]
key = "reading"
ko = "읽기"
en = "Reading"
steps = [
  { key = "view", ko = "조회", en = "View", rule = "event PAGE_VIEW" },
  { key = "act", ko = "행동", en = "Act", rule = "event CLICK,APPROVED" },
]
"#;

fn file(text: &str) -> NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[test]
fn a_configured_funnel_is_selected_by_a_request_only() {
    let settings = file(READING);
    let server = Server::start(&["--generate", "5000", "--config", settings.path().to_str().unwrap()]);
    let plain = Server::start(&["--generate", "5000"]);
    let get = |server: &Server, query: &str| -> Value {
        server.json(&format!(
            "/api/v1/dashboard/campaign/123?{query}&period=custom&startDate=2024-11-01&endDate=2024-11-03"
        ))
    };
    let fcfs = get(&server, "widgets=overview,funnel");
    let own = get(&server, "widgets=overview,funnel&funnel=reading");
    assert_eq!(own["definition"]["funnel"], "reading");
    assert_eq!(own["data"]["overview"], fcfs["data"]["overview"]);
    let steps = own["data"]["funnel"]["steps"].as_array().unwrap();
    let keys: Vec<&Value> = steps.iter().map(|step| &step["key"]).collect();
    assert_eq!(keys, [&json!("view"), &json!("act")]);
    assert_eq!([&steps[0]["name"], &steps[1]["nameEn"]], [&json!("조회"), &json!("Act")]);
    let value = |answer: &Value, step: usize| answer["data"]["funnel"]["steps"][step]["value"].as_u64().unwrap();
    assert_eq!(value(&own, 0), value(&fcfs, 0));
    assert_eq!(value(&own, 1), value(&fcfs, 1) + value(&fcfs, 2));
    // A funnel that is not selected changes nothing: the hash is that of a server without funnels. A selected one has its own.
    assert_eq!(fcfs["definition"], get(&plain, "widgets=overview,funnel")["definition"]);
    assert_eq!(fcfs["definition"], get(&server, "widgets=funnel&funnel=fcfs")["definition"]);
    assert_ne!(fcfs["definition"]["hash"], own["definition"]["hash"]);

    let listed = server.json("/api/v1/dashboard/definitions");
    assert_eq!(listed["funnels"][0]["key"], "fcfs");
    assert_eq!(listed["funnels"][1]["steps"][1]["ko"], "행동");
    for (query, field) in [("widgets=funnel&funnel=none", "funnel"), ("widgets=overview&funnel=reading", "funnel")] {
        let (status, body) = server.get(&format!("/api/v1/dashboard/campaign/123?{query}"));
        let problem: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, problem["errors"][0]["field"].as_str().unwrap()), (400, field), "{query}");
    }
}

#[test]
fn all_faults_of_a_funnel_are_one_line_of_error_at_the_start() {
    let wrong = r#"
[[funnels]]
key = "fcfs"
ko = ""
en = "Mine"
steps = [{ key = "A", ko = "가", en = "A", rule = "event PAGE_VIEW" }]
[[funnels]]
key = "Two words"
ko = "둘"
en = "Two"
steps = [{ key = "a", ko = "가", en = "A", rule = "visits" }, { key = "a", ko = "나", en = "B", rule = "purchases" }]
[[funnels]]
key = "three"
ko = "셋"
en = "Three"
steps = [{ key = "a", ko = "가", en = "A", rule = "event A" }, { key = "b", ko = "", en = "B", rule = "event" }]
[[funnels]]
key = "three"
ko = "넷"
en = "Four"
steps = [{ key = "a", ko = "가", en = "A", rule = "event A" }, { key = "b", ko = "나", en = "B", rule = "event B" }]
"#;
    let settings = file(wrong);
    let output = binary().args(["--check-config", "--config"]).arg(settings.path()).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && error.lines().count() == 1 && error.starts_with("error: "), "{error}");
    let of = |funnel: &str| -> Vec<String> {
        let faults = error.trim_end().split("; ").filter(|fault| fault.contains(&format!("funnels[{funnel}]")));
        faults.map(str::to_owned).collect()
    };
    let named = |funnel: &str, parts: &[&str]| {
        let faults = of(funnel);
        assert_eq!(faults.len(), parts.len(), "funnel {funnel}: {error}");
        for (fault, part) in faults.iter().zip(parts) {
            assert!(fault.contains(part), "funnel {funnel}, {part}: {fault}");
        }
    };
    named("0", &["2 to 32 steps, not 1", "key \"A\"", "ko name of \"fcfs\"", "\"fcfs\" is that of the plan's funnel"]);
    named("1", &["steps[0].rule", "\"a\" is there twice", "\"Two words\" is not 1 to 32"]);
    named("2", &["steps[1].rule", "ko name of \"b\""]);
    named("3", &["the key \"three\" is there twice"]);
    let unknown = file(&READING.replace("en = \"Reading\"", "en = \"Reading\"\nwindow = 7"));
    let output = binary().args(["--check-config", "--config"]).arg(unknown.path()).output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("window"));
}
