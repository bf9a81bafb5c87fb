//! The catalog is read before any other source, and cached.
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// A catalog source that counts its calls and fails, hangs or answers as a test sets it.
#[derive(Clone, Default)]
struct Counted {
    calls: Arc<AtomicUsize>,
    fails: Arc<std::sync::atomic::AtomicBool>,
    hangs: Arc<std::sync::atomic::AtomicBool>,
}
#[async_trait::async_trait]
impl CatalogSource for Counted {
    fn name(&self) -> &'static str {
        "mysql"
    }
    async fn catalog(&self, _: Duration) -> Result<Catalog, SourceError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.fails.load(Ordering::SeqCst) { Err(refused()) } else { Ok(fcfs()) }
    }
    async fn probe(&self, _: Timestamp, _: Duration) -> Result<crate::source::Probe, SourceError> {
        Ok(Default::default())
    }
}
fn dashboard(source: &Counted) -> Dashboard {
    healthy().catalog(source.clone()).build()
}
fn request() -> DashboardRequest {
    DashboardRequest::campaign(123).widgets([Widget::Overview])
}

#[tokio::test(start_paused = true)]
async fn is_read_once_in_thirty_seconds() {
    let source = Counted::default();
    let dashboard = dashboard(&source);
    for _ in 0..10 {
        dashboard.answer(&request(), now()).await.unwrap();
    }
    assert_eq!(source.calls.load(Ordering::SeqCst), 1);
    tokio::time::advance(Duration::from_secs(31)).await;
    dashboard.answer(&request(), now()).await.unwrap();
    assert_eq!(source.calls.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn serves_its_last_good_copy_for_a_quarter_of_an_hour_while_it_fails() {
    let source = Counted::default();
    let dashboard = dashboard(&source);
    dashboard.answer(&request(), now()).await.unwrap();
    source.fails.store(true, Ordering::SeqCst);
    tokio::time::advance(Duration::from_secs(14 * 60)).await;
    let answer = dashboard.answer(&request(), now()).await.unwrap();
    assert_eq!(answer.sources[0].status, SourceStatus::Unavailable);
    assert_eq!(answer.sources[0].as_of, Some(as_of()));
    assert!(dashboard.health(now()).await.ready);
    tokio::time::advance(Duration::from_secs(2 * 60)).await;
    assert!(matches!(dashboard.answer(&request(), now()).await, Err(AnswerError::Unavailable { .. })));
    assert!(matches!(dashboard.campaigns(now()).await, Err(AnswerError::Unavailable { .. })));
    assert!(!dashboard.health(now()).await.ready);
    source.fails.store(false, Ordering::SeqCst);
    tokio::time::advance(Duration::from_secs(1)).await;
    dashboard.answer(&request(), now()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn that_hangs_is_waited_for_once_by_all_requests() {
    let source = Counted::default();
    let dashboard = dashboard(&source);
    dashboard.answer(&request(), now()).await.unwrap();
    source.hangs.store(true, Ordering::SeqCst);
    tokio::time::advance(Duration::from_secs(31)).await;
    let began = Instant::now();
    let requests: Vec<_> = (0..100)
        .map(|_| {
            let dashboard = dashboard.clone();
            tokio::spawn(async move { dashboard.answer(&request(), now()).await.map(drop) })
        })
        .collect();
    for answered in requests {
        answered.await.unwrap().unwrap();
    }
    assert!(began.elapsed() <= Duration::from_millis(310), "{:?}", began.elapsed());
    assert_eq!(source.calls.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn is_read_again_for_an_unknown_id_at_most_once_a_second() {
    let source = Counted::default();
    let dashboard = dashboard(&source);
    let unknown = DashboardRequest::activity(4711);
    tokio::time::advance(Duration::from_secs(2)).await;
    dashboard.answer(&request(), now()).await.unwrap();
    for _ in 0..50 {
        assert!(matches!(dashboard.answer(&unknown, now()).await, Err(AnswerError::NotFound(_))));
    }
    assert_eq!(source.calls.load(Ordering::SeqCst), 1);
    tokio::time::advance(Duration::from_secs(2)).await;
    dashboard.answer(&unknown, now()).await.unwrap_err();
    assert_eq!(source.calls.load(Ordering::SeqCst), 2);
    // While the source fails, an unknown scope may exist.
    source.fails.store(true, Ordering::SeqCst);
    tokio::time::advance(Duration::from_secs(2)).await;
    assert!(matches!(dashboard.answer(&unknown, now()).await, Err(AnswerError::Unavailable { .. })));
}

#[tokio::test]
async fn without_a_first_copy_there_is_no_answer() {
    let source = Counted::default();
    source.fails.store(true, Ordering::SeqCst);
    assert!(matches!(dashboard(&source).answer(&request(), now()).await, Err(AnswerError::Unavailable { .. })));
}

#[tokio::test(start_paused = true)]
async fn reading_goes_on_when_the_first_caller_leaves() {
    let source = Counted::default();
    source.hangs.store(true, Ordering::SeqCst);
    let dashboard = dashboard(&source);
    let first = {
        let dashboard = dashboard.clone();
        tokio::spawn(async move { dashboard.answer(&request(), now()).await.map(drop) })
    };
    tokio::time::sleep(Duration::from_millis(280)).await;
    let second = {
        let dashboard = dashboard.clone();
        tokio::spawn(async move { dashboard.answer(&request(), now()).await.map(drop) })
    };
    first.abort();
    let began = Instant::now();
    assert!(matches!(second.await.unwrap(), Err(AnswerError::Unavailable { .. })));
    assert!(began.elapsed() <= Duration::from_millis(30), "the reading in progress ended: {:?}", began.elapsed());
    assert_eq!(source.calls.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn is_never_younger_than_the_answer() {
    let dashboard = dashboard(&Counted::default());
    dashboard.answer(&request(), now()).await.unwrap();
    let earlier = now() - chrono::Duration::days(10);
    let answer = dashboard.answer(&request(), earlier).await.unwrap();
    assert_eq!(answer.sources[0].as_of, Some(answer.timestamp));
}

#[tokio::test(start_paused = true)]
async fn and_the_other_sources_are_probed_at_most_once_a_second() {
    let mut behavior = MockBehaviorSource::new();
    behavior.expect_name().return_const("elasticsearch");
    behavior.expect_definition().return_const(String::new());
    behavior.expect_probe().times(2).returning(|_, _| Ok(crate::source::Probe::default()));
    let dashboard = Dashboard::builder().catalog(Counted::default()).behavior(behavior).build();
    for _ in 0..20 {
        assert!(dashboard.health(now()).await.ready);
    }
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(dashboard.health(now()).await.sources.len(), 2);
}
