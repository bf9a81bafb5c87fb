//! The server binary as an operator meets it: started, asked, told to stop, and given wrong things.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::server;

use std::{
    net::TcpListener,
    process::Output,
    time::{Duration, Instant},
};

use serde_json::Value;
use server::{Server, binary};

fn ended(arguments: &[&str]) -> Output {
    binary().args(arguments).env("RUST_LOG", "error").output().unwrap()
}

/// One line on standard error that says what is wrong, and a code that is not 0.
fn complaint(arguments: &[&str]) -> String {
    let output = ended(arguments);
    assert!(!output.status.success(), "{arguments:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.starts_with("error: "), "{text}");
    text
}

#[test]
fn generated_campaigns_are_answered_with_the_plans_own_url_and_live() {
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
    let moved = loop {
        let now = visits(&server.json(plans));
        if now > first || began.elapsed() > Duration::from_secs(20) {
            break now;
        }
        std::thread::sleep(Duration::from_millis(200));
    };
    assert!(moved > first, "no visitor came in 20 s");

    let (code, took, log) = server.stop("-TERM");
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(log.contains("stopped"), "{log}");
}

#[test]
fn an_interrupt_stops_it_too_and_still_data_stays_as_it_is() {
    let server =
        Server::start(&["--generate", "5000", "--still", "--now", "2024-11-12T10:30:00Z", "--default-mode", "unique"]);
    let answer = server.json("/api/v1/dashboard/campaign/123");
    assert_eq!(answer["mode"], "unique");
    assert!(answer["timestamp"].as_str().unwrap().starts_with("2024-11-12T10:3"), "the clock runs on from --now");
    assert_eq!(server.stop("-INT").0, Some(0));
}

#[test]
fn what_is_wrong_is_said_in_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = complaint(&["--generate", "1000", "--listen", &address]);
    assert!(said.contains(&address) && said.contains("in use"), "{said}");

    let said = complaint(&["--catalog", "/nowhere/catalog.json"]);
    assert!(said.contains("/nowhere/catalog.json"), "{said}");
    let folder = tempfile::tempdir().unwrap();
    let catalog = folder.path().join("catalog.json");
    std::fs::write(&catalog, "{\"campaigns\":[\n  {\"id\":}]}").unwrap();
    let said = complaint(&["--catalog", catalog.to_str().unwrap()]);
    assert!(said.contains("catalog.json") && said.contains("line 2"), "{said}");

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
        let said = complaint(&arguments);
        assert!(said.contains(word), "{said}");
    }
}

#[test]
fn help_and_check_config_say_what_there_is() {
    let help = ended(&["--help"]);
    assert!(help.status.success());
    let text = String::from_utf8(help.stdout).unwrap();
    for option in [
        "--events",
        "--catalog",
        "--ledger",
        "--realtime",
        "--listen",
        "--zone",
        "--default-mode",
        "--now",
        "--check-config",
    ] {
        assert!(text.contains(option), "{option}");
    }
    let check = ended(&["--generate", "2000", "--check-config"]);
    assert!(check.status.success());
    let found: Value = serde_json::from_slice(&check.stdout).unwrap();
    assert_eq!(found["health"]["ready"], true);
    assert_eq!(found["loaded"]["events"]["lines"], 2000);
}

#[test]
fn ids_of_users_and_sessions_leave_the_store_in_no_way() {
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
    events += &format!("{{\"userId\":\"{user}\",\"sessionId\":\"{session}\"\n{user} {session}\n");
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
    let files = ["--events", &events, "--catalog", &catalog, "--ledger", &ledger, "--realtime", &realtime];

    let server = Server::start(&[&files[..], &["--now", "2024-11-12T10:30:00Z"]].concat());
    let mut told = String::new();
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
        told += &server.get(path).1;
    }
    // What a caller writes into a URL is not written into logs either.
    server.get(&format!("/api/v1/dashboard/campaign/{user}?userId={user}&period={session}"));
    let answer = server.json("/api/v1/dashboard/campaign/123");
    assert_eq!(answer["data"]["overview"]["totalVisits"], 1, "the marked lines were read");
    let (_, _, log) = server.stop("-TERM");
    assert!(log.lines().count() > 10, "the log was read");
    told += &log;
    let check = ended(&[&files[..], &["--check-config"]].concat());
    told += &String::from_utf8(check.stdout).unwrap();
    told += &String::from_utf8(check.stderr).unwrap();
    let broken = file("broken.json", &format!("[{{\"activityId\":789,\"members\":[{user}"));
    told += &complaint(&["--catalog", &catalog, "--realtime", &broken]);
    for marked in [user, session] {
        assert!(!told.contains(marked), "{}", told.lines().find(|line| line.contains(marked)).unwrap_or_default());
    }
}
