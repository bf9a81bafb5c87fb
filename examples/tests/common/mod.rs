//! Generated files in memory, and a naive reader of their lines.

#![allow(dead_code, reason = "each test file uses a part")]

use std::collections::{BTreeMap, BTreeSet};

use axon_examples::generator::{Config, ExpectedTotals, Outputs, Plan};
use chrono::{DateTime, NaiveDateTime, TimeDelta};
use serde_json::Value;

/// The four files and the totals.
pub(crate) struct Files {
    pub(crate) events: Vec<u8>,
    pub(crate) catalog: Value,
    pub(crate) ledger: Vec<u8>,
    pub(crate) realtime: Value,
    pub(crate) expected: ExpectedTotals,
}

pub(crate) fn generate(config: Config) -> Files {
    let plan = Plan::new(config).expect("a plan");
    let (mut events, mut catalog, mut ledger, mut realtime) = (vec![], vec![], vec![], vec![]);
    let outputs = Outputs { events: &mut events, catalog: &mut catalog, ledger: &mut ledger, realtime: &mut realtime };
    let expected = plan.write(outputs, |_| {}).expect("written");
    Files {
        events,
        catalog: serde_json::from_slice(&catalog).expect("a catalog"),
        ledger,
        realtime: serde_json::from_slice(&realtime).expect("slots"),
        expected,
    }
}

pub(crate) fn lines(bytes: &[u8]) -> impl Iterator<Item = Value> {
    bytes.split_inclusive(|byte| *byte == b'\n').map(|line| serde_json::from_slice(line).expect("a line of JSON"))
}

/// The documents that count: one per index and id, and no purchase from another index than that of purchases.
pub(crate) fn counted_documents(events: &[u8]) -> Vec<Value> {
    let mut seen = BTreeSet::new();
    lines(events)
        .filter_map(|mut line| {
            if line.get("_source").is_none() {
                return Some(line);
            }
            let index = line["_index"].as_str().expect("an index").to_owned();
            let id = line["_id"].as_str().expect("an id").to_owned();
            let event = line["_source"].take();
            let forged = event["triggerType"] == "PURCHASE" && index != "axon.event.commerce";
            (seen.insert((index, id)) && !forged).then_some(event)
        })
        .collect()
}

/// An id, from a number or a text.
pub(crate) fn id(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// A time in milliseconds since the epoch. A time without a zone is local to Seoul.
pub(crate) fn millis(value: &Value) -> i64 {
    match value {
        Value::String(text) => match DateTime::parse_from_rfc3339(text) {
            Ok(instant) => instant.timestamp_millis(),
            Err(_) => {
                let local: NaiveDateTime = text.parse().expect("a local time");
                (local - TimeDelta::hours(9)).and_utc().timestamp_millis()
            }
        },
        number => {
            let number = number.as_f64().expect("a number");
            let millis = if number > 1e11 { number } else { number * 1_000.0 };
            #[expect(clippy::cast_possible_truncation, reason = "13 digits")]
            let millis = millis.round() as i64;
            millis
        }
    }
}

pub(crate) fn subject(event: &Value) -> Option<String> {
    match (id(&event["userId"]), event["sessionId"].as_str()) {
        (Some(user), _) => Some(format!("user:{user}")),
        (None, Some(session)) => Some(format!("anon:{session}")),
        (None, None) => None,
    }
}

/// The campaign of each activity. With `funnel_only`, only of activities with a funnel.
pub(crate) fn activities(catalog: &Value, funnel_only: bool) -> BTreeMap<u64, u64> {
    let mut campaigns = BTreeMap::new();
    for campaign in catalog["campaigns"].as_array().expect("campaigns") {
        for activity in campaign["activities"].as_array().expect("activities") {
            if !funnel_only || activity["type"] == "FIRST_COME_FIRST_SERVE" {
                let key = activity["id"].as_u64().expect("an id");
                campaigns.insert(key, campaign["id"].as_u64().expect("an id"));
            }
        }
    }
    campaigns
}
