//! The embedded store passes the conformance suites.

#![cfg(all(feature = "memory", feature = "testing"))]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{io::Cursor, time::Duration};

use async_trait::async_trait;
use axon_metrics::{
    Catalog, Files, MemoryStore,
    catalog::Campaign,
    facts::Stock,
    memory,
    source::CatalogSource as _,
    testing::{
        BehaviorStore, CatalogStore, EntryRecord, EventRecord, LedgerStore, PurchaseRecord, RealtimeStore, SlotRecord,
    },
};
use serde_json::json;

struct Memory;

#[async_trait]
impl BehaviorStore for Memory {
    type Source = MemoryStore;
    const TIME_STEP: Duration = Duration::ZERO;
    const TELLS_ACTIVE: bool = true;

    /// Loads the events as lines of an export, which contain the index of each document.
    async fn holding(events: &[EventRecord]) -> Option<MemoryStore> {
        let line = |(id, event): (usize, &EventRecord)| {
            let is_purchase = event.trigger == "PURCHASE" && !event.forged;
            let index = if is_purchase { "axon.event.commerce" } else { "axon.event.behavior" };
            let message = json!({
                "eventId": event.definition, "triggerType": event.trigger, "occurredAt": event.at.to_rfc3339(),
                "userId": event.user, "sessionId": event.session,
                "properties": {"activityId": event.activity.map(|activity| activity.0)},
            });
            format!("{}\n", json!({"_index": index, "_id": id.to_string(), "_source": message}))
        };
        let lines: String = events.iter().enumerate().map(line).collect();
        let store = MemoryStore::new(Catalog::default());
        assert_eq!(store.append_lines("events", Cursor::new(lines)).unwrap(), 0);
        Some(store)
    }
}

#[async_trait]
impl LedgerStore for Memory {
    type Source = MemoryStore;
    const HAS_STATUS: bool = true;

    async fn holding(
        campaigns: &[Campaign],
        entries: &[EntryRecord],
        purchases: &[PurchaseRecord],
    ) -> Option<MemoryStore> {
        let store = MemoryStore::new(Catalog::new("KRW", campaigns.to_vec()).unwrap());
        store.append_entries(entries.iter().map(|entry| memory::Entry {
            id: entry.id,
            activity: entry.activity,
            user: entry.user,
            status: entry.status.into(),
            created_at: entry.created_at,
        }));
        let refused = store.append_purchases(purchases.iter().map(|purchase| memory::Purchase {
            id: purchase.id,
            user: purchase.user,
            product: Some(purchase.product),
            activity: purchase.activity,
            price: purchase.price,
            quantity: purchase.quantity.into(),
            status: purchase.status.into(),
            at: purchase.at,
        }));
        assert_eq!(refused, 0);
        Some(store)
    }
}

#[async_trait]
impl RealtimeStore for Memory {
    type Source = MemoryStore;

    fn stock(counter: i64) -> Stock {
        Stock::Held(counter)
    }

    async fn holding(slots: &[SlotRecord]) -> Option<MemoryStore> {
        let slot = |slot: &SlotRecord| {
            let counter =
                slot.counter.map(|text| text.parse::<i64>().map_or_else(|_| json!(text), |count| json!(count)));
            json!({"activityId": slot.activity.0, "counter": counter, "members": slot.members})
        };
        let realtime = json!(slots.iter().map(slot).collect::<Vec<_>>()).to_string();
        let catalog = r#"{"currency":"KRW","campaigns":[],"products":[]}"#;
        let files = Files::new().catalog_from("catalog", Cursor::new(catalog));
        Some(MemoryStore::load(files.realtime_from("realtime", Cursor::new(realtime))).unwrap())
    }
}

#[async_trait]
impl CatalogStore for Memory {
    type Source = MemoryStore;

    async fn holding(catalog: &Catalog) -> Option<MemoryStore> {
        Some(MemoryStore::new(Catalog::new("KRW", catalog.campaigns().to_vec()).unwrap()))
    }

    async fn add(source: &MemoryStore, campaign: &Campaign) {
        let current = source.catalog(Duration::from_secs(1)).await.unwrap();
        let campaigns = [current.campaigns(), std::slice::from_ref(campaign)].concat();
        source.set_catalog(Catalog::new("KRW", campaigns).unwrap());
    }
}

mod behavior {
    axon_metrics::behavior_source_conformance!(super::Memory);
    axon_metrics::behavior_coverage_conformance!(super::Memory);
}
mod ledger {
    axon_metrics::ledger_source_conformance!(super::Memory);
    axon_metrics::ledger_coverage_conformance!(super::Memory);
}
mod realtime {
    axon_metrics::realtime_source_conformance!(super::Memory);
}
mod catalog {
    axon_metrics::catalog_source_conformance!(super::Memory);
}

/// The names of the functions of a suite, and the names that its macros list.
fn sentences(source: &str) -> (Vec<&str>, Vec<&str>) {
    let functions = source.split("pub async fn ").skip(1).filter_map(|rest| rest.split('<').next()).collect();
    let lists = source.split("$store:\n").skip(1).filter_map(|rest| rest.split(");").next());
    (functions, lists.flat_map(str::split_whitespace).collect())
}

#[test]
fn every_sentence_of_a_suite_is_in_its_macros() {
    for source in [
        include_str!("../../src/testing/behavior.rs"),
        include_str!("../../src/testing/ledger.rs"),
        include_str!("../../src/testing/realtime.rs"),
        include_str!("../../src/testing/catalog.rs"),
    ] {
        let (functions, listed) = sentences(source);
        assert!(functions.len() >= 8, "{functions:?}");
        assert_eq!(functions, listed);
    }
}
