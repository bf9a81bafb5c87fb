//! The metrics of a dashboard's sources in a scrape: every metric is described, and no label contains an id.
//! Lives elsewhere: checking the metrics of a whole server with `promtool` (`scripts/drill-api`).

#![cfg(all(feature = "metrics", feature = "memory"))]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use axon_metrics::{
    Dashboard, DashboardRequest, MemoryStore, SourceError, Timestamp, Widget,
    cache::{CacheEntry, CacheError, DashboardCache},
    catalog::{Activity, ActivityKind, Campaign, Catalog},
    facts::RealtimeFacts,
    observe,
    source::{Probe, RealtimeQuestion, RealtimeSource},
};
use metrics_exporter_prometheus::PrometheusBuilder;

/// A source whose connection is lost at the first call. It is overloaded at the second, and unavailable after that.
struct FailingRealtime(AtomicUsize);

#[async_trait::async_trait]
impl RealtimeSource for FailingRealtime {
    fn name(&self) -> &'static str {
        "redis"
    }
    async fn realtime(&self, _: &RealtimeQuestion) -> Result<RealtimeFacts, SourceError> {
        match self.0.fetch_add(1, Ordering::Relaxed) {
            0 => Err(SourceError::Lost { source_name: "redis".into(), source: "connection reset".into() }),
            1 => Err(SourceError::Overloaded { source_name: "redis".into() }),
            _ => Err(SourceError::Unavailable { source_name: "redis".into(), source: "gone".into() }),
        }
    }
    async fn probe(&self, _: Timestamp, _: Duration) -> Result<Probe, SourceError> {
        Ok(Probe::default())
    }
}

/// A cache that refuses writes.
struct ReadOnly;

#[async_trait::async_trait]
impl DashboardCache for ReadOnly {
    fn name(&self) -> &'static str {
        "redis"
    }
    async fn get(&self, keys: &[String], _: Duration) -> Result<Vec<Option<Vec<u8>>>, CacheError> {
        Ok(vec![None; keys.len()])
    }
    async fn put(&self, _: &[CacheEntry], _: Duration) -> Result<(), CacheError> {
        Err(CacheError::new("redis", "READONLY"))
    }
}

/// Asks for some answers.
async fn ask() {
    let now: Timestamp = "2024-11-12T10:30:00Z".parse().unwrap();
    let activity = Activity::new(4_711_789, "A", ActivityKind::FirstComeFirstServe)
        .with_start(now - chrono::Duration::days(1))
        .with_limit(100);
    let catalog = Catalog::new("KRW", vec![Campaign::new(4_711_123, "Spring", [activity])]).unwrap();
    let store = MemoryStore::new(catalog);
    let dashboard = Dashboard::builder()
        .catalog(store.clone())
        .behavior(store.clone())
        .ledger(store)
        .realtime(FailingRealtime(AtomicUsize::new(0)))
        .shared_cache(ReadOnly)
        .build();
    for second in 0..8 {
        // So far apart that no cached answer is reused.
        let now = now + chrono::Duration::seconds(10 * second);
        tokio::time::advance(Duration::from_millis(400)).await;
        dashboard.answer(&DashboardRequest::campaign(4_711_123).widgets(Widget::ALL), now).await.unwrap();
    }
}

/// A scrape after some answers.
fn scrape() -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    metrics::with_local_recorder(&recorder, || {
        observe::describe();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(ask());
    });
    handle.render()
}

#[test]
fn a_scrape_has_metrics_of_every_source_and_no_id() {
    let text = scrape();
    for part in [
        r#"axon_source_requests_total{source="memory",seam="catalog",outcome="ok"}"#,
        r#"axon_source_requests_total{source="memory",seam="behavior",outcome="ok"}"#,
        r#"axon_source_requests_total{source="redis",seam="realtime",outcome="overloaded"} 1"#,
        r#"axon_source_requests_total{source="redis",seam="realtime",outcome="open"}"#,
        r#"axon_source_duration_seconds_count{source="memory",seam="ledger"}"#,
        r#"axon_source_retries_total{source="redis"} 1"#,
        r#"axon_breaker_state{source="redis",seam="realtime"} 2"#,
        r#"axon_breaker_state{source="memory",seam="behavior"} 0"#,
        r#"axon_source_in_flight{source="memory",seam="ledger"} 0"#,
        r#"axon_data_age_seconds{source="memory",seam="behavior"}"#,
        r#"axon_cache_lookups_total{level="shared",outcome="miss"}"#,
        "\naxon_cache_write_failures_total ",
    ] {
        assert!(text.contains(part), "{part} is not in the scrape:\n{text}");
    }
    assert!(!text.contains(r#"level="shared",outcome="error""#), "a write is no lookup: {text}");
    assert!(!text.contains("4711"), "{text}");
}

#[test]
fn every_metric_is_described() {
    let text = scrape();
    let families = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let undescribed: Vec<_> = families.filter(|family| !text.contains(&format!("# HELP {family} "))).collect();
    assert!(undescribed.is_empty(), "metrics without a description: {undescribed:?}");
}
