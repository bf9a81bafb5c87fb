//! Questions through a guard: when a store is asked and when it is not, and that cancelled callers leak nothing. Time
//! is paused.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a test may print its measurement")]

use std::{
    error::Error as _,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::*;
use crate::source::SourceKind;

const MS: fn(u64) -> Duration = Duration::from_millis;
const BUDGET: Duration = Duration::from_millis(800);

fn names() -> PerSource<&'static str> {
    PerSource::from_fn(|kind| match kind {
        SourceKind::Catalog | SourceKind::Ledger => "mysql",
        SourceKind::Behavior => "elasticsearch",
        SourceKind::Realtime => "redis",
    })
}

fn guard(permits: usize) -> Arc<Guard> {
    let concurrency = Concurrency::default().with(QuestionKind::Behavior, permits);
    Arc::clone(&guards(names(), &Budgets::default(), &concurrency)[QuestionKind::Behavior])
}

fn unavailable() -> SourceError {
    SourceError::Unavailable { source_name: "elasticsearch".into(), source: "timed out".into() }
}
fn lost() -> SourceError {
    SourceError::Lost { source_name: "elasticsearch".into(), source: "connection refused".into() }
}

type Answer = Result<u32, SourceError>;

async fn answers(guard: &Guard, mut answer: impl FnMut() -> Answer) -> Result<u32, SourceOutcome> {
    guard.ask(BUDGET, |_| std::future::ready(answer())).await.map_err(|failed| failed.outcome)
}

/// Opens the circuit breaker of a guard.
async fn open(guard: &Guard) {
    for _ in 0..5 {
        answers(guard, || Err(unavailable())).await.unwrap_err();
    }
    assert_eq!(guard.breaker(), BreakerState::Open);
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_is_retried_with_the_rest_of_the_budget() {
    let guard = guard(8);
    let budgets = Mutex::new(Vec::new());
    let began = Instant::now();
    let call = guard.ask(BUDGET, |budget| {
        let first = budgets.lock().unwrap().is_empty();
        budgets.lock().unwrap().push((budget, began.elapsed()));
        async move {
            if first {
                sleep(MS(300)).await;
                return Err(lost());
            }
            Ok(7)
        }
    });
    assert_eq!(call.await.map_err(|failed| failed.outcome), Ok(7));
    let [first, second] = budgets.into_inner().unwrap()[..] else { panic!("not two calls") };
    assert_eq!(first, (BUDGET, Duration::ZERO));
    assert_eq!(second.0, BUDGET - second.1, "the rest of the budget");
    assert!((MS(300)..=MS(352)).contains(&second.1), "after a pause of at most 50 ms: {:?}", second.1);
}

#[tokio::test(start_paused = true)]
async fn a_retry_ends_with_the_budget() {
    let guard = guard(8);
    let calls = AtomicUsize::new(0);
    let began = Instant::now();
    let call = guard.ask(BUDGET, |_| {
        let call = calls.fetch_add(1, Ordering::Relaxed);
        async move {
            sleep(if call == 0 { MS(700) } else { MS(10_000) }).await;
            Err::<(), _>(lost())
        }
    });
    assert_eq!(call.await.unwrap_err().outcome, SourceOutcome::Unavailable);
    assert_eq!(calls.into_inner(), 2);
    assert!((BUDGET..BUDGET + MS(3)).contains(&began.elapsed()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn only_a_lost_connection_is_retried_and_only_once() {
    let name = || Arc::from("elasticsearch");
    let errors: [(fn() -> SourceError, usize); 3] =
        [(unavailable, 1), (|| SourceError::Overloaded { source_name: "elasticsearch".into() }, 1), (lost, 2)];
    for (error, expected) in errors {
        let (guard, calls) = (guard(8), AtomicUsize::new(0));
        let call = answers(&guard, || {
            calls.fetch_add(1, Ordering::Relaxed);
            Err(error())
        });
        call.await.unwrap_err();
        assert_eq!(calls.into_inner(), expected, "{:?}", error());
    }
    let malformed = || SourceError::Malformed { source_name: name(), expected: "counts", source: "none".into() };
    let denied = || SourceError::Denied { source_name: name(), missing: "SELECT".into() };
    let calls = AtomicUsize::new(0);
    let guard = guard(8);
    for index in 0..5 {
        let call = answers(&guard, || {
            calls.fetch_add(1, Ordering::Relaxed);
            Err(if index % 2 == 0 { malformed() } else { denied() })
        });
        call.await.unwrap_err();
    }
    assert_eq!((calls.into_inner(), guard.breaker()), (5, BreakerState::Open), "they count as failures");
}

#[tokio::test(start_paused = true)]
async fn behind_an_open_breaker_a_store_is_not_asked() {
    let guard = guard(8);
    open(&guard).await;
    let began = Instant::now();
    let failed = guard.ask(BUDGET, |_| async { panic!("asked") as Answer }).await.unwrap_err();
    assert_eq!((failed.outcome, began.elapsed()), (SourceOutcome::Open, Duration::ZERO));
    assert!(matches!(failed.error, SourceError::Unavailable { .. }));
    assert_eq!(failed.error.source().unwrap().to_string(), "circuit breaker open: not asked until the next trial");
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_still_names_the_missing_right() {
    let guard = guard(8);
    let denied = || SourceError::Denied { source_name: "elasticsearch".into(), missing: "read".into() };
    for _ in 0..5 {
        answers(&guard, || Err(denied())).await.unwrap_err();
    }
    let failed = guard.ask(BUDGET, |_| async { panic!("asked") as Answer }).await.unwrap_err();
    assert_eq!(failed.outcome, SourceOutcome::Open);
    assert!(matches!(&failed.error, SourceError::Denied { missing, .. } if missing == "read"), "{:?}", failed.error);

    // The trial fails for another reason.
    tokio::time::advance(MS(1_000)).await;
    assert_eq!(answers(&guard, || Err(unavailable())).await, Err(SourceOutcome::Unavailable));
    let failed = guard.ask(BUDGET, |_| async { panic!("asked") as Answer }).await.unwrap_err();
    assert!(matches!(failed.error, SourceError::Unavailable { .. }), "{:?}", failed.error);
}

#[tokio::test(start_paused = true)]
async fn a_probe_is_never_refused_and_its_success_allows_a_trial() {
    let guard = guard(1);
    open(&guard).await;
    assert!(guard.probe(BUDGET, std::future::ready(Err::<(), _>(unavailable()))).await.is_err());
    assert_eq!(guard.breaker(), BreakerState::Open);
    assert!(guard.probe(BUDGET, std::future::ready(Ok(()))).await.is_ok());
    assert_eq!(guard.breaker(), BreakerState::HalfOpen);
    assert_eq!(answers(&guard, || Ok(1)).await, Ok(1));
    assert_eq!(guard.breaker(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_time_out_counts_only_after_half_of_the_budget() {
    for (budget, expected) in [(MS(100), BreakerState::Closed), (MS(500), BreakerState::Open)] {
        let guard = guard(8);
        for _ in 0..5 {
            let failed = guard.ask(budget, |_| std::future::pending::<Answer>()).await.unwrap_err();
            assert_eq!(failed.outcome, SourceOutcome::Unavailable);
        }
        assert_eq!(guard.breaker(), expected, "{budget:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_times_out_by_itself_is_treated_the_same() {
    for (budget, expected) in [(MS(100), BreakerState::Closed), (MS(500), BreakerState::Open)] {
        let guard = guard(8);
        for _ in 0..5 {
            let call = guard.ask(budget, async |left| {
                sleep(left - MS(1)).await;
                Err(unavailable()) as Answer
            });
            assert_eq!(call.await.unwrap_err().outcome, SourceOutcome::Unavailable);
        }
        assert_eq!(guard.breaker(), expected, "{budget:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn with_a_budget_of_zero_no_call_is_made() {
    let guard = guard(8);
    let call = guard.ask(Duration::ZERO, |_| async { panic!("asked") as Answer });
    assert_eq!(call.await.unwrap_err().outcome, SourceOutcome::Unavailable);
    assert_eq!(guard.breaker(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_panics_counts_as_failed() {
    let guard = guard(8);
    for _ in 0..5 {
        let guard = Arc::clone(&guard);
        let call =
            async move { guard.ask(BUDGET, |_| async { panic!("a bug in an adapter") as Answer }).await.is_ok() };
        assert!(tokio::spawn(call).await.is_err());
    }
    assert_eq!(guard.breaker(), BreakerState::Open);
}

#[tokio::test(start_paused = true)]
async fn calls_to_a_store_that_hangs_are_bounded_by_the_bulkhead() {
    let guard = guard(8);
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    /// Counts a call as running until it is dropped.
    struct Running(Arc<AtomicUsize>);
    impl Drop for Running {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }
    let questions: Vec<_> = (0..200)
        .map(|_| {
            let (guard, running, most) = (Arc::clone(&guard), Arc::clone(&running), Arc::clone(&most));
            tokio::spawn(async move {
                let question = |_| {
                    let (running, most) = (Arc::clone(&running), Arc::clone(&most));
                    async move {
                        most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        let _running = Running(running);
                        std::future::pending::<Answer>().await
                    }
                };
                guard.ask(BUDGET, question).await.unwrap_err().outcome
            })
        })
        .collect();
    let mut late = 0;
    for question in questions {
        // The others were shed, or the breaker was open when they had a permit.
        late += usize::from(question.await.unwrap() == SourceOutcome::Unavailable);
    }
    assert_eq!((most.load(Ordering::SeqCst), running.load(Ordering::SeqCst), late), (8, 0, 8));
}

#[tokio::test(start_paused = true)]
async fn a_shed_question_does_not_count_as_a_failure() {
    let guard = guard(1);
    let _permit = guard.bulkhead.enter(Instant::now()).await;
    for _ in 0..50 {
        let failed = guard.ask(MS(10), |_| async { Ok::<u32, SourceError>(1) }).await.unwrap_err();
        assert_eq!(failed.outcome, SourceOutcome::Shed);
        assert!(matches!(failed.error, SourceError::Overloaded { .. }));
    }
    assert_eq!(guard.breaker(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_cancelled_callers_leak_no_permit() {
    let guard = guard(4);
    let random = fastrand::Rng::with_seed(7);
    let mut times = random.clone();
    let mut timeouts = random;
    let calls: Vec<_> = (0..1_000)
        .map(|_| {
            let (guard, takes, kind) = (Arc::clone(&guard), MS(times.u64(0..40)), times.u32(0..10));
            let timeout = MS(timeouts.u64(0..60));
            tokio::spawn(async move {
                sleep(MS(u64::from(kind) * 100)).await;
                let question = |_| async move {
                    sleep(takes).await;
                    match kind {
                        8 => Err(lost()),
                        9 => Err(unavailable()),
                        _ => Ok(1),
                    }
                };
                tokio::time::timeout(timeout, guard.ask(BUDGET, question)).await.is_err()
            })
        })
        .collect();
    let mut cancelled = 0;
    for call in calls {
        cancelled += usize::from(call.await.unwrap());
    }
    println!("cancelled callers: {cancelled} of 1000");
    assert!(cancelled >= 300, "{cancelled}");
    assert_eq!(guard.bulkhead.in_use(), 0);
    sleep(MS(1_000)).await;
    assert_eq!(answers(&guard, || Ok(1)).await, Ok(1));
    assert_eq!(guard.breaker(), BreakerState::Closed);
    // A cancelled call has no outcome.
    for _ in 0..100 {
        let call = guard.ask(BUDGET, |_| std::future::pending::<Answer>());
        assert!(tokio::time::timeout(MS(700), call).await.is_err());
    }
    assert_eq!((guard.breaker(), guard.bulkhead.in_use()), (BreakerState::Closed, 0));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_trial_is_followed_by_another_within_a_second() {
    let guard = guard(8);
    open(&guard).await;
    sleep(MS(1_000)).await;
    let trial = guard.ask(BUDGET, |_| std::future::pending::<Answer>());
    assert!(tokio::time::timeout(MS(10), trial).await.is_err());
    assert_eq!(guard.breaker(), BreakerState::Open);
    sleep(MS(1_000)).await;
    assert_eq!(answers(&guard, || Ok(1)).await, Ok(1));
    assert_eq!(guard.breaker(), BreakerState::Closed);
}

/// R8: a store is down for five minutes, with forty questions a second.
#[tokio::test(start_paused = true)]
async fn an_outage_gets_few_calls_and_is_over_within_two_seconds() {
    const EVERY: u64 = 25;
    let guard = guard(8);
    let down = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let calls = Arc::new(AtomicUsize::new(0));
    let ask = || {
        let (guard, down, calls) = (Arc::clone(&guard), Arc::clone(&down), Arc::clone(&calls));
        tokio::spawn(async move {
            let question = |_| {
                calls.fetch_add(1, Ordering::Relaxed);
                let down = down.load(Ordering::Relaxed);
                async move {
                    sleep(MS(5)).await;
                    if down { Err(lost()) } else { Ok(1) }
                }
            };
            guard.ask(BUDGET, question).await.map_err(|failed| failed.outcome)
        })
    };
    for _ in 0..400 {
        assert!(ask().await.unwrap().is_ok());
        sleep(MS(EVERY)).await;
    }
    down.store(true, Ordering::Relaxed);
    calls.store(0, Ordering::Relaxed);
    let (mut reached, mut questions) = (0, Vec::new());
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(300) {
        questions.push(ask());
        sleep(MS(EVERY)).await;
    }
    let asked = questions.len();
    for question in questions {
        reached += usize::from(question.await.unwrap() != Err(SourceOutcome::Open));
    }
    let outage = calls.load(Ordering::Relaxed);
    let extra = outage - reached;
    assert_eq!(guard.breaker(), BreakerState::Open);
    assert!(extra * 10 <= reached, "{extra} extra calls beside {reached}");
    assert!((300..=320).contains(&outage), "{outage} calls in 300 s: one trial a second, and those that opened it");

    down.store(false, Ordering::Relaxed);
    let cleared = Instant::now();
    while ask().await.unwrap().is_err() {
        sleep(MS(EVERY)).await;
    }
    let healed = cleared.elapsed();
    assert!(healed <= MS(2_000), "{healed:?}");
    println!(
        "retries: {asked} questions, {outage} calls, {extra} of them extra; healed after {} ms",
        healed.as_millis()
    );
}

/// A store that loses every fifth connection is no outage: its breaker stays closed, and retries stay within their
/// budget.
#[tokio::test(start_paused = true)]
async fn retries_of_a_flaky_store_stay_within_a_tenth_and_a_burst() {
    let guard = guard(8);
    let calls = AtomicUsize::new(0);
    for _ in 0..2_000 {
        let _ = answers(&guard, || match calls.fetch_add(1, Ordering::Relaxed) % 5 {
            0 => Err(lost()),
            _ => Ok(1),
        })
        .await;
    }
    let extra = calls.into_inner() - 2_000;
    println!("retries: {extra} extra calls of 2000 with every fifth connection lost");
    assert!((100..=210).contains(&extra), "{extra}");
    assert_eq!(guard.breaker(), BreakerState::Closed);
}

#[test]
fn questions_to_one_store_share_only_their_retry_budget() {
    let guards = guards(names(), &Budgets::default(), &Concurrency::default());
    let retries = |kind: QuestionKind| &guards[kind].retries;
    assert!(Arc::ptr_eq(retries(QuestionKind::Catalog), retries(QuestionKind::Ledger)));
    assert!(!Arc::ptr_eq(retries(QuestionKind::Catalog), retries(QuestionKind::Realtime)));
}
