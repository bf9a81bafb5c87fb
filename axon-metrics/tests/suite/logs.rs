//! The log lines about a failing store: in the span of the request, limited in number, and one about the recovery.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axon_metrics::{
    ActivityId, Dashboard, DashboardRequest, Measured, SourceError, Timestamp, Widget,
    cache::{CacheEntry, CacheError, DashboardCache},
    catalog::{Activity, ActivityKind, Campaign, Catalog},
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
        let activity = Activity::new(789, "A", ActivityKind::FirstComeFirstServe).with_limit(100);
        Ok(Catalog::new("KRW", vec![Campaign::new(123, "Spring", [activity])]).unwrap())
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

    let log = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
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

#[tokio::test(start_paused = true)]
async fn failed_writes_of_a_readable_cache_are_logged_every_ten_seconds() {
    let (buffer, _log) = capture_log();

    let store = Store::default();
    let dashboard = Dashboard::builder().catalog(store.clone()).realtime(store).shared_cache(ReadOnly).build();
    let request = DashboardRequest::campaign(123).widgets([Widget::Realtime]);
    for second in 0..25 {
        let now = now() + chrono::Duration::seconds(10 * second);
        dashboard.answer(&request, now).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let log = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
    let failures: Vec<&str> = log.lines().filter(|line| line.contains("READONLY")).collect();
    assert_eq!(failures.len(), 3, "{log}");
    assert!(failures[0].contains("left_out=0") && failures[1].contains("left_out=9"), "{log}");
}
