//! The library's own cost per answer: the sources return constant facts, so that only the request, the gather round, the widgets
//! and the response are measured.
//! Opponents, in the same run: encoding the same answer as JSON, and three spawned tasks that do nothing.

use std::{hint::black_box, time::Duration};

use async_trait::async_trait;
use axon_metrics::{
    Dashboard, DashboardRequest, Fact, Measured, MemoryStore, ProductId, SourceError, Timestamp, Widget,
    catalog::{Activity, ActivityKind, Campaign, Catalog},
    facts::{
        BehaviorFacts, BucketSales, History, LedgerFacts, RealtimeFacts, Sales, SalesFacts, Slots, StepCounts, Stock,
    },
    source::{
        BehaviorQuestion, BehaviorSource, HistoryQuestion, LedgerQuestion, LedgerSource, Probe, RealtimeQuestion,
        RealtimeSource,
    },
};
use criterion::{Criterion, criterion_group, criterion_main};

/// A source of fixed figures: those of the plan's campaign.
struct FixedSource;

fn exact<T>(value: T, as_of: Timestamp) -> Fact<T> {
    Ok(Measured::exact(value, "fixed", as_of))
}

#[async_trait]
impl BehaviorSource for FixedSource {
    fn name(&self) -> &'static str {
        "fixed"
    }
    async fn behavior(&self, question: &BehaviorQuestion) -> Result<BehaviorFacts, SourceError> {
        let scope = &question.scope;
        let counts = || [1234, 567, 123, 45].map(|count| exact(count, scope.as_of)).to_vec();
        let per_activity = scope.funnel_activities.iter().filter(|_| scope.by_activity);
        let steps = StepCounts::new(counts())
            .with_previous(if scope.previous.is_some() { counts() } else { Vec::new() })
            .with_by_activity(per_activity.map(|id| (*id, counts())).collect());
        let series = question.series.iter().map(|series| exact(vec![31; series.cells.count()], scope.as_of)).collect();
        let active = question.active.map(|_| exact(12, scope.as_of));
        Ok(BehaviorFacts::new(steps).with_series(series).with_active(active))
    }
    async fn probe(&self, _: Timestamp, _: Duration) -> Result<Probe, SourceError> {
        Ok(Probe::default())
    }
}

#[async_trait]
impl LedgerSource for FixedSource {
    fn name(&self) -> &'static str {
        "fixed"
    }
    async fn ledger(&self, question: &LedgerQuestion) -> Result<LedgerFacts, SourceError> {
        let as_of = question.scope.as_of;
        let sales = Sales::new(BucketSales::new(45, 45, 1_345_500.into()), 45).with_cancelled(3);
        let history = |question: &HistoryQuestion| {
            let window = question.window;
            let sales = BucketSales::new(2, 2, 59_800.into());
            let buckets = (0..4 * 168).map(|hour| (window.from + question.bucket * hour, sales));
            History::new(Some(window.from), buckets.filter(|(at, _)| *at < window.to).collect())
        };
        let sales = question
            .sales
            .as_ref()
            .map(|_| SalesFacts::new(exact(sales.clone(), as_of), exact(sales, as_of), exact(Vec::new(), as_of)));
        let history = question.history.as_ref().map(|question| exact(history(question), as_of));
        Ok(LedgerFacts::new(StepCounts::default()).with_sales(sales).with_history(history))
    }
    async fn probe(&self, _: Timestamp, _: Duration) -> Result<Probe, SourceError> {
        Ok(Probe::default())
    }
}

#[async_trait]
impl RealtimeSource for FixedSource {
    fn name(&self) -> &'static str {
        "fixed"
    }
    async fn realtime(&self, question: &RealtimeQuestion) -> Result<RealtimeFacts, SourceError> {
        let slots = || Slots::new(exact(Stock::Held(45), question.as_of), exact(45, question.as_of));
        Ok(RealtimeFacts::new(question.activities.iter().map(|id| (*id, slots())).collect()))
    }
    async fn probe(&self, _: Timestamp, _: Duration) -> Result<Probe, SourceError> {
        Ok(Probe::default())
    }
}

fn library(criterion: &mut Criterion) {
    let now: Timestamp = "2024-11-12T10:30:00Z".parse().expect("an instant");
    let start: Timestamp = "2024-11-06T00:00:00Z".parse().expect("an instant");
    let activity = Activity::new(789, "A", ActivityKind::FirstComeFirstServe)
        .with_start(start)
        .with_limit(100)
        .with_product(ProductId(456));
    let campaign = Campaign::new(123, "Spring", [activity]);
    let catalog = MemoryStore::new(Catalog::new("KRW", vec![campaign]).expect("a catalog"));
    let dashboard =
        Dashboard::builder().catalog(catalog).behavior(FixedSource).ledger(FixedSource).realtime(FixedSource);
    let dashboard = dashboard.lifetimes(axon_metrics::Lifetimes::none()).build();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let requests = [
        (
            "overview, funnel, realtime",
            DashboardRequest::campaign(123).widgets([Widget::Overview, Widget::Funnel, Widget::Realtime]),
        ),
        ("all widgets, compared", DashboardRequest::campaign(123).widgets(Widget::ALL).compare_previous()),
    ];
    let mut group = criterion.benchmark_group("library");
    for (name, request) in requests {
        group.bench_function(format!("answer: {name}"), |bencher| {
            bencher.iter(|| runtime.block_on(dashboard.answer(black_box(&request), now)).expect("an answer"));
        });
        let answer = runtime.block_on(dashboard.answer(&request, now)).expect("an answer");
        group.bench_function(format!("opponent: write that answer as JSON: {name}"), |bencher| {
            bencher.iter(|| serde_json::to_vec(black_box(&answer)).expect("json"));
        });
    }
    group.bench_function("opponent: three spawned tasks that do nothing", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                let tasks = [(); 3].map(|()| tokio::spawn(async {}));
                for task in tasks {
                    task.await.expect("a task");
                }
            });
        });
    });
    group.finish();
}

criterion_group!(benches, library);
criterion_main!(benches);
