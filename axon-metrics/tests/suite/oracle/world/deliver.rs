//! Loads a world into the store under test: a part as files in many formats, the rest in batches in random order.

use std::{collections::BTreeMap, io::Cursor};

use axon_metrics::{
    ActivityId, Dashboard, EventRule, Files, LedgerStep, MemoryStore, Money, ProductId, Record, StepRules, catalog,
    memory::{self, SlotChange},
};
use chrono::SecondsFormat;
use chrono_tz::Tz;
use serde_json::{Value, json};

use super::{At, Entry, Event, Purchase, Slots, Via, World, clock};

/// A dashboard over a store with the world.
pub(crate) fn dashboard(world: &World) -> Dashboard {
    let store = store(world);
    let mut rules = StepRules::default();
    if let Some(definition) = world.definition {
        rules =
            rules.with("visit", Record::Event(EventRule::trigger("PAGE_VIEW").of_definitions([definition]))).unwrap();
    }
    if world.approvals_from_entries {
        rules = rules.with("approve", Record::Ledger(LedgerStep::ApprovedEntry)).unwrap();
    }
    if world.purchases_from_ledger {
        rules = rules.with("purchase", Record::Ledger(LedgerStep::Purchase)).unwrap();
    }
    Dashboard::builder()
        .memory(store)
        .lifetimes(axon_metrics::Lifetimes::none())
        .zone(world.zone)
        .step_rules(rules)
        .baseline_weeks(world.baseline_weeks)
        .build()
}

/// The batch that is appended before the others.
const FIRST: u8 = u8::MAX;

/// Lines without a time, of an activity and of a product that are in no scope: they must not change any answer.
const INVALID_EVENTS: [&str; 3] = [
    "",
    r#"{"triggerType":"PAGE_VIEW","userId":1,"properties":{"activityId":4444}}"#,
    r#"{"triggerType":"CLICK","occurredAt":"yesterday","properties":{"activityId":"4444"}}"#,
];
const INVALID_ROWS: [&str; 3] = [
    "",
    r#"{"kind":"entry","id":99991,"activityId":4444,"userId":1,"status":"APPROVED"}"#,
    r#"{"kind":"purchase","id":99992,"activityId":4444,"productId":4444,"userId":1,"price":1,"quantity":1,"purchaseAt":"yesterday"}"#,
];

fn store(world: &World) -> MemoryStore {
    let mut dice = Dice(world.shuffle);
    let mut batches: BTreeMap<u8, Batch> = BTreeMap::new();
    let mut lines = Lines::default();
    let mut streamed = Vec::new();
    for (number, event) in world.events.iter().enumerate() {
        match event.via {
            Via::Batch(batch) => {
                batches.entry(batch).or_default().events.extend(std::iter::repeat_n(event_record(event), event.times));
            }
            Via::Line(shape) => lines.events.push(message(event, shape, world.zone).to_string()),
            Via::Stream(shape) => streamed.push(message(event, shape, world.zone).to_string()),
            Via::Document(index, copies) => {
                let line = |shape| json!({ "_index": index, "_id": format!("d{number}"), "_source": message(event, shape, world.zone) });
                lines.events.extend((0..copies).map(|shape| line(shape).to_string()));
            }
        }
    }
    // A changed row is delivered in two versions. The older one comes in the same batch before the newer one, or in the
    // first batch.
    let batch_of = |older: bool, batch: u8, id: u64| if older && id % 2 == 1 { FIRST } else { batch };
    for (id, entry) in (1..).zip(&world.entries) {
        let older = entry.was.map(|(status, at)| Entry { status, at, ..entry.clone() });
        for (old, version) in older.iter().map(|older| (true, older)).chain([(false, entry)]) {
            match entry.via {
                Via::Batch(batch) => {
                    let batch = batches.entry(batch_of(old, batch, id)).or_default();
                    batch.entries.push(entry_row(id, version));
                }
                Via::Line(shape) | Via::Stream(shape) | Via::Document(_, shape) => {
                    lines.ledger.push(entry_line(id, version, shape, world.zone))
                }
            }
        }
    }
    for (id, purchase) in (1..).zip(&world.purchases) {
        let older = purchase.was.map(|(status, at)| Purchase { status, at, ..purchase.clone() });
        for (old, version) in older.iter().map(|older| (true, older)).chain([(false, purchase)]) {
            match purchase.via {
                Via::Batch(batch) => {
                    let batch = batches.entry(batch_of(old, batch, id)).or_default();
                    batch.purchases.push(purchase_row(id, version));
                }
                Via::Line(shape) | Via::Stream(shape) | Via::Document(_, shape) => {
                    lines.ledger.push(purchase_line(id, version, shape, world.zone))
                }
            }
        }
    }

    let is_empty = !matches!(world.slots, Slots::File(_)) && lines.events.is_empty() && lines.ledger.is_empty();
    let store = if is_empty {
        MemoryStore::new(catalog_value(world))
    } else {
        lines.events.extend(INVALID_EVENTS.map(str::to_owned));
        lines.ledger.insert(dice.roll(lines.ledger.len() + 1), INVALID_ROWS[dice.roll(INVALID_ROWS.len())].to_owned());
        dice.shuffle(&mut lines.events);
        load(world, &lines)
    };
    let first = batches.remove(&FIRST);
    let mut batches: Vec<Batch> = batches.into_values().collect();
    dice.shuffle(&mut batches);
    for mut batch in first.into_iter().chain(batches) {
        dice.shuffle(&mut batch.events);
        store.append_events(batch.events);
        store.append_entries(batch.entries);
        store.append_purchases(batch.purchases);
    }
    dice.shuffle(&mut streamed);
    store.append_lines("stream", reader(&streamed)).expect("lines that can be read");
    if let Slots::Appended(moves) = &world.slots {
        let change = |taken| if taken { SlotChange::Taken } else { SlotChange::Released };
        let slot = |&(activity, user, taken): &(u64, u64, bool)| memory::Slot {
            activity: ActivityId(activity),
            user,
            change: change(taken),
        };
        store.append_slots(moves.iter().map(slot));
    }
    store
}

#[derive(Default)]
struct Batch {
    events: Vec<memory::Event>,
    entries: Vec<memory::Entry>,
    purchases: Vec<memory::Purchase>,
}

#[derive(Default)]
struct Lines {
    events: Vec<String>,
    ledger: Vec<String>,
}

fn reader(lines: &[String]) -> Cursor<Vec<u8>> {
    Cursor::new(lines.join("\n").into_bytes())
}

fn load(world: &World, lines: &Lines) -> MemoryStore {
    // Events can be in several files.
    let (first, second) = lines.events.split_at(lines.events.len() / 2);
    let mut files = Files::new()
        .zone(world.zone)
        .events_from("a.ndjson", reader(first))
        .events_from("b.ndjson", reader(second))
        .ledger_from("ledger.ndjson", reader(&lines.ledger))
        .catalog_from("catalog.json", reader(&[catalog_json(world).to_string()]));
    if let Slots::File(slots) = &world.slots {
        let line = |line: &super::SlotLine| {
            let mut row = json!({ "activityId": line.activity });
            if let Some(counter) = line.counter {
                row["counter"] = json!(counter);
            }
            if let Some(members) = &line.members {
                row["members"] = json!(members);
            }
            row
        };
        let text = Value::from_iter(slots.iter().map(line)).to_string();
        files = files.realtime_from("realtime.json", reader(&[text]));
    }
    MemoryStore::load(files.accept_rejected()).expect("files that can be read")
}

fn catalog_value(world: &World) -> catalog::Catalog {
    let activity = |activity: &super::Activity| {
        catalog::Activity::new(activity.id, format!("activity {}", activity.id), activity.kind.to_owned().into())
            .with_start(activity.start.map(At::instant))
            .with_end(activity.end.map(At::instant))
            .with_limit(activity.limit)
            .with_product(activity.product.map(ProductId))
    };
    let campaign = |campaign: &super::Campaign| {
        let activities = campaign.activities.iter().map(activity);
        catalog::Campaign::new(campaign.id, format!("campaign {}", campaign.id), activities)
            .with_start(campaign.start.map(At::instant))
            .with_end(campaign.end.map(At::instant))
    };
    catalog::Catalog::new("KRW", world.campaigns.iter().map(campaign).collect()).expect("a catalog")
}

fn catalog_json(world: &World) -> Value {
    let date = |at: Option<At>, shape: u64| at.map(|at| time(at, u8::try_from(shape % 8).unwrap(), world.zone));
    let activity = |activity: &super::Activity| {
        json!({
            "id": activity.id, "name": format!("activity {}", activity.id), "type": activity.kind, "status": "ACTIVE",
            "startAt": date(activity.start, activity.id), "endAt": date(activity.end, activity.id + 1),
            "limitCount": activity.limit, "price": "100.00", "budget": null, "productId": activity.product,
        })
    };
    let campaign = |campaign: &super::Campaign| {
        json!({
            "id": campaign.id, "name": format!("campaign {}", campaign.id), "startAt": date(campaign.start, 2),
            "endAt": date(campaign.end, 3), "budget": "1000",
            "activities": campaign.activities.iter().map(activity).collect::<Vec<_>>(),
        })
    };
    json!({
        "currency": "KRW",
        "campaigns": world.campaigns.iter().map(campaign).collect::<Vec<_>>(),
        "products": [{ "id": 1, "name": "p", "category": "c", "price": "100.00" }],
    })
}

/// An instant as text: in UTC, with an offset, or as local time if that is not ambiguous.
fn time(at: At, shape: u8, zone: Tz) -> String {
    let instant = at.instant();
    let wall = clock::local(at, zone);
    let whole_seconds = at.0.rem_euclid(1000) == 0;
    match shape % 8 {
        1 => instant.with_timezone(&zone).to_rfc3339_opts(SecondsFormat::Millis, false),
        2 => instant.with_timezone(&chrono_tz::Asia::Kathmandu).to_rfc3339_opts(SecondsFormat::AutoSi, true),
        3 => instant.to_rfc3339_opts(SecondsFormat::Nanos, true),
        4 | 5 if clock::first_at(wall, zone) == at => wall.format("%Y-%m-%dT%H:%M:%S%.3f").to_string(),
        6 if whole_seconds && clock::first_at(wall, zone) == at => wall.format("%Y-%m-%dT%H:%M:%S").to_string(),
        7 => instant.to_rfc3339_opts(SecondsFormat::Micros, true),
        _ => instant.to_rfc3339_opts(SecondsFormat::AutoSi, true),
    }
}

/// The time of an event, which can also be seconds since 1970.
fn occurred_at(at: At, shape: u8, zone: Tz) -> Value {
    if shape == 9 { json!(at.0 as f64 / 1000.0) } else { json!(time(at, shape, zone)) }
}

fn event_record(event: &Event) -> memory::Event {
    memory::Event {
        trigger: event.trigger.to_owned(),
        definition: event.definition,
        at: event.at.instant(),
        activity: ActivityId(event.activity.expect("an appended event names its activity")),
        user: event.user,
        session: event.session.map(str::to_owned),
    }
}

fn message(event: &Event, shape: u8, zone: Tz) -> Value {
    let mut message = json!({
        "eventName": "something", "triggerType": event.trigger, "occurredAt": occurred_at(event.at, shape, zone),
        "pageUrl": "https://shop.example/", "referrer": "",
        "properties": { "campaignId": 123, "productId": 1 },
    });
    // A missing field is null, or absent.
    if event.definition.is_some() || shape.is_multiple_of(2) {
        message["eventId"] = json!(event.definition);
    }
    if event.user.is_some() || shape.is_multiple_of(3) {
        message["userId"] = json!(event.user);
    }
    if event.session.is_some() || shape.is_multiple_of(5) {
        message["sessionId"] = json!(event.session);
    }
    match event.activity {
        // Some trackers send ids as text.
        Some(id) if shape % 4 == 1 => message["properties"]["activityId"] = json!(id.to_string()),
        Some(id) => message["properties"]["activityId"] = json!(id),
        None if shape.is_multiple_of(2) => message["properties"] = Value::Null,
        None => {}
    }
    message
}

fn entry_row(id: u64, entry: &Entry) -> memory::Entry {
    memory::Entry {
        id,
        activity: ActivityId(entry.activity),
        user: entry.user,
        status: entry.status.to_owned(),
        created_at: entry.at.instant(),
    }
}

fn entry_line(id: u64, entry: &Entry, shape: u8, zone: Tz) -> String {
    json!({
        "kind": "entry", "id": id, "activityId": entry.activity, "userId": entry.user, "status": entry.status,
        "createdAt": time(entry.at, shape, zone),
    })
    .to_string()
}

fn purchase_row(id: u64, purchase: &Purchase) -> memory::Purchase {
    memory::Purchase {
        id,
        user: purchase.user,
        product: Some(ProductId(purchase.product)),
        activity: purchase.activity.map(ActivityId),
        price: Money::new(purchase.cents, 2),
        quantity: i64::from(purchase.quantity),
        status: purchase.status.to_owned(),
        at: purchase.at.instant(),
    }
}

fn purchase_line(id: u64, purchase: &Purchase, shape: u8, zone: Tz) -> String {
    let kind = if purchase.activity.is_some() { "CAMPAIGNACTIVITY" } else { "SHOP" };
    json!({
        "kind": "purchase", "id": id, "userId": purchase.user, "productId": purchase.product,
        "activityId": purchase.activity, "purchaseType": kind, "price": Money::new(purchase.cents, 2).to_string(),
        "quantity": purchase.quantity, "status": purchase.status, "purchaseAt": time(purchase.at, shape, zone),
    })
    .to_string()
}

/// A small generator of random numbers (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((x ^ (x >> 31)) % sides as u64).unwrap()
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.roll(last + 1));
        }
    }
}
