//! The server binary: start, requests, stop, and errors of the command line.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::server;

use std::{
    net::TcpListener,
    process::Output,
    time::{Duration, Instant},
};

use serde_json::Value;
use server::{Server, binary};

fn run(arguments: &[&str]) -> Output {
    binary().args(arguments).env("RUST_LOG", "error").output().unwrap()
}

/// The one line of error on standard error. Asserts that the exit code is not 0.
fn error_line(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(!output.status.success(), "{arguments:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.starts_with("error: "), "{text}");
    text
}

#[test]
fn generated_campaigns_are_answered_live_by_the_plan_s_url() {
    let server = Server::start(&["--generate", "20000"]);
    let campaigns = server.json("/api/v1/dashboard/campaigns");
    assert!(campaigns["campaigns"].as_array().unwrap().len() >= 4);
    let plans = "/api/v1/dashboard/campaign/123?widgets=overview,funnel,realtime&period=7d&startDate=2024-01-01&endDate=2024-01-31";
    let answer = server.json(plans);
    assert_eq!(answer["campaignId"], 123);
    assert_eq!(answer["data"]["funnel"]["steps"].as_array().unwrap().len(), 4);
    assert!(answer["data"]["overview"]["totalVisits"].as_u64().unwrap() > 0);
    assert_eq!(answer["warnings"][0]["code"], "dates_ignored");

    let visits = |answer: &Value| answer["data"]["overview"]["totalVisits"].as_u64().unwrap();
    let (first, began) = (visits(&answer), Instant::now());
    let latest = loop {
        let now = visits(&server.json(plans));
        if now > first || began.elapsed() > Duration::from_secs(20) {
            break now;
        }
        std::thread::sleep(Duration::from_millis(200));
    };
    assert!(latest > first, "no visit was added in 20 s");

    let (code, took, log) = server.stop("-TERM");
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(log.contains("stopped"), "{log}");
}

#[test]
fn an_interrupt_stops_the_server_and_still_data_does_not_change() {
    let server =
        Server::start(&["--generate", "5000", "--still", "--now", "2024-11-12T10:30:00Z", "--default-mode", "unique"]);
    let answer = server.json("/api/v1/dashboard/campaign/123");
    assert_eq!(answer["mode"], "unique");
    assert!(answer["timestamp"].as_str().unwrap().starts_with("2024-11-12T10:3"), "the clock runs on from --now");
    assert_eq!(server.stop("-INT").0, Some(0));
}

#[test]
fn each_error_of_the_command_line_is_one_line() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let error = error_line(&["--generate", "1000", "--listen", &address]);
    assert!(error.contains(&address) && error.contains("in use"), "{error}");

    let error = error_line(&["--catalog", "/nowhere/catalog.json"]);
    assert!(error.contains("/nowhere/catalog.json"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let catalog = folder.path().join("catalog.json");
    std::fs::write(&catalog, "{\"campaigns\":[\n  {\"id\":}]}").unwrap();
    let error = error_line(&["--catalog", catalog.to_str().unwrap()]);
    assert!(error.contains("catalog.json") && error.contains("line 2"), "{error}");

    for (arguments, word) in [
        (vec!["--nonsense"], "--nonsense"),
        (vec!["--listen", "here"], "--listen"),
        (vec!["--zone", "Mars/Olympus"], "--zone"),
        (vec!["--default-mode", "ordered"], "--default-mode"),
        (vec!["--now", "yesterday"], "--now"),
        (vec!["--generate", "999"], "1000 to 5000000"),
        (vec!["--generate", "5000001"], "`generate` example"),
        (vec!["--events", "events.ndjson"], "--catalog"),
    ] {
        let error = error_line(&arguments);
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn help_lists_all_options_and_check_config_reports() {
    let help = run(&["--help"]);
    assert!(help.status.success());
    let text = String::from_utf8(help.stdout).unwrap();
    for option in [
        "--events",
        "--catalog",
        "--ledger",
        "--realtime",
        "--accept-rejected",
        "--listen",
        "--zone",
        "--default-mode",
        "--now",
        "--check-config",
    ] {
        assert!(text.contains(option), "{option}");
    }
    let check = run(&["--generate", "2000", "--check-config"]);
    assert!(check.status.success());
    let report: Value = serde_json::from_slice(&check.stdout).unwrap();
    assert_eq!(report["health"]["ready"], true);
    assert_eq!(report["loaded"]["events"]["lines"], 2000);
}

#[test]
fn ids_of_users_and_sessions_never_leave_the_store() {
    let (user, session) = ("7700077007700077", "5e551000-5e55-4000-8e55-5e5510005e55");
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let line = |trigger: &str, user: &str, rest: &str| {
        format!(
            "{{\"triggerType\":\"{trigger}\",\"occurredAt\":\"2024-11-12T10:00:00Z\",\"userId\":{user},\"sessionId\":\"{session}\",\"properties\":{{\"activityId\":789}}{rest}}}\n"
        )
    };
    let mut events: String =
        ["PAGE_VIEW", "CLICK", "APPROVED", "PURCHASE"].map(|trigger| line(trigger, user, "")).concat();
    events += &line("PAGE_VIEW", user, ",");
    events += &line("PAGE_VIEW", user, &format!(",\"userId\":{user}"));
    events += &line("PAGE_VIEW", &format!("[{user}]"), "");
    events += &format!("{{\"userId\":\"{user}\",\"sessionId\":\"{session}\"\n{user} {session}\n").repeat(2);
    let events = file("events.ndjson", &events);
    let catalog = file(
        "catalog.json",
        "{\"currency\":\"KRW\",\"campaigns\":[{\"id\":123,\"name\":\"Spring\",\"activities\":[{\"id\":789,\"name\":\"A\",\"type\":\"FIRST_COME_FIRST_SERVE\",\"limitCount\":100}]}]}",
    );
    let ledger = file(
        "ledger.ndjson",
        &format!(
            "{{\"kind\":\"entry\",\"id\":1,\"activityId\":789,\"userId\":{user},\"status\":\"APPROVED\",\"createdAt\":\"2024-11-12T10:00:00Z\"}}\n{{\"kind\":\"purchase\",\"id\":1,\"userId\":\"{user}\",\"price\":[]}}\n"
        ),
    );
    let realtime = file("realtime.json", &format!("[{{\"activityId\":789,\"counter\":1,\"members\":[{user}]}}]"));
    // Without this option the marked lines, more than half of the file, keep the server from starting.
    let files =
        ["--events", &events, "--catalog", &catalog, "--ledger", &ledger, "--realtime", &realtime, "--accept-rejected"];

    let server = Server::start(&[&files[..], &["--now", "2024-11-12T10:30:00Z"]].concat());
    let mut output = String::new();
    for path in [
        "/",
        "/api/v1/dashboard/campaigns",
        "/api/v1/dashboard/definitions",
        "/openapi.json",
        "/livez",
        "/readyz",
        "/api/v1/dashboard/campaign/123?widgets=overview,funnel,comparison,realtime,activities&compare=previous&mode=unique",
        "/api/v1/dashboard/activity/789",
        "/api/v1/dashboard/campaign/5",
        "/api/v1/dashboard/campaign/123?period=2d",
    ] {
        output += &server.get(path).1;
    }
    // Text of a URL is not logged either.
    server.get(&format!("/api/v1/dashboard/campaign/{user}?userId={user}&period={session}"));
    let answer = server.json("/api/v1/dashboard/campaign/123");
    // The event with an array as its user counts, and names nobody.
    assert_eq!(answer["data"]["overview"]["totalVisits"], 2, "the marked lines were not loaded");
    let (_, _, log) = server.stop("-TERM");
    assert!(log.lines().count() > 10, "the log is empty");
    output += &log;
    output += &error_line(&files[..files.len() - 1]);
    let check = run(&[&files[..], &["--check-config"]].concat());
    output += &String::from_utf8(check.stdout).unwrap();
    output += &String::from_utf8(check.stderr).unwrap();
    let broken = file("broken.json", &format!("[{{\"activityId\":789,\"members\":[{user}"));
    output += &error_line(&["--catalog", &catalog, "--realtime", &broken]);
    for marked in [user, session] {
        assert!(!output.contains(marked), "{}", output.lines().find(|line| line.contains(marked)).unwrap_or_default());
    }
}
