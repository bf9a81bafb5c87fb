//! What the log says of a store in trouble: that it is, in the request's span, not each time; and once that it is over.

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
    ActivityId, CampaignId, Dashboard, DashboardRequest, Measured, SourceError, Timestamp, Widget,
    cache::{CacheEntry, CacheError, DashboardCache},
    catalog::{Activity, ActivityKind, Campaign, Catalog},
    facts::{RealtimeFacts, Slots, Stock},
    source::{CatalogSource, Probe, RealtimeQuestion, RealtimeSource},
};
use tracing::{Instrument as _, info_span};

fn now() -> Timestamp {
    "2024-11-12T10:30:00Z".parse().unwrap()
}

/// A catalog of one activity, whose stock fails as told.
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
        let activity = Activity {
            id: ActivityId(789),
            name: "A".into(),
            kind: ActivityKind::FirstComeFirstServe,
            start: None,
            end: None,
            limit: Some(100),
            product: None,
        };
        let (name, activities) = ("Spring".into(), vec![activity]);
        let campaign = Campaign { id: CampaignId(123), name, start: None, end: None, budget: None, activities };
        Ok(Catalog::new("KRW", vec![campaign]).unwrap())
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
        let slots = Slots {
            stock: Ok(Measured::exact(Stock::Held(45), "redis", question.as_of)),
            members: Ok(Measured::exact(45, "redis", question.as_of)),
            derived: false,
        };
        Ok(RealtimeFacts { slots: vec![(ActivityId(789), slots)] })
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

/// What is logged from now on by this thread, until the guard is dropped.
fn capture_log() -> (LogBuffer, tracing::subscriber::DefaultGuard) {
    let buffer = LogBuffer::default();
    let writer = buffer.clone();
    let subscriber =
        tracing_subscriber::fmt().with_ansi(false).without_time().with_writer(move || writer.clone()).finish();
    (buffer, tracing::subscriber::set_default(subscriber))
}

#[tokio::test(start_paused = true)]
async fn a_store_in_trouble_is_told_of_in_the_requests_span_a_few_times_and_that_it_is_over_once() {
    let (buffer, _log) = capture_log();

    let store = Store::default();
    let dashboard = Dashboard::builder().catalog(store.clone()).realtime(store.clone()).build();
    let mut second = 0;
    let mut asked = async |times: usize| {
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
    asked(5).await;
    store.fails.store(true, Ordering::Relaxed);
    asked(100).await;
    store.fails.store(false, Ordering::Relaxed);
    asked(20).await;

    let log = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
    let lines = |part: &str| log.lines().filter(|line| line.contains(part)).collect::<Vec<_>>();
    // Of 100 in 30 seconds: the time-out each ten seconds, and likewise that it is not asked.
    let warned = lines("WARN");
    assert!((2..=8).contains(&warned.len()), "{log}");
    assert!(warned[0].contains(r#"request:source{source="redis" seam="realtime" outcome="unavailable"}"#), "{log}");
    assert!(warned[0].contains("redis did not answer: no answer in time") && warned[0].contains("left_out=0"), "{log}");
    assert!(warned[1].contains(r#"outcome="open""#) && warned[1].contains("not asked for now"), "{log}");
    assert_eq!(lines("redis answers again").len(), 1, "{log}");
}

/// A cache that may be read, and not be written to.
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
        Err(CacheError { cache_name: "redis", source: "READONLY".into() })
    }
}

#[tokio::test(start_paused = true)]
async fn a_cache_that_cannot_be_written_to_is_told_of_each_ten_seconds_although_it_can_be_read() {
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
    let left_out: Vec<&str> = log.lines().filter(|line| line.contains("READONLY")).collect();
    assert_eq!(left_out.len(), 3, "{log}");
    assert!(left_out[0].contains("left_out=0") && left_out[1].contains("left_out=9"), "{log}");
}
