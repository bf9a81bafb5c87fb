//! The generator's files are deterministic, valid line by line, of any size, and have all kinds of events of the platform.

use crate::common;

use std::collections::BTreeSet;

use axon_examples::generator::{Config, ConfigError, ExpectedTotals, MemorySink, Plan, PurchaseStatus, TimeFormat};
use common::{generate, id, lines, millis};

fn small() -> Config {
    Config { events: 20_000, ..Config::default() }
}

#[test]
fn equal_configurations_give_equal_bytes() {
    let (a, b) = (generate(small()), generate(small()));
    assert!(a.events == b.events && a.ledger == b.ledger);
    assert_eq!(a.catalog, b.catalog);
    assert_eq!(a.realtime, b.realtime);
    assert_eq!(a.expected, b.expected);
}

#[test]
fn another_seed_gives_other_bytes() {
    let other = Config { seed: 2, ..small() };
    assert!(generate(small()).events != generate(other).events);
}

#[test]
fn the_format_of_times_changes_no_total() {
    let formats = [
        TimeFormat::Seconds,
        TimeFormat::Millis,
        TimeFormat::Iso,
        TimeFormat::IsoOffset,
        TimeFormat::Local,
        TimeFormat::Mixed,
    ];
    let scientific = generate(small());
    let times = |files: &common::Files| -> Vec<i64> {
        lines(&files.events).map(|event| millis(&event["occurredAt"])).collect()
    };
    for time_format in formats {
        let files = generate(Config { time_format, ..small() });
        assert_eq!(files.expected, scientific.expected, "{time_format:?}");
        assert_eq!(times(&files), times(&scientific), "{time_format:?}");
    }
}

#[test]
fn every_line_is_json_and_their_number_is_the_configured_one() {
    for events in [1_000, 5_000, 20_000] {
        for export in [false, true] {
            let files = generate(Config { events, export, ..Config::default() });
            let count = u64::try_from(lines(&files.events).count()).expect("a count");
            assert_eq!(count, files.expected.load.lines);
            assert_eq!(count, events);
            assert!(lines(&files.ledger).count() > 100);
        }
    }
}

#[test]
fn lines_are_roughly_in_the_order_of_time() {
    let files = generate(small());
    let (mut newest, mut late) = (0, 0u64);
    for event in lines(&files.events) {
        let at = millis(&event["occurredAt"]);
        late += u64::from(at + 60_000 < newest);
        newest = newest.max(at);
    }
    assert!((100..300).contains(&late), "{late}");
}

#[test]
fn every_shape_of_event_occurs() {
    let files = generate(Config { events: 100_000, export: true, ..Config::default() });
    let mut shapes = BTreeSet::new();
    let mut sessions_with_both = (BTreeSet::new(), BTreeSet::new());
    let mut previous = serde_json::Value::Null;
    for line in lines(&files.events) {
        let event = &line["_source"];
        let trigger = event["triggerType"].as_str().expect("a trigger type");
        let properties = &event["properties"];
        shapes.insert(format!("{trigger} in {}", line["_index"].as_str().expect("an index")));
        let with = |name: &str| event.get(name).is_some_and(|value| !value.is_null());
        if !with("userId") && !with("sessionId") {
            shapes.insert("nobody".to_owned());
        }
        for name in ["userId", "sessionId", "properties"] {
            match event.get(name) {
                None => shapes.insert(format!("{name} absent")),
                Some(value) if value.is_null() => shapes.insert(format!("{name} null")),
                Some(value) if value.is_string() => shapes.insert(format!("{name} text")),
                Some(_) => shapes.insert(format!("{name} there")),
            };
        }
        if properties["activityId"].is_string() {
            shapes.insert("activityId text".to_owned());
        }
        if trigger == "APPROVED" {
            assert!(properties.get("campaignId").is_none() && !with("sessionId") && with("userId"));
            assert_eq!(properties["source"], "backend");
            assert!(properties["order"].as_u64().is_some_and(|order| order > 0));
        }
        if trigger == "PURCHASE" {
            assert!(properties["campaignId"].is_u64() && properties["productId"].is_u64());
            assert!(!with("sessionId") && with("userId"));
        }
        if let Some(session) = event["sessionId"].as_str() {
            let (anonymous, known) = &mut sessions_with_both;
            let side = if with("userId") { known } else { anonymous };
            side.insert(session.to_owned());
        }
        if event["occurredAt"] == previous["occurredAt"] && event["eventId"] != previous["eventId"] {
            shapes.insert("one view, two definitions".to_owned());
        }
        previous = event.clone();
    }
    for shape in [
        "PAGE_VIEW in axon.event.behavior",
        "CLICK in axon.event.behavior",
        "SCROLL in axon.event.behavior",
        "STAY in axon.event.behavior",
        "APPROVED in axon.event.behavior",
        "PURCHASE in axon.event.behavior",
        "PURCHASE in axon.event.commerce",
        "VISIT in axon.event.behavior",
        "SDK_DIAGNOSTIC in axon.event.behavior",
        "nobody",
        "userId absent",
        "userId null",
        "userId text",
        "userId there",
        "sessionId absent",
        "sessionId null",
        "properties absent",
        "properties null",
        "properties there",
        "activityId text",
        "one view, two definitions",
    ] {
        assert!(shapes.contains(shape), "no {shape} in {shapes:?}");
    }
    let (anonymous, known) = sessions_with_both;
    assert!(anonymous.intersection(&known).count() > 100, "no session has a login");
    let load = files.expected.load;
    assert!(load.duplicates > 0 && load.future > 0 && load.late > 0 && load.forged_purchases > 0);
}

#[test]
fn the_ledger_has_every_status() {
    let mut sink = MemorySink::default();
    let plan = Plan::new(Config { events: 200_000, ..Config::default() });
    plan.expect("a plan").generate(&mut sink, |_| {}).expect("generated");
    for status in [PurchaseStatus::Confirmed, PurchaseStatus::Cancelled, PurchaseStatus::Refunded] {
        for promoted in [false, true] {
            let exists = sink
                .purchases
                .iter()
                .any(|purchase| purchase.status == status && purchase.activity_id.is_some() == promoted);
            assert!(exists, "{status:?} {promoted}");
        }
    }
    let states: BTreeSet<_> = sink.entries.iter().map(|entry| entry.status.as_str()).collect();
    assert_eq!(states, BTreeSet::from(["APPROVED", "PENDING", "REJECTED"]));
    let entries: BTreeSet<_> = sink.entries.iter().map(|entry| (entry.activity_id, entry.user_id)).collect();
    assert_eq!(entries.len(), sink.entries.len(), "more than one entry per user and activity");
}

#[test]
fn approvals_go_exactly_up_to_the_limit() {
    let files = generate(small());
    let mut sold_out = 0;
    for activity in files.expected.campaigns.iter().flat_map(|campaign| &campaign.activities) {
        let approved = lines(&files.events)
            .filter(|event| event["triggerType"] == "APPROVED")
            .filter(|event| id(&event["properties"]["activityId"]) == Some(activity.activity_id.into()))
            .count();
        let stock = &activity.figures.stock;
        assert_eq!(u64::try_from(approved), Ok(stock.counter), "{}", activity.name);
        sold_out += u32::from(stock.remaining_stock == Some(0));
    }
    assert!(sold_out >= 4, "{sold_out}");
}

#[test]
fn any_now_days_campaigns_and_zone_are_accepted() {
    for (now, zone) in [
        ("2024-11-03T09:30:15.250Z", chrono_tz::America::Los_Angeles),
        ("2024-09-08T04:00:00Z", chrono_tz::America::Santiago),
        ("2025-04-05T15:10:00Z", chrono_tz::Australia::Lord_Howe),
        ("2026-01-01T00:00:00Z", chrono_tz::Asia::Kathmandu),
        ("2024-11-11T15:00:00Z", chrono_tz::Asia::Seoul),
    ] {
        for (days, campaigns) in [(1, 1), (7, 13), (100, 2)] {
            let files = generate(Config {
                events: 2_000,
                now: now.parse().expect("an instant"),
                zone,
                days,
                campaigns,
                ..Config::default()
            });
            assert_eq!(files.expected.campaigns.len(), campaigns as usize);
            assert_eq!(files.expected.load.lines, 2_000);
            for campaign in files.catalog["campaigns"].as_array().expect("campaigns") {
                assert!(millis(&campaign["startAt"]) < millis(&campaign["endAt"]));
            }
        }
    }
}

#[test]
fn records_and_lines_are_equal() {
    let config = Config { export: true, ..small() };
    let files = generate(config.clone());
    let mut sink = MemorySink::default();
    let plan = Plan::new(config).expect("a plan");
    let expected = plan.generate(&mut sink, |_| {}).expect("generated");
    assert_eq!(expected, files.expected);
    assert_eq!(sink.events.len(), lines(&files.events).count());
    for (event, line) in sink.events.iter().zip(lines(&files.events)) {
        let message = &line["_source"];
        assert_eq!(event.document.topic.as_str(), line["_index"]);
        assert_eq!(event.document.to_string(), line["_id"].as_str().expect("an id"));
        assert_eq!(event.trigger().as_str(), message["triggerType"]);
        assert_eq!(event.occurred_at, millis(&message["occurredAt"]));
        assert_eq!(event.user_id.map(|user| user.get().into()), id(&message["userId"]));
        let session = event.session.map(|session| session.to_string());
        assert_eq!(session.as_deref(), message["sessionId"].as_str());
        let activity = event.activity_id.map(|activity| activity.get().into());
        assert_eq!(activity, id(&message["properties"]["activityId"]));
    }
}

#[test]
fn totals_can_be_read_back() {
    let expected = generate(small()).expected;
    let text = serde_json::to_string(&expected).expect("text");
    let read: ExpectedTotals = serde_json::from_str(&text).expect("totals");
    assert_eq!(read, expected);
}

#[test]
fn an_invalid_setting_is_named() {
    let refused = |config| Plan::new(config).expect_err("refused");
    let none = Config { events: 0, ..Config::default() };
    assert_eq!(refused(none), ConfigError::Events(0));
    let days = Config { days: 0, ..Config::default() };
    assert_eq!(refused(days).to_string(), "days must be between 1 and 400, not 0");
}
