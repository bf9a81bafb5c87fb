//! How fast event lines become a store, and what an event costs in memory.
//! Opponents, on the same lines in the same run: counting lines, a typed `serde_json` parse of only the fields that count,
//! and a parse into `serde_json::Value`. Neither opponent stores anything.

use std::io::Cursor;

use axon_benches::{events, files_in_memory, plan};
use axon_metrics::{Files, MemoryStore};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use serde::Deserialize;

/// The least that must be read of a line.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "parsed, never looked at")]
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
#[expect(dead_code, reason = "parsed, never looked at")]
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
    group.bench_function("floor: count lines", |bencher| bencher.iter(|| each(&text, &|line| !line.is_empty())));
    group.finish();
}

criterion_group!(benches, load);
criterion_main!(benches);
