//! The log lines about failing stores and loads: in the span of the request, limited in number, and one about the recovery.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::small;

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axon_metrics::{
    ActivityId, Budgets, Catalog, Dashboard, DashboardBuilder, DashboardRequest, Measured, SourceError, Timestamp,
    Widget,
    cache::{CacheEntry, CacheError, DashboardCache},
    facts::{RealtimeFacts, Slots, Stock},
    source::{CatalogSource, Probe, RealtimeQuestion, RealtimeSource},
};
use tracing::{Instrument as _, info_span};

fn now() -> Timestamp {
    "2024-11-12T10:30:00Z".parse().unwrap()
}

/// A catalog of one activity, and its stock, which fails while `fails` is set.
#[derive(Clone, Default)]
struct Store {
    fails: Arc<AtomicBool>,
}

#[async_trait::async_trait]
impl CatalogSource for Store {
    fn name(&self) -> &'static str {
        "mysql"
    }
    async fn catalog(&self, _: Duration) -> Result<Catalog, SourceError> {
        Ok(small::catalog([small::activity(small::ACTIVITY)]))
    }
    async fn probe(&self, _: Timestamp, _: Duration) -> Result<Probe, SourceError> {
        Ok(Probe::default())
    }
}

#[async_trait::async_trait]
impl RealtimeSource for Store {
    fn name(&self) -> &'static str {
        "redis"
    }
    async fn realtime(&self, question: &RealtimeQuestion) -> Result<RealtimeFacts, SourceError> {
        if self.fails.load(Ordering::Relaxed) {
            return Err(SourceError::Unavailable { source_name: "redis".into(), source: "no answer in time".into() });
        }
        let stock = Ok(Measured::exact(Stock::Held(45), "redis", question.as_of));
        let members = Ok(Measured::exact(45, "redis", question.as_of));
        Ok(RealtimeFacts::new(vec![(ActivityId(789), Slots::new(stock, members))]))
    }
    async fn probe(&self, _: Timestamp, _: Duration) -> Result<Probe, SourceError> {
        Ok(Probe::default())
    }
}

#[derive(Clone, Default)]
struct LogBuffer(Arc<Mutex<Vec<u8>>>);

impl io::Write for LogBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl LogBuffer {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Captures the log lines of this thread until the guard is dropped.
fn capture_log() -> (LogBuffer, tracing::subscriber::DefaultGuard) {
    let buffer = LogBuffer::default();
    let writer = buffer.clone();
    let subscriber =
        tracing_subscriber::fmt().with_ansi(false).without_time().with_writer(move || writer.clone()).finish();
    (buffer, tracing::subscriber::set_default(subscriber))
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_logged_in_the_span_of_the_request_and_its_end_once() {
    let (buffer, _log) = capture_log();

    let store = Store::default();
    let dashboard = Dashboard::builder().catalog(store.clone()).realtime(store.clone()).build();
    let mut second = 0;
    let mut ask = async |times: usize| {
        for _ in 0..times {
            second += 1;
            let (request, now) = (
                DashboardRequest::campaign(123).widgets([Widget::Realtime]),
                now() + chrono::Duration::seconds(second),
            );
            let _ = dashboard.answer(&request, now).instrument(info_span!("request")).await;
            tokio::time::advance(Duration::from_millis(300)).await;
        }
    };
    ask(5).await;
    store.fails.store(true, Ordering::Relaxed);
    ask(100).await;
    store.fails.store(false, Ordering::Relaxed);
    ask(20).await;

    let log = buffer.text();
    let lines = |part: &str| log.lines().filter(|line| line.contains(part)).collect::<Vec<_>>();
    // Of 100 questions in 30 s: one line in 10 s for time-outs, and one in 10 s for the open circuit breaker.
    let warned = lines("WARN");
    assert!((2..=8).contains(&warned.len()), "{log}");
    assert!(warned[0].contains(r#"request:source{source="redis" seam="realtime" outcome="unavailable"}"#), "{log}");
    let failed = "call to redis realtime failed: redis did not answer: no answer in time";
    assert!(warned[0].contains(failed) && warned[0].contains("left_out=0"), "{log}");
    assert!(warned[1].contains(r#"outcome="open""#) && warned[1].contains("circuit breaker open"), "{log}");
    assert_eq!(lines("redis realtime answers again").len(), 1, "{log}");
}

/// A cache without entries. Its reads, or its writes, fail while the flag is set.
#[derive(Clone, Default)]
struct FlakyCache {
    reads_fail: Arc<AtomicBool>,
    writes_fail: Arc<AtomicBool>,
}

impl FlakyCache {
    fn fail(&self, reads: bool, writes: bool) {
        self.reads_fail.store(reads, Ordering::Relaxed);
        self.writes_fail.store(writes, Ordering::Relaxed);
    }
}

#[async_trait::async_trait]
impl DashboardCache for FlakyCache {
    fn name(&self) -> &'static str {
        "redis"
    }
    async fn get(&self, keys: &[String], _: Duration) -> Result<Vec<Option<Vec<u8>>>, CacheError> {
        if self.reads_fail.load(Ordering::Relaxed) {
            return Err(CacheError::new("redis", "LOADING"));
        }
        Ok(vec![None; keys.len()])
    }
    async fn put(&self, _: &[CacheEntry], _: Duration) -> Result<(), CacheError> {
        if self.writes_fail.load(Ordering::Relaxed) {
            return Err(CacheError::new("redis", "READONLY"));
        }
        Ok(())
    }
}

/// A dashboard of [`Store`], before it is built.
fn builder() -> DashboardBuilder<Arc<dyn CatalogSource>> {
    Dashboard::builder().catalog(Store::default()).realtime(Store::default())
}

/// Asks once a second, each time for figures that are not cached.
async fn ask(dashboard: &Dashboard, seconds: std::ops::Range<i64>) {
    let request = DashboardRequest::campaign(123).widgets([Widget::Realtime]);
    for second in seconds {
        dashboard.answer(&request, now() + chrono::Duration::seconds(10 * second)).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn failed_writes_of_a_readable_cache_are_logged_every_ten_seconds() {
    let (buffer, _log) = capture_log();
    let cache = FlakyCache::default();
    cache.fail(false, true);
    ask(&builder().shared_cache(cache).build(), 0..25).await;
    let log = buffer.text();
    let failures: Vec<&str> = log.lines().filter(|line| line.contains("READONLY")).collect();
    assert_eq!(failures.len(), 3, "{log}");
    assert!(failures[0].contains("left_out=0") && failures[1].contains("left_out=9"), "{log}");
}

#[tokio::test(start_paused = true)]
async fn the_recovery_of_a_shared_cache_is_logged_once() {
    let (buffer, _log) = capture_log();
    let cache = FlakyCache::default();
    let dashboard = builder().shared_cache(cache.clone()).build();
    ask(&dashboard, 0..3).await;
    cache.fail(true, true);
    ask(&dashboard, 3..13).await;
    cache.fail(false, false);
    ask(&dashboard, 13..23).await;
    let log = buffer.text();
    for operation in ["read", "write"] {
        let recovery = format!("shared cache {operation} works again after ");
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(&recovery)).collect();
        assert!(lines.len() == 1 && lines[0].contains("INFO"), "{log}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_shared_cache_with_a_zero_budget_is_not_called() {
    let (buffer, _log) = capture_log();
    let cache = FlakyCache::default();
    cache.fail(true, true);
    let budgets = Budgets::default().with_cache(Duration::ZERO);
    ask(&builder().budgets(budgets).shared_cache(cache).build(), 0..3).await;
    assert_eq!(buffer.text(), "");
}

#[tokio::test(start_paused = true)]
async fn a_refresh_in_the_background_is_logged_in_the_span_of_its_request() {
    let (buffer, _log) = capture_log();
    let store = Store::default();
    let dashboard = Dashboard::builder().catalog(store.clone()).realtime(store.clone()).build();
    let ask = async |milliseconds, request_id| {
        let (request, at) =
            (DashboardRequest::campaign(123).widgets([Widget::Realtime]), chrono::Duration::milliseconds(milliseconds));
        dashboard.answer(&request, now() + at).instrument(info_span!("request", request_id)).await.unwrap()
    };
    ask(0, "first").await;
    store.fails.store(true, Ordering::Relaxed);
    let answer = ask(1_300, "second").await;
    assert_eq!(answer.widgets[&Widget::Realtime].as_of, Some(now()), "the answer does not wait");
    assert_eq!(buffer.text(), "");
    tokio::time::sleep(Duration::from_millis(100)).await;
    let log = buffer.text();
    assert!(log.contains(r#"request{request_id="second"}:source{source="redis""#), "{log}");
}

/// A cache that never answers.
struct HangingCache;

#[async_trait::async_trait]
impl DashboardCache for HangingCache {
    fn name(&self) -> &'static str {
        "redis"
    }
    async fn get(&self, _: &[String], _: Duration) -> Result<Vec<Option<Vec<u8>>>, CacheError> {
        std::future::pending().await
    }
    async fn put(&self, _: &[CacheEntry], _: Duration) -> Result<(), CacheError> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_load_that_does_not_end_is_logged_once_for_all_its_callers() {
    let (buffer, _log) = capture_log();
    let budgets = Budgets::default().with_cache(Duration::from_secs(5));
    let dashboard = builder().budgets(budgets).shared_cache(HangingCache).build();
    for seconds in [0, 60] {
        let callers: Vec<_> = (0..100)
            .map(|_| {
                let (dashboard, now) = (dashboard.clone(), now() + chrono::Duration::seconds(seconds));
                let request = DashboardRequest::campaign(123).widgets([Widget::Realtime]);
                tokio::spawn(async move { dashboard.answer(&request, now).await.is_err() })
            })
            .collect();
        for caller in callers {
            assert!(caller.await.unwrap());
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    let log = buffer.text();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("load failed: ")).collect();
    assert_eq!(lines.len(), 2, "{log}");
    assert!(lines[0].contains("left_out=0") && lines[1].contains("left_out=99"), "{log}");
}
