//! How fast event lines are loaded into a store, the memory per event, and how fast a store appends new ones.
//! Opponents, on the same lines in the same run: counting lines, a typed `serde_json` parse of only the fields that count,
//! and a parse into `serde_json::Value`. Neither opponent stores anything.

use std::io::Cursor;

use axon_benches::{events, files_in_memory, plan, store};
use axon_metrics::{ActivityId, Files, MemoryStore, memory::Event};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use serde::Deserialize;

/// The fields of a line that every loader must read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "only parsed")]
struct Line<'a> {
    trigger_type: &'a str,
    event_id: Option<i64>,
    occurred_at: f64,
    user_id: Option<serde_json::Value>,
    session_id: Option<&'a str>,
    properties: Option<Properties>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "only parsed")]
struct Properties {
    activity_id: Option<serde_json::Value>,
}

fn load(criterion: &mut Criterion) {
    let lines = events(1_000_000);
    let [text, catalog, ..] = files_in_memory(&plan(lines));
    let each = |text: &[u8], parse: &dyn Fn(&[u8]) -> bool| {
        text.split(|byte| *byte == b'\n').filter(|line| parse(line)).count()
    };
    let files = || {
        Files::new()
            .events_from("events", Cursor::new(text.clone()))
            .catalog_from("catalog", Cursor::new(catalog.clone()))
    };

    let store = MemoryStore::load(files()).expect("a store");
    let bytes = store.memory_bytes();
    #[expect(clippy::print_stderr, clippy::cast_precision_loss, reason = "a figure for people")]
    {
        eprintln!("memory: {:.1} bytes per event line over {lines} lines", bytes as f64 / lines as f64);
    }
    drop(store);

    let mut group = criterion.benchmark_group("load");
    group.sample_size(10).throughput(Throughput::Elements(lines));
    group.bench_function("memory store", |bencher| {
        bencher.iter_batched(files, |files| MemoryStore::load(files).expect("a store"), BatchSize::PerIteration);
    });
    group.bench_function("opponent: typed parse, nothing stored", |bencher| {
        bencher.iter(|| each(&text, &|line| serde_json::from_slice::<Line<'_>>(line).is_ok()));
    });
    group.bench_function("opponent: parse into Value, nothing stored", |bencher| {
        bencher.iter(|| each(&text, &|line| serde_json::from_slice::<serde_json::Value>(line).is_ok()));
    });
    group.bench_function("lower bound: count lines", |bencher| bencher.iter(|| each(&text, &|line| !line.is_empty())));
    group.finish();
}

/// Appends records to a store.
fn append(criterion: &mut Criterion) {
    let (store, now) = store(events(1_000_000));
    let event = |number: u64| Event {
        trigger: "PAGE_VIEW".into(),
        definition: Some(1),
        at: now + std::time::Duration::from_micros(number),
        activity: ActivityId(789 + number % 3),
        user: Some(number % 100_000),
        session: None,
    };
    let mut group = criterion.benchmark_group("append");
    group.sample_size(10).throughput(Throughput::Elements(10_000));
    group.bench_function("10,000 events in one batch", |bencher| {
        bencher.iter_batched(
            || (0..10_000).map(event).collect::<Vec<_>>(),
            |batch| store.append_events(batch),
            BatchSize::PerIteration,
        );
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function("one event", |bencher| bencher.iter(|| store.append_events([event(1)])));
    group.finish();
}

criterion_group!(benches, load, append);
criterion_main!(benches);
