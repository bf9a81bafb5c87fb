//! Protection of the stores: budgets, bulkheads, circuit breakers, and requests that are refused.
use std::sync::{
    Mutex as Lock,
    atomic::{AtomicUsize, Ordering},
};

use super::*;
use crate::source::QuestionKind;
use crate::{BreakerState, Concurrency, Period, source::Probe, vocabulary::Bound};

/// A ledger that answers after a delay, and counts concurrent questions.
struct Slow<A> {
    takes: Duration,
    answer: A,
    at_once: Arc<(AtomicUsize, AtomicUsize)>,
}
struct Running<'a>(&'a AtomicUsize);
impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
impl<A> Slow<A> {
    fn new(takes: Duration, answer: A) -> Self {
        Self { takes, answer, at_once: Arc::default() }
    }
    async fn passes(&self) {
        let (now, most) = &*self.at_once;
        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let _running = Running(now);
        tokio::time::sleep(self.takes).await;
    }
}
#[async_trait::async_trait]
impl<A> LedgerSource for Slow<A>
where
    A: Fn(&LedgerQuestion) -> Result<LedgerFacts, SourceError> + Send + Sync + 'static,
{
    fn name(&self) -> &'static str {
        "mysql"
    }
    async fn ledger(&self, question: &LedgerQuestion) -> Result<LedgerFacts, SourceError> {
        // The history is a question of its own.
        if question.history.is_none() {
            self.passes().await;
        }
        (self.answer)(question)
    }
    async fn probe(&self, _: Timestamp, _: Duration) -> Result<Probe, SourceError> {
        Ok(Probe::default())
    }
}

const HANGS: Duration = Duration::from_secs(3_600);

/// A request that no cached widget answers.
fn days(before: i64) -> DashboardRequest {
    let end = as_of().date_naive() - chrono::Days::new(u64::try_from(before).unwrap());
    let period = Period::Custom { start: Bound::Date(end - chrono::Days::new(3)), end: Bound::Date(end) };
    DashboardRequest::campaign(123).widgets(Widget::ALL).period(period)
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_holds_only_its_permits_and_the_others_answer() {
    let ledger = Slow::new(HANGS, |question: &LedgerQuestion| Ok(ledger_facts(question)));
    let at_once = Arc::clone(&ledger.at_once);
    let dashboard = healthy().ledger(ledger).concurrency(Concurrency::default().with(QuestionKind::Ledger, 3)).build();
    dashboard.campaigns(now()).await.unwrap();
    let began = Instant::now();
    let asked: Vec<_> = (0..40)
        .map(|before| {
            let dashboard = dashboard.clone();
            tokio::spawn(async move { (dashboard.answer(&days(before), now()).await, began.elapsed()) })
        })
        .collect();
    for asked in asked {
        let (answer, took) = asked.await.unwrap();
        let answer = answer.unwrap();
        assert!(took <= Duration::from_millis(850), "{took:?}");
        assert_eq!(answer.widgets[&Widget::Funnel].status, Fresh);
        assert_eq!(answer.widgets[&Widget::Realtime].status, Fresh);
        // The history was read before the ledger hung.
        assert_eq!(answer.widgets[&Widget::Comparison].status, Partial);
        assert_eq!(answer.data.comparison.unwrap().promotion.orders, None);
    }
    assert_eq!(at_once.1.load(Ordering::SeqCst), 3);
    tokio::task::yield_now().await;
    assert_eq!(at_once.0.load(Ordering::SeqCst), 0, "all permits are returned");
}

#[tokio::test(start_paused = true)]
async fn questions_and_retries_get_the_rest_of_their_budget_and_deadline() {
    /// A catalog that takes 250 ms.
    struct Late;
    #[async_trait::async_trait]
    impl CatalogSource for Late {
        fn name(&self) -> &'static str {
            "mysql"
        }
        async fn catalog(&self, budget: Duration) -> Result<Catalog, SourceError> {
            assert_eq!(budget, Duration::from_millis(300));
            tokio::time::sleep(Duration::from_millis(250)).await;
            Ok(fcfs())
        }
        async fn probe(&self, _: Timestamp, _: Duration) -> Result<Probe, SourceError> {
            Ok(Probe::default())
        }
    }
    type Seen = Vec<(&'static str, Duration, Duration)>;
    let seen: Arc<Lock<Seen>> = Arc::default();
    let began = Instant::now();
    let note = |seam: &'static str| {
        let seen = Arc::clone(&seen);
        move |budget: Duration| seen.lock().unwrap().push((seam, budget, began.elapsed()))
    };
    let (behavior_asked, ledger_asked, realtime_asked) = (note("behavior"), note("ledger"), note("realtime"));
    let tries = AtomicUsize::new(0);
    let dashboard = Dashboard::builder()
        .catalog(Late)
        .behavior(behavior_source(move |question| {
            behavior_asked(question.budget);
            match tries.fetch_add(1, Ordering::SeqCst) {
                0 => Err(SourceError::Lost { source_name: "elasticsearch".into(), source: "reset".into() }),
                _ => Ok(behavior_facts(question)),
            }
        }))
        .ledger(ledger_source(move |question| {
            // The history is read in the background, with a budget of its own.
            if question.history.is_none() {
                ledger_asked(question.budget);
            }
            Ok(ledger_facts(question))
        }))
        .realtime(realtime_source(move |question| {
            realtime_asked(question.budget);
            Ok(realtime_facts(question))
        }))
        .build();
    let answer = dashboard.answer(&everything(), now()).await.unwrap();
    assert_eq!(statuses(&answer), [Fresh; 6]);
    let seen = seen.lock().unwrap();
    assert_eq!(seen.iter().filter(|(seam, ..)| *seam == "behavior").count(), 2);
    let ms = Duration::from_millis;
    for (seam, budget, at) in seen.iter() {
        let own = if *seam == "realtime" { ms(150) } else { ms(800) };
        assert!(*budget <= own && *at + *budget <= ms(1_000), "{seam}: {budget:?} at {at:?}");
        assert!(*at >= ms(250) && *budget >= own.min(ms(690)), "{seam}: {budget:?} at {at:?}");
    }
}

#[tokio::test]
async fn an_excessive_request_is_refused_before_any_store_is_asked() {
    // None of these mocks expects a question.
    let mut behavior = MockBehaviorSource::new();
    behavior.expect_name().return_const("elasticsearch");
    behavior.expect_definition().return_const(String::new());
    let mut ledger = MockLedgerSource::new();
    ledger.expect_name().return_const("mysql");
    ledger.expect_definition().return_const(String::new());
    let mut realtime = MockRealtimeSource::new();
    realtime.expect_name().return_const("redis");
    realtime.expect_definition().return_const(String::new());
    let many: Vec<_> = (1..=1001).map(|id| activity(id, "FIRST_COME_FIRST_SERVE")).collect();
    let dashboard = Dashboard::builder()
        .catalog(catalog_source(catalog_of(many)))
        .behavior(behavior)
        .ledger(ledger)
        .realtime(realtime)
        .build();
    let date = |text: &str| Bound::Date(text.parse().unwrap());
    let custom = |start, end| Period::Custom { start: date(start), end: date(end) };
    let too_long = everything().period(custom("2023-01-01", "2024-02-05"));
    let reversed = everything().period(custom("2024-01-02", "2024-01-01"));
    for request in [too_long, reversed, everything().widgets([]), everything().mode(Mode::UniqueOrdered)] {
        let refused = dashboard.answer(&request, now()).await;
        assert!(matches!(refused, Err(AnswerError::Invalid(_))), "{request:?}: {refused:?}");
    }
    let refused = dashboard.answer(&everything(), now()).await;
    assert!(matches!(refused, Err(AnswerError::TooManyActivities { found: 1001 })), "{refused:?}");
    // The longest range does not add buckets.
    let most = Period::Custom { start: date("2023-01-01"), end: date("2024-02-04") };
    let asked: Arc<AtomicUsize> = Arc::default();
    let hours = Arc::clone(&asked);
    let behavior = behavior_source(move |question| {
        let inflow = question.series.iter().find(|series| series.activities == crate::source::SeriesActivities::All);
        hours.store(inflow.unwrap().cells.count(), Ordering::SeqCst);
        Ok(behavior_facts(question))
    });
    healthy().behavior(behavior).build().answer(&everything().period(most), now()).await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 24);
}

#[tokio::test(start_paused = true)]
async fn health_shows_the_breaker_and_is_not_refused_by_it() {
    let mut catalog = catalog_source(fcfs());
    catalog.expect_probe().returning(|_, _| Ok(Probe::default()));
    let mut ledger = MockLedgerSource::new();
    ledger.expect_name().return_const("mysql");
    ledger.expect_definition().return_const(String::new());
    ledger.expect_ledger().withf(|question| question.history.is_none()).times(5).returning(|_| Err(refused()));
    ledger.expect_ledger().withf(|question| question.history.is_some()).returning(|_| Err(refused()));
    ledger.expect_probe().times(1).returning(|_, _| Err(refused()));
    ledger.expect_probe().times(1).returning(|_, _| Ok(Probe::default()));
    let dashboard = Dashboard::builder().catalog(catalog).ledger(ledger).build();
    for before in 0..10 {
        dashboard.answer(&days(before), now()).await.unwrap();
    }
    let health = dashboard.health(now()).await;
    let states: Vec<_> = health.sources.iter().map(|source| (source.breaker, source.status)).collect();
    let well = (BreakerState::Closed, SourceStatus::Ok);
    assert_eq!(
        states,
        [well, (BreakerState::Open, SourceStatus::Unavailable)],
        "each kind of question has its own breaker"
    );
    tokio::time::advance(Duration::from_secs(1)).await;
    let health = dashboard.health(now()).await;
    let states: Vec<_> = health.sources.iter().map(|source| (source.breaker, source.status)).collect();
    assert_eq!(states, [well, (BreakerState::HalfOpen, SourceStatus::Ok)], "the next question is a trial");
}
