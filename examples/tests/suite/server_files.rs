//! The server over files: forms that it reads, forms that keep it from starting, and settings that count for files.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::server;

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    path::PathBuf,
};

use serde_json::{Value, json};
use server::{Server, binary};
use tempfile::TempDir;

const QUESTION: &str = "/api/v1/dashboard/activity/77?widgets=funnel,comparison&period=7d";
const NOW: [&str; 2] = ["--now", "2024-11-12T10:30:00Z"];

/// A folder with a catalog and files.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let activity = json!({"id": 77, "name": "A", "type": "FIRST_COME_FIRST_SERVE", "limitCount": 100, "productId": 456,
            "startAt": "2024-11-06T00:00:00", "endAt": "2024-11-20T00:00:00"});
        let campaign = json!({"id": 1, "name": "Spring", "activities": [activity]});
        folder.write("catalog.json", json!({"currency": "KRW", "campaigns": [campaign]}).to_string());
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    /// The arguments of a server with the catalog and one more file.
    fn arguments(&self, option: &str, name: &str) -> Vec<String> {
        let path = |name: &str| self.path(name).to_str().unwrap().to_owned();
        ["--catalog".into(), path("catalog.json"), option.into(), path(name)]
            .into_iter()
            .chain(NOW.map(str::to_owned))
            .collect()
    }

    fn start(&self, option: &str, name: &str, settings: &[(&str, &str)]) -> Server {
        let arguments = self.arguments(option, name);
        Server::with_settings(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), settings)
    }

    /// The one line with which the server refuses to start.
    fn refusal(&self, option: &str, name: &str, more: &[&str]) -> String {
        let output = binary().args(self.arguments(option, name)).args(more).env("RUST_LOG", "error").output().unwrap();
        assert!(!output.status.success());
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        text
    }
}

/// 10 visits, 6 clicks, 3 approvals and 2 purchases, as documents of an index.
fn documents(index: &str) -> Vec<Value> {
    [("PAGE_VIEW", 10), ("CLICK", 6), ("APPROVED", 3), ("PURCHASE", 2)]
        .into_iter()
        .flat_map(|(trigger, count)| (1..=count).map(move |user| (trigger, user)))
        .enumerate()
        .map(|(id, (trigger, user))| {
            let event = json!({"triggerType": trigger, "occurredAt": format!("2024-11-12T09:{user:02}:00Z"), "userId": user,
                "properties.activityId": 77});
            json!({"_index": index, "_id": id.to_string(), "_source": event})
        })
        .collect()
}

fn steps(server: &Server) -> Vec<u64> {
    let answer = server.json(QUESTION);
    answer["data"]["funnel"]["steps"].as_array().unwrap().iter().map(|step| step["value"].as_u64().unwrap()).collect()
}

#[test]
fn an_array_of_documents_of_a_data_stream_is_served() {
    let folder = Folder::new();
    folder.write("events.json", Value::from(documents(".ds-axon.event.commerce-2024.11.12-000003")).to_string());
    assert_eq!(steps(&folder.start("--events", "events.json", &[])), [10, 6, 3, 2]);
}

#[test]
fn the_setting_of_purchase_indices_counts_for_files() {
    let folder = Folder::new();
    folder.write("events.json", Value::from(documents("shop-000002")).to_string());
    assert_eq!(
        steps(&folder.start("--events", "events.json", &[("elasticsearch.purchase_indices", "shop")])),
        [10, 6, 3, 2]
    );
    // Without it these purchases are not believed, and the log says how many.
    let arguments = folder.arguments("--events", "events.json");
    let server = Server::start(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let (_, _, log) = server.stop("-TERM");
    assert!(log.contains("disbelieved=2") && log.contains("elasticsearch.purchase_indices"), "{log}");
}

#[test]
fn a_ledger_with_decimal_prices_is_served_exactly() {
    let folder = Folder::new();
    let row = |id: u64, quantity: u64| {
        format!(
            r#"{{"kind":"purchase","id":{id},"userId":{id},"productId":456,"activityId":77,"price":12900.00,"quantity":{quantity},"status":"CONFIRMED","purchaseAt":"2024-11-12T18:10:00+09:00"}}"#
        )
    };
    folder.write("ledger.json", format!("[{},{}]", row(1, 1), row(2, 2)));
    let answer = folder.start("--ledger", "ledger.json", &[]).json(QUESTION);
    let promotion = &answer["data"]["comparison"]["promotion"];
    assert_eq!(
        (&promotion["orders"], &promotion["quantity"], &promotion["revenue"]),
        (&json!(2), &json!(3), &json!("38700.00"))
    );
}

/// A purchase and an entry of user `id`, of these statuses.
fn rows(id: u64, purchase: &str, entry: &str) -> String {
    format!(
        r#"{{"kind":"purchase","id":{id},"userId":{id},"productId":456,"activityId":77,"price":10,"quantity":1,"status":{purchase},"purchaseAt":"2024-11-12T18:10:00+09:00"}}
{{"kind":"entry","id":{id},"userId":{id},"activityId":77,"status":{entry},"createdAt":"2024-11-12T18:10:00+09:00"}}
"#
    )
}

/// Field case 9, in a file.
#[test]
fn the_names_of_statuses_count_for_files_and_are_part_of_the_definition() {
    let folder = Folder::new();
    let rows = [
        rows(1, "\"confirmed\"", "\"approved\""),
        rows(2, "\" PAID \"", "\"won\""),
        rows(3, "1", "1"),
        rows(4, "\"void\"", "\"REJECTED\""),
        rows(5, "\"PENDING\"", "\"lost\""),
        rows(6, "\"?\"", "\"?\""),
    ];
    folder.write("ledger.ndjson", rows.concat());
    let steps = [("steps.approve", "approved entries"), ("steps.purchase", "purchases")];
    let asked = |names: &[(&str, &str)]| {
        let server = folder.start("--ledger", "ledger.ndjson", &[&steps, names].concat());
        let answer = server.json(QUESTION);
        let counts =
            answer["data"]["funnel"]["steps"].as_array().unwrap()[2..].iter().map(|step| step["value"].clone());
        let left_out = answer["widgets"]["funnel"]["warnings"].as_array().unwrap().iter();
        let left_out = left_out.filter(|warning| warning["data"]["reason"] == "unknown_status");
        let left_out: Vec<u64> = left_out.map(|warning| warning["data"]["records"].as_u64().unwrap()).collect();
        let promotion = &answer["data"]["comparison"]["promotion"];
        let sales = (promotion["orders"].clone(), promotion["cancelled"].clone());
        (counts.collect::<Vec<_>>(), left_out, sales, answer["definition"]["hash"].as_str().unwrap().to_owned())
    };
    let (counts, left_out, sales, usual) = asked(&[]);
    // Two rows of each kind are known by the usual names: one that counts, and of the entries one that does not.
    assert_eq!((counts, left_out, sales), (vec![json!(1), json!(1)], vec![4, 5], (json!(1), json!(0))));
    let (counts, left_out, sales, own) = asked(&[
        ("purchase_status.confirmed", "CONFIRMED,Paid,1"),
        ("purchase_status.cancelled", "VOID"),
        ("purchase_status.ignored", "pending"),
        ("entry_status.approved", "APPROVED,WON,1"),
        ("entry_status.unapproved", "REJECTED,lost"),
    ]);
    assert_eq!((counts, left_out, sales), (vec![json!(3), json!(3)], vec![1, 1], (json!(3), json!(1))));
    assert_ne!(own, usual);
    let (.., same) = asked(&[("purchase_status.confirmed", "confirmed"), ("entry_status.approved", "Approved")]);
    assert_eq!(same, usual);
}

#[test]
fn the_texts_that_name_nobody_count_for_files_and_are_part_of_the_definition() {
    let folder = Folder::new();
    let event = |user: &str| {
        format!(
            r#"{{"triggerType":"PAGE_VIEW","occurredAt":"2024-11-12T09:00:00Z","userId":"{user}","sessionId":"s","properties":{{"activityId":77}}}}"#
        )
    };
    folder.write("events.ndjson", ["guest", "NULL", "member", "7"].map(event).join("\n"));
    let asked = |texts: Option<&str>| {
        let settings: Vec<_> = texts.map(|texts| ("anonymous_users", texts)).into_iter().collect();
        let server = folder.start("--events", "events.ndjson", &settings);
        let answer = server.json(&format!("{QUESTION}&mode=unique"));
        let people = answer["data"]["funnel"]["steps"][0]["value"].as_u64().unwrap();
        (people, answer["definition"]["hash"].as_str().unwrap().to_owned())
    };
    let (people, usual) = asked(None);
    assert_eq!(people, 3, "session s, member and 7");
    let (people, own) = asked(Some("Member"));
    assert_eq!(people, 4, "guest, NULL, session s and 7");
    assert_ne!(own, usual);
    let (people, same) = asked(Some("null,undefined,none,nan,unknown,anonymous,GUEST,(not set)"));
    assert_eq!((people, same), (3, usual));
}

#[test]
fn compression_can_be_switched_off() {
    let folder = Folder::new();
    folder.write("events.json", Value::from(documents("axon.event.commerce")).to_string());
    for (compress, encoding) in [(None, true), (Some("true"), true), (Some("false"), false)] {
        let settings: Vec<_> = compress.map(|compress| ("server.compress", compress)).into_iter().collect();
        let server = folder.start("--events", "events.json", &settings);
        let mut stream = TcpStream::connect(&server.address).unwrap();
        let head = "GET /api/v1/dashboard/definitions HTTP/1.1\r\nhost: x\r\naccept-encoding: gzip\r\nconnection: close\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).unwrap();
        let end = reply.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(reply[..end].to_vec()).unwrap().to_lowercase();
        assert!(head.starts_with("http/1.1 200"), "{head}");
        assert_eq!(head.contains("content-encoding: gzip"), encoding, "{compress:?}: {head}");
        assert_eq!(reply[end + 4..].starts_with(&[0x1f, 0x8b]), encoding, "{compress:?}");
    }
}

#[test]
fn a_file_of_another_form_keeps_the_server_from_starting() {
    let folder = Folder::new();
    folder.write("events.csv", "triggerType,occurredAt,userId\nCLICK,2024-11-12T09:00:00Z,1\n");
    let path = folder.path("events.csv");
    for more in [&[][..], &["--check-config"]] {
        let text = folder.refusal("--events", "events.csv", more);
        assert!(text.contains(&format!("mlr --icsv --ojsonl cat {} > converted.ndjson", path.display())), "{text}");
        assert!(text.contains("CSV: 2 of 2 records are rejected") && text.contains("--accept-rejected"), "{text}");
    }
    let mut arguments = folder.arguments("--events", "events.csv");
    arguments.push("--accept-rejected".into());
    let server = Server::with_settings(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
    assert_eq!(server.json(QUESTION)["activityId"], 77);
}
